"""Numbers of workers, added up: counts never fall when a worker ends, and what is held is gone with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

__all__ = ["COUNTED", "Sums", "total"]

COUNTED = frozenset(
    {
        "dropped",
        "forwarded requests",
        "forwarded upgrades",
        "ignored",
        "not forwarded",
        "published",
        "received",
        "refused links",
        "repairs",
    }
)
"""The names of what is counted since a worker began; everything else is what it holds at the moment."""


_SEEN_BY_ALL = frozenset({"nodes"})


class Sums:
    """The numbers of the workers at one post, one after the other."""

    def __init__(self) -> None:
        self._before: dict[str, int] = {}
        self._now: dict[str, int] = {}

    @property
    def numbers(self) -> Mapping[str, int]:
        """What the worker that is there held last; counts go on from those of the workers before it."""
        return {name: self._now.get(name, 0) + self._before.get(name, 0) for name in {**self._before, **self._now}}

    def held(self, numbers: Mapping[str, int]) -> None:
        """The worker that is there says what it holds."""
        self._now = dict(numbers)

    def ended(self) -> None:
        """It has ended."""
        self._before = {name: count for name, count in self.numbers.items() if name in COUNTED}
        self._now = {}


def total(each: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """The sums of several, in the order in which names are first seen; of what all of them see, what one has seen."""
    sums: dict[str, int] = {}
    for numbers in each:
        for name, count in numbers.items():
            before = sums.get(name, 0)
            sums[name] = max(before, count) if name in _SEEN_BY_ALL else before + count
    return sums
