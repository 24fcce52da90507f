"""Admissions: one attempt at a time for each key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from rtcsignal.signaling.joins.admission import Admissions


class Attempts:
    """Makes attempts and keeps what came of them.

    Attributes:
        made: The names of those that have been made, in order.
        results: What came of each, by name.
    """

    def __init__(self) -> None:
        self.admissions = Admissions()
        self.made: list[str] = []
        self.results: dict[str, Any] = {}

    def make(self, name: str, outcome: Any, key: str = "kitchen") -> None:
        """Make an attempt, of which `outcome` comes: functions are called, exceptions raised, all else returned."""

        def attempt() -> Any:
            self.made.append(name)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome() if callable(outcome) else outcome

        result = self.admissions.run(key, attempt)
        if isinstance(result, Deferred):
            result.addBoth(lambda late: self.results.__setitem__(name, getattr(late, "value", late)))
        else:
            self.results[name] = result


@pytest.fixture
def attempts() -> Attempts:
    """Nothing has been tried yet."""
    return Attempts()


def test_anAttemptThatTakesNoTimeIsOverAtOnce(attempts: Attempts) -> None:
    attempts.make("first", 1)
    assert attempts.results == {"first": 1}


def test_anAttemptThatFailsAtOnceFailsItsCaller(attempts: Attempts) -> None:
    with pytest.raises(ZeroDivisionError):
        attempts.make("first", ZeroDivisionError())
    attempts.make("second", 2)
    assert attempts.results == {"second": 2}


@pytest.mark.parametrize("outcome", [succeed, lambda value: value], ids=["Deferred", "plain"])
def test_whatIsOverHoldsUpNobody(attempts: Attempts, outcome: Callable[[int], Any]) -> None:
    attempts.make("first", outcome(1))
    attempts.make("second", outcome(2))
    assert attempts.results == {"first": 1, "second": 2}


def test_theNextAttemptIsMadeWhenTheOneBeforeIsOver(attempts: Attempts) -> None:
    first: Deferred[int] = Deferred()
    second: Deferred[int] = Deferred()
    attempts.make("first", first)
    attempts.make("second", second)
    attempts.make("third", 3)
    assert attempts.made == ["first"]
    first.callback(1)
    assert attempts.made == ["first", "second"]
    assert attempts.results == {"first": 1}
    second.callback(2)
    assert attempts.results == {"first": 1, "second": 2, "third": 3}


@pytest.mark.parametrize("broken", [ZeroDivisionError(), fail(ZeroDivisionError())], ids=["raises", "fails"])
def test_whoWaitsGetsItsOwnResult(attempts: Attempts, broken: Any) -> None:
    first: Deferred[int] = Deferred()
    attempts.make("first", first)
    attempts.make("second", broken)
    attempts.make("third", 3)
    attempts.make("fourth", succeed(4))
    first.errback(KeyError())
    assert isinstance(attempts.results["first"], KeyError)
    assert isinstance(attempts.results["second"], ZeroDivisionError)
    assert attempts.results["third"] == 3
    assert attempts.results["fourth"] == 4


def test_anAttemptWhoseDeferredWaitsForAnotherIsNotOver(attempts: Attempts) -> None:
    inner: Deferred[int] = Deferred()
    attempts.make("first", succeed(None).addCallback(lambda _: inner))
    attempts.make("second", 2)
    assert attempts.made == ["first"]
    inner.callback(1)
    assert attempts.results == {"first": 1, "second": 2}


def test_norIsOneThatHadToWait(attempts: Attempts) -> None:
    first: Deferred[int] = Deferred()
    inner: Deferred[int] = Deferred()
    attempts.make("first", first)
    attempts.make("second", succeed(None).addCallback(lambda _: inner))
    attempts.make("third", 3)
    first.callback(1)
    assert attempts.made == ["first", "second"]
    inner.callback(2)
    assert attempts.results == {"first": 1, "second": 2, "third": 3}


def test_otherKeysAreNotHeldUp(attempts: Attempts) -> None:
    first: Deferred[int] = Deferred()
    attempts.make("first", first)
    attempts.make("second", 2, "garden")
    assert attempts.results == {"second": 2}
    first.callback(1)


def test_attemptsMadeByAnAttemptWaitTheirTurn(attempts: Attempts) -> None:
    first: Deferred[int] = Deferred()
    attempts.make("first", first)
    attempts.make("second", lambda: attempts.make("fourth", 4))
    attempts.make("third", 3)
    first.callback(1)
    assert attempts.made == ["first", "second", "third", "fourth"]
    assert attempts.results == {"first": 1, "second": None, "third": 3, "fourth": 4}


def test_keysOfWhichNobodyWaitsCostNothing(attempts: Attempts) -> None:
    before = _size(attempts.admissions)
    waiting: list[Deferred[int]] = [Deferred() for _ in range(3)]
    for number, deferred in enumerate(waiting):
        attempts.make(f"first of {number}", deferred, f"room {number}")
        attempts.make(f"second of {number}", 2, f"room {number}")
    assert _size(attempts.admissions) > before
    for deferred in waiting:
        deferred.callback(1)
    assert _size(attempts.admissions) == before


def _size(admissions: Admissions) -> int:
    """How many things it holds."""
    return sum(len(value) for value in vars(admissions).values())
