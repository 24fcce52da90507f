"""Observers: they hear of every membership exactly once when it begins, and exactly once when it ends."""

from __future__ import annotations

from typing import Any

import pytest
from zope.interface.verify import verifyObject

from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.logtext import connOf
from rtcsignal.signaling.options import SignalingOptions
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Plugins
from tests.signaling.words import joined, left, room
from tests.signaling.world import World


@pytest.fixture
def plugins() -> Plugins:
    """An observer, and nothing else."""
    return Plugins()


@pytest.fixture
def world(makeWorld: WorldFactory, plugins: Plugins) -> World:
    """A server with an observer."""
    return makeWorld(gates=plugins)


def test_aJoinIsSeenWithThePeerInTheRoom(world: World, plugins: Plugins) -> None:
    world.members("kitchen", "ann", "ben")
    assert plugins.take() == [("joined", "ann", "kitchen", 1), ("joined", "ben", "kitchen", 2)]


def test_aLeaveIsSeenWithoutThePeerInTheRoom(world: World, plugins: Plugins) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    plugins.take()
    ann.leave("kitchen", "ann")
    ben.lose()
    assert plugins.take() == [("left", "ann", "kitchen", 1, "left"), ("left", "ben", "kitchen", 0, "disconnect")]


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        ("disconnect", lambda ann, plugins: ann.disconnect()),
        ("disconnect", lambda ann, plugins: ann.lose()),
        ("disconnect", lambda ann, plugins: ann.link.transmit("nonsense")),
        ("spam", lambda ann, plugins: plugins.peers["ann"].disconnect("spam")),
    ],
)
def test_anyEndIsSeenOnceInEveryRoom(world: World, plugins: Plugins, reason: str, end: Any) -> None:
    (ann,) = world.members("kitchen", "ann")
    ann.join("garden", "ann")
    plugins.take()
    end(ann, plugins)
    ann.lose()
    assert plugins.take() == [("left", "ann", "kitchen", 0, reason), ("left", "ann", "garden", 0, reason)]


def test_whatIsRefusedIsNotSeen(world: World, plugins: Plugins) -> None:
    ann = world.member("kitchen", "ann")
    plugins.take()
    ann.emit("join-room", room("", "kitchen"))
    ann.emit("leave-room", room("eve", "kitchen"))
    ann.emit("leave-room", room("ann", "garden"))
    assert plugins.take() == []


def test_aSecondJoinOfTheSameRoomIsNotSeen(world: World, plugins: Plugins) -> None:
    ann = world.member("kitchen", "ann")
    plugins.take()
    ann.join("kitchen", "ann")
    assert plugins.take() == []


def test_joiningAndLeavingAgainIsSeenEachTime(world: World, plugins: Plugins) -> None:
    ann = world.member("kitchen", "ann")
    ann.leave("kitchen", "ann")
    ann.join("kitchen", "anna")
    assert [seen[:2] for seen in plugins.take()] == [("joined", "ann"), ("left", "ann"), ("joined", "anna")]


def test_theSameViewsOfPeerAndRoomAreGivenEachTime(makeWorld: WorldFactory) -> None:
    given: list[tuple[IPeer, IRoom]] = []

    class Keeping(Plugins):
        def joined(self, peer: IPeer, room: IRoom) -> None:
            given.append((peer, room))

        def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
            given.append((peer, room))

    world = makeWorld(gates=Keeping())
    world.member("kitchen", "ann").lose()
    assert given[0][0] is given[1][0]
    assert given[0][1] is given[1][1]


