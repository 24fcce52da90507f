"""Joining a room."""

from __future__ import annotations

import json

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.rates import Rate
from rtcsignal.signaling.options import SignalingOptions
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Plugins
from tests.signaling.words import acked, joined, room, userIds
from tests.signaling.world import World


@pytest.mark.parametrize("namespace", ["/", "/socket.io"])
def test_aJoinIsAcknowledgedWithRoomUserAndMembers(world: World, namespace: str, revision: Revision) -> None:
    client = world.client(namespace, revision)
    answer = client.ask("join-room", room("ann", "kitchen"))
    assert answer.value == {
        "ok": True,
        "roomName": "kitchen",
        "userId": "ann",
        "members": [{"userId": "ann"}],
    }


def test_membersAreEveryUserAfterTheJoinInTheOrderInWhichTheyCame(world: World) -> None:
    for userId in ("zoe", "ann", "max"):
        world.member("kitchen", userId)
    world.member("garden", "eve")
    answer = world.client().join("kitchen", "ben")
    assert userIds(answer.value["members"]) == ["zoe", "ann", "max", "ben"]


def test_aUserWithTwoConnectionsIsOneMember(world: World) -> None:
    world.member("kitchen", "ann")
    world.member("kitchen", "ann")
    answer = world.client().join("kitchen", "ben")
    assert userIds(answer.value["members"]) == ["ann", "ben"]
    assert "connections" not in answer.value


def test_theAnswerSaysHowManyConnectionsAUserHasIfThatIsAsked(world: World) -> None:
    world.member("kitchen", "ann")
    assert "connections" not in world.client().join("kitchen", "ben", connections=True).value
    world.member("kitchen", "ann")
    assert world.client().join("kitchen", "cat", connections=True).value["connections"] == {"ann": 2}
    assert "connections" not in world.client().join("kitchen", "dan", connections=1).value


def test_aUserIsAMemberUntilItsLastConnectionIsGone(world: World) -> None:
    first, second = world.members("kitchen", "ann", "ann")
    first.leave("kitchen", "ann")
    assert userIds(world.client().join("kitchen", "ben").value["members"]) == ["ann", "ben"]
    second.leave("kitchen", "ann")
    assert userIds(world.client().join("kitchen", "cas").value["members"]) == ["ben", "cas"]


