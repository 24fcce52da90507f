"""What all trails of a server share: the numbers, and the memory that they may use together.

An event that several trails keep is in memory once, and counts once. When there is too much of it, all trails forget
the oldest.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Protocol

from rtcsignal.socketio.fanout import Kept
from rtcsignal.socketio.offsets import Numbers
from rtcsignal.socketio.work import Work

__all__ = ["Trails"]

# How much is forgotten at once, so that it is not done again for each event.
_PARTS = 16


class _Keeping(Protocol):
    """A trail, as far as it is told from here to forget."""

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is kept; 0 if none is."""

    def forget(self, number: int) -> None:
        """Keep nothing up to a number."""


class Trails:
    """Counts what trails keep.

    Args:
        packets: Most events that one trail keeps; at least 1.
        size: Most bytes of memory for them; 0 for no limit. What several trails share counts in each.
        total: Most bytes of memory for all trails; 0 for no limit. What several trails share counts once.
        work: Where what is sent is counted.
        everyone: Returns all trails.

    Attributes:
        numbers: Those of the events.
        size: Bytes of memory in use.
    """

    __slots__ = ("_everyone", "numbers", "packets", "size", "sizeOfOne", "total", "work")

    def __init__(
        self, packets: int, size: int, total: int, work: Work, everyone: Callable[[], Iterable[_Keeping]]
    ) -> None:
        self.packets = packets
        self.sizeOfOne = size or sys.maxsize
        self.total = total or sys.maxsize
        self.work = work
        self.numbers = Numbers()
        self.size = 0
        self._everyone = everyone

    def released(self, kept: Kept) -> None:
        """A trail no longer keeps an event."""
        kept.holders -= 1
        if not kept.holders:
            self.size -= kept.size

    def trim(self) -> None:
        """Forget the oldest events, until there is some room again."""
        target = self.total - self.total // _PARTS
        while self.size > target:
            trails = [trail for trail in self._everyone() if trail.oldest]
            if not trails:
                return
            oldest = min(trail.oldest for trail in trails)
            until = oldest + (self.numbers.last - oldest) // _PARTS
            for trail in trails:
                trail.forget(until)
