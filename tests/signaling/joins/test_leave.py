"""Leaving a room by asking to."""

from __future__ import annotations

import json

import pytest

from rtcsignal.engineio.packet import Revision
from tests.signaling.words import acked, left, room, userIds
from tests.signaling.world import World


@pytest.mark.parametrize("namespace", ["/", "/socket.io"])
def test_aLeaveIsAcknowledged(world: World, namespace: str, revision: Revision) -> None:
    ann = world.member("kitchen", "ann", namespace, revision)
    assert ann.ask("leave-room", room("ann", "kitchen")).value == {"ok": True}
    assert world.rosters() == {}


def test_theRoomIsToldAndTheLeaverToo(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.emit("leave-room", room("ann", "kitchen"))
    assert ann.take() == ben.take() == [left("ann", "kitchen", "left")]


def test_theLeaverIsAcknowledgedBeforeTheRoomIsTold(world: World) -> None:
    ann, _ = world.members("kitchen", "ann", "ben")
    ann.ask("leave-room", room("ann", "kitchen"))
    assert ann.take() == [acked(), left("ann", "kitchen", "left")]


def test_theArgumentMayBeAJsonText(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    assert ann.ask("leave-room", json.dumps(room("ann", "kitchen"))).ok
    assert ben.take() == [left("ann", "kitchen", "left")]


def test_whoHasLeftHearsNothingMore(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.leave("kitchen", "ann")
    ann.take()
    world.member("kitchen", "cas")
    ben.emit("broadcast", {"msgType": 1})
    ben.leave("kitchen", "ben")
    assert ann.take() == []


def test_onlyTheRoomThatIsLeftIsTold(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.join("garden", "ann")
    (cas,) = world.members("garden", "cas")
    ann.take()
    ann.leave("garden", "ann")
    assert ben.take() == []
    assert cas.take() == [left("ann", "garden", "left")]
    assert world.rosters() == {"kitchen": ["ann", "ben"], "garden": ["cas"]}


def test_anotherConnectionOfTheSameUserStays(world: World) -> None:
    phone, laptop, ben = world.members("kitchen", "ann", "ann", "ben")
    phone.leave("kitchen", "ann")
    assert laptop.take() == ben.take() == [left("ann", "kitchen", "left")]
    assert world.rosters() == {"kitchen": ["ann", "ben"]}


def test_aRoomNotJoinedCannotBeLeft(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    stranger = world.client()
    assert stranger.ask("leave-room", room("ann", "kitchen")).code == "not-in-room"
    assert ann.take() == ben.take() == []
    assert world.rosters() == {"kitchen": ["ann", "ben"]}


def test_aRoomThatIsNotThereCannotBeLeftAndIsNotMade(world: World) -> None:
    assert world.client().ask("leave-room", room("ann", "kitchen")).code == "not-in-room"
    assert world.rosters() == {}


def test_aRoomCannotBeLeftTwice(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.leave("kitchen", "ann")
    assert ann.ask("leave-room", room("ann", "kitchen")).code == "not-in-room"
    assert ben.take() == [left("ann", "kitchen", "left")]


def test_leavingAnotherRoomThanTheOneJoinedTellsNobody(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    (cas,) = world.members("garden", "cas")
    assert ann.ask("leave-room", room("ann", "garden")).code == "not-in-room"
    assert ben.take() == cas.take() == []


@pytest.mark.parametrize("userId", ["ben", "eve", "Ann"])
def test_nobodyCanLeaveAsSomebodyElse(world: World, userId: str) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    assert ann.ask("leave-room", room(userId, "kitchen")).code == "not-your-user-id"
    assert ben.take() == []
    assert world.rosters() == {"kitchen": ["ann", "ben"]}


def test_aRoomIsLeftAsWhoJoinedIt(world: World) -> None:
    ann = world.member("kitchen", "ann")
    ann.join("garden", "anna")
    assert ann.ask("leave-room", room("ann", "garden")).code == "not-your-user-id"
    assert ann.ask("leave-room", room("anna", "garden")).ok
    assert world.rosters() == {"kitchen": ["ann"]}


def test_anEmptyRoomIsGone(world: World) -> None:
    world.clock.advance(5)
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.leave("kitchen", "ann")
    assert list(world.hub.rooms) == ["kitchen"]
    ben.leave("kitchen", "ben")
    assert list(world.hub.rooms) == []


def test_aRoomThatIsMadeAgainRemembersNothing(world: World) -> None:
    world.member("kitchen", "ann").leave("kitchen", "ann")
    answer = world.client().join("kitchen", "ben")
    assert userIds(answer.value["members"]) == ["ben"]
