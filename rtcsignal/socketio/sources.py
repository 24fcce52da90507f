"""Where clients come from: what those of one address may cost together.

An address is remembered for as long as it has clients, and then until its bucket is full again, as a new one is.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from rtcsignal.addresses import networkOf
from rtcsignal.engineio.session import Session
from rtcsignal.rates import Rate, TokenBucket
from rtcsignal.socketio.work import Work

__all__ = ["Client", "Source", "Sources"]

_MOST_IDLE = 10_000


class Client(Protocol):
    """A connection from an address, as far as it takes turns with the others.

    Attributes:
        source: Where it comes from.
        fanOut: What it may still send to receivers; None until it has sent to many.
        heldSize: How much has come from it that waits for its turn.
    """

    source: Source
    fanOut: TokenBucket | None
    heldSize: int

    @property
    def session(self) -> Session:
        """Its session."""

    def catchUp(self, until: int, work: Work) -> None:
        """Handle what is held, in the order in which it came, until so much work has been done.

        Args:
            until: How much, as `work` counts it.
            work: What has been done.
        """


class Source:
    """An address.

    Args:
        fanOut: What its clients may send to receivers together; None for no limit.

    Attributes:
        clients: How many connections it has.
        waiting: Those of them that wait for their turn.
        held: Characters and bytes of what these have sent.
    """

    __slots__ = ("clients", "fanOut", "held", "waiting")

    def __init__(self, fanOut: TokenBucket | None) -> None:
        self.fanOut = fanOut
        self.clients = 0
        self.waiting: deque[Client] = deque()
        self.held = 0

    def charge(self, now: float, receivers: int) -> float:
        """One of its clients has sent to so many receivers.

        Returns:
            Seconds for which it is to be read no more; 0 if there is room left.
        """
        return 0.0 if self.fanOut is None else self.fanOut.take(now, receivers)

    def isLikeNew(self, now: float) -> bool:
        """Nothing is lost if it is forgotten."""
        return not self.clients and (self.fanOut is None or self.fanOut.isFull(now))


class Sources:
    """All addresses that have clients, and some that had.

    Args:
        clock: The time.
        fanOut: What the clients of one address may send to receivers together.
    """

    def __init__(self, clock: IReactorTime, fanOut: Rate) -> None:
        self._clock = clock
        self._fanOut = fanOut
        self._used: dict[str, Source] = {}
        self._idle: dict[str, Source] = {}

    def __len__(self) -> int:
        return len(self._used) + len(self._idle)

    def enter(self, address: str) -> Source:
        """An address has one more client."""
        key = networkOf(address)
        source = self._used.get(key)
        if source is None:
            source = self._idle.pop(key, None) or Source(self._newBucket())
            self._used[key] = source
        source.clients += 1
        return source

    def leave(self, address: str, source: Source) -> None:
        """An address has one client less."""
        source.clients -= 1
        if source.clients:
            return
        key = networkOf(address)
        del self._used[key]
        idle, now = self._idle, self._clock.seconds()
        idle[key] = source
        for old in [name for name in islice(idle, 2) if idle[name].isLikeNew(now)]:
            del idle[old]
        while len(idle) > _MOST_IDLE:
            del idle[next(iter(idle))]

    def _newBucket(self) -> TokenBucket | None:
        return self._fanOut.bucket(self._clock.seconds()) if self._fanOut.perSecond else None
