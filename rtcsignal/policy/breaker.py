"""A circuit breaker: does not ask what has failed too often in a row.

::

    CLOSED -- the last of so many failures in a row --> OPEN
    OPEN ---- after some seconds, at the next call ---> TRYING     this one call is let through
    TRYING -- it succeeds ----------------------------> CLOSED
    TRYING -- it fails -------------------------------> OPEN
    TRYING -- it is given up without a result --------> OPEN       the next call may try at once
"""

from __future__ import annotations

import enum

from twisted.internet.interfaces import IReactorTime

__all__ = ["FAILURES", "SECONDS", "Breaker", "BreakerState"]

FAILURES = 10
"""So many in a row open it."""

SECONDS = 30.0
"""After so long it tries again."""


class BreakerState(enum.Enum):
    """The states of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    TRYING = "trying"


class Breaker:
    """One breaker.

    Args:
        clock: The time.
        failures: How many in a row open it; 0 for never.
        seconds: How long it stays open.

    Attributes:
        state: Where it is.
        sound: It is closed, and the last call did not fail: nothing to be done. For the fast path.
    """

    __slots__ = ("_clock", "_failures", "_most", "_openedAt", "_seconds", "sound", "state")

    def __init__(self, clock: IReactorTime, failures: int = FAILURES, seconds: float = SECONDS) -> None:
        self.state = BreakerState.CLOSED
        self.sound = True
        self._clock = clock
        self._most = failures
        self._seconds = seconds
        self._failures = 0
        self._openedAt = 0.0

    def allows(self) -> bool:
        """Whether a call may be made now; if so, tell its result."""
        if self.state is BreakerState.CLOSED:
            return True
        if self.state is BreakerState.TRYING or self._clock.seconds() - self._openedAt < self._seconds:
            return False
        self.state = BreakerState.TRYING
        return True

    def succeeded(self) -> bool:
        """A call has succeeded.

        Returns:
            Whether this has closed the breaker.
        """
        if self.state is BreakerState.OPEN:
            return False  # a call from before it opened
        closed = self.state is BreakerState.TRYING
        self.state = BreakerState.CLOSED
        self.sound = True
        self._failures = 0
        return closed

    def failed(self) -> bool:
        """A call has failed.

        Returns:
            Whether this has opened the breaker.
        """
        if not self._most:
            return False
        self.sound = False
        self._failures += 1
        if self.state is BreakerState.OPEN or (self.state is BreakerState.CLOSED and self._failures < self._most):
            return False
        opened = self.state is BreakerState.CLOSED
        self.state = BreakerState.OPEN
        self._openedAt = self._clock.seconds()
        return opened

    def abandoned(self) -> None:
        """A call has been given up, and no one knows how it would have ended."""
        if self.state is BreakerState.TRYING:
            self.state = BreakerState.OPEN
