"""Attempts that are forgiven with time."""

from __future__ import annotations

from rtcsignal.api import Throttle


def attempts(throttle: Throttle, key: str, now: float, most: int = 100) -> int:
    """How many attempts are allowed at a time."""
    made = 0
    while made < most and throttle.wait(key, now) == 0:
        throttle.count(key, now)
        made += 1
    return made


def test_soManyAtOnceAndThenOneAfterEachPause() -> None:
    throttle = Throttle(3, 10)
    assert attempts(throttle, "ann", 0) == 3
    assert throttle.wait("ann", 4) == 6
    assert attempts(throttle, "ann", 9.9) == 0
    assert attempts(throttle, "ann", 10) == 1
    assert attempts(throttle, "ann", 10) == 0
    assert attempts(throttle, "ann", 1000) == 3


def test_eachKeyCountsByItself() -> None:
    throttle = Throttle(1, 10)
    assert attempts(throttle, "ann", 0) == attempts(throttle, "ben", 0) == 1


def test_whatIsForgivenIsNotKept() -> None:
    kept: dict[object, float] = {}
    throttle = Throttle(2, 10, kept)
    for number in range(50):
        throttle.count(number, number * 100.0)
    assert list(kept) == [49]


def test_theOldestIsForgottenWhenThereAreTooMany() -> None:
    kept: dict[object, float] = {}
    throttle = Throttle(1, 10, kept, mostKeys=3)
    for key in ("ann", "ben", "cat", "ann", "dan"):
        throttle.count(key, 0)
    assert list(kept) == ["cat", "ann", "dan"]
