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


def test_the_figures_are_those_of_the_documentation() -> None:
    assert (FAILURES, SECONDS) == (10, 30)


def test_it_opens_with_the_tenth_failure_in_a_row(clock: Clock) -> None:
    breaker = Breaker(clock)
    assert [breaker.failed() for _ in range(FAILURES)] == [False] * 9 + [True]
    assert not breaker.allows()


def test_a_success_between_begins_the_count_anew(clock: Clock) -> None:
    breaker = Breaker(clock)
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert not breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed()
    assert breaker.state is BreakerState.CLOSED
    assert breaker.allows()


def test_after_thirty_seconds_one_call_is_let_through_and_no_other(open_: Breaker, clock: Clock) -> None:
    clock.advance(SECONDS - 0.1)
    assert not open_.allows()
    clock.advance(0.1)
    assert [open_.allows(), open_.allows()] == [True, False]


def test_it_closes_when_the_try_succeeds(open_: Breaker, clock: Clock) -> None:
    clock.advance(SECONDS)
    open_.allows()
    assert open_.succeeded()
    assert open_.sound
    assert open_.allows()


def test_it_stays_open_for_thirty_more_seconds_when_the_try_fails(open_: Breaker, clock: Clock) -> None:
    clock.advance(SECONDS)
    open_.allows()
    assert not open_.failed()
    clock.advance(SECONDS - 0.1)
    assert not open_.allows()
    clock.advance(0.1)
    assert open_.allows()


def test_a_try_that_is_given_up_can_be_made_again_at_once(open_: Breaker, clock: Clock) -> None:
    clock.advance(SECONDS)
    open_.allows()
    open_.abandoned()
    assert open_.allows()


def test_answers_to_calls_from_before_change_nothing_while_it_is_open(open_: Breaker) -> None:
    assert not open_.succeeded()
    assert not open_.failed()
    open_.abandoned()
    assert open_.state is BreakerState.OPEN


def test_without_a_number_of_failures_it_never_opens(clock: Clock) -> None:
    breaker = Breaker(clock, failures=0)
    assert [breaker.failed() for _ in range(FAILURES)] == [False] * FAILURES
    assert breaker.sound
