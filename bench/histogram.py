"""Durations, counted in buckets that are 3 % wide."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["BUCKETS", "Histogram", "bucketOf"]

_STEPS = 32
_BITS = 5
BUCKETS = _STEPS * 40
"""The last one is for everything above 9 minutes. `native/load.h` has the same buckets."""


def bucketOf(nanoseconds: int) -> int:
    """Where a duration is counted: exactly below 32 ns, then in 32 steps for each power of two."""
    if nanoseconds < _STEPS:
        return max(nanoseconds, 0)
    exponent = nanoseconds.bit_length() - 1
    bucket = ((exponent - _BITS + 1) << _BITS) + ((nanoseconds >> (exponent - _BITS)) & (_STEPS - 1))
    return min(bucket, BUCKETS - 1)


class Histogram:
    """How often which duration was seen.

    Args:
        counts: Those that another one had.
    """

    def __init__(self, counts: Sequence[int] = ()) -> None:
        self._counts = list(counts) or [0] * BUCKETS

    def __len__(self) -> int:
        return sum(self._counts)

    def add(self, nanoseconds: int) -> None:
        """One more."""
        self._counts[bucketOf(nanoseconds)] += 1

    def quantile(self, share: float) -> float:
        """The duration in milliseconds that this share of all does not exceed; 0 if there are none."""
        wanted = share * len(self)
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= wanted:
                return _middleOf(bucket) / 1e6
        return 0.0


def _middleOf(bucket: int) -> float:
    if bucket < _STEPS:
        return float(bucket)
    exponent = (bucket >> _BITS) - 1
    return (_STEPS + (bucket & (_STEPS - 1)) + 0.5) * float(1 << exponent)
