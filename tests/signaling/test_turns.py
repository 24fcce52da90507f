"""Turns: work for many receivers is shared out, and nothing is lost or overtaken."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.rates import Rate
from rtcsignal.socketio.server import SocketOptions
from rtcsignal.socketio.sources import Sources
from rtcsignal.socketio.turns import Turns
from tests.signaling.conftest import WorldFactory
from tests.signaling.world import Client, Link, World

UNLIMITED = Rate(0, 0)


class Turning(Clock):
    """A clock on which what is called later is called in the next turn, as by a reactor: one for each second."""

    def callLater(  # type: ignore[override]
        self, when: float, what: Callable[..., object], *args: object, **kw: object
    ) -> IDelayedCall:
        return super().callLater(when + 1, what, *args, **kw)


@pytest.fixture
def reactor() -> Turning:
    return Turning()


@pytest.fixture
def worldOf(makeWorld: WorldFactory, reactor: Turning) -> Iterator[Callable[..., World]]:
    """`worldOf(turn, **options)`: a server with so much work in a turn, and options of the Socket.IO layer."""
    made = []

    def make(turn: int = 2_000, **options: Any) -> World:
        world = makeWorld(sockets=SocketOptions(eventsPerSecond=0, turn=turn, **options))
        world.sockets.turns = Turns(reactor, world.sockets.options.fanOut, turn)
        made.append(world)
        return world

    yield make
    for world in made:
        assert finish(world, reactor) == 0
        world.sockets.turns.work.most = sys.maxsize  # everyone may go at once


def room(
    world: World, reactor: Turning, count: int, address: str = "192.0.2.1", name: str = "hall"
) -> list[Client]:
    """Members of a room, from one address, who have heard everything."""
    clients = []
    for number in range(count):
        link = world.link(address=address)
        client = link.client()
        client.transmit(json.dumps(["join-room", {"userId": f"user-{address}-{number}", "roomName": name}]))
        clients.append(client)
        finish(world, reactor)
    for client in clients:
        client.take()
    return clients


def say(client: Client, number: int) -> None:
    client.transmit(f'["broadcast",{{"n":{number}}}]')


def numbers(client: Client) -> list[Any]:
    return [json.loads(text)[1]["n"] for text in client.takeTexts() if text.startswith('["broadcast"')]


def finish(world: World, reactor: Turning) -> int:
    """Turn the reactor until everything is handled; in how many turns it was."""
    turns = 0
    while world.sockets.turns.waiting:
        reactor.advance(1)
        turns += 1
    return turns


def test_whatDoesNotFitIsHandledInTheNextTurnsInItsOrder(worldOf: Callable[..., World], reactor: Turning) -> None:
    world = worldOf()
    first, second, *others = room(world, reactor, 30)
    for number in range(200):
        say(first if number < 100 else second, number)
    some = numbers(others[0])
    assert some == list(range(len(some)))
    assert 20 < len(some) < 100
    assert finish(world, reactor) > 3
    heard = some + numbers(others[0])
    assert sorted(heard) == list(range(200))
    for ofOne in ([number for number in heard if number < 100], [number for number in heard if number >= 100]):
        assert ofOne == sorted(ofOne)
    assert numbers(others[1]) == heard


def test_addressesTakeTurns(worldOf: Callable[..., World], reactor: Turning) -> None:
    world = worldOf(8_000)
    flooders = room(world, reactor, 60)
    ann, ben = room(world, reactor, 2, "198.51.100.7", "kitchen")
    for number in range(50):
        for flooder in flooders:
            say(flooder, number)
    say(ann, 7)
    assert numbers(ben) == []
    reactor.advance(1)
    assert numbers(ben) == [7]
    assert world.sockets.turns.waiting
    finish(world, reactor)


def test_theEndOfAConnectionComesBehindWhatItHasSent(worldOf: Callable[..., World], reactor: Turning) -> None:
    world = worldOf()
    first, *others = room(world, reactor, 30)
    for number in range(200):
        say(first, number)
    first.link.lose()
    assert world.problems() == []
    finish(world, reactor)
    texts = others[0].takeTexts()
    assert [json.loads(text)[0] for text in texts] == ["broadcast"] * 200 + ["user-left"]


def test_whomTheServerDisconnectsIsHeardNoMore(worldOf: Callable[..., World], reactor: Turning) -> None:
    world = worldOf()
    first, *others = room(world, reactor, 30)
    for number in range(200):
        say(first, number)
    first.link.session.close(CloseReason.SLOW_CONSUMER)
    finish(world, reactor)
    texts = others[0].takeTexts()
    assert len(texts) < 100
    assert "user-left" in texts[-1]


def test_anEndThatOverrunsTheTurnIsNotLost(worldOf: Callable[..., World], reactor: Turning) -> None:
    world = worldOf()
    first, *others = room(world, reactor, 30)
    for number in range(100):
        say(first, number)
    first.transmit('["broadcast","' + "x" * 500_000 + '"]')
    first.transmit("[")
    say(first, 100)
    finish(world, reactor)
    assert [text[:12] for text in others[0].takeTexts()[-2:]] == ['["broadcast"', '["user-left"']
    assert len(world.rosters()["hall"]) == 29


def test_whatIsBrokenEndsTheConnectionInItsTurn(worldOf: Callable[..., World], reactor: Turning) -> None:
    world = worldOf()
    first, *others = room(world, reactor, 30)
    for number in range(200):
        say(first, number)
    first.transmit("[")
    say(first, 200)
    assert first.link.session.isOpen
    finish(world, reactor)
    assert first.link.closedBecause is CloseReason.PARSE_ERROR
    assert numbers(others[0]) == list(range(200))


def test_attachmentsWaitToo(worldOf: Callable[..., World], reactor: Turning) -> None:
    world = worldOf()
    first, *others = room(world, reactor, 30)
    for number in range(100):
        say(first, number)
    first.link.transmit('51-["broadcast",{"_placeholder":true,"num":0}]', b"x")
    finish(world, reactor)
    assert others[0].take()[-1] == ("broadcast", b"x")


def test_manyEndsAtOnceAreSharedOut(worldOf: Callable[..., World], reactor: Turning) -> None:
    world = worldOf()
    members = room(world, reactor, 90)
    for member in members:
        member.link.lose()
    assert world.problems() == []
    assert world.rosters() != {}
    assert finish(world, reactor) > 1
    assert world.rosters() == {}


def test_largeMessagesCountByTheirSize(worldOf: Callable[..., World], reactor: Turning) -> None:
    world = worldOf()
    first, *_ = room(world, reactor, 10)
    before = world.sockets.turns.work.done
    first.transmit('["broadcast","' + "x" * 40_960 + '"]')
    assert 100 < world.sockets.turns.work.done - before - 40_960 // 64 < 150


class TestCharges:
    def pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        found: list[float] = []
        monkeypatch.setattr(Link, "pauseReading", lambda link, seconds: found.append(seconds))
        return found

    def test_whoReachesTooManyIsReadMoreSlowly(
        self, worldOf: Callable[..., World], reactor: Turning, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = worldOf(0, fanOut=Rate(100, 1000), fanOutPerAddress=UNLIMITED)
        first, second, *_ = room(world, reactor, 20)
        pauses = self.pauses(monkeypatch)
        for number in range(60):
            say(first, number)
        assert pauses[0] == pytest.approx(0.2, abs=0.21)
        assert pauses[-1] <= 5
        del pauses[:]
        say(second, 0)
        assert pauses == []

    def test_soAreAllOfAnAddress(
        self, worldOf: Callable[..., World], reactor: Turning, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = worldOf(0, fanOut=UNLIMITED, fanOutPerAddress=Rate(100, 1500))
        first, second, *_ = room(world, reactor, 20)
        (third, *_) = room(world, reactor, 20, "198.51.100.7", "kitchen")
        pauses = self.pauses(monkeypatch)
        for number in range(100):
            say(first, number)
        del pauses[:]
        say(third, 0)
        assert pauses == []
        say(second, 0)
        assert len(pauses) == 1

    def test_aFewReceiversCostNothing(
        self, worldOf: Callable[..., World], reactor: Turning, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world = worldOf(0, fanOut=Rate(1, 1), fanOutPerAddress=Rate(1, 1))
        first, *_ = room(world, reactor, 16)
        pauses = self.pauses(monkeypatch)
        for number in range(100):
            say(first, number)
        assert pauses == []


class TestReconnects:
    def test_doNotFillBuckets(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(sockets=SocketOptions(eventsPerSecond=1, eventsBurst=20))
        client = world.client(address="192.0.2.1")
        for number in range(18):
            say(client, number)
        client.link.lose()
        again = world.client(address="192.0.2.1")
        other = world.client(address="192.0.2.2")
        for number in range(30):
            say(other, number)
            say(again, number)
        assert again.link.closedBecause is CloseReason.FLOOD
        assert other.link.closedBecause is None

    def test_areForgottenInTime(self) -> None:
        clock = Clock()
        sources = Sources(clock, Rate(1, 10))
        for number in range(100):
            source = sources.enter(f"192.0.2.{number}")
            assert source.fanOut is not None
            source.fanOut.take(clock.seconds(), 5)
            sources.leave(f"192.0.2.{number}", source)
            clock.advance(1)
        assert len(sources) < 12

    def test_areFewInAnyCase(self) -> None:
        sources = Sources(Clock(), Rate(1, 10))
        for number in range(12_000):
            source = sources.enter(f"address {number}")
            assert source.fanOut is not None
            source.fanOut.take(0, 5)
            sources.leave(f"address {number}", source)
        assert len(sources) == 10_000
