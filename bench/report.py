"""Tables of what was measured, for the terminal and for the documentation."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.compare import Run
from bench.contenders import CONTENDERS, OURS
from bench.errors import BenchError
from bench.scenarios import SCENARIOS, Row

__all__ = ["Line", "Report", "markdown", "readResults", "terminal", "writeResults"]


@dataclass(frozen=True)
class Line:
    """A line of the table: medians by server's name."""

    row: Row
    medians: dict[str, float]
    bound: bool

    def ratio(self, peer: str) -> float | None:
        """Ours divided by a peer's."""
        ours, theirs = self.medians.get(OURS), self.medians.get(peer)
        return ours / theirs if ours is not None and theirs else None


@dataclass(frozen=True)
class Report:
    """What was measured.

    Attributes:
        machine: On what.
        runs: All of it.
    """

    machine: dict[str, Any]
    runs: list[Run]

    @property
    def servers(self) -> list[str]:
        """Those that were measured, in the usual order."""
        there = {run.server for run in self.runs}
        return [name for name in CONTENDERS if name in there]

    @property
    def peers(self) -> list[str]:
        """Those that ours is compared with."""
        return [name for name in self.servers if name != OURS] if OURS in self.servers else []

    @property
    def repetitions(self) -> int:
        """How many times."""
        return 1 + max((run.repetition for run in self.runs), default=0)

    @property
    def faults(self) -> list[Run]:
        """The runs in which something was not delivered as it must be."""
        return [run for run in self.runs if run.measured.faulty]

    def lines(self) -> list[Line]:
        """The table."""
        return [
            line for scenario in SCENARIOS for row in scenario.rows if (line := self._line(scenario.name, row)).medians
        ]

    def _line(self, scenario: str, row: Row) -> Line:
        runs = [run for run in self.runs if run.scenario == scenario]
        medians = {
            server: statistics.median(values)
            for server in self.servers
            if (values := list(_values(runs, server, row.value)))
        }
        return Line(row, medians, any(run.measured.bound for run in runs))


def _values(runs: Iterable[Run], server: str, value: str) -> Iterable[float]:
    return (run.measured.values[value] for run in runs if run.server == server and value in run.measured.values)


def writeResults(report: Report, path: Path) -> None:
    """Keep everything that was measured."""
    record = {"machine": report.machine, "runs": [run.record() for run in report.runs]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def readResults(path: Path) -> Report:
    """What was kept.

    Raises:
        BenchError: It is no such file.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return Report(record["machine"], [Run.fromRecord(run) for run in record["runs"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path}: not results of this benchmark: {error!r}") from None


def terminal(report: Report) -> str:
    """The table, and below it what is wrong."""
    peers = report.peers
    head = ["", "unit", *(CONTENDERS[name].title for name in report.servers), *(f"/ {name}" for name in peers)]
    rows = [head]
    for line in report.lines():
        cells = [_number(line.medians.get(name)) for name in report.servers]
        ratios = [_ratio(line.ratio(peer)) for peer in peers]
        better = " (less is better)" if line.row.lower else ""
        rows.append([line.row.title + better + ("  *" if line.bound else ""), line.row.unit, *cells, *ratios])
    text = _aligned(rows)
    text.insert(1, "-" * len(text[0]))
    return "\n".join([*text, "", *_remarks(report)])


def _aligned(rows: list[list[str]]) -> list[str]:
    """Words to the left, which are in the first two columns, and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text: list[str] = []
    for row in rows:
        words = [cell.ljust(width) for cell, width in zip(row[:2], widths, strict=False)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        text.append("  ".join([*words, *numbers]))
    return text


def _remarks(report: Report) -> list[str]:
    remarks = [f"Medians of {report.repetitions}; CPU s: a second of the server's processor time, user and system."]
    if any(line.bound for line in report.lines()):
        remarks.append("* The load generator had hardly any time to spare, and may have been what limits.")
    for run in report.faults:
        remarks.append(f"!! {run.scenario} on {run.server}: {run.measured.faults}")
    if not report.faults:
        remarks.append("No delivery was lost, late, doubled or damaged.")
    return remarks


def markdown(report: Report) -> str:
    """The table for the documentation."""
    peers = report.peers
    titles = [CONTENDERS[name].title for name in report.servers]
    head = ["", "", *titles, *(f"/ {CONTENDERS[name].title}" for name in peers)]
    rows = [head, ["---", "---", *["---:"] * (len(head) - 2)]]
    for line in report.lines():
        cells = [_number(line.medians.get(name)) for name in report.servers]
        ratios = [_ratio(line.ratio(peer)) for peer in peers]
        unit = line.row.unit + (", less is better" if line.row.lower else "")
        rows.append([line.row.title, unit, *cells, *ratios])
    machine = report.machine
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    about = (
        f"{machine['processors']} cores of {machine['processor']}, {machine['system']}, Python {machine['python']}, "
        f"{packages}. Medians of {report.repetitions}; load average before it {machine['load']}; "
        f"{machine['when'][:10]}."
    )
    return "\n".join(["| " + " | ".join(row) + " |" for row in rows] + ["", about])


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
