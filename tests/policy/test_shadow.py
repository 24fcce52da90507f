"""``shadow: true``: what a plugin says is logged and counted, and nothing comes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from rtcsignal.api import Handshake, Identity, Refused
from rtcsignal.testing import FakePeer, FakeRoom, makeMessage
from tests.policy.bench import Authenticator, Bench, Filter, Policy
from tests.policy.conftest import LogLines

HANDSHAKE = Handshake("/")


def no(*arguments: Any) -> Any:
    raise Refused("full")


def test_aRefusalIsOnlyLoggedAndCounted(bench: Bench, log: LogLines) -> None:
    chain = bench.chain(Policy(no), shadow=True)
    assert chain.mayJoin(FakePeer(), FakeRoom()) is None
    counters = bench.counters["policy"]
    assert (counters.shadowed, counters.refusals) == ({"full": 1}, {})
    assert log.about("policy", "mayJoin would have said full", "not enforced")


def test_whatIsAllowedLeavesNoTrace(bench: Bench, log: LogLines) -> None:
    chain = bench.chain(Policy(lambda peer, room: None), shadow=True)
    assert chain.mayJoin(FakePeer(), FakeRoom()) is None
    assert bench.counters["policy"].shadowed == {}
    assert log.lines == []


@pytest.mark.parametrize(
    ("filterMessage", "verdict"),
    [
        (lambda peer, room, message: None, "drop"),
        (lambda peer, room, message: message.replace(body="other"), "change"),
        (no, "full"),
    ],
)
def test_messagesPassAsTheyAre(bench: Bench, filterMessage: Callable[..., Any], verdict: str) -> None:
    message = makeMessage("text")
    chain = bench.chain(Filter(filterMessage), shadow=True)
    assert chain.filterMessage(FakePeer(), FakeRoom(), message) is message
    assert bench.counters["filter"].shadowed == {verdict: 1}
    assert bench.counters["filter"].dropped == 0


def test_anAuthenticatorCountsAsIfItWereNotThere(bench: Bench) -> None:
    chain = bench.chain(Authenticator(no, "a"), Authenticator(lambda handshake: Identity("ann"), "b"), shadow=True)
    assert chain.authenticate(HANDSHAKE) == Identity()
    assert bench.counters["a"].shadowed == {"full": 1}
    assert bench.counters["b"].shadowed == {"identity": 1}


def test_failuresAreLoggedAndHarmNobody(bench: Bench, log: LogLines) -> None:
    chain = bench.chain(Policy(lambda peer, room: 1 / 0), shadow=True)
    assert [chain.mayJoin(FakePeer(), FakeRoom()) for _ in range(12)] == [None] * 12
    assert log.about("ZeroDivisionError")
    assert bench.counters["policy"].unavailable == 2


def test_nobodyWaitsForALateAnswer(bench: Bench, log: LogLines) -> None:
    source: Deferred[None] = Deferred()
    chain = bench.chain(Policy(lambda peer, room: source), shadow=True)
    assert chain.mayJoin(FakePeer(), FakeRoom()) is None
    source.errback(Refused("full"))
    assert bench.counters["policy"].shadowed == {"full": 1}
    assert log.about("would have said full")


def test_aLateAnswerHasItsTimeLimitAllTheSame(bench: Bench) -> None:
    ended: list[Any] = []
    chain = bench.chain(Policy(lambda peer, room: Deferred(ended.append)), shadow=True)
    chain.mayJoin(FakePeer(), FakeRoom())
    bench.clock.advance(2.1)
    assert len(ended) == 1
    assert bench.counters["policy"].timeouts == 1


def test_verdictsCannotFloodTheLog(bench: Bench, log: LogLines) -> None:
    chain = bench.chain(Policy(no), shadow=True)
    for _ in range(1000):
        chain.mayJoin(FakePeer(), FakeRoom())
    assert len(log.lines) == 1
    bench.clock.advance(61)
    chain.mayJoin(FakePeer(), FakeRoom())
    assert log.about("and 999 times more")
