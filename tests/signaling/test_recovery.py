"""Members whose connections are recovered: their rooms notice nothing, and of those who do not return exactly once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.errors import Refused
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions
from rtcsignal.values import Handshake, Identity
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Desk, Plugins
from tests.signaling.words import away, back, joined, left, room
from tests.signaling.world import PING_INTERVAL, PING_TIMEOUT, Answer, Client, Heard, World

WINDOW = 120.0
RECOVERY = RecoveryOptions(window=WINDOW, packets=10, held=10, heldPerAddress=2)


def sockets(recovery: RecoveryOptions = RECOVERY) -> SocketOptions:
    return SocketOptions(eventsPerSecond=0, recovery=recovery)


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    """A server that lets clients recover."""
    return makeWorld(sockets=sockets())


class Member:
    """A client that can recover, in one room after the other.

    Attributes:
        recovered: Its last connection gave it its place back.
    """

    def __init__(self, world: World, userId: str, roomName: str = "kitchen", **request: Any) -> None:
        self.world = world
        self.userId = userId
        self.recovered = False
        self._request = request
        self._claim: dict[str, Any] = {}
        self.returns()
        self.joins(roomName)
        self.take()

    def returns(self) -> None:
        """Connects, and says who it was."""
        auth = json.dumps(self._claim) if self._claim else ""
        self.client: Client = self.world.link(4, **self._request).client("/", auth)
        ((word, answer), *missed) = self.client.take()
        assert word == "<connect>"
        self.recovered = answer["pid"] == self._claim.get("pid")
        self._claim["pid"] = answer["pid"]
        self._missed = missed

    def joins(self, roomName: str = "kitchen") -> Answer:
        return self.client.join(roomName, self.userId)

    def take(self) -> list[Heard]:
        """The events since the last time, without their offsets; acknowledgements are left out."""
        heard, self._missed = [*self._missed, *self.client.take()], []
        events = [each for each in heard if not each[0].startswith("<")]
        if events:
            self._claim["offset"] = events[-1][-1]
        return [event[:-1] for event in events]

    def lose(self) -> None:
        self.client.lose()


AWAY = away("ann", "kitchen", int(WINDOW))
BACK = back("ann", "kitchen")


def said(text: str) -> Heard:
    return "broadcast", {"text": text}


class TestWhoReturns:
    def test_isMissedByNobody(self, world: World) -> None:
        ann, ben = Member(world, "ann"), Member(world, "ben")
        ann.take()
        ann.lose()
        assert ben.take() == [AWAY]
        assert world.rosters() == {"kitchen": ["ann", "ben"]}
        world.clock.advance(40)
        ann.returns()
        assert ann.recovered
        assert ann.take() == []
        assert ben.take() == [BACK]
        assert world.rosters() == {"kitchen": ["ann", "ben"]}

    def test_hearsWhatItMissedInOrderAndOnce(self, world: World) -> None:
        ann, ben = Member(world, "ann"), Member(world, "ben")
        ann.take()
        ann.lose()
        cas = Member(world, "cas")
        ben.client.emit("broadcast", {"text": "1"})
        assert ben.client.ask("broadcast", {"text": "2", "targetUserId": "ann"}).value["delivered"] == 1
        cas.client.leave("kitchen", "cas")
        ann.returns()
        missed = [joined("cas", "kitchen"), said("1"), ("broadcast", {"text": "2", "targetUserId": "ann"})]
        assert ann.take() == [*missed, left("cas", "kitchen", "left")]
        ben.client.emit("broadcast", {"text": "3"})
        assert ann.take() == [said("3")]

    def test_canSpeakAtOnceFromItsRooms(self, world: World) -> None:
        ann, ben = Member(world, "ann"), Member(world, "ben")
        ann.lose()
        ann.returns()
        assert ann.client.ask("broadcast", {"text": "here"}).value == {"ok": True, "delivered": 2}
        assert ben.take() == [AWAY, BACK, said("here")]

    def test_mayJoinAgainAndAnnouncesNothing(self, world: World) -> None:
        """As pages do that join whenever they connect."""
        ann, ben = Member(world, "ann"), Member(world, "ben")
        ann.take()
        ann.lose()
        ann.returns()
        assert [each["userId"] for each in ann.joins().value["members"]] == ["ann", "ben"]
        assert ann.take() == []
        assert ben.take() == [AWAY, BACK]

    def test_takesTheSeatFromAConnectionThatIsNotKnownToBeDead(self, world: World) -> None:
        ann, ben = Member(world, "ann"), Member(world, "ben")
        ann.take()
        dead = ann.client
        ben.client.emit("broadcast", {"text": "lost on the way"})
        dead.take()
        ann.returns()
        assert ann.recovered
        assert dead.link.closedBecause is CloseReason.TRANSPORT_CLOSE
        assert ann.take() == [said("lost on the way")]
        assert ben.take() == [said("lost on the way")]
        dead.link.lose()
        assert ben.take() == []
        assert world.rosters() == {"kitchen": ["ann", "ben"]}

    def test_hearsWhatPluginsSayMeanwhile(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins, sockets=sockets())
        ann = Member(world, "ann")
        ann.lose()
        plugins.peers["ann"].emit("hint", 1)
        plugins.rooms["kitchen"].emit("hint", 2)
        ann.returns()
        assert ann.take() == [("hint", 1), ("hint", 2)]

    def test_isNoNewcomerForPlugins(self, makeWorld: WorldFactory) -> None:
        asked: list[str] = []
        plugins = Plugins(mayJoin=lambda peer, room: asked.append(peer.userId))
        world = makeWorld(gates=plugins, sockets=sockets())
        ann = Member(world, "ann")
        peer = plugins.peers["ann"]
        peer.data["seat"] = 7
        plugins.take()
        ann.lose()
        assert plugins.rooms["kitchen"].size == 1
        ann.returns()
        assert (plugins.take(), asked) == ([], ["ann"])
        assert peer.data == {"seat": 7}

    def test_mustBeWhoItWas(self, makeWorld: WorldFactory) -> None:
        who = {"name": "ann"}
        plugins = Plugins(authenticate=lambda handshake: Identity(who["name"]))
        world = makeWorld(gates=plugins, sockets=sockets())
        ann = Member(world, "ann")
        ann.lose()
        who["name"] = "bob"
        ann.returns()
        assert not ann.recovered
        assert world.rosters() == {"kitchen": ["ann"]}
        assert plugins.take() == [("joined", "ann", "kitchen", 1)]

    @pytest.mark.parametrize("roles", [set(), {"host", "member"}])
    def test_mustBeWhatItWas(self, makeWorld: WorldFactory, roles: set[str]) -> None:
        found = [Identity("ann", frozenset({"host"})), Identity("ann", frozenset(roles))]
        plugins = Plugins(authenticate=lambda handshake: found.pop(0))
        ann = Member(makeWorld(gates=plugins, sockets=sockets()), "ann")
        ann.lose()
        ann.returns()
        assert not ann.recovered

    def test_mustHaveSignedInIfItHad(self, makeWorld: WorldFactory) -> None:
        found = [Identity("ann"), Identity("ann", signedIn=False)]
        plugins = Plugins(authenticate=lambda handshake: found.pop(0))
        ann = Member(makeWorld(gates=plugins, sockets=sockets()), "ann")
        ann.lose()
        ann.returns()
        assert not ann.recovered

    def test_mayHaveANewTokenThatClaimsOtherThingsAndHoldsLonger(self, makeWorld: WorldFactory) -> None:
        found = [Identity("ann", claims={"team": team}, expiresAt=end) for team, end in (("blue", 40), ("red", 90))]
        plugins = Plugins(authenticate=lambda handshake: found.pop(0))
        world = makeWorld(gates=plugins, sockets=sockets())
        ann = Member(world, "ann")
        peer = plugins.peers["ann"]
        ann.lose()
        world.clock.advance(39)
        ann.returns()
        assert ann.recovered
        assert peer.claims == {"team": "red"}
        world.clock.advance(20)
        ann.client.link.keepAlive()
        assert world.rosters() == {"kitchen": ["ann"]}
        plugins.take()
        world.clock.advance(10)
        ann.client.link.keepAlive()
        world.clock.advance(21)
        assert plugins.take() == [("left", "ann", "kitchen", 0, "expired")]

    def test_isJudgedByAuthenticatorsThatDoNotSeeTheKey(self, makeWorld: WorldFactory) -> None:
        seen: list[Handshake] = []

        def authenticate(handshake: Handshake) -> Identity:
            seen.append(handshake)
            if len(seen) == 3:
                raise Refused("unauthorized", "Not any more.")
            return Identity()

        world = makeWorld(gates=Plugins(authenticate=authenticate), sockets=sockets())
        ann = Member(world, "ann")
        ann.lose()
        ann.returns()
        assert ann.recovered
        assert [dict(handshake.auth) for handshake in seen] == [{}, {}]
        ann.lose()
        client = world.link(4).client("/", json.dumps(ann._claim))
        ((word, _),) = client.take()
        assert word == "<error>"


class TestWhoDoesNot:
    def test_hasLeftOnceWhenTheWindowHasPassed(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins, sockets=sockets())
        old = world.member("kitchen", "old", revision=3)
        ann = Member(world, "ann")
        old.take(), plugins.take()
        ann.lose()
        for _ in range(int(WINDOW) // 20):
            world.clock.advance(20)
            old.link.keepAlive()
        world.clock.advance(1)
        assert old.take() == [AWAY, left("ann", "kitchen", "timeout")]
        assert plugins.take() == [("left", "ann", "kitchen", 1, "timeout")]
        ann.returns()
        assert not ann.recovered
        assert old.take() == []
        assert world.rosters() == {"kitchen": ["old"]}

    def test_hasLeftAtOnceWhenItMissedMoreThanIsKept(self, world: World) -> None:
        """It hears nothing of that: what it joins then tells it everything."""
        ann, ben = Member(world, "ann"), Member(world, "ben")
        ann.take()
        ann.lose()
        for number in range(11):
            ben.client.emit("broadcast", {"text": str(number)})
        ben.take()
        ann.returns()
        assert not ann.recovered
        assert ann.take() == []
        assert ben.take() == [left("ann", "kitchen", "timeout")]
        ann.joins()
        assert ann.take() == ben.take() == [joined("ann", "kitchen")]

    @pytest.mark.parametrize(
        ("there", "elsewhere"),
        [
            (("192.0.2.1",) * 3, "192.0.2.2"),
            (("2001:db8::1", "2001:db8::2", "2001:db8::3"), "2001:db8:0:1::1"),
        ],
    )
    def test_hasLeftWhenTooManyOfItsAddressWait(self, world: World, there: tuple[str, ...], elsewhere: str) -> None:
        """Of IPv6 each network of 64 bits is one address."""
        near = [Member(world, name, address=address) for name, address in zip(("a", "b", "c"), there, strict=True)]
        far = Member(world, "far", address=elsewhere)
        nowhere = [Member(world, name) for name in ("x", "y", "z")]
        for each in (far, *near, *nowhere):
            each.lose()
        assert world.rosters() == {"kitchen": ["b", "c", "far", "x", "y", "z"]}

    @pytest.mark.parametrize("end", [Client.disconnect, lambda client: client.link.lose(CloseReason.GOING_AWAY)])
    def test_hasLeftAtOnceWhenItSaidSo(self, world: World, end: Any) -> None:
        ann, ben = Member(world, "ann"), Member(world, "ben")
        end(ann.client)
        assert ben.take() == [left("ann", "kitchen", "disconnect")]
        ann.returns()
        assert not ann.recovered

    def test_hasLeftAtOnceIfItIsOfTheOldProtocol(self, world: World) -> None:
        ben, old = Member(world, "ben"), world.member("kitchen", "old", revision=3)
        ben.take()
        old.lose()
        assert ben.take() == [left("old", "kitchen", "disconnect")]

    def test_fallsSilentFirst(self, world: World) -> None:
        """Two clocks, one after the other: that of the heartbeat, then that of recovery."""
        ann, ben = Member(world, "ann"), Member(world, "ben")
        for _ in range(3):
            world.clock.advance(PING_INTERVAL)
            ben.client.link.keepAlive()
        world.clock.advance(PING_TIMEOUT + 1)
        assert ann.client.link.closedBecause is CloseReason.PING_TIMEOUT
        ben.client.link.keepAlive()
        assert ben.take() == [AWAY]
        assert world.rosters() == {"kitchen": ["ann", "ben"]}


class TestWhileAway:
    def test_aPluginCanPutItOut(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins, sockets=sockets())
        ann, ben = Member(world, "ann"), Member(world, "ben")
        ann.lose()
        plugins.peers["ann"].disconnect("banned")
        assert ben.take() == [AWAY, left("ann", "kitchen", "banned")]
        ann.returns()
        assert not ann.recovered

    def test_aPluginCanPutItOutOfARoom(self, makeWorld: WorldFactory) -> None:
        """It hears of that when it returns."""
        plugins = Plugins()
        world = makeWorld(gates=plugins, sockets=sockets())
        ann, ben = Member(world, "ann"), Member(world, "ben")
        ann.take()
        ann.lose()
        peer: Any = plugins.peers["ann"]
        world.hub.kick(peer, "kicked")
        assert ben.take() == [AWAY, left("ann", "kitchen", "kicked")]
        ann.returns()
        assert ann.recovered
        assert ann.take() == [left("ann", "kitchen", "kicked")]

    def test_itsIdentityMayExpire(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(
            gates=Plugins(authenticate=lambda shake: Identity(expiresAt=60.0 if shake.query else None)),
            sockets=sockets(),
        )
        ben, ann = Member(world, "ben"), Member(world, "ann", query={"expires": "1"})
        ben.take()
        ann.lose()
        world.clock.advance(30)
        ben.client.link.keepAlive()
        world.clock.advance(30)
        assert ben.take() == [AWAY, left("ann", "kitchen", "expired")]

    def test_aPolicyMayLetItIn(self, makeWorld: WorldFactory) -> None:
        """It had asked before its connection was lost, and finds itself in the room when it returns."""
        desk = Desk()
        world = makeWorld(gates=Plugins(mayJoin=desk.mayJoin), sockets=sockets())
        client = world.link(4).client()
        ((_, answer),) = client.take()
        client.emit("join-room", room("ann", "kitchen"))
        client.lose()
        desk.yes()
        assert world.rosters() == {"kitchen": ["ann"]}
        again = world.link(4).client("/", json.dumps({"pid": answer["pid"]}))
        _, event = again.take()
        assert event[:-1] == joined("ann", "kitchen")

    def test_whatItHadSentIsStillHandled(self, makeWorld: WorldFactory) -> None:
        desk = Desk()
        world = makeWorld(gates=Plugins(filterMessage=desk.filterMessage), sockets=sockets())
        ann, ben = Member(world, "ann"), Member(world, "ben")
        for text in ("1", "2"):
            ann.client.emit("broadcast", {"text": text})
        ann.lose()
        desk.yes()
        desk.yes()
        assert ben.take() == [AWAY, said("1"), said("2")]

    def test_theServerMayStop(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins()
        world = makeWorld(gates=plugins, sockets=sockets())
        ann, ben = Member(world, "ann"), Member(world, "ben")
        plugins.take()
        ann.lose()
        world.shutDown()
        ends = [("left", "ann", "kitchen", 1, "shutdown"), ("left", "ben", "kitchen", 0, "shutdown")]
        assert plugins.take() == ends
        assert ben.take() == [AWAY]

    def test_inExactModeItIsTheSame(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(SignalingOptions(exact=True), sockets=sockets())
        ann, ben = Member(world, "ann"), Member(world, "ben")
        ann.take()
        ann.lose()
        ben.client.emit("broadcast", {"text": "1"})
        ann.returns()
        assert ann.take() == [said("1")]
        assert ben.take() == [said("1")], "it is not told of absences"