class TestWhatAnObserverMayDo:
    """It hears after the fact, and may act on it."""

    def test_itMayGreet(self, makeWorld: WorldFactory) -> None:
        class Greeting(Plugins):
            def joined(self, peer: IPeer, room: IRoom) -> None:
                peer.emit("welcome", room.name)

        ann = makeWorld(gates=Greeting()).client()
        ann.emit("join-room", room("ann", "kitchen"))
        assert ann.take() == [joined("ann", "kitchen"), ("welcome", "kitchen")]

    def test_itMayTellTheRoom(self, makeWorld: WorldFactory) -> None:
        class Telling(Plugins):
            def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
                room.emit("bye", peer.userId)

        ann, ben = makeWorld(gates=Telling()).members("kitchen", "ann", "ben")
        ann.lose()
        assert ben.take() == [left("ann", "kitchen", "disconnect"), ("bye", "ann")]

    def test_itMayPutOutWhoHasJustJoined(self, makeWorld: WorldFactory) -> None:
        class Bouncing(Plugins):
            def joined(self, peer: IPeer, room: IRoom) -> None:
                super().joined(peer, room)
                if peer.userId == "eve":
                    peer.disconnect("unwanted")

        plugins = Bouncing()
        world = makeWorld(gates=plugins)
        (ann,) = world.members("kitchen", "ann")
        world.client().emit("join-room", room("eve", "kitchen"))
        assert ann.take() == [joined("eve", "kitchen"), left("eve", "kitchen", "unwanted")]
        assert world.rosters() == {"kitchen": ["ann"]}

    def test_itMayCloseTheRoomWhenTheHostHasGone(self, makeWorld: WorldFactory) -> None:
        class Closing(Plugins):
            def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
                super().left(peer, room, reason)
                if peer.userId == "host":
                    for other in room.peers():
                        other.disconnect("closed")

        plugins = Closing()
        world = makeWorld(gates=plugins)
        host, _, ben = world.members("kitchen", "host", "ann", "ben")
        plugins.take()
        host.lose()
        assert world.rosters() == {}
        assert plugins.take() == [
            ("left", "host", "kitchen", 2, "disconnect"),
            ("left", "ann", "kitchen", 1, "closed"),
            ("left", "ben", "kitchen", 0, "closed"),
        ]
        assert ben.take()[:2] == [left("host", "kitchen", "disconnect"), left("ann", "kitchen", "closed")]

    def test_whatItTellsOtherRoomsDoesNotReachWhoIsLeavingThemToo(self, makeWorld: WorldFactory) -> None:
        class Telling(Plugins):
            def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
                for other in self.rooms.values():
                    other.emit("bye", peer.userId)

        world = makeWorld(gates=Telling())
        ann = world.member("kitchen", "ann")
        ann.join("garden", "ann")
        ann.take()
        ann.disconnect()
        assert ann.take() == []


