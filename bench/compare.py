"""Measures servers beside each other: every load on each of them in turn, all of it several times."""

from __future__ import annotations

import datetime
import os
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from typing import Any

from bench.contenders import Contender, Cores, peerVersions, running
from bench.errors import BenchError
from bench.measure import Measured, Plan, measure
from bench.scenarios import Scenario
from bench.script import Dialect

__all__ = ["Run", "compare", "machine"]

_FILES = 65536


@dataclass(frozen=True)
class Run:
    """One load on one server.

    Attributes:
        scenario: Name of the load.
        server: Name of the server.
        repetition: Counted from 0.
        measured: What came of it.
    """

    scenario: str
    server: str
    repetition: int
    measured: Measured

    def record(self) -> dict[str, Any]:
        """For a file."""
        return asdict(self)

    @classmethod
    def fromRecord(cls, record: dict[str, Any]) -> Run:
        """From a file."""
        return cls(**{**record, "measured": Measured(**record["measured"])})


def compare(
    contenders: Sequence[Contender],
    scenarios: Sequence[Scenario],
    repetitions: int,
    plan: Plan,
    dialect: Dialect,
    tell: Callable[[str], None],
) -> Iterator[Run]:
    """Run everything. Servers take turns within a repetition, so that other work on the machine meets all of them.

    Args:
        contenders: The servers.
        scenarios: The loads.
        repetitions: How many times.
        plan: How long.
        dialect: How the clients speak.
        tell: Gets a line for each load.

    Yields:
        What came of each load.
    """
    _allowFiles()
    cores, mine = Cores.ofThisMachine(), os.sched_getaffinity(0)
    if cores.generator is not None:
        os.sched_setaffinity(0, {cores.generator})
    else:
        tell("There is one processor only: the generator takes from the servers what it needs.")
    try:
        for repetition in range(repetitions):
            order = contenders if repetition % 2 == 0 else contenders[::-1]
            for scenario in scenarios:
                for contender in order:
                    measured = _measuredOn(contender, scenario, cores, plan, dialect)
                    run = Run(scenario.name, contender.name, repetition, measured)
                    tell(_line(run, scenario))
                    yield run
    finally:
        os.sched_setaffinity(0, mine)


def _measuredOn(contender: Contender, scenario: Scenario, cores: Cores, plan: Plan, dialect: Dialect) -> Measured:
    try:
        with running(contender, scenario, cores) as target:
            return measure(replace(target, dialect=dialect), scenario, plan)
    except BenchError as error:
        return Measured({}, failure=str(error))


def machine() -> dict[str, Any]:
    """On what it was measured, without a name."""
    cpu = re.search(r"^model name\s*:\s*(.*)$", _read("/proc/cpuinfo"), re.MULTILINE)
    packages = {name: _version(name) for name in ("rtcsignal", "twisted", "autobahn", "msgspec")}
    return {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes"),
        "processor": cpu[1] if cpu else platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
        "packages": packages | peerVersions(),
    }


def _line(run: Run, scenario: Scenario) -> str:
    measured = run.measured
    shown = "  ".join(
        f"{value:,.{0 if value >= 100 else 2}f} {row.unit}"
        for row in scenario.rows
        if (value := measured.values.get(row.value)) is not None
    )
    notes = [f"generator {measured.generator:.0%} ({measured.loop})"]
    if measured.bound:
        notes.append("the generator may be what limits")
    if measured.failure or measured.trouble:
        notes.append(measured.failure or measured.trouble)
    return f"{run.repetition + 1}  {run.scenario:9} {run.server:10} {shown:42} {', '.join(notes)}"


def _allowFiles() -> None:
    """Servers inherit it, and need one open file for each client."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    wanted = min(_FILES, hard) if hard > 0 else _FILES
    if soft < wanted:
        setrlimit(RLIMIT_NOFILE, (wanted, hard))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "?"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
