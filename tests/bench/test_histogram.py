"""Durations in buckets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bench.histogram import BUCKETS, Histogram, bucketOf


@given(st.integers(0, 9 * 60 * 10**9))
def test_a_duration_comes_out_as_it_went_in_but_for_3_percent(nanoseconds: int) -> None:
    histogram = Histogram()
    histogram.add(nanoseconds)
    assert abs(histogram.quantile(0.5) * 1e6 - nanoseconds) <= 1 + 0.03 * nanoseconds


def test_longer_durations_are_never_in_lower_buckets() -> None:
    buckets = [bucketOf(int(1.01**power)) for power in range(2700)]
    assert buckets == sorted(buckets)
    assert bucketOf(1 << 60) == BUCKETS - 1
    assert bucketOf(-1) == 0


def test_quantiles_are_those_of_the_durations() -> None:
    histogram = Histogram()
    for milliseconds in range(1, 101):
        histogram.add(milliseconds * 1_000_000)
    assert len(histogram) == 100
    for share in (0.01, 0.5, 0.99, 1.0):
        assert abs(histogram.quantile(share) / (100 * share) - 1) < 0.03


def test_nothing_has_no_quantile() -> None:
    assert Histogram().quantile(0.5) == 0
