"""Durations in buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.histogram import BUCKETS, Histogram, bucketOf


@given(st.integers(0, 9 * 60 * 10**9))
def test_aDurationComesOutAsItWentInButFor3Percent(nanoseconds: int) -> None:
    histogram = Histogram()
    histogram.add(nanoseconds)
    assert abs(histogram.quantile(0.5) * 1e6 - nanoseconds) <= 1 + 0.03 * nanoseconds


def test_longerDurationsAreNeverInLowerBuckets() -> None:
    buckets = [bucketOf(int(1.01**power)) for power in range(2700)]
    assert buckets == sorted(buckets)
    assert bucketOf(1 << 60) == BUCKETS - 1
    assert bucketOf(-1) == 0


def test_quantilesAreThoseOfTheDurations() -> None:
    histogram = Histogram()
    for milliseconds in range(1, 101):
        histogram.add(milliseconds * 1_000_000)
    assert len(histogram) == 100
    for share in (0.01, 0.5, 0.99, 1.0):
        assert abs(histogram.quantile(share) / (100 * share) - 1) < 0.03


def test_nothingHasNoQuantile() -> None:
    assert Histogram().quantile(0.5) == 0
