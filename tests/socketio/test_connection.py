"""Socket.IO connections: going, deadlines, and what ends them."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.socketio.packet import DecoderLimits
from tests.engineio.conftest import Log
from tests.socketio.conftest import WorldFactory
from tests.socketio.world import World


class TestGoing:
    def test_aDisconnectIsNotAnswered(self, world: World, revision: Revision) -> None:
        client = world.member(revision, "/a")
        client.send("1/a,")
        assert client.take() == []
        assert world.lobbies["/a"].reasons == ["client namespace disconnect"]
        assert client.alive

    def test_theConnectionStaysWhenNoNamespaceIsLeft(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(connectTimeout=0.5)
        client = world.member(revision)
        client.send("1")
        world.clock.advance(1)
        assert client.alive
        client.send("0")
        assert len(world.root.peers) == 2

    def test_afterwardsNothingMayBeSentThere(self, world: World, revision: Revision) -> None:
        client = world.member(revision)
        client.send("1", '2["late"]')
        assert world.root.events == []
        assert client.code == 1002

    def test_theServerMayPutAPeerOut(self, world: World, revision: Revision) -> None:
        client = world.member(revision, "/a")
        world.lobbies["/a"].peer.disconnect()
        assert client.take() == ["1/a,"]
        assert world.lobbies["/a"].reasons == ["server namespace disconnect"]
        assert client.alive

    def test_orEndTheWholeConnection(self, world: World, revision: Revision) -> None:
        client = world.member(revision, "/a")
        client.send("0/b,")
        client.take()
        world.lobbies["/b"].peer.disconnect(close=True)
        assert client.take() == ["1/b,"]
        assert client.code == 1000
        assert world.lobbies["/b"].reasons == ["server namespace disconnect"]
        assert world.lobbies["/a"].reasons == ["forced server close"]

    @pytest.mark.parametrize("close", [False, True])
    def test_puttingOutWhoIsGoneDoesNothing(self, world: World, revision: Revision, close: bool) -> None:
        client = world.member(revision)
        peer = world.root.peer
        peer.disconnect()
        peer.disconnect(close)
        assert client.take() == ["1"]
        assert client.alive
        assert len(world.root.gone) == 1

    def test_theEndOfTheConnectionIsTheEndInEveryNamespace(self, world: World, revision: Revision) -> None:
        client = world.member(revision)
        client.send("0/a,", "0/b,")
        client.hangUp()
        for name in ("/", "/a", "/b"):
            assert world.lobbies[name].reasons == ["transport close"]
            assert not world.lobbies[name].peer.connected

    @pytest.mark.parametrize("reason", list(CloseReason))
    def test_everyReasonIsToldInItsWords(self, world: World, revision: Revision, reason: CloseReason) -> None:
        world.member(revision)
        world.root.peer.session.close(reason)
        assert world.root.reasons == [reason.value]

    def test_oneGoesOnce(self, world: World, revision: Revision) -> None:
        client = world.member(revision)
        world.root.mourn = lambda peer: peer.disconnect(close=True)
        client.send("1")
        client.hangUp()
        assert world.root.reasons == ["client namespace disconnect"]

    def test_whoGoesCannotBeToldAnythingAnyMore(self, world: World, revision: Revision) -> None:
        client = world.member(revision)
        world.root.mourn = lambda peer: peer.emit("late")
        client.send("1")
        assert client.take() == []


class TestTimeouts:
    def test_whoComesIntoNoNamespaceInTimeIsClosed(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(connectTimeout=0.5)
        client = world.client(4)
        world.clock.advance(0.5 - 2 * 0.0625)
        alive = [client.alive]
        world.clock.advance(2 * 0.0625)
        alive.append(client.alive)
        assert alive == [True, False]
        assert client.code == 1000

    def test_aRefusalDoesNotCount(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(connectTimeout=0.5)
        client = world.client(4)
        client.send("0/unknown,")
        world.clock.advance(0.5)
        assert not client.alive

    def test_comingInEndsTheWait(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(connectTimeout=0.5)
        client = world.member(revision, "/a")
        assert len(world.sockets.deadlines) == 0
        world.clock.advance(1)
        assert client.alive

    def test_inProtocol4OneIsInAtOnce(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(connectTimeout=0.5)
        world.client(3)
        assert len(world.sockets.deadlines) == 0

    def test_unlessTheRootRefuses(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(namespaces={}, connectTimeout=0.5)
        client = world.client(3)
        world.clock.advance(0.5)
        assert not client.alive

    def test_withoutALimitOneMayWaitAsLongAsOneLikes(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(connectTimeout=0)
        client = world.client(4)
        assert len(world.sockets.deadlines) == 0
        assert client.alive

    def test_aBinaryPacketMustBecomeCompleteInTime(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(attachmentTimeout=0.5)
        client = world.member(revision)
        client.send('52-["a"]', b"1")
        world.clock.advance(0.4375)
        alive = [client.alive]
        world.clock.advance(0.0625)
        alive.append(client.alive)
        assert alive == [True, False]
        assert client.code == 1002
        assert world.root.reasons == ["parse error"]

    def test_theTimeCountsFromTheHeaderForEachPacket(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(attachmentTimeout=0.5)
        client = world.member(revision)
        for _ in range(3):
            client.send('52-["a"]', b"1")
            world.clock.advance(0.4375)
            client.send(b"2")
        assert client.alive
        assert len(world.root.events) == 3
        assert len(world.sockets.deadlines) == 0

    def test_withoutALimitItMayTakeItsTime(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(attachmentTimeout=0)
        client = world.member(revision)
        client.send('51-["a"]')
        assert len(world.sockets.deadlines) == 0
        client.send(b"1")
        assert world.root.events == [("a",)]

    def test_theEndOfTheConnectionEndsAllWaits(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld()
        world.client(4).hangUp()
        client = world.member(revision)
        client.send('51-["a"]')
        client.hangUp()
        assert len(world.sockets.deadlines) == 0


class TestRules:
    """Each breach costs the whole connection, behind what was sent before, and nobody else anything."""

    @pytest.mark.parametrize(
        "breach",
        [
            '2/b,["a"]',
            '3/b,1["a"]',
            "1/b,",
            '2/unknown,["a"]',
            '3["a"]',
            "2[]",
            "x",
            "",
            '4{"message":"a"}',
            b"binary out of the blue",
        ],
    )
    def test_aBreachEndsTheConnection(self, world: World, revision: Revision, breach: str | bytes) -> None:
        client, bystander = world.member(revision), world.member(revision)
        world.root.react = lambda peer, event: peer.emit("back")
        client.send('2["before"]', breach, '2["behind"]')
        assert client.take() == ['2["back"]']
        assert client.code == 1002
        assert world.root.events == [("before",)]
        assert world.root.reasons == ["parse error"]
        assert bystander.alive

    def test_inProtocol5NothingMayComeBeforeTheConnect(self, world: World) -> None:
        client = world.client(4)
        client.send('2["early"]')
        assert client.code == 1002

    def test_limitsOfTheDecoderAreTheConnections(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(decoder=DecoderLimits(attachments=1, attachmentBytes=5))
        client = world.member(revision)
        client.send('51-["a"]', b"12345")
        assert world.root.events == [("a",)]
        client.send('52-["a"]')
        assert client.code == 1002
        client = world.member(revision)
        client.send('51-["a"]', b"123456")
        assert client.code == 1002

    def test_aHandlerThatFailsCostsItsConnectionAndOneLine(self, world: World, revision: Revision, log: Log) -> None:
        def stumble(*_: object) -> None:
            raise ZeroDivisionError("oh")

        client, bystander = world.member(revision), world.member(revision)
        world.root.react = stumble
        client.send('2["one"]', '2["two"]')
        assert client.code == 1011
        assert world.root.events == [("one",)]
        assert world.root.reasons == ["server error"]
        assert len(log.lines) == 1
        assert bystander.alive

    def test_soDoesAGreetingThatFails(self, world: World, revision: Revision, log: Log) -> None:
        def stumble(*_: object) -> None:
            raise ZeroDivisionError("oh")

        client = world.member(revision)
        world.lobbies["/a"].greet = stumble
        client.send("0/a,")
        assert client.code == 1011
        assert world.lobbies["/a"].reasons == ["server error"]
        assert len(log.lines) == 1

    def test_soDoesAJudgeThatFails(self, world: World, revision: Revision, log: Log) -> None:
        def stumble(*_: object) -> None:
            raise ZeroDivisionError("oh")

        client = world.member(revision)
        world.lobbies["/a"].judge = stumble
        client.send("0/a,")
        assert client.code == 1011
        assert len(log.lines) == 1
