"""Memory that Python would keep: given back soon after it has been used.

Connections leave no cycles behind, so the garbage collector has next to nothing to do. But it is also what empties
Python's lists of free objects, each of which can hold on to a megabyte that a large message has once filled; it finds
what plugins tie up; and it counts objects, not bytes, and so may let hours pass. `Sweeper` looks at the memory of the
process, and collects when that has grown.

`forgetCode` is for what a reload leaves: modules are nothing but cycles, and those of the start have been frozen.
"""

from __future__ import annotations

import gc
import resource
import typing
from collections.abc import Callable
from time import perf_counter

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["Sweeper", "forgetCode", "residentBytes"]

_LOOK_SECONDS = 1.0
_GROWTH_BYTES = 2 * 2**20
_MOST_SHARE = 200
"""The collector may take one part of the time in this many."""

_PAGE_BYTES = resource.getpagesize()


def residentBytes() -> int:
    """The memory that the process has; 0 where the system does not say."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            return int(file.read(100).split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0


def forgetCode() -> None:
    """Release code that is no longer used."""
    for clear in getattr(typing, "_cleanups", ()):  # Optional[X] is remembered for any class X
        clear()
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    gc.collect()
    if frozen:
        gc.freeze()


class Sweeper:
    """Collects garbage when the process has grown.

    Args:
        clock: The time.
        size: How many bytes the process has.
        collect: Collects garbage.
        stopwatch: Seconds on a clock that does not jump.
    """

    def __init__(
        self,
        clock: IReactorTime,
        size: Callable[[], int] = residentBytes,
        collect: Callable[[], object] = gc.collect,
        stopwatch: Callable[[], float] = perf_counter,
    ) -> None:
        self._clock = clock
        self._size = size
        self._collect = collect
        self._stopwatch = stopwatch
        self._least = 0
        self._timer: IDelayedCall | None = None

    def start(self) -> None:
        """Begin to watch."""
        self._least = self._size()
        if self._least:
            self._timer = self._clock.callLater(_LOOK_SECONDS, self._look)

    def stop(self) -> None:
        """Stop watching. May be called at any time."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _look(self) -> None:
        wait = _LOOK_SECONDS
        size = self._size()
        if size > self._least + _GROWTH_BYTES:
            began = self._stopwatch()
            self._collect()
            wait = max(wait, _MOST_SHARE * (self._stopwatch() - began))
            self._least = self._size()
        else:
            self._least = min(self._least, size)
        self._timer = self._clock.callLater(wait, self._look)
