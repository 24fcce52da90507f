"""Tables and charts of results that are made up, and the documentation's, which are not."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from bench import pages
from bench.chart import chart
from bench.compare import Run, machine
from bench.errors import BenchError
from bench.measure import Measured
from bench.report import Report, markdown, readResults, terminal, writeResults

MACHINE: dict[str, Any] = {
    "when": "2026-03-11T10:00+00:00",
    "processor": "Some processor",
    "processors": 2,
    "load": 0.1,
    "system": "Linux 6.1",
    "python": "3.11.7",
    "packages": {"twisted": "26.10"},
}


def run(scenario: str, server: str, repetition: int = 0, faults: dict[str, Any] | None = None, **values: float) -> Run:
    return Run(scenario, server, repetition, Measured(values, **(faults or {})))


@pytest.fixture
def report() -> Report:
    rates = [
        ("rtcsignal", (90_000, 60_000, 61_000)),
        ("node", (20_000, 30_000, 25_000)),
        ("python", (5000, 4000, 6000)),
    ]
    runs = [run("fan2", name, at, perCpuSecond=rate) for name, found in rates for at, rate in enumerate(found)]
    runs += [run("call1", "rtcsignal", p50=0.8), run("call1", "node", p50=1.6), run("call1", "python")]
    return Report(MACHINE, runs)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_theTableHasMediansAndRatios(report: Report) -> None:
    rows = [cells(line) for line in markdown(report).splitlines() if line.startswith("|")]
    assert rows[0] == [
        "",
        "",
        "rtcsignal",
        "Node socket.io",
        "python-socketio",
        "/ Node socket.io",
        "/ python-socketio",
    ]
    assert rows[2] == ["rooms of 2, 300 B", "deliveries/CPU s", "61,000", "25,000", "5,000", "2.44", "12.2"]
    assert rows[3][2:] == ["0.80", "1.60", "-", "0.50", "-"]
    assert "less is better" in rows[3][1]
    assert len(rows) == 4


def test_theTerminalShowsTheSame(report: Report) -> None:
    text = terminal(report)
    assert "61,000" in text
    assert "Medians of 3" in text
    assert text.endswith("No delivery was lost, late, doubled or damaged.")


def test_faultsAndLimitsOfTheGeneratorAreTold(report: Report) -> None:
    worse = [
        *report.runs,
        run("fan2", "node", 3, {"lost": 2, "trouble": "x missed y", "generator": 0.99}, perCpuSecond=1.0),
    ]
    text = terminal(Report(MACHINE, worse))
    assert "!! fan2 on node: 2 deliveries lost, 0 late, 0 doubled, 0 damaged; 0 connections lost: x missed y" in text
    assert "rooms of 2, 300 B  *" in text
    assert "may have been what limits" in text
    assert "No delivery" not in text


def test_oneServerAloneHasNoRatios() -> None:
    text = terminal(Report(MACHINE, [run("fan2", "rtcsignal", perCpuSecond=10.0)]))
    assert "/ node" not in text


def test_resultsAreKeptAndRead(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "new" / "results.json"
    writeResults(report, path)
    assert readResults(path) == report


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"machine": {}, "runs": [{"scenario": "x"}]}'])
def test_filesThatAreNoResultsAreRefused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(BenchError, match="not results of this benchmark"):
        readResults(path)


def test_theChartHasABarForEachServerButTheOneThatIsTheMeasure(report: Report) -> None:
    root = ElementTree.fromstring(chart(report))
    bars = [each for each in root.iter() if each.get("height") == "9"]
    widths = [float(each.get("width", "0")) for each in bars]
    assert len(bars) == 3
    assert widths[0] / widths[1] == pytest.approx(61 / 5, rel=0.01)
    assert widths[2] / widths[0] == pytest.approx(2 / 2.44, rel=0.01)
    assert all(float(each.get("x", "0")) + float(each.get("width", "0")) <= 760 for each in bars)
    labels = [each.text for each in root.iter() if each.tag.endswith("text")]
    assert "one call alone, set-up, median" in labels


def test_theMachineIsDescribedWithoutItsName() -> None:
    found = machine()
    assert set(found) == set(MACHINE)
    assert found["processors"] >= 1


def test_aPageWithoutAPlaceForResultsIsRefused(report: Report) -> None:
    with pytest.raises(BenchError, match="exactly one place"):
        pages.pageWith("# Performance\n", "x.json", report)
    with pytest.raises(BenchError, match="shows no results"):
        pages.resultsOf("# Performance\n")


def test_theDocumentationShowsWhatWasMeasured() -> None:
    """The table and the chart are made of the file that the page names: nobody writes numbers by hand."""
    text = pages.PAGE.read_text(encoding="utf-8")
    path = pages.resultsOf(text)
    report = readResults(path)
    assert report.servers == ["rtcsignal", "node", "python"]
    assert [run for run in report.faults if run.server == "rtcsignal"] == []
    assert pages.pageWith(text, path.name, report) == text
    assert pages.CHART.read_text(encoding="utf-8") == chart(report)
