"""Turns for frames that cost far more than their bytes: how many are read before other clients get theirs.

A ping, a fragment or a binary frame takes Autobahn some twenty times as long as a text takes the fast path, before
anything is known of what it says. A reactor reads whatever has come in one connection after another, so some hundred
clients that send what each of them may send would keep everyone else waiting; so would as many that post hundreds of
packets each. So steps of reading are counted, and when
a turn has used up its share, a connection that has more to read waits in line, and nothing more is taken from its
socket. Half of each turn is for those that wait: addresses take turns, and so do the connections of an address.

What texts cost is counted where they are handled, by their receivers.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

__all__ = ["FrameTurns", "Reader", "Turn"]

_MOST = 2_000
"""Steps in one turn; one takes 10 to 30 microseconds."""

_SLICE = 100


class Reader(Protocol):
    """A connection that reads frames."""

    def takeTurn(self) -> None:
        """It may read on; does nothing if it is gone, and never raises."""


class Turn:
    """The turn of something else that is to be read, a POST for instance.

    Attributes:
        taken: Fires when it comes. It may be cancelled.
    """

    __slots__ = ("taken",)

    def __init__(self) -> None:
        self.taken: Deferred[None] = Deferred()

    def takeTurn(self) -> None:
        """See `Reader`."""
        self.taken.callback(None)


class FrameTurns:
    """Shares out the steps of reading among the connections of a server.

    Args:
        clock: Tells when the next turn is.
        most: How many there are in one turn; at least half as many, where turns before took few.
    """

    def __init__(self, clock: IReactorTime, most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._half = most // 2
        self._left = most
        self._least = 0
        self._ring: dict[str, deque[Reader]] = {}
        self._isDue = False

    def __len__(self) -> int:
        return sum(map(len, self._ring.values()))

    def step(self) -> bool:
        """Take one step.

        Returns:
            Whether there was one left; else the connection is to wait in line.
        """
        self._left -= 1
        if self._left < self._half:  # until then it does not matter in how many turns they were taken
            self._call()
        return self._left >= self._least

    def wait(self, reader: Reader, address: str) -> None:
        """A connection waits in line.

        Args:
            reader: The connection. It must not be in line already.
            address: Where its client is; connections that have no address count as one.
        """
        self._ring.setdefault(address, deque()).append(reader)
        self._call()

    def _call(self) -> None:
        if not self._isDue:
            self._isDue = True
            self._clock.callLater(0, self._next)

    def _next(self) -> None:
        """The next turn begins."""
        self._isDue = False
        self._left = self._most
        ring = self._ring
        while ring and self._left > self._half:
            address = next(iter(ring))
            readers = ring.pop(address)
            reader = readers.popleft()
            if readers:
                ring[address] = readers
            self._least = max(self._half, self._left - _SLICE)
            reader.takeTurn()
        self._least = 0
        if ring:
            self._call()
