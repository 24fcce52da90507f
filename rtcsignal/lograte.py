"""Keep a flood of events from becoming a flood of log lines."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from rtcsignal.rates import TokenBucket

__all__ = ["LogRation"]

_log = Logger()


class LogRation:
    """Says whether one more line of a kind may be written; what is left out is counted and told later.

    Args:
        seconds: The time, in seconds.
        rate: Lines of a kind per second, on average; 0 for no limit.
        burst: Lines of a kind at once.
    """

    def __init__(self, seconds: Callable[[], float], rate: float = 10, burst: float = 100) -> None:
        self._seconds = seconds
        self._rate = rate
        self._burst = burst
        self._kinds: dict[str, _Kind] = {}

    def allows(self, kind: str) -> bool:
        """Whether a line of this kind may be written now.

        Args:
            kind: One of the few words that the caller uses; never anything from outside.
        """
        if not self._rate:
            return True
        now = self._seconds()
        state = self._kinds.get(kind)
        if state is None:
            state = self._kinds[kind] = _Kind(self._rate, self._burst, now)
        if not state.tryTake(now):
            state.omitted += 1
            return False
        state.tell(kind)
        return True

    def tell(self) -> None:
        """Write how many lines were left out, as far as that has not been told."""
        for kind, state in self._kinds.items():
            state.tell(kind)


class _Kind(TokenBucket):
    """How many lines of a kind may be written, and how many were not."""

    __slots__ = ("omitted",)

    def __init__(self, rate: float, burst: float, now: float) -> None:
        super().__init__(rate, burst, now)
        self.omitted = 0

    def tell(self, kind: str) -> None:
        """Write how many were not, if any."""
        if self.omitted:
            _log.info("{count} lines about {kind} were left out", count=self.omitted, kind=kind)
            self.omitted = 0
