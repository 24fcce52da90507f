"""Token buckets: how much somebody may do, on average and at once."""

from __future__ import annotations

__all__ = ["TokenBucket"]


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

    def take(self, now: float) -> float:
        """Take one token, even if there is none.

        Returns:
            Seconds until the debt is paid; 0 if there is none.
        """
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - 1
        self._at = now
        return -self._tokens / self._rate if self._tokens < 0 else 0.0
