"""What one client may send: bytes, and everything that is neither bytes nor a message of the application.

A limit on messages is the application's business. But pings, pongs and fragments of a few bytes cost the server more
than their bytes, and never reach an application; so they are counted here. A client that sends too much is read more
slowly, and one that sends far too many of them is disconnected. Bytes never disconnect: a client that is read slowly
enough cannot send more of them. Nor can one that reconnects: a new connection begins with what the one before it has
left.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from rtcsignal.engineio.allowances.frameturns import FrameTurns
from rtcsignal.engineio.allowances.leftovers import Leftovers
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.rates import Rate

__all__ = ["FRAMES", "SLICE", "Allowance", "Intake"]

SLICE = 65_536
"""Bytes that are accounted for at a time: about as much as one read of a socket brings."""

_EVERYTHING = 1 << 62
_KIND = "bytes"
FRAMES = "frames"
"""What the leftovers of `Session.bucket` are called."""

_MOST_SECONDS = 1
"""How long a client may have to wait before it is heard, for what others of its address have sent."""


class Allowance:
    """The bytes that the client of one session may send, whichever transport it uses.

    The first slice of a new one is free until the session is over, so that most clients never need a bucket.

    Args:
        intake: Where it comes from.
        address: The client's.

    Attributes:
        credit: How many bytes are accounted for and have not been sent. A WebSocket counts for itself.
    """

    __slots__ = ("_address", "_bucket", "_intake", "_isOver", "credit")

    def __init__(self, intake: Intake, address: str) -> None:
        self._intake = intake
        self._address = address
        self._bucket = intake.leftovers.take(_KIND, address, -_MOST_SECONDS)
        self._isOver = False
        self.credit = SLICE if self._bucket is None else 0

    @property
    def wait(self) -> float:
        """Seconds until what was sent before is paid."""
        return 0.0 if self._bucket is None else self._bucket.take(self._intake.clock.seconds(), 0)

    def spend(self, count: int) -> float:
        """So many bytes have come.

        Returns:
            The seconds for which the client is to be read no more.
        """
        self.credit -= count
        if self.credit >= 0:
            return 0.0
        self.credit, wait = self.advance(-self.credit)
        return wait

    def advance(self, debt: int) -> tuple[int, float]:
        """The client has used up the bytes that were accounted for.

        Args:
            debt: Bytes that it has sent beyond.

        Returns:
            How many bytes it may send until it is to be accounted for again, and the seconds for which it is to be
            read no more.
        """
        rate = self._intake.bytesRate
        if not rate.perSecond:
            return _EVERYTHING, 0.0
        now = self._intake.clock.seconds()
        if self._bucket is None:
            self._bucket = rate.bucket(now)
        wait = self._bucket.take(now, debt + SLICE)
        if wait:
            self._intake.leftovers.owes(_KIND, self._address, self._bucket)
        return SLICE, wait

    def end(self) -> None:
        """The session is over: the next one gets what is left. What still comes is charged to the same bucket."""
        rate = self._intake.bytesRate
        if self._isOver or not rate.perSecond:
            return
        self._isOver = True
        now, unused, self.credit = self._intake.clock.seconds(), self.credit, 0
        if self._bucket is None:
            self._bucket = rate.bucket(now)
            unused -= SLICE
        wait = self._bucket.take(now, -unused)
        if wait > rate.mostWait:  # for bytes that were never looked at, of sessions that ended before they might speak
            self._bucket.take(now, (rate.mostWait - wait) * rate.perSecond)
        self._intake.leftovers.giveBack(_KIND, self._address, self._bucket)


class Intake:
    """The rates of a server, and the clock that they are measured by.

    Args:
        clock: The time.
        bytesRate: For the bytes that a client sends.
        framesRate: For its heartbeats, control frames and fragments.

    Attributes:
        clock: The same as was given.
        bytesRate: The same as was given.
        leftovers: What clients that are gone have left.
        turns: How much of a turn of the reactor goes into frames that cost more than their bytes.
    """

    def __init__(self, clock: IReactorTime, bytesRate: Rate, framesRate: Rate) -> None:
        self.clock = clock
        self.bytesRate = bytesRate
        self.leftovers = Leftovers(clock)
        self.turns = FrameTurns(clock)
        self._frames = framesRate

    def frameReceived(self, session: Session) -> None:
        """A client has sent something that is not a message. It is paused, or disconnected, if it does so too often."""
        if not self._frames.perSecond:
            return
        now = self.clock.seconds()
        if session.bucket is None:
            session.bucket = self._frames.bucket(now)
        wait = session.bucket.take(now)
        if wait > self._frames.mostWait:
            session.close(CloseReason.FLOOD)
        elif wait:
            self.leftovers.owes(FRAMES, session.request.address, session.bucket)
            session.pauseReading(wait)
