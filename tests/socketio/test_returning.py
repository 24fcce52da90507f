"""Peers that come back by a key that their clients have chosen: at the handshake, or when they ask for it later."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Peer, Return, StaleKey
from rtcsignal.socketio.reasons import NOT_RECOVERED, REPLACED
from rtcsignal.socketio.recovery import RecoveryOptions
from tests.socketio.conftest import WorldFactory
from tests.socketio.world import Client, World

WINDOW = 60.0
KEY, OTHER = "k" * 22, "o" * 22


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    """A server that lets those come back who ask."""
    return makeWorld(recovery=RecoveryOptions(window=WINDOW, everybody=False))


@pytest.fixture(params=[3, 4])
def revision(request: pytest.FixtureRequest) -> Revision:
    """That of the clients."""
    chosen: Revision = request.param
    return chosen


def arrive(
    world: World, revision: Revision, key: str | None = KEY, seen: str | None = None
) -> tuple[Client, list[Any]]:
    """A client that connects with a key, and what it is told."""
    claim = {name: value for name, value in (("resume", key), ("seen", seen)) if value is not None}
    if revision == 3:
        client = world.client(3, "".join(f"&{name}={value}" for name, value in claim.items()))
    else:
        client = world.client(4)
        client.send("0" + json.dumps(claim))
    return client, client.take()


def events(messages: list[Any]) -> list[Any]:
    """The arguments of events, without the names."""
    return [json.loads(str(message)[1:])[1:] for message in messages if str(message).startswith("2")]


def say(world: World, *numbers: int) -> None:
    for number in numbers:
        deliver(OutgoingEvent.of("x", number), [peer for peer in world.root.peers if peer.connected])


class TestAtTheHandshake:
    def test_theSamePeerIsBackWithWhatItMissed(self, world: World, revision: Revision) -> None:
        ann, _ = arrive(world, revision)
        peer = world.root.peer
        say(world, 1)
        ((_, offset),) = events(ann.take())
        ann.hangUp()
        assert world.root.lostOnes == [(peer, WINDOW)]
        say(world, 2, 3)

        _, heard = arrive(world, revision, seen=offset)

        assert [number for number, _ in events(heard)] == [2, 3]
        assert str(heard[0]).startswith("0")
        assert world.root.peers == [peer]
        assert (peer.connected, peer.away) == (True, False)
        assert world.root.gone == []

    def test_theNamespaceIsTold(self, world: World, revision: Revision) -> None:
        returns: list[Return] = []
        world.root.back = lambda peer, back: returns.append(back)
        ann, _ = arrive(world, revision)
        ann.hangUp()
        arrive(world, revision)
        arrive(world, revision)
        assert [(back.wasAway, back.asks) for back in returns] == [(True, True), (False, True)]

    def test_onlyNewerClientsAreToldAPid(self, world: World) -> None:
        assert arrive(world, 3)[1] == ["0"]
        (answer,) = arrive(world, 4, OTHER)[1]
        assert json.loads(str(answer)[1:]).keys() == {"sid", "pid"}
        (answer,) = arrive(world, 4, None)[1]
        assert json.loads(str(answer)[1:]).keys() == {"sid"}

    def test_bothKeysLeadToTheSamePeer(self, world: World) -> None:
        ann, (answer,) = arrive(world, 4)
        told = json.loads(str(answer)[1:])
        ann.hangUp()
        again = world.client(4)
        again.send("0" + json.dumps({"pid": told["pid"]}))
        assert json.loads(str(again.take()[0])[1:]) == told
        last = world.client(4)
        last.send("0" + json.dumps({"pid": told["pid"], "resume": KEY}))
        assert json.loads(str(last.take()[0])[1:]) == told
        assert len(world.root.peers) == 1

    def test_whoComesByKeyAloneGetsAPidThatIsNotTheOldOne(self, world: World) -> None:
        """Its library did not know of the peer, and must not think that it has recovered."""
        ann, (answer,) = arrive(world, 4)
        ann.hangUp()
        _, (again,) = arrive(world, 4)
        before, now = json.loads(str(answer)[1:]), json.loads(str(again)[1:])
        assert before["sid"] == now["sid"]
        assert before["pid"] != now["pid"]

    def test_whoHasMissedTooMuchKeepsThePeer(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(recovery=RecoveryOptions(window=WINDOW, everybody=False, packets=2))
        ann, heard = arrive(world, revision)
        ann.hangUp()
        say(world, 1, 2, 3)
        returns: list[Return] = []
        world.root.back = lambda peer, back: returns.append(back)
        _, heard = arrive(world, revision)
        assert events(heard) == []
        assert [back.missed.messages for back in returns] == [None]
        assert world.root.gone == []
        say(world, 4)

    def test_itsPidDoesNotSayThatNothingIsMissing(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(recovery=RecoveryOptions(window=WINDOW, everybody=False, packets=2))
        ann, (answer,) = arrive(world, 4)
        told = json.loads(str(answer)[1:])
        ann.hangUp()
        say(world, 1, 2, 3)
        again = world.client(4)
        again.send("0" + json.dumps({"pid": told["pid"], "resume": KEY}))
        now = json.loads(str(again.take()[0])[1:])
        assert (now["sid"], now["pid"] == told["pid"]) == (told["sid"], False)

    def test_whoComesByItsPidMayHaveAnotherKey(self, world: World) -> None:
        """The one before leads nowhere then, also once the peer has gone."""
        ann, (answer,) = arrive(world, 4)
        told = json.loads(str(answer)[1:])
        ann.hangUp()
        again = world.client(4)
        again.send("0" + json.dumps({"pid": told["pid"], "resume": OTHER}))
        (peer,) = world.root.peers
        assert (peer.holds(KEY), peer.holds(OTHER)) == (False, True)
        arrive(world, 4)
        assert len(world.root.peers) == 2
        peer.disconnect()
        world.root.peer.disconnect()
        assert list(world.sockets.recovery.problems()) == []

    def test_theConnectionOpenedLaterHasIt(self, world: World) -> None:
        ann, _ = arrive(world, 4)
        ann.hangUp()
        first, second = world.client(4), world.client(4)
        second.send("0" + json.dumps({"resume": KEY}))
        first.send("0" + json.dumps({"resume": KEY}))
        (answer,) = first.take()
        assert json.loads(str(answer)[1:])["data"] == {"code": "stale-resume"}
        assert str(answer).startswith("4")
        assert second.alive
        assert len(world.root.peers) == 1

    def test_anotherOwnerFindsNothing(self, world: World, revision: Revision) -> None:
        world.root.judge = lambda handshake: handshake.headers.get("x-user", str(len(world.root.peers)))
        ann, _ = arrive(world, revision)
        ann.hangUp()
        arrive(world, revision)
        assert len(world.root.peers) == 2
        assert world.root.peers[0].away

    def test_noOneIsShownTheKey(self, world: World, revision: Revision) -> None:
        arrive(world, revision)
        (handshake,) = world.root.handshakes
        assert KEY not in repr(handshake)

    def test_aNamespaceOfAnOldClientHasItsOwn(self, world: World) -> None:
        def enter() -> Client:
            client = world.client(3, f"&resume={KEY}")
            client.take()
            client.send(f"0/a?resume={KEY}&token=t,")
            assert client.take() == ["0/a,"]
            return client

        ann = enter()
        peers = [world.root.peer, world.lobbies["/a"].peer]
        ann.hangUp()
        enter()
        assert [world.root.peer, world.lobbies["/a"].peer] == peers
        assert [dict(each.auth) for each in world.lobbies["/a"].handshakes] == [{"token": "t"}] * 2

    def test_afterTheWindowItIsGone(self, world: World, revision: Revision) -> None:
        ann, _ = arrive(world, revision)
        ann.hangUp()
        world.clock.advance(WINDOW + 1)
        assert world.root.reasons == [NOT_RECOVERED]
        arrive(world, revision)
        assert len(world.root.peers) == 2

    def test_withoutRecoveryNoOneWaits(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld()
        ann, heard = arrive(world, revision)
        assert world.root.peer.key is not None
        assert KEY not in repr(world.root.handshakes)
        assert "pid" not in str(heard)
        ann.hangUp()
        assert len(world.root.gone) == 1


class Asker:
    """A namespace's way of asking for the peer that its client had: the event ``mine`` with a key."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.seen: Any = None
        self.backs: list[Return | None] = []
        world.root.react = self.react

    def react(self, peer: Peer, event: Packet) -> None:
        if event.name != "mine":
            return
        (key,) = event.arguments
        try:
            holder = peer.find(key)
        except StaleKey:
            peer.tell("stale")
            return
        if holder is None or holder is peer:
            peer.keep(key)
            return
        back = peer.exchange(holder, self.seen)
        self.backs.append(back)
        if back is not None:
            holder.tell("welcome")
            holder.replay(back.missed)

    def ask(self, client: Client, key: str = KEY) -> list[Any]:
        client.take()
        client.send(f'2["mine","{key}"]')
        return client.take()


