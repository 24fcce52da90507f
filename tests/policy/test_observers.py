"""Observers: they hear of everything, nobody waits for them, and what they do changes nothing."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from zope.interface import implementer

from rtcsignal.api import IDoorObserver, IRoomPolicy, Refused, Waiting
from rtcsignal.testing import FakePeer, FakeRoom, InMemoryServer
from tests.policy.bench import Bench, Observer
from tests.policy.conftest import LogLines


def test_allAreToldInTheirOrder(bench: Bench) -> None:
    heard: list[tuple[Any, ...]] = []
    peer, room = FakePeer(), FakeRoom()
    chain = bench.chain(
        Observer(lambda *given: heard.append(("a", *given)), name="a"),
        Observer(lambda *given: heard.append(("b", *given)), name="b"),
    )
    chain.joined(peer, room)
    chain.left(peer, room, "timeout")
    assert heard == [
        ("a", peer, room),
        ("b", peer, room),
        ("a", peer, room, "timeout"),
        ("b", peer, room, "timeout"),
    ]


@pytest.mark.parametrize("error", [ZeroDivisionError(), Refused("no"), SystemExit()])
def test_whatOneRaisesIsLoggedAndTheOthersAreTold(bench: Bench, log: LogLines, error: BaseException) -> None:
    heard: list[Any] = []

    def joined(peer: Any, room: Any) -> None:
        raise error

    chain = bench.chain(Observer(joined, name="a"), Observer(lambda *given: heard.append(given), name="b"))
    chain.joined(FakePeer(), FakeRoom())
    assert len(heard) == 1
    assert log.about("plugin a: joined failed", type(error).__name__)
    assert bench.counters["a"].errors == 1


@pytest.mark.parametrize("answer", [None, False, "text", object()])
def test_whatOneReturnsMeansNothing(bench: Bench, log: LogLines, answer: Any) -> None:
    bench.chain(Observer(lambda peer, room: answer)).joined(FakePeer(), FakeRoom())
    assert bench.counters["observer"].errors == 0
    assert log.lines == []


def test_itHearsOfEverythingHoweverOftenItFails(bench: Bench) -> None:
    """No breaker: whoever counts members must hear of each."""
    chain = bench.chain(Observer(lambda peer, room: 1 / 0))
    for _ in range(50):
        chain.joined(FakePeer(), FakeRoom())
    counters = bench.counters["observer"]
    assert (counters.calls, counters.errors, counters.unavailable) == (50, 50, 0)


def test_nobodyWaitsForItButItHasATimeLimit(bench: Bench, log: LogLines) -> None:
    ended: list[str] = []

    async def joined(peer: Any, room: Any) -> None:
        try:
            await Deferred()
        finally:
            ended.append(peer.userId)

    bench.chain(Observer(joined)).joined(FakePeer("ann"), FakeRoom())
    assert ended == []
    bench.clock.advance(2.1)
    assert ended == ["ann"]
    assert log.about("observer", "did not answer within 2 s")


def test_aLateExceptionIsLogged(bench: Bench, log: LogLines) -> None:
    source: Deferred[None] = Deferred()
    bench.chain(Observer(lambda peer, room: source)).joined(FakePeer(), FakeRoom())
    source.errback(ZeroDivisionError())
    assert log.about("joined failed: ZeroDivisionError")


def test_aShadowObserverIsToldAsWell(bench: Bench) -> None:
    heard: list[Any] = []
    bench.chain(Observer(lambda *given: heard.append(given)), shadow=True).joined(FakePeer(), FakeRoom())
    assert len(heard) == 1


@implementer(IDoorObserver)
class Porter:
    """Keeps what it hears of a door, and may fail at it."""

    name = "porter"

    def __init__(self, error: BaseException | None = None) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self._error = error

    def entering(self, peer: Any, room: Any) -> None:
        self._hear("entering", peer.userId, room.name)

    def withdrew(self, peer: Any, room: Any, reason: str) -> None:
        self._hear("withdrew", peer.userId, room.name, reason)

    def _hear(self, *what: Any) -> None:
        self.heard.append(what)
        if self._error is not None:
            raise self._error


@implementer(IRoomPolicy)
class Wait:
    """Lets nobody in yet."""

    name = "wait"

    def mayJoin(self, peer: Any, room: Any) -> None:
        if room.name == "cellar":
            raise Waiting


def test_doorsAreWatchedAndWhatFailsThereIsLogged(log: LogLines) -> None:
    porter = Porter(ZeroDivisionError())
    with InMemoryServer(porter, Wait()) as server:
        ann = server.connect()
        assert ann.join("kitchen", "ann").ok
        assert ann.join("cellar", "ann").code == "waiting"
        assert ann.leave("cellar", "ann").ok
        assert porter.heard == [("entering", "ann", "kitchen"), ("withdrew", "ann", "cellar", "left")]
        assert server.counters("porter").errors == 2
    assert log.about("plugin porter: entering failed", "ZeroDivisionError")
    assert log.about("plugin porter: withdrew failed", "ZeroDivisionError")
    assert log.about("observers of doors: porter")


def test_aShadowLetsNobodyWait() -> None:
    with InMemoryServer(Wait(), shadow=True) as server:
        assert server.connect().join("cellar", "ann").ok
        assert server.counters("wait").shadowed == {"waiting": 1}
        assert len(server.hub.waiting) == 0
