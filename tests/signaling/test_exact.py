"""``compat: exact``: as the server that this one replaces, where it differs on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.signaling.options import SignalingOptions
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Plugins
from tests.signaling.words import room
from tests.signaling.world import World


@pytest.fixture
def exact(makeWorld: WorldFactory) -> World:
    """A server in exact mode."""
    return makeWorld(SignalingOptions(exact=True))


def test_presenceHasNoFurtherArguments(exact: World) -> None:
    ann, ben = exact.members("kitchen", "ann", "ben")
    cas = exact.client()
    cas.emit("join-room", room("cas", "kitchen"))
    assert ann.take() == cas.take() == [("user-joined", "cas")]
    cas.emit("leave-room", room("cas", "kitchen"))
    assert ann.take() == cas.take() == [("user-left", "cas")]
    ben.lose()
    assert ann.take() == [("user-left", "ben")]


def test_joiningAgainIsAnnouncedAgain(exact: World) -> None:
    ann, ben = exact.members("kitchen", "ann", "ben")
    for _ in range(2):
        ann.emit("join-room", room("ann", "kitchen"))
        assert ann.take() == ben.take() == [("user-joined", "ann")]
    ann.emit("join-room", room("annie", "kitchen"))
    assert ann.take() == ben.take() == [("user-joined", "annie")]
    assert exact.rosters() == {"kitchen": ["ann", "ben"]}
    ann.lose()
    assert ben.take() == [("user-left", "ann")]


def test_messagesForOneGoToEverybody(exact: World) -> None:
    ann, ben, cas = exact.members("kitchen", "ann", "ben", "cas")
    message = {"userId": "ann", "msgType": 1, "targetUserId": "ben"}
    assert ann.ask("broadcast", message).value["delivered"] == 3
    assert ben.take() == cas.take() == [("broadcast", message)]


def test_messagesForARoomGoToAllRoomsOfTheSender(exact: World) -> None:
    ann, ben = exact.members("kitchen", "ann", "ben")
    ann.join("garden", "ann")
    (cas,) = exact.members("garden", "cas")
    for roomName in ("garden", "nowhere"):
        message = {"userId": "ann", "roomName": roomName}
        assert ann.ask("broadcast", message).value["delivered"] == 3
        assert ben.take() == cas.take() == [("broadcast", message)]


@pytest.mark.parametrize("userId", ["ben", "eve"])
def test_userIdsAreNotBound(exact: World, userId: str) -> None:
    ann, ben = exact.members("kitchen", "ann", "ben")
    assert ann.ask("broadcast", {"userId": userId}).value["delivered"] == 2
    assert ben.take() == [("broadcast", {"userId": userId})]
    assert ann.ask("join-room", room(userId, "kitchen")).value["userId"] == "ann"
    assert ann.ask("leave-room", room(userId, "kitchen")).ok
    assert ben.take() == [("user-joined", userId), ("user-left", "ann")]
    assert exact.rosters() == {"kitchen": ["ben"]}


@pytest.mark.parametrize("key", ["userId", "targetUserId", "roomName"])
@pytest.mark.parametrize("value", ["", 7, None, True, [], {}], ids=repr)
def test_whatMeansNothingHereMayBeAnything(exact: World, key: str, value: Any) -> None:
    ann, ben = exact.members("kitchen", "ann", "ben")
    message = {"msgType": 1, key: value}
    assert ann.ask("broadcast", message).value == {"ok": True, "delivered": 2}
    assert ben.take() == [("broadcast", message)]


def test_theEchoIsASettingOfItsOwn(makeWorld: WorldFactory) -> None:
    ann, ben = makeWorld(SignalingOptions(exact=True, echo=False)).members("kitchen", "ann", "ben")
    assert ann.ask("broadcast", {"targetUserId": "ann"}).value["delivered"] == 1
    assert [len(ann.take()), len(ben.take())] == [1, 1]


def test_whoIsInNoRoomIsNotHeard(exact: World) -> None:
    (ann,) = exact.members("kitchen", "ann")
    assert exact.client().ask("broadcast", {"roomName": "kitchen"}).code == "not-in-room"
    assert exact.client().ask("leave-room", room("ann", "kitchen")).code == "not-in-room"
    assert ann.take() == []


def test_filtersSeeMessagesForOneAndTheyStillGoToEverybody(makeWorld: WorldFactory) -> None:
    targets: list[str | None] = []

    def look(peer: Any, room: Any, message: Any) -> Any:
        targets.append(message.targetUserId)
        return message

    plugins = Plugins(filterMessage=look)
    ann, _, _ = makeWorld(SignalingOptions(exact=True), plugins).members("kitchen", "ann", "ben", "cas")
    for target in ("ben", 7, None):
        assert ann.ask("broadcast", {"targetUserId": target}).value["delivered"] == 3
    assert targets == ["ben", None, None]
