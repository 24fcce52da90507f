"""Clients that say revision 4 and may mean revision 3."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.handshake.introduction import isNeeded
from rtcsignal.engineio.invariants import checkEngine
from tests.engineio.conftest import WorldFactory
from tests.engineio.visitor import AFTER_HANDSHAKE, Socket
from tests.engineio.world import World, request
from tests.wire.rawws import PING, PONG, textFrame, upgradeBytes

AGENT = [("User-Agent", "WebSocket++/0.7.0")]
TARGET = "/socket.io/?EIO=4&transport=websocket"


@pytest.fixture
def client(world: World) -> Socket:
    """A client in C++ that has been asked."""
    return opened(world)


def opened(world: World, target: str = TARGET, behind: bytes = b"") -> Socket:
    """A client in C++, which sends this behind its request."""
    visitor = world.visitor()
    visitor.send(upgradeBytes(target, AGENT) + behind)
    socket = Socket(visitor)
    world.clock.advance(AFTER_HANDSHAKE)
    return socket


def revisions(world: World) -> list[int]:
    """The revisions of all sessions."""
    assert list(checkEngine(world.engine)) == []
    return [world.session(sid).revision for sid in world.sids]


def test_onlyClientsInCppAreAsked(world: World) -> None:
    assert isNeeded(request("GET", {}, user_agent="WebSocket++/0.8.1"), 4)
    assert not isNeeded(request("GET", {}, user_agent="WebSocket++/0.8.1"), 3)
    assert not isNeeded(request("GET", {}, user_agent="Mozilla/5.0 WebSocket++/0.8.1"), 4)
    assert not isNeeded(request("GET", {}), 4)
    socket = world.openSocket("EIO=4&transport=websocket")
    world.clock.advance(AFTER_HANDSHAKE)
    assert PING not in [each.opcode for each in socket.frames()]


def test_whoeverAnswersAndDoesNotConnectMeansRevision3(world: World, client: Socket) -> None:
    opening, ping = client.frames()
    assert opening.payload.startswith(b'0{"sid"')
    assert ping.opcode == PING
    assert revisions(world) == []
    client.sendFrame(PONG)
    world.clock.advance(0.9)
    assert revisions(world) == []
    client.sendFrame(PONG)
    world.clock.advance(0.2)
    assert revisions(world) == [3]
    client.send("2")
    assert client.take() == ["3"]
    world.clock.advance(26)
    assert client.take() == [], "the client pings"


@pytest.mark.parametrize("connect", ["40", "40{}"])
@pytest.mark.parametrize("answers", [False, True])
def test_whoeverConnectsMeansRevision4(world: World, client: Socket, connect: str, answers: bool) -> None:
    if answers:
        client.sendFrame(PONG)
    client.send(connect)
    assert revisions(world) == [4]
    assert client.world.applications[0].received == [connect[1:]]
    client.take()
    world.clock.advance(26)
    assert client.take() == ["2"]


def test_aConnectBehindTheRequestCountsAsWell(world: World) -> None:
    opened(world, behind=textFrame("40"))
    assert revisions(world) == [4]


def test_whoeverDoesNotAnswerIsTakenAtTheirWord(world: World, client: Socket) -> None:
    world.clock.advance(9)
    assert revisions(world) == []
    world.clock.advance(1.5)
    assert revisions(world) == [4]


def test_whatWasReceivedMeanwhileIsNotLost(world: World, client: Socket) -> None:
    client.send("40/a", "42/a,1")
    client.sendFrame(PONG)
    world.clock.advance(1.5)
    assert world.applications[0].received == ["0/a", "2/a,1"]
    assert revisions(world) == [3]


def test_bytesAndFloodsAreNotWaitedFor(world: World) -> None:
    opened(world).send(b"\x01")
    opened(world).send(*["4x"] * 17)
    client = opened(world)
    for _ in range(101):
        client.sendFrame(PING)
    assert revisions(world) == [4, 4, 4]
    assert [len(each.received) for each in world.applications] == [1, 17, 0]


def test_whatIsHandedOnStopsWithTheSession(world: World, client: Socket) -> None:
    client.send("4a", "9", "4b")
    client.sendFrame(PONG)
    world.clock.advance(1.5)
    assert world.applications[0].received == ["a"]
    assert revisions(world) == []


def test_aClientThatGoesMeanwhileLeavesNothing(world: World, client: Socket) -> None:
    client.hangUp()
    assert revisions(world) == []
    assert len(world.engine.deadlines) == 0
    assert world.engine.idleLinks == 0
    assert world.applications == []


def test_theServersEndIsToldAtOnce(world: World, client: Socket) -> None:
    client.frames()
    world.engine.close()
    assert [each.payload[:2] for each in client.frames()] == [b"\x03\xe9"]
    assert len(world.engine.deadlines) == 0


def test_thePlacesOfAnAddressAreKeptToo(makeWorld: WorldFactory) -> None:
    world = makeWorld(sessionsPerAddress=1)
    first, second = opened(world), opened(world)
    first.send("40")
    second.frames()
    second.send("40")
    assert [each.payload[:2] for each in second.frames()] == [b"\x03\xf0"]
    assert revisions(world) == [4]
