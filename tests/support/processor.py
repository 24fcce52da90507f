"""What a process has used of the processors, and how long it has waited for one.

On a busy machine seconds tell what others do. What a server does to its clients is told by these: both stand still
while somebody else has the processor.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

__all__ = ["processorSeconds", "queuedSeconds"]

_CPUCLOCK_SCHED: Final = 2
"""The clock that counts user and system time to the nanosecond (Linux, include/linux/posix-timers.h)."""


def processorSeconds(pid: int) -> float:
    """Seconds of processor time of a process with all its threads, those that have ended too.

    It is what clock_getcpuclockid(3) gives the clock of. Raises OSError when there is no such process.
    """
    return time.clock_gettime(~pid << 3 | _CPUCLOCK_SCHED)


def queuedSeconds(pid: int, thread: int | None = None) -> float:
    """Seconds that a thread was ready and had to wait for a processor (Linux, Documentation/scheduler/sched-stats).

    Args:
        pid: Of the process.
        thread: Its native id; None is the main thread.
    """
    path = Path(f"/proc/{pid}/task/{pid if thread is None else thread}/schedstat")
    return int(path.read_text(encoding="ascii").split()[1]) / 1e9