class TestViews:
    """What plugins see of peers and rooms, from the first moment to after the end."""

    def test_aPeer(self, world: World, plugins: Plugins) -> None:
        world.clock.advance(5)
        client = world.client("/socket.io", 4, address="192.0.2.7")
        world.clock.advance(5)
        client.join("kitchen", "ann", password="1234")
        view = plugins.peers["ann"]
        assert view.userId == "ann"
        assert view.namespace == "/socket.io"
        assert view.address == "192.0.2.7"
        assert view.transport == "websocket"
        assert view.connectedAt == 5
        assert view.rooms == frozenset({"kitchen"})
        assert (view.roles, view.claims) == (frozenset(), {})

    def test_aPeersRoomsAreThoseItIsInNow(self, world: World, plugins: Plugins) -> None:
        ann = world.member("kitchen", "ann")
        view = plugins.peers["ann"]
        ann.join("garden", "anna")
        assert view.rooms == plugins.peers["anna"].rooms == frozenset({"kitchen", "garden"})
        ann.leave("kitchen", "ann")
        assert view.rooms == frozenset({"garden"})
        ann.lose()
        assert view.rooms == frozenset()

    def test_aPeersIdIsPublicAndItsOwn(self, world: World, plugins: Plugins) -> None:
        world.member("kitchen", "ann", revision=3)
        world.member("kitchen", "ben", revision=4)
        sids = {view.sid for view in plugins.peers.values()}
        assert len(sids) == 2
        assert not sids & set(world.registry.sessions), "whoever has a session's id can use it"

    def test_aPeersIdIsTheSameInAllItsRooms(self, world: World, plugins: Plugins) -> None:
        world.member("kitchen", "ann").join("garden", "anna")
        assert plugins.peers["ann"].sid == plugins.peers["anna"].sid

    def test_aPeersDataLastsAsLongAsItIsConnected(self, world: World, plugins: Plugins) -> None:
        ann = world.member("kitchen", "ann")
        plugins.peers["ann"].data["seen"] = True
        ann.leave("kitchen", "ann")
        ann.join("garden", "ann")
        assert plugins.peers["ann"].data == {"seen": True}
        ann.disconnect()
        ann.link.client().join("kitchen", "ann")
        assert plugins.peers["ann"].data == {}

    def test_twoPeersOfOneUserHaveDataOfTheirOwn(self, world: World, plugins: Plugins) -> None:
        world.member("kitchen", "ann")
        first = plugins.peers["ann"]
        world.member("kitchen", "ann")
        first.data["n"] = 1
        assert plugins.peers["ann"].data == {}

    def test_aPeerKnowsWhatItSentToJoinThisRoom(self, world: World, plugins: Plugins) -> None:
        ann = world.client()
        ann.join("kitchen", "ann", role="cook")
        ann.join("garden", "anna", role="gardener")
        assert plugins.peers["ann"].joinRequest["role"] == "cook"
        assert plugins.peers["anna"].joinRequest["role"] == "gardener"

    def test_aPeerThatHasGoneHearsNothing(self, world: World, plugins: Plugins) -> None:
        ann = world.member("kitchen", "ann")
        view = plugins.peers["ann"]
        ann.disconnect()
        ann.take()
        view.emit("hello")
        assert ann.take() == []

    def test_aRoom(self, world: World, plugins: Plugins) -> None:
        world.clock.advance(7)
        world.members("kitchen", "ann", "ben", "ann")
        view = plugins.rooms["kitchen"]
        assert (view.name, view.size, view.createdAt, view.data) == ("kitchen", 3, 7, {})
        assert [peer.userId for peer in view.peers()] == ["ann", "ben", "ann"]

    def test_whatARoomsViewEmitsGoesToAllItsMembers(self, world: World, plugins: Plugins) -> None:
        ann = world.member("kitchen", "ann")
        ben = world.member("kitchen", "ben", "/socket.io", 3)
        (cas,) = world.members("garden", "cas")
        ann.take(), ben.take()
        plugins.rooms["kitchen"].emit("notice", {"b": b"data"}, 1)
        assert ann.take() == ben.take() == [("notice", {"b": b"data"}, 1)]
        assert cas.take() == []

    def test_viewsCannotBeWrittenTo(self, world: World, plugins: Plugins) -> None:
        world.member("kitchen", "ann")
        peer, room = plugins.peers["ann"], plugins.rooms["kitchen"]
        for view, interface in ((peer, IPeer), (room, IRoom)):
            for name in (*interface.names(), "somethingNew"):
                with pytest.raises(AttributeError):
                    setattr(view, name, "changed")
        request: Any = peer.joinRequest
        with pytest.raises(TypeError):
            request["userId"] = "eve"

    def test_theyHandOutNothingOfTheServersOwn(self, world: World, plugins: Plugins) -> None:
        world.member("kitchen", "ann")
        for view, interface in ((plugins.peers["ann"], IPeer), (plugins.rooms["kitchen"], IRoom)):
            assert {name for name in dir(view) if not name.startswith("_")} == set(interface.names())

    def test_theyProvideTheInterfacesOfPlugins(self, world: World, plugins: Plugins) -> None:
        world.member("kitchen", "ann")
        assert verifyObject(IPeer, plugins.peers["ann"])
        assert verifyObject(IRoom, plugins.rooms["kitchen"])

    def test_theyShowThemselvesInOneLine(self, world: World, plugins: Plugins) -> None:
        world.member("kit\N{LINE SEPARATOR}chen", "ann")
        name = "kit\\u2028chen"
        assert repr(plugins.peers["ann"]) == f"<peer 'ann' in '{name}', conn {connOf('session-1')}>"
        assert repr(plugins.rooms["kit\N{LINE SEPARATOR}chen"]) == f"<room '{name}': 1>"


def test_echoAndExactModeChangeNothingForObservers(makeWorld: WorldFactory) -> None:
    plugins = Plugins()
    world = makeWorld(SignalingOptions(echo=False, exact=True), plugins)
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.ask("leave-room", room("eve", "kitchen"))
    ben.lose()
    assert plugins.take() == [
        ("joined", "ann", "kitchen", 1),
        ("joined", "ben", "kitchen", 2),
        ("left", "ann", "kitchen", 1, "left"),
        ("left", "ben", "kitchen", 0, "disconnect"),
    ]