def test_theRoomIsToldAndTheJoinerToo(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    cas = world.client()
    cas.emit("join-room", room("cas", "kitchen"))
    assert ann.take() == ben.take() == cas.take() == [joined("cas", "kitchen")]


def test_nobodyElseIsTold(world: World) -> None:
    outside = world.client()
    (elsewhere,) = world.members("garden", "eve")
    world.member("kitchen", "ann")
    assert outside.take() == elsewhere.take() == []


def test_theJoinerIsAcknowledgedBeforeTheRoomIsTold(world: World) -> None:
    ann = world.client()
    ann.ask("join-room", room("ann", "kitchen"))
    members = [{"userId": "ann"}]
    assert ann.take() == [
        acked(roomName="kitchen", userId="ann", members=members),
        joined("ann", "kitchen"),
    ]


def test_theArgumentMayBeAJsonText(world: World) -> None:
    (ann,) = world.members("kitchen", "ann")
    answer = world.client().ask("join-room", json.dumps(room("ben", "kitchen")))
    assert answer.value["userId"] == "ben"
    assert userIds(answer.value["members"]) == ["ann", "ben"]
    assert ann.take() == [joined("ben", "kitchen")]


def test_theJoinThatComesBehindAnotherArgumentIsNotLookedAt(world: World) -> None:
    world.client().ask("join-room", room("ann", "kitchen"), room("ben", "garden"))
    assert world.rosters() == {"kitchen": ["ann"]}


def test_furtherKeysChangeNothing(world: World) -> None:
    answer = world.client().join("kitchen", "ann", password="1234", token={"deep": [1, 2.5, None]})
    assert answer.value.keys() == {"ok", "roomName", "userId", "members"}
    assert world.rosters() == {"kitchen": ["ann"]}


def test_aJoinOfARoomAlreadyJoinedAnnouncesNothing(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ben.emit("join-room", room("ben", "kitchen"))
    assert ann.take() == ben.take() == []


def test_aJoinOfARoomAlreadyJoinedIsAcknowledgedAsTheFirst(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    answer = ann.ask("join-room", room("ann", "kitchen"))
    assert answer.value["roomName"] == "kitchen"
    assert answer.value["userId"] == "ann"
    assert userIds(answer.value["members"]) == ["ann", "ben"]
    assert ben.take() == []
    assert world.rosters() == {"kitchen": ["ann", "ben"]}


def test_whoJoinsTwiceLeavesOnce(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.join("kitchen", "ann")
    ann.leave("kitchen", "ann")
    assert [heard[0] for heard in ben.take()] == ["user-left"]
    assert world.rosters() == {"kitchen": ["ben"]}


def test_aRoomAlreadyJoinedCannotBeJoinedAsSomebodyElse(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    assert ann.ask("join-room", room("eve", "kitchen")).code == "not-your-user-id"
    assert world.rosters() == {"kitchen": ["ann", "ben"]}
    assert ben.take() == []


def test_onePeerMayBeInSeveralRoomsUnderSeveralNames(world: World) -> None:
    ann = world.member("kitchen", "ann")
    ann.join("garden", "anna")
    assert world.rosters() == {"kitchen": ["ann"], "garden": ["anna"]}


def test_aJoinIsToldOnlyToTheRoomThatIsJoined(world: World) -> None:
    ann = world.member("kitchen", "ann")
    (ben,) = world.members("kitchen", "ben")
    (cas,) = world.members("garden", "cas")
    ann.take()
    ann.emit("join-room", room("anna", "garden"))
    assert ann.take() == cas.take() == [joined("anna", "garden")]
    assert ben.take() == []


def test_aPeerCanComeBackToARoomItLeft(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.leave("kitchen", "ann")
    ben.take()
    ann.join("kitchen", "anna")
    assert ben.take() == [joined("anna", "kitchen")]
    assert world.rosters() == {"kitchen": ["ben", "anna"]}


def test_moreRoomsThanAllowedAreRefused(makeWorld: WorldFactory) -> None:
    world = makeWorld(SignalingOptions(roomsPerPeer=2))
    ann = world.member("one", "ann")
    ann.join("two", "ann")
    assert ann.ask("join-room", room("ann", "three")).code == "too-many-rooms"
    assert world.rosters() == {"one": ["ann"], "two": ["ann"]}


def test_aRoomAlreadyJoinedIsNotOneTooMany(makeWorld: WorldFactory) -> None:
    world = makeWorld(SignalingOptions(roomsPerPeer=1))
    ann = world.member("one", "ann")
    ann.join("one", "ann")


def test_leavingMakesPlaceForAnotherRoom(makeWorld: WorldFactory) -> None:
    world = makeWorld(SignalingOptions(roomsPerPeer=1))
    ann = world.member("one", "ann")
    ann.leave("one", "ann")
    ann.join("two", "ann")
    assert world.rosters() == {"two": ["ann"]}


def test_eachPeerHasItsOwnLimitOfRooms(makeWorld: WorldFactory) -> None:
    world = makeWorld(SignalingOptions(roomsPerPeer=1))
    world.member("one", "ann")
    world.member("two", "ann")
    assert world.rosters() == {"one": ["ann"], "two": ["ann"]}


def test_byDefaultAPeerMayBeIn32Rooms(world: World) -> None:
    ann = world.client()
    for number in range(32):
        ann.join(f"room {number}", "ann")
    assert ann.ask("join-room", room("ann", "one more")).code == "too-many-rooms"
    assert len(world.hub.rooms) == 32


def test_withoutALimitAPeerMayBeInAnyNumberOfRooms(makeWorld: WorldFactory) -> None:
    world = makeWorld(SignalingOptions(roomsPerPeer=0))
    ann = world.client()
    for number in range(100):
        ann.join(f"room {number}", "ann")
    assert len(world.hub.rooms) == 100


def test_aConnectionThatJoinsTooOftenIsRefusedForAWhile(world: World, revision: Revision) -> None:
    ann = world.client("/", revision)
    for number in range(100):
        assert ann.ask("join-room", room("ann", f"room {number % 20}")).ok
    assert ann.ask("join-room", room("ann", "kitchen")).code == "too-many-joins"
    world.clock.advance(0.125)
    assert ann.ask("join-room", room("ann", "room 1")).ok


def test_whoComesBackToANamespaceJoinsNoFasterForIt(world: World, revision: Revision) -> None:
    link = world.link(revision)
    for _ in range(2):
        ann = link.client("/socket.io")
        answers = [ann.ask("join-room", room("ann", "kitchen")) for _ in range(50)]
        assert all(answer.ok for answer in answers)
        ann.disconnect()
    assert link.client("/").ask("join-room", room("ann", "kitchen")).code == "too-many-joins"


def test_withoutALimitEverybodyJoinsAsFastAsTheyLike(makeWorld: WorldFactory) -> None:
    ann = makeWorld(options=SignalingOptions(joinsRate=Rate(0, 0))).client()
    assert all(ann.ask("join-room", room("ann", "kitchen")).ok for _ in range(200))


class TestTheSizeOfARequest:
    @pytest.mark.parametrize("asText", [False, True])
    def test_oneThatIsTooLongIsRefused(self, world: World, asText: bool) -> None:
        request = room("ann", "kitchen") | {"x": "é" * 8_192}
        answer = world.client().ask("join-room", json.dumps(request, ensure_ascii=False) if asText else request)
        error = answer.value["error"]
        assert (error["code"], error["most"]) == ("too-large", 16_384)
        assert error["size"] > 16_384
        assert world.rosters() == {}

    def test_oneThatIsJustShortEnoughIsNot(self, world: World) -> None:
        client, request = world.client(), room("ann", "kitchen")
        error = client.ask("join-room", request | {"x": "x" * 20_000}).value["error"]
        fits = 20_000 - (error["size"] - error["most"])
        assert client.ask("join-room", request | {"x": "x" * (fits + 1)}).code == "too-large"
        assert client.ask("join-room", request | {"x": "x" * fits}).ok

    def test_binaryPartsCount(self, world: World) -> None:
        request = json.dumps(room("ann", "kitchen") | {"x": {"_placeholder": True, "num": 0}})
        assert world.client().askText(f'["join-room",{request}]', bytes(16_384)).code == "too-large"

    def test_itCanBeUnlimited(self, makeWorld: WorldFactory) -> None:
        client = makeWorld(SignalingOptions(joinBytes=0)).client()
        assert client.ask("join-room", room("ann", "kitchen") | {"x": "x" * 100_000}).ok


class TestWhatIsKeptOfARequest:
    def test_pluginsSeeAllOfItAndAnewEachTime(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins(mayJoin=lambda peer, room: None)
        client = makeWorld(gates=plugins).client()
        sent = room("ann", "kitchen") | {"big": 2**70, "list": [{"deep": [1.5, None]}]}
        text = json.dumps(sent | {"raw": {"_placeholder": True, "num": 0}})
        assert client.askText(f'["join-room",{text}]', b"\x00\xff").ok
        peer, sent["raw"] = plugins.peers["ann"], b"\x00\xff"
        assert peer.joinRequest == sent
        peer.joinRequest["list"].append("more")
        assert peer.joinRequest == sent

    def test_whatLooksLikeAPlaceholderStaysWhatItIs(self, makeWorld: WorldFactory) -> None:
        plugins = Plugins(mayJoin=lambda peer, room: None)
        client = makeWorld(gates=plugins).client()
        sent = room("ann", "kitchen") | {"x": {"_placeholder": True, "num": 7}}
        assert client.ask("join-room", json.dumps(sent)).ok
        assert plugins.peers["ann"].joinRequest == sent
