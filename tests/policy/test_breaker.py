"""The circuit breaker: ten failures in a row, thirty seconds of rest, then one try."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rtcsignal.policy.breaker import FAILURES, SECONDS, Breaker, BreakerState


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def open_(clock: Clock) -> Breaker:
    """A breaker that has just opened."""
    breaker = Breaker(clock)
    for _ in range(FAILURES):
        breaker.failed()
    return breaker


def test_theFiguresAreThoseOfTheDocumentation() -> None:
    assert (FAILURES, SECONDS) == (10, 30)


def test_itOpensWithTheTenthFailureInARow(clock: Clock) -> None:
    breaker = Breaker(clock)
    assert [breaker.failed() for _ in range(FAILURES)] == [False] * 9 + [True]
    assert not breaker.allows()


def test_aSuccessBetweenBeginsTheCountAnew(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert not breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert breaker.state is BreakerState.CLOSED
    assert breaker.allows()


def test_afterThirtySecondsOneCallIsLetThroughAndNoOther(open_: Breaker, clock: Clock) -> None:
    clock.advance(SECONDS - 0.1)
    assert not open_.allows()
    clock.advance(0.1)
    assert [open_.allows(), open_.allows()] == [True, False]


def test_itClosesWhenTheTrySucceeds(open_: Breaker, clock: Clock) -> None:
    clock.advance(SECONDS)
    open_.allows()
    assert open_.succeeded()
    assert open_.sound
    assert open_.allows()


def test_itStaysOpenForThirtyMoreSecondsWhenTheTryFails(open_: Breaker, clock: Clock) -> None:
    clock.advance(SECONDS)
    open_.allows()
    assert not open_.failed()
    clock.advance(SECONDS - 0.1)
    assert not open_.allows()
    clock.advance(0.1)
    assert open_.allows()


def test_aTryThatIsGivenUpCanBeMadeAgainAtOnce(open_: Breaker, clock: Clock) -> None:
    clock.advance(SECONDS)
    open_.allows()
    open_.abandoned()
    assert open_.allows()


def test_answersToCallsFromBeforeChangeNothingWhileItIsOpen(open_: Breaker) -> None:
    assert not open_.succeeded()
    assert not open_.failed()
    open_.abandoned()
    assert open_.state is BreakerState.OPEN


def test_withoutANumberOfFailuresItNeverOpens(clock: Clock) -> None:
    breaker = Breaker(clock, failures=0)
    assert [breaker.failed() for _ in range(FAILURES)] == [False] * FAILURES
    assert breaker.sound
