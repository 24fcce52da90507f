"""What one client may send: bytes, and everything that is neither bytes nor a message of the application.

A limit on messages is the application's business. But pings, pongs and fragments of a few bytes cost the server more
than their bytes, and never reach an application; so they are counted here. A client that sends too much is read more
slowly, and one that sends far too many of them is disconnected. Bytes never disconnect: a client that is read slowly
enough cannot send more of them.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from rtcsignal.bucket import Rate, TokenBucket
from rtcsignal.engineio.session import CloseReason, Session

__all__ = ["SLICE", "Intake"]

SLICE = 65_536
"""Bytes that are accounted for at a time: about as much as one read of a socket brings."""

_EVERYTHING = 1 << 62


class Intake:
    """The rates of a server, and the clock that they are measured by.

    Args:
        clock: The time.
        bytesRate: For the bytes that a client sends.
        framesRate: For its heartbeats, control frames and fragments.
    """

    def __init__(self, clock: IReactorTime, bytesRate: Rate, framesRate: Rate) -> None:
        self._clock = clock
        self._bytes = bytesRate
        self._frames = framesRate

    def advance(self, bucket: TokenBucket | None, debt: int) -> tuple[TokenBucket | None, int, float]:
        """A client has used up the bytes that were accounted for.

        Args:
            bucket: What it has of bytes; None the first time.
            debt: Bytes that it has sent beyond.

        Returns:
            Its bucket, how many bytes it may send until it is to be accounted for again, and the seconds for which
            it is to be read no more.
        """
        if not self._bytes.perSecond:
            return None, _EVERYTHING, 0.0
        now = self._clock.seconds()
        if bucket is None:
            bucket = self._bytes.bucket(now)
        return bucket, SLICE, bucket.take(now, debt + SLICE)

    def frameReceived(self, session: Session) -> None:
        """A client has sent something that is not a message. It is paused, or disconnected, if it does so too often."""
        if not self._frames.perSecond:
            return
        now = self._clock.seconds()
        if session.bucket is None:
            session.bucket = self._frames.bucket(now)
        wait = session.bucket.take(now)
        if wait > self._frames.mostWait:
            session.close(CloseReason.FLOOD)
        elif wait:
            session.transport.pauseReading(wait)
