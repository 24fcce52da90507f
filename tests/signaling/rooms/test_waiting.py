"""Who is told to wait is remembered until it joins, leaves, goes or is dismissed; who is about to enter is seen."""

from __future__ import annotations

from typing import Any, cast

import pytest

from rtcsignal.errors import Refused, Waiting
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.signaling.views import PeerView
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Desk, Plugins
from tests.signaling.words import acked, joined, left, putOut, room
from tests.signaling.world import Client, World


class Porter:
    """A policy that tells everybody to wait whom it does not know."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.never: set[str] = set()

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        if peer.userId in self.never:
            raise Refused("never")
        if peer.userId not in self.known:
            raise Waiting("Somebody will see.", {"place": 1})


@pytest.fixture
def porter() -> Porter:
    return Porter()


@pytest.fixture
def plugins(porter: Porter) -> Plugins:
    return Plugins(mayJoin=porter.mayJoin)


@pytest.fixture
def world(makeWorld: WorldFactory, plugins: Plugins) -> World:
    return makeWorld(gates=plugins, options=SignalingOptions(roomsPerPeer=3))


def knock(world: World, userId: str, roomName: str = "kitchen") -> Client:
    client = world.client()
    assert client.ask("join-room", room(userId, roomName)).code == "waiting"
    client.take()
    return client


def waiting(world: World, roomName: str = "kitchen") -> list[str]:
    return [peer.userId for peer in world.hub.waiting.views(roomName)]


class TestWhoWaits:
    def test_isToldSoAndWhatThePolicySaysBesides(self, world: World) -> None:
        answer = world.client().ask("join-room", room("ann", "kitchen"))
        assert answer.value == {
            "ok": False,
            "error": {"code": "waiting", "message": "Somebody will see.", "place": 1},
        }

    def test_isRememberedInTheOrderOfTheFirstRequests(self, world: World) -> None:
        ann, _ = knock(world, "ann"), knock(world, "ben")
        assert ann.ask("join-room", room("ann", "kitchen")).code == "waiting"
        assert waiting(world) == ["ann", "ben"]
        assert world.rosters() == {}

    def test_isAsWhomItAskedLast(self, world: World) -> None:
        ann = knock(world, "ann")
        ann.ask("join-room", room("anna", "kitchen"))
        assert waiting(world) == ["anna"]

    def test_doesNotAnyMoreOnceItHasJoined(self, world: World, plugins: Plugins, porter: Porter) -> None:
        ann = knock(world, "ann")
        porter.known.add("ann")
        assert ann.ask("join-room", room("ann", "kitchen")).ok
        assert waiting(world) == []
        assert [seen[0] for seen in plugins.take()] == ["joined"]

    def test_keepsItsPlaceIfItIsRefusedForAnotherReason(self, world: World, porter: Porter) -> None:
        ann = knock(world, "ann")
        porter.never.add("ann")
        assert ann.ask("join-room", room("ann", "kitchen")).code == "never"
        assert waiting(world) == ["ann"]

    def test_canLeave(self, world: World, plugins: Plugins) -> None:
        ann = knock(world, "ann")
        assert ann.ask("leave-room", room("ann", "kitchen")).ok
        assert ann.take() == [acked()]
        assert plugins.take() == [("withdrew", "ann", "kitchen", 0, "left")]
        assert ann.ask("leave-room", room("ann", "kitchen")).code == "not-in-room"

    def test_cannotLeaveAsSomebodyElse(self, world: World) -> None:
        ann = knock(world, "ann")
        assert ann.ask("leave-room", room("ben", "kitchen")).code == "not-your-user-id"
        assert waiting(world) == ["ann"]

    @pytest.mark.parametrize("end", ["disconnect", "lose"])
    def test_isForgottenWhenItGoes(self, world: World, plugins: Plugins, porter: Porter, end: str) -> None:
        porter.known.add("host")
        world.member("kitchen", "host")
        ann = knock(world, "ann")
        ann.ask("join-room", room("ann", "garden"))
        plugins.take()
        getattr(ann, end)()
        assert plugins.take() == [
            ("withdrew", "ann", "kitchen", 1, "disconnect"),
            ("withdrew", "ann", "garden", 0, "disconnect"),
        ]
        assert (waiting(world), waiting(world, "garden")) == ([], [])

    def test_isDismissedWithoutAWord(self, world: World, plugins: Plugins) -> None:
        ann = knock(world, "ann")
        (peer,) = world.hub.waiting.views("kitchen")
        for _ in range(2):
            world.hub.dismiss(peer)
        assert waiting(world) == []
        assert (ann.take(), plugins.take()) == ([], [])

    def test_isNotDismissedByARequestThatItHasRepeatedSince(self, world: World) -> None:
        ann = knock(world, "ann")
        (before,) = world.hub.waiting.views("kitchen")
        ann.ask("join-room", room("anna", "kitchen"))
        world.hub.dismiss(before)
        assert waiting(world) == ["anna"]

    def test_canBeSentEvents(self, world: World) -> None:
        ann = knock(world, "ann")
        (peer,) = world.hub.waiting.views("kitchen")
        peer.emit("patience", 7)
        assert ann.take() == [("patience", 7)]

    def test_isNoMember(self, world: World) -> None:
        ann = knock(world, "ann")
        assert ann.ask("broadcast", {"roomName": "kitchen"}).code == "not-in-room"
        ann.take()
        (peer,) = world.hub.waiting.views("kitchen")
        world.hub.kick(peer, "kicked")
        assert ann.take() == []

    def test_mayWaitForAsManyRoomsAsItMayBeIn(self, world: World, porter: Porter) -> None:
        ann = knock(world, "ann", "one")
        for name in ("two", "three"):
            assert ann.ask("join-room", room("ann", name)).code == "waiting"
        assert ann.ask("join-room", room("ann", "four")).code == "too-many-rooms"
        porter.known.add("ann")
        assert ann.ask("join-room", room("ann", "three")).ok
        assert ann.ask("join-room", room("ann", "four")).code == "too-many-rooms"


class TestPoliciesThatThink:
    def test_mayTellSomebodyToWait(self, makeWorld: WorldFactory) -> None:
        desk = Desk()
        world = makeWorld(gates=Plugins(mayJoin=desk.mayJoin))
        ann = world.client()
        answer = ann.ask("join-room", room("ann", "kitchen"))
        desk.fail(Waiting())
        assert answer.code == "waiting"
        assert waiting(world) == ["ann"]

    def test_whoHasGoneMeanwhileDoesNotWait(self, makeWorld: WorldFactory) -> None:
        desk = Desk()
        world = makeWorld(gates=Plugins(mayJoin=desk.mayJoin))
        ann = world.client()
        ann.ask("join-room", room("ann", "kitchen"))
        ann.lose()
        desk.fail(Waiting())
        assert waiting(world) == []


class TestWhoIsAboutToEnter:
    @pytest.fixture(autouse=True)
    def everybodyIsKnown(self, porter: Porter) -> None:
        porter.known |= {"ann", "ben"}

    def test_isSeenBeforeItIsIn(self, world: World, plugins: Plugins) -> None:
        seen: list[Any] = []
        plugins.onEntering = lambda peer, room: seen.append((peer.userId, room.name, room.size))
        world.members("kitchen", "ann", "ben")
        assert seen == [("ann", "kitchen", 0), ("ben", "kitchen", 1)]

    def test_isNotSeenIfItIsRefused(self, world: World, plugins: Plugins) -> None:
        seen: list[Any] = []
        plugins.onEntering = lambda peer, room: seen.append(peer)
        knock(world, "eve")
        assert seen == []

    def test_comesBehindThoseWhoMakeRoomForIt(self, world: World, plugins: Plugins) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")

        def replace(peer: IPeer, room: IRoom) -> None:
            for other in room.peersOf(peer.userId):
                other.disconnect("replaced")

        plugins.onEntering = replace
        again = world.client()
        again.ask("join-room", room("ann", "kitchen"))
        assert ann.take() == putOut("replaced")
        assert ben.take() == [left("ann", "kitchen", "replaced"), joined("ann", "kitchen")]
        assert [heard[0] for heard in again.take()] == ["<ack>", "user-joined"]
        assert world.rosters() == {"kitchen": ["ben", "ann"]}

    def test_makesAnotherRoomIfTheyWereTheLast(self, world: World, plugins: Plugins) -> None:
        (ann,) = world.members("kitchen", "ann")
        plugins.rooms["kitchen"].data["was"] = "here"

        def empty(peer: IPeer, room: IRoom) -> None:
            for other in room.peers():
                world.hub.kick(cast(PeerView, other), "out")

        plugins.onEntering = empty
        again = world.client()
        assert again.ask("join-room", room("ben", "kitchen")).ok
        assert ann.take() == [left("ann", "kitchen", "out")]
        assert world.rosters() == {"kitchen": ["ben"]}
        assert plugins.rooms["kitchen"].data == {}

    def test_doesNotIfItIsPutOutItself(self, world: World, plugins: Plugins) -> None:
        plugins.onEntering = lambda peer, room: peer.disconnect()
        ann = world.client()
        ann.ask("join-room", room("ann", "kitchen"))
        assert ann.take() == putOut("kicked")
        assert world.rosters() == {}
        assert plugins.take() == []
