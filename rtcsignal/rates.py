"""Token buckets: how much a client may do, on average and at once."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rate", "TokenBucket"]


class TokenBucket:
    """Holds up to `burst` tokens, to which `rate` come each second. It may be overdrawn.

    Args:
        rate: Tokens per second; more than 0.
        burst: Most tokens, and how many there are at first.
        now: The time in seconds, on a clock that does not go back.
    """

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, now: float, tokens: float = 1) -> float:
        """Take tokens, even if there are too few.

        Returns:
            Seconds until the debt is paid; 0 if there is none.
        """
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - tokens
        self._at = now
        return -self._tokens / self._rate if self._tokens < 0 else 0.0

    @property
    def at(self) -> float:
        """When tokens were taken last, or looked at."""
        return self._at

    def left(self, now: float) -> float:
        """How many tokens there are; below 0, how many are owed."""
        return min(self._burst, self._tokens + (now - self._at) * self._rate)

    def copy(self) -> TokenBucket:
        """Another bucket that holds as much."""
        other = TokenBucket(self._rate, self._burst, self._at)
        other._tokens = self._tokens
        return other

    def forgive(self, now: float, seconds: float = 0) -> None:
        """See to it that there is at least what so many seconds bring; below 0, that the debt is paid in as many."""
        self._tokens = max(self._tokens + (now - self._at) * self._rate, min(self._burst, seconds * self._rate))
        self._at = now

    def isFull(self, now: float) -> bool:
        """Whether it is the same as a new one."""
        return self._tokens + (now - self._at) * self._rate >= self._burst

    def tryTake(self, now: float) -> bool:
        """Take one token if there is one.

        Returns:
            Whether there was.
        """
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


@dataclass(frozen=True)
class Rate:
    """How much a client may do.

    Attributes:
        perSecond: On average; 0 for no limit.
        burst: At once.
    """

    perSecond: float
    burst: float

    @property
    def mostWait(self) -> float:
        """Seconds after which a client that has taken twice the burst at once may go on: the longest wait."""
        return self.burst / self.perSecond if self.perSecond else 0.0

    def bucket(self, now: float) -> TokenBucket:
        """A full bucket. Not to be asked for without a limit."""
        return TokenBucket(self.perSecond, self.burst, now)
