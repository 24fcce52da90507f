"""What a process and its children use: processor time and memory, as Linux counts them."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Usage", "busy", "usageOf"]

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PARENT, _USER, _SYSTEM, _RSS = 1, 11, 12, 21
"""Places in /proc/PID/stat, counted from behind the name."""


@dataclass(frozen=True)
class Usage:
    """At one moment.

    Attributes:
        times: Seconds of processor time, user and system, of each thread (of each process where the kernel does
            not count threads precisely).
        resident: Bytes of memory.
    """

    times: Mapping[tuple[int, int], float]
    resident: int

    def since(self, before: Usage) -> float:
        """Seconds of processor time since then. What a thread used that has ended meanwhile is missing."""
        return sum(max(time - before.times.get(thread, 0.0), 0.0) for thread, time in self.times.items())


def usageOf(pid: int) -> Usage:
    """What a process and all its descendants use.

    Args:
        pid: Of the process. One that has ended uses nothing.
    """
    times: dict[tuple[int, int], float] = {}
    resident = 0
    for each, fields in _family(pid).items():
        resident += int(fields[_RSS]) * _PAGE
        threads = _threadTimes(each)
        if threads:
            times.update(threads)
        else:
            times[each, each] = (int(fields[_USER]) + int(fields[_SYSTEM])) / _TICKS
    return Usage(times, resident)


def busy() -> float:
    """Seconds that this process has worked, or waited for a processor because others had them all."""
    try:
        waited = int((_PROC / "self" / "schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        waited = 0.0
    return time.process_time() + waited


def _family(pid: int) -> dict[int, list[str]]:
    everybody = {int(path.name): fields for path in _PROC.iterdir() if path.name.isdigit() and (fields := _stat(path))}
    family = {pid: everybody[pid]} if pid in everybody else {}
    grown = True
    while grown:
        more = {each: fields for each, fields in everybody.items() if int(fields[_PARENT]) in family}
        grown = not more.keys() <= family.keys()
        family.update(more)
    return family


def _stat(process: Path) -> list[str] | None:
    try:
        return (process / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None


def _threadTimes(pid: int) -> dict[tuple[int, int], float]:
    """To the nanosecond, from the scheduler; nothing if the kernel does not tell."""
    times: dict[tuple[int, int], float] = {}
    try:
        for thread in (_PROC / str(pid) / "task").iterdir():
            times[pid, int(thread.name)] = int((thread / "schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError, ValueError):
        pass
    return times
