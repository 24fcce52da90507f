"""Room policies: who may join."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from rtcsignal.errors import Refused
from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.options import SignalingOptions
from tests.signaling.conftest import Log, WorldFactory
from tests.signaling.plugins import Desk, MayJoin, Plugins
from tests.signaling.words import acked, joined, putOut, room, userIds
from tests.signaling.world import World

_FULL = Refused("room-full", "No more than 3.")


def _yes(peer: IPeer, room: IRoom) -> None:
    return None


def _no(peer: IPeer, room: IRoom) -> None:
    raise _FULL


_AT_ONCE: list[tuple[str, MayJoin, bool]] = [
    ("plain, yes", _yes, True),
    ("plain, no", _no, False),
    ("Deferred, yes", lambda peer, room: succeed(None), True),
    ("Deferred, no", lambda peer, room: fail(_FULL), False),
]


@pytest.mark.parametrize(("mayJoin", "allowed"), [case[1:] for case in _AT_ONCE], ids=[case[0] for case in _AT_ONCE])
def test_aPolicyDecides(makeWorld: WorldFactory, mayJoin: MayJoin, allowed: bool) -> None:
    world = makeWorld(gates=Plugins(mayJoin=mayJoin))
    answer = world.client().ask("join-room", room("ann", "kitchen"))
    assert answer.ok if allowed else answer.code == "room-full"
    assert world.rosters() == ({"kitchen": ["ann"]} if allowed else {})


@pytest.mark.parametrize("allowed", [True, False])
def test_itMayThink(makeWorld: WorldFactory, allowed: bool) -> None:
    desk = Desk()
    world = makeWorld(gates=Plugins(mayJoin=desk.mayJoin))
    ann = world.client()
    answer = ann.ask("join-room", room("ann", "kitchen"))
    assert not answer.given
    assert world.rosters() == {}
    if allowed:
        desk.yes()
        assert ann.take() == [
            acked(roomName="kitchen", userId="ann", members=[{"userId": "ann"}]),
            joined("ann", "kitchen"),
        ]
    else:
        desk.no("room-full")
        assert answer.code == "room-full"
    assert world.rosters() == ({"kitchen": ["ann"]} if allowed else {})


def test_whoIsRefusedLaterWithoutAnAcknowledgementHearsOfItAllTheSame(makeWorld: WorldFactory) -> None:
    desk = Desk()
    ann = makeWorld(gates=Plugins(mayJoin=desk.mayJoin)).client()
    ann.emit("join-room", room("ann", "kitchen"))
    desk.no("room-full")
    ((event, refusal),) = ann.take()
    assert (event, refusal["event"], refusal["roomName"], refusal["code"]) == (
        "refused",
        "join-room",
        "kitchen",
        "room-full",
    )


class TestWhatItIsGiven:
    def _look(self, makeWorld: WorldFactory, act: Callable[[World], Any]) -> list[tuple[Any, ...]]:
        seen: list[tuple[Any, ...]] = []

        def look(peer: IPeer, room: IRoom) -> None:
            others = [other.userId for other in room.peers()]
            seen.append((peer.userId, dict(peer.joinRequest), sorted(peer.rooms), room.name, room.size, others))

        act(makeWorld(gates=Plugins(mayJoin=look)))
        return seen

    def test_theRoomIsEmptyIfTheJoinWouldMakeIt(self, makeWorld: WorldFactory) -> None:
        (seen,) = self._look(makeWorld, lambda world: world.members("kitchen", "ann"))
        assert seen == ("ann", {"userId": "ann", "roomName": "kitchen"}, [], "kitchen", 0, [])

    def test_theRoomDoesNotHoldThePeerYet(self, makeWorld: WorldFactory) -> None:
        seen = self._look(makeWorld, lambda world: world.members("kitchen", "ann", "ben", "cas"))
        assert [(size, others) for *_, size, others in seen] == [(0, []), (1, ["ann"]), (2, ["ann", "ben"])]

    def test_thePeerBringsWhatItSent(self, makeWorld: WorldFactory) -> None:
        seen = self._look(makeWorld, lambda world: world.client().join("kitchen", "ann", password="1234"))
        assert seen[0][1] == {"userId": "ann", "roomName": "kitchen", "password": "1234"}

    def test_andTheRoomsItIsInAlready(self, makeWorld: WorldFactory) -> None:
        def act(world: World) -> None:
            ann = world.member("kitchen", "ann")
            ann.join("garden", "ann")

        assert [rooms for _, _, rooms, *_ in self._look(makeWorld, act)] == [[], ["kitchen"]]

    def test_itIsNotAskedAgainForARoomAlreadyJoined(self, makeWorld: WorldFactory) -> None:
        def act(world: World) -> None:
            ann = world.member("kitchen", "ann")
            ann.join("kitchen", "ann")
            ann.ask("join-room", room("eve", "kitchen"))

        assert len(self._look(makeWorld, act)) == 1

    def test_itIsNotAskedForWhatTheRulesRefuse(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins(mayJoin=_no)
        ann = makeWorld(SignalingOptions(nameCharacters=7), plugins).client()
        assert ann.ask("join-room", room("ann", "too long a name")).code == "bad-arguments"
        assert ann.ask("join-room", room("ann", "kitchen")).code == "room-full"


def test_aRoomThatTheJoinWouldMakeIsOfThisMoment(makeWorld: WorldFactory) -> None:
    seen: list[float] = []
    world = makeWorld(gates=Plugins(mayJoin=lambda peer, room: seen.append(room.createdAt)))
    world.clock.advance(7)
    world.member("kitchen", "ann")
    assert seen == [7]


class TestRoomData:
    """What policies keep in a room lasts as long as its members do."""

    @staticmethod
    def _numbering(peer: IPeer, room: IRoom) -> None:
        room.data["n"] = room.data.get("n", 0) + 1

    def test_whatAPolicyPutsThereAtTheFirstJoinIsThereAtTheNext(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins(mayJoin=self._numbering)
        makeWorld(gates=plugins).members("kitchen", "ann", "ben", "cas")
        assert plugins.rooms["kitchen"].data == {"n": 3}

    def test_itIsGoneWithTheRoom(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins(mayJoin=self._numbering)
        world = makeWorld(gates=plugins)
        for _ in range(3):
            world.member("kitchen", "ann").lose()
            assert plugins.rooms["kitchen"].data == {"n": 1}

    def test_itIsGoneWithAJoinThatWasRefused(self, makeWorld: WorldFactory) -> None:
        def judge(peer: IPeer, room: IRoom) -> None:
            self._numbering(peer, room)
            if peer.userId == "eve":
                raise _FULL

        plugins = Plugins(mayJoin=judge)
        world = makeWorld(gates=plugins)
        world.client().emit("join-room", room("eve", "kitchen"))
        world.member("kitchen", "ann")
        assert plugins.rooms["kitchen"].data == {"n": 1}


class TestWhatAPolicyMayDo:
    """Besides its verdict: put people out, while it judges."""

    @pytest.mark.parametrize("late", [False, True], ids=["at once", "later"])
    def test_whoIsPutOutByThePolicyIsNotAdmitted(self, makeWorld: WorldFactory, late: bool) -> None:
        def mayJoin(peer: IPeer, room: IRoom) -> Deferred[None] | None:
            peer.disconnect("banned")
            return succeed(None) if late else None

        plugins = Plugins(mayJoin=mayJoin)
        world = makeWorld(gates=plugins)
        ann = world.client()
        ann.ask("join-room", room("ann", "kitchen"))
        assert ann.take() == putOut("banned")
        assert world.rosters() == {}
        assert plugins.take() == []

    def test_whoseLastMemberIsPutOutMakesPlace(self, makeWorld: WorldFactory) -> None:
        def replaceAll(peer: IPeer, room: IRoom) -> None:
            for other in room.peers():
                other.disconnect("replaced")

        plugins = Plugins(mayJoin=replaceAll)
        world = makeWorld(gates=plugins)
        world.member("kitchen", "ann")
        answer = world.client().join("kitchen", "ben")
        assert userIds(answer.value["members"]) == ["ben"]
        assert world.rosters() == {"kitchen": ["ben"]}
        assert plugins.take() == [
            ("joined", "ann", "kitchen", 1),
            ("left", "ann", "kitchen", 0, "replaced"),
            ("joined", "ben", "kitchen", 1),
        ]


@pytest.mark.parametrize("late", [False, True], ids=["at once", "later"])
def test_gatesThatBreakCostTheConnectionAndALogLine(makeWorld: WorldFactory, log: Log, late: bool) -> None:
    def mayJoin(peer: IPeer, room: IRoom) -> Deferred[None]:
        if late:
            return fail(ZeroDivisionError())
        raise ZeroDivisionError

    world = makeWorld(gates=Plugins(mayJoin=mayJoin))
    ann = world.client()
    answer = ann.ask("join-room", room("ann", "kitchen"))
    assert not answer.given
    assert ann.link.closedBecause is not None
    assert world.rosters() == {}
    assert len(log.takeFailures()) == 1
    assert not world.client().ask("join-room", room("ben", "garden")).given
    assert len(log.takeFailures()) == 1
