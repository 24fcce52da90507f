"""Token buckets: how much somebody may do, on average and at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.rates import TokenBucket


def test_aBurstIsFree() -> None:
    bucket = TokenBucket(rate=10, burst=5, now=100)
    assert [bucket.take(100) for _ in range(5)] == [0.0] * 5


def test_beyondItOneHasToWaitUntilTheDebtIsPaid() -> None:
    bucket = TokenBucket(rate=10, burst=5, now=100)
    waits = [bucket.take(100) for _ in range(8)]
    assert waits[5:] == [0.1, 0.2, 0.3]


def test_tokensComeBackAtTheRate() -> None:
    bucket = TokenBucket(rate=10, burst=5, now=100)
    for _ in range(5):
        bucket.take(100)
    assert bucket.take(100.125) == 0.0
    assert bucket.take(100.125) > 0.0


def test_butNotMoreThanTheBurst() -> None:
    bucket = TokenBucket(rate=10, burst=2, now=0)
    assert [bucket.take(1_000) > 0 for _ in range(4)] == [False, False, True, True]


@given(st.lists(st.floats(0, 2), max_size=50), st.integers(1, 20), st.integers(1, 20))
def test_whoWaitsAsToldNeverExceedsRateAndBurst(pauses: list[float], rate: int, burst: int) -> None:
    bucket, now = TokenBucket(rate, burst, 0.0), 0.0
    for taken, pause in enumerate(pauses, 1):
        now += pause
        now += bucket.take(now)
        assert taken <= burst + rate * now + 1e-6


def test_aCopyHoldsAsMuchAndIsIndependent() -> None:
    bucket = TokenBucket(1, 10, 0)
    bucket.take(0, 12)
    other = bucket.copy()
    assert other.take(1, 0) == 1
    assert other.take(1, 5) == 6
    assert bucket.take(1, 0) == 1
