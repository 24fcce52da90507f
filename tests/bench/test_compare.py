"""Servers beside each other, as the command line runs them; here ours alone, since no other needs to be installed."""

from __future__ import annotations

import functools
import os
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from bench import __main__ as bench
from bench import contenders, native
from bench.compare import compare
from bench.contenders import CONTENDERS, OURS, Contender, Cores
from bench.errors import BenchError
from bench.measure import Measured, Plan
from bench.report import readResults
from bench.scenarios import SCENARIOS, Kind, Row, Scenario
from bench.script import Dialect

SHORT = Plan(seconds=0.2, warm=0.05)
ROWS = (Row("perCpuSecond", "some", "a CPU s"),)


def test_loadsAreMeasuredShownAndKept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "results.json"
    loads = ["--loads", "wss10,crowd", "--repetitions", "1", "--seconds", "0.2"]
    assert bench.main(["--servers", OURS, *loads, "--out", str(path)]) == 0
    output = capsys.readouterr()
    assert "wss, rooms of 10, 300 B" in output.out
    assert "memory of a quiet client (less is better)" in output.out
    assert "1  crowd" in output.err
    report = readResults(path)
    wss, crowd = (run.measured for run in report.runs)
    assert wss.values["perCpuSecond"] > 0
    assert wss.values["p99"] >= wss.values["p50"] > 0
    assert 0 < crowd.values["kilobytes"] < 1000
    assert ElementTree.fromstring(path.with_suffix(".svg").read_text()).tag.endswith("svg")


def test_theProcessMayUseAllItsProcessorsAgainAfterwards() -> None:
    before = os.sched_getaffinity(0)
    assert bench.main(["--quick", "--loads", "call1", "--seconds", "0.1"]) == 0
    assert os.sched_getaffinity(0) == before


def test_aQuickRunEndsWellWhereEverythingIsDelivered(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--quick", "--loads", "call1", "--seconds", "0.2"]) == 0
    assert "one call alone" in capsys.readouterr().out


def test_aConfigurationOfOnesOwnIsMeasuredBesideTheDefault(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "own.conf"
    config.write_text("signaling: {echo: true}\nplugins: {use: [candidates]}\nlimits: {events_per_second: 0}\n")
    path = tmp_path / "results.json"
    loads = ["--loads", "call1", "--repetitions", "1", "--seconds", "0.2", "--out", str(path)]
    assert bench.main(["--servers", f"{OURS},configured", "--config", str(config), *loads]) == 0
    assert "/ configured" in capsys.readouterr().out
    assert [run.server for run in readResults(path).runs] == [OURS, "configured"]
    assert bench.main(["--servers", "configured", *loads]) == 2
    assert "--config must say which" in capsys.readouterr().err


def test_resultsThatCannotBeKeptAreShownAllTheSame(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        bench.main(["--quick", "--servers", OURS, "--loads", "call1", "--seconds", "0.1", "--out", "/dev/null/x"]) == 2
    )
    output = capsys.readouterr()
    assert "one call alone" in output.out
    assert "/dev/null" in output.err


def test_serversTakeTurnsAndChangeTheirOrder(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other work the machine has meets none of them more than the others."""
    first, second = CONTENDERS["node"], CONTENDERS["python"]
    scenarios = [Scenario(name, Kind.FAN_OUT, 1, 2, ROWS) for name in ("one", "two")]
    monkeypatch.setattr("bench.compare.running", _nothing)
    runs = list(compare([first, second], scenarios, 2, SHORT, Dialect(), lambda _: None))
    assert [(run.repetition, run.scenario, run.server) for run in runs] == [
        (0, "one", "node"),
        (0, "one", "python"),
        (0, "two", "node"),
        (0, "two", "python"),
        (1, "one", "python"),
        (1, "one", "node"),
        (1, "two", "python"),
        (1, "two", "node"),
    ]
    assert {run.measured.failure for run in runs} == {"not today"}


def test_aServerThatDoesNotStartIsAFailureWithItsLastWords() -> None:
    class Broken(Contender):
        def command(self, start: contenders._Start) -> list[str]:
            return ["sh", "-c", "echo no such thing; exit 3"]

    (run,) = compare([Broken()], [Scenario("one", Kind.FAN_OUT, 1, 2, ROWS)], 1, SHORT, Dialect(), lambda _: None)
    assert run.measured.faulty
    assert "no such thing" in run.measured.failure


def test_aServerThatIsNotInstalledIsLeftOutUnlessItWasAskedFor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    loads = ["--loads", "call1", "--seconds", "0.1", "--python", "--repetitions", "1", "--out", "/dev/null/x"]
    assert bench.main(["--servers", "node", *loads]) == 2
    assert capsys.readouterr().err == "bench: node is not installed\n"


def test_withoutACompilerTheLoadComesFromPython(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(native, "library", functools.cache(native.library.__wrapped__))
    monkeypatch.setattr("bench.measure.library", native.library)
    from bench.measure import whyNotNative

    assert whyNotNative() == "there is no C compiler"


def test_aCompilerThatFailsSaysWhy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho no headers >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("CC", str(compiler))
    monkeypatch.setattr(native, "_BUILD", tmp_path / "build")
    with pytest.raises(BenchError, match=r"cc failed: no headers"):
        native.library.__wrapped__()


def test_serverAndGeneratorHaveAProcessorEachWhereThereAreTwo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3, 1, 2})
    assert Cores.ofThisMachine() == Cores(1, 3)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {3})
    assert Cores.ofThisMachine() == Cores(None, None)


def test_loadsHaveNamesOfTheirOwnAndRowsThatAreMeasured() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(set(names)) == len(names)
    documented = Measured.__doc__ or ""
    assert {
        row.value for scenario in SCENARIOS for row in scenario.rows if f"``{row.value}``" not in documented
    } == set()


def _nothing(contender: Contender, scenario: Scenario, cores: Cores) -> None:
    raise BenchError("not today")
