"""A throttle: attempts that are forgiven with time, counted by who makes them, in bounded memory."""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping
from itertools import islice

__all__ = ["Throttle"]


class Throttle:
    """Allows some attempts at once, and then one more after each pause.

    Args:
        burst: How many attempts are allowed at once.
        pause: Seconds after which one more is.
        forgiven: Where it keeps, for each key, the time at which all attempts are forgiven: ``services.data`` for one
            that outlives a reload. By default it keeps them itself.
        mostKeys: Most keys that are remembered; beyond, the one whose last attempt is the oldest is forgotten.
    """

    def __init__(
        self,
        burst: int,
        pause: float,
        forgiven: MutableMapping[Hashable, float] | None = None,
        mostKeys: int = 10_000,
    ) -> None:
        self._pause = pause
        self._allowed = (burst - 1) * pause
        self._forgiven: MutableMapping[Hashable, float] = {} if forgiven is None else forgiven
        self._mostKeys = mostKeys

    def wait(self, key: Hashable, now: float) -> float:
        """How long to wait for the next attempt.

        Args:
            key: Who makes it.
            now: The time in seconds.

        Returns:
            Seconds; 0 if it may be made at once.
        """
        return max(self._forgiven.get(key, now) - now - self._allowed, 0.0)

    def count(self, key: Hashable, now: float) -> None:
        """An attempt has been made."""
        forgiven = self._forgiven
        forgiven[key] = max(forgiven.pop(key, now), now) + self._pause
        for old in [each for each in islice(forgiven, 2) if forgiven[each] <= now]:
            del forgiven[old]
        while len(forgiven) > self._mostKeys:
            del forgiven[next(iter(forgiven))]