@pytest.fixture
def asker(world: World) -> Asker:
    return Asker(world)


class TestLater:
    def test_whoHasNotAskedIsNotTouched(self, world: World, revision: Revision) -> None:
        ann = world.member(revision)
        say(world, 1)
        assert ann.take() == ['2["x",1]']
        ann.hangUp()
        assert world.root.reasons == [CloseReason.TRANSPORT_CLOSE.value]

    def test_theFormerPeerHasTheConnectionThen(self, world: World, asker: Asker, revision: Revision) -> None:
        ann = world.member(revision)
        peer = world.root.peer
        asker.ask(ann)
        say(world, 1)
        ((_, asker.seen),) = events(ann.take())
        ann.hangUp()
        say(world, 2)
        again = world.member(revision)
        newcomer = world.root.peer
        heard = asker.ask(again)
        assert str(heard[0]) == '2["welcome"]', "told without an offset"
        assert [number for number, _ in events(heard[1:])] == [2]
        assert world.root.gone == [(newcomer, REPLACED)]
        assert (peer.connected, peer.away, newcomer.connected) == (True, False, False)
        say(world, 3)
        assert [number for number, _ in events(again.take())] == [3]
        again.send('2["hello"]')
        assert world.root.events[-1] == ("hello",)
        again.hangUp()
        assert peer.away

    def test_aHolderThatLooksAliveIsTakenOver(self, world: World, asker: Asker, revision: Revision) -> None:
        dead = world.member(revision)
        peer = world.root.peer
        asker.ask(dead)
        asker.ask(world.member(revision))
        assert not dead.alive
        assert (peer.connected, peer.away) == (True, False)
        (back,) = asker.backs
        assert back is not None
        assert not back.wasAway

    def test_anEarlierConnectionIsStale(self, world: World, asker: Asker, revision: Revision) -> None:
        first, second = world.member(revision), world.member(revision)
        asker.ask(second)
        assert asker.ask(first) == ['2["stale"]']
        assert second.alive

    def test_askingTwiceChangesNothing(self, world: World, asker: Asker, revision: Revision) -> None:
        ann = world.member(revision)
        peer = world.root.peer
        asker.ask(ann)
        asker.ask(ann)
        assert peer.holds(KEY)
        assert not peer.holds(OTHER)
        assert world.root.gone == []

    def test_thePidOfTheNewConnectionLeadsThereToo(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(recovery=RecoveryOptions(window=WINDOW))
        asker = Asker(world)
        asker.ask(_arrived(world))
        peer = world.root.peer
        again = world.client(4)
        again.send("0")
        pid = json.loads(str(again.take()[0])[1:])["pid"]
        asker.ask(again)
        again.hangUp()
        last = world.client(4)
        last.send("0" + json.dumps({"pid": pid}))
        assert json.loads(str(last.take()[0])[1:]) == {"sid": peer.sid, "pid": pid}
        assert (peer.connected, peer.away) == (True, False)

    def test_whoeverIsKickedDuringTheTakeoverIsNotThere(self, world: World, asker: Asker) -> None:
        ann = world.member(4)
        peer = world.root.peer
        asker.ask(ann)
        peer.request("anybody there?").addErrback(lambda failure: peer.disconnect())
        asker.ask(world.member(4))
        assert asker.backs == [None]
        assert world.root.peer.connected

    def test_anObserverMayEndTheConnectionMeanwhile(self, world: World, asker: Asker) -> None:
        ann = world.member(4)
        holder = world.root.peer
        asker.ask(ann)
        ann.hangUp()
        again = world.member(4)
        session = again.session
        world.root.mourn = lambda peer: session.close(CloseReason.FORCED)
        asker.ask(again)
        assert asker.backs == [None]
        assert holder.away
        world.root.mourn = None

    def test_thenThereMayBeNothingToWaitFor(self, world: World, asker: Asker) -> None:
        ann = world.member(4)
        holder = world.root.peer
        asker.ask(ann)
        ann.hangUp()
        world.root.wait = lambda peer, window: 0
        again = world.member(4)
        session = again.session
        world.root.mourn = lambda peer: session.close(CloseReason.FORCED)
        asker.ask(again)
        world.root.mourn = None
        assert not holder.connected

    def test_aPeerThatIsAwayAsksForNothing(self, world: World, asker: Asker) -> None:
        ann = world.member(4)
        peer = world.root.peer
        asker.ask(ann)
        ann.hangUp()
        peer.keep(OTHER)
        assert (peer.find(OTHER), peer.holds(OTHER), peer.exchange(peer, None)) == (None, False, None)

    def test_withoutRecoveryNothingIsFound(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld()
        asker = Asker(world)
        asker.ask(world.member(revision))
        peer = world.root.peer
        assert peer.holds(KEY)
        assert (peer.mark(), peer.offsetOf(1), peer.isKept) == (0, "", False)
        asker.ask(world.member(revision))
        assert len(world.root.gone) == 0


def _arrived(world: World) -> Client:
    client = world.client(4)
    client.send("0")
    return client


class TestWaiting:
    def test_theNamespaceSaysHowLong(self, world: World, asker: Asker) -> None:
        """Also for those who cannot come back: what they are sent is lost."""
        world.root.wait = lambda peer, window: window or 5.0
        ann, ben = world.member(4), world.member(3)
        asker.ask(ann)
        ann.hangUp()
        ben.hangUp()
        assert [seconds for _, seconds in world.root.lostOnes] == [WINDOW, 5.0]
        say(world, 1)
        world.clock.advance(6)
        assert [peer for peer, _ in world.root.gone] == [world.root.peers[1]]

    def test_whenNothingIsLeftToWaitForItIsGone(self, world: World, asker: Asker) -> None:
        ann = world.member(4)
        peer = world.root.peer
        asker.ask(ann)
        peer.release()
        assert peer.connected, "its client is there"
        ann.hangUp()
        peer.release()
        assert peer.connected, "there is something to wait for"
        world.root.wait = lambda peer, window: 0
        peer.release()
        assert world.root.gone == [(peer, NOT_RECOVERED)]
        peer.release()
        assert len(world.root.gone) == 1


class TestHeartbeats:
    def test_whatTheClientHasIsNotKept(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(
            recovery=RecoveryOptions(window=WINDOW, everybody=False),
            engine=EngineOptions(pingInterval=5, pingTimeout=5),
        )
        ann, _ = arrive(world, revision)
        say(world, 1)
        ((_, first),) = events(ann.take())
        beat(world, ann, revision)
        assert world.sockets.recovery.size == 0
        say(world, 2)
        ((_, second),) = events(ann.take())
        assert world.sockets.recovery.size > 0
        ann.hangUp()
        _, heard = arrive(world, revision, seen=first)
        assert [number for number, _ in events(heard)] == [2]
        assert first < second

    def test_aPingThatIsNotAnsweredShowsNothing(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(
            recovery=RecoveryOptions(window=WINDOW, everybody=False),
            engine=EngineOptions(pingInterval=5, pingTimeout=5),
        )
        ann, _ = arrive(world, 4)
        say(world, 1)
        world.clock.advance(6)
        say(world, 2)
        ann.socket.send("3")
        assert world.sockets.recovery.size > 0
        ann.hangUp()
        returns: list[Return] = []
        world.root.back = lambda peer, back: returns.append(back)
        arrive(world, 4)
        assert returns[0].missed.messages is None

    def test_anAnswerToAnEarlierQuestionDoesNotShowWhatWasReplayed(self, makeWorld: WorldFactory) -> None:
        """A client may be asked, and get its peer back before it answers."""
        engine = EngineOptions(pingInterval=5, pingTimeout=5)
        world = makeWorld(recovery=RecoveryOptions(window=WINDOW), engine=engine)
        asker = Asker(world)
        ann = _arrived(world)
        asker.ask(ann)
        ann.hangUp()
        say(world, 1)
        again = _arrived(world)
        world.clock.advance(6)
        asker.ask(again)
        again.socket.send("3")
        assert world.sockets.recovery.size > 0


def beat(world: World, client: Client, revision: Revision) -> None:
    """Heartbeats that show what the client has."""
    if revision == 3:
        client.socket.send("2")
        client.socket.send("2")
    else:
        world.clock.advance(6)
        client.socket.send("3")
    client.socket.take()
