"""Turns: how much is done for clients before the others get theirs.

What a message costs is what is done for its receivers. A reactor handles whatever has come in one connection after
another, so a few clients that send to large rooms could keep everyone waiting for seconds. So work is counted, and when
a turn has used up its share, whatever else comes is held. In the next turn of the reactor the addresses that have
something held take turns, and so do the connections of an address; each in the order in which its messages came, with
the connection's end as the last of them.

A client that sends more than it may, counted in receivers, is read more slowly.
"""

from __future__ import annotations

import sys

from twisted.internet.interfaces import IReactorTime

from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.rates import Rate
from rtcsignal.socketio.sources import Client, Source
from rtcsignal.socketio.work import Work

__all__ = ["FEW", "Turns"]

FEW = 16
"""A message to at most so many receivers is not charged: the limit on events is enough."""

# In units of `Work`, of which one takes about a microsecond.
_SLICE = 1_000

_MUCH = 16_384
_MOST_HELD = 67_108_864
_PAUSE_SECONDS = 0.1
_MOMENT_SECONDS = 0.01
_MOST_PAUSE_SECONDS = 5.0


class Turns:
    """Shares out the work of a server.

    Args:
        clock: Tells when the next turn is.
        fanOut: What one connection may send to receivers.
        turn: How much is done in one turn, half of it for what was held; 0 for no limit.

    Attributes:
        work: What has been done.
        fanOut: The same as was given.
    """

    def __init__(self, clock: IReactorTime, fanOut: Rate, turn: int) -> None:
        self._turn = turn
        self._until = turn or sys.maxsize
        self.work = Work(turn // 2 or sys.maxsize)
        self.fanOut = fanOut
        self._clock = clock
        self._ring: dict[Source, None] = {}
        self._isDue = False

    @property
    def waiting(self) -> list[Client]:
        """The connections that wait for their turn."""
        return [connection for source in self._ring for connection in source.waiting]

    def isOver(self) -> bool:
        """Whether this turn has used up its share. To be asked when more than half of it has been used: until then it
        does not matter in how many turns the work was done."""
        if self.work.done > self._until:
            return True
        self.work.most = self._until
        self._call()
        return False

    def hold(self, connection: Client, size: int) -> None:
        """A connection has one more thing to be handled, which has to wait.

        Args:
            connection: The connection.
            size: How large that is.
        """
        source = connection.source
        if connection.heldSize == size:
            source.waiting.append(connection)
        source.held += size
        self._ring.setdefault(source)
        self._call()
        if source.held > _MOST_HELD:
            connection.session.close(CloseReason.FLOOD)
        else:
            self._pause(connection)

    def charge(self, connection: Client, receivers: int) -> None:
        """A connection has sent to so many receivers: it is read more slowly if that is too much.

        Args:
            connection: The connection.
            receivers: How many, in units of `Work`.
        """
        now = self._clock.seconds()
        wait = connection.source.charge(now, receivers)
        if self.fanOut.perSecond:
            bucket = connection.fanOut
            if bucket is None:
                bucket = connection.fanOut = self.fanOut.bucket(now)
            wait = max(wait, bucket.take(now, receivers))
        if wait and connection.session.isOpen:
            connection.session.pauseReading(min(wait, _MOST_PAUSE_SECONDS))

    def _next(self) -> None:
        """The next turn: handle what was held, as far as there is room beside what comes."""
        self._isDue = False
        work, ring = self.work, self._ring
        self._until = work.done + self._turn
        until = work.most = work.done + self._turn // 2
        while ring and work.done < until:
            source = next(iter(ring))
            del ring[source]
            connection = source.waiting.popleft()
            source.held -= connection.heldSize
            connection.catchUp(work.done + _SLICE, work)
            source.held += connection.heldSize
            if connection.heldSize and connection not in source.waiting:
                source.waiting.append(connection)
            if source.waiting:
                ring[source] = None
        for connection in self.waiting:
            self._pause(connection)
        if ring:
            self._call()

    @staticmethod
    def _pause(connection: Client) -> None:
        """Read nothing more from a client of which much is held; and answer no POST before it has been handled."""
        session = connection.session
        if session.isOpen and (connection.heldSize > _MUCH or session.isPolling):
            session.pauseReading(_PAUSE_SECONDS if connection.heldSize > _MUCH else _MOMENT_SECONDS)

    def _call(self) -> None:
        if not self._isDue:
            self._isDue = True
            self._clock.callLater(0, self._next)
