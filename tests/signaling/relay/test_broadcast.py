"""Broadcasts: who gets them."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.values import Identity
from tests.signaling.conftest import WorldFactory
from tests.signaling.plugins import Plugins
from tests.signaling.words import acked
from tests.signaling.world import Client, World

OFFER: dict[str, Any] = {"userId": "ann", "msgType": 1, "sdp": "v=0\r\n"}


def heardBy(*clients: Client) -> list[bool]:
    """Who heard one broadcast; nobody may have heard it twice, or anything else."""
    found = []
    for client in clients:
        heard = [entry for entry in client.take() if entry[0] != "<ack>"]
        assert [entry[0] for entry in heard] in ([], ["broadcast"]), heard
        found.append(bool(heard))
    return found


@pytest.mark.parametrize("namespace", ["/", "/socket.io"])
def test_aBroadcastGoesToEveryMemberAndToTheSender(world: World, namespace: str, revision: Revision) -> None:
    ann = world.member("kitchen", "ann", namespace, revision)
    ben, cas = world.members("kitchen", "ben", "cas")
    ann.take()
    ann.emit("broadcast", OFFER)
    assert ann.take() == ben.take() == cas.take() == [("broadcast", OFFER)]


def test_itIsAcknowledgedWithTheNumberOfPeersItWasHandedTo(world: World) -> None:
    ann, _, _ = world.members("kitchen", "ann", "ben", "cas")
    answer = ann.ask("broadcast", OFFER)
    assert answer.value == {"ok": True, "delivered": 3}
    assert ann.take() == [("broadcast", OFFER), acked(delivered=3)]


def test_whoIsAloneHearsItself(world: World) -> None:
    (ann,) = world.members("kitchen", "ann")
    assert ann.ask("broadcast", OFFER).value["delivered"] == 1


def test_otherRoomsHearNothing(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    (cas,) = world.members("garden", "cas")
    outside = world.client()
    ann.emit("broadcast", OFFER)
    assert heardBy(ben, cas, outside) == [True, False, False]


def test_aBroadcastGoesToAllRoomsOfTheSender(world: World) -> None:
    (ben,) = world.members("kitchen", "ben")
    (cas,) = world.members("garden", "cas")
    (dan,) = world.members("attic", "dan")
    ann = world.member("kitchen", "ann")
    ann.join("garden", "ann")
    for client in (ann, ben, cas):
        client.take()
    assert ann.ask("broadcast", OFFER).value["delivered"] == 3
    assert heardBy(ann, ben, cas, dan) == [True, True, True, False]


@pytest.mark.parametrize("echo", [True, False])
def test_whoSharesTwoRoomsWithTheSenderGetsItOnce(makeWorld: WorldFactory, echo: bool) -> None:
    world = makeWorld(SignalingOptions(echo=echo))
    ann, ben = world.members("kitchen", "ann", "ben")
    for client, userId in ((ann, "ann"), (ben, "ben")):
        client.join("garden", userId)
    ann.take(), ben.take()
    assert ann.ask("broadcast", OFFER).value["delivered"] == 1 + echo
    assert heardBy(ann, ben) == [echo, True]


def test_theSenderDoesNotHearItselfWithoutEcho(makeWorld: WorldFactory) -> None:
    world = makeWorld(SignalingOptions(echo=False))
    ann, ben = world.members("kitchen", "ann", "ben")
    assert ann.ask("broadcast", OFFER).value["delivered"] == 1
    assert heardBy(ann, ben) == [False, True]


def test_withoutEchoAnotherConnectionOfTheSenderHearsIt(makeWorld: WorldFactory) -> None:
    world = makeWorld(SignalingOptions(echo=False))
    phone, laptop = world.members("kitchen", "ann", "ann")
    assert phone.ask("broadcast", OFFER).value["delivered"] == 1
    assert heardBy(phone, laptop) == [False, True]


def test_aLonelySenderWithoutEchoReachesNobody(makeWorld: WorldFactory) -> None:
    (ann,) = makeWorld(SignalingOptions(echo=False)).members("kitchen", "ann")
    assert ann.ask("broadcast", OFFER).value == {"ok": True, "delivered": 0}


class TestByRoom:
    """``roomName``: one of the sender's rooms."""

    def test_onlyThatRoomGetsIt(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.join("garden", "ann")
        (cas,) = world.members("garden", "cas")
        ann.take(), ben.take()
        message = {**OFFER, "roomName": "garden"}
        assert ann.ask("broadcast", message).value["delivered"] == 2
        assert heardBy(ann, ben, cas) == [True, False, True]

    def test_itIsRelayedWithTheKey(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        message = {**OFFER, "roomName": "kitchen"}
        ann.emit("broadcast", message)
        assert ben.take() == [("broadcast", message)]

    @pytest.mark.parametrize("roomName", ["garden", "nowhere"])
    def test_aRoomThatIsNotOnesOwnIsRefused(self, world: World, roomName: str) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        (cas,) = world.members("garden", "cas")
        assert ann.ask("broadcast", {**OFFER, "roomName": roomName}).code == "not-in-room"
        assert heardBy(ann, ben, cas) == [False, False, False]

    def test_nullIsAsIfItWereNotThere(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        message = {"userId": None, "targetUserId": None, "roomName": None}
        assert ann.ask("broadcast", message).value["delivered"] == 2
        assert ben.take() == [("broadcast", message)]


class TestByUser:
    """``targetUserId``: one user's peers."""

    def test_onlyThatUserGetsIt(self, world: World) -> None:
        ann, ben, cas = world.members("kitchen", "ann", "ben", "cas")
        message = {**OFFER, "targetUserId": "ben"}
        assert ann.ask("broadcast", message).value == {"ok": True, "delivered": 1}
        assert ben.take() == [("broadcast", message)]
        assert heardBy(ann, cas) == [False, False]

    def test_allPeersOfThatUserGetIt(self, world: World) -> None:
        ann, phone, laptop = world.members("kitchen", "ann", "ben", "ben")
        assert ann.ask("broadcast", {**OFFER, "targetUserId": "ben"}).value["delivered"] == 2
        assert heardBy(ann, phone, laptop) == [False, True, True]

    def test_aUserWhoIsNotThereGetsNothing(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        assert ann.ask("broadcast", {**OFFER, "targetUserId": "cas"}).value == {"ok": True, "delivered": 0}
        assert heardBy(ann, ben) == [False, False]

    def test_aUserOfAnotherRoomGetsNothing(self, world: World) -> None:
        (ann,) = world.members("kitchen", "ann")
        (ben,) = world.members("garden", "ben")
        assert ann.ask("broadcast", {**OFFER, "targetUserId": "ben"}).value["delivered"] == 0
        assert heardBy(ben) == [False]

    def test_aMessageToOneselfDoesNotComeBack(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        assert ann.ask("broadcast", {**OFFER, "targetUserId": "ann"}).value["delivered"] == 0
        assert heardBy(ann, ben) == [False, False]

    def test_aMessageToOneselfReachesOnesOtherConnections(self, world: World) -> None:
        phone, laptop = world.members("kitchen", "ann", "ann")
        assert phone.ask("broadcast", {**OFFER, "targetUserId": "ann"}).value["delivered"] == 1
        assert heardBy(phone, laptop) == [False, True]

    def test_aTargetWhoSharesTwoRoomsGetsItOnce(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.join("garden", "ann")
        ben.join("garden", "ben")
        ann.take(), ben.take()
        assert ann.ask("broadcast", {**OFFER, "targetUserId": "ben"}).value["delivered"] == 1
        assert heardBy(ben) == [True]

    def test_theNameCountsThatTheTargetHasInTheSharedRoom(self, world: World) -> None:
        (ann,) = world.members("kitchen", "ann")
        ben = world.member("kitchen", "ben")
        ben.join("garden", "benjamin")
        ben.take()
        assert ann.ask("broadcast", {**OFFER, "targetUserId": "benjamin"}).value["delivered"] == 0
        assert heardBy(ben) == [False]

    def test_roomAndUserTogether(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.join("garden", "ann")
        (other,) = world.members("garden", "ben")
        ann.take()
        message = {**OFFER, "targetUserId": "ben", "roomName": "garden"}
        assert ann.ask("broadcast", message).value["delivered"] == 1
        assert heardBy(ann, ben, other) == [False, False, True]

    def test_theTargetsAreFoundAgainAfterSomeOfThemLeft(self, world: World) -> None:
        ann, phone, laptop = world.members("kitchen", "ann", "ben", "ben")
        phone.lose()
        assert ann.ask("broadcast", {**OFFER, "targetUserId": "ben"}).value["delivered"] == 1
        laptop.lose()
        assert ann.ask("broadcast", {**OFFER, "targetUserId": "ben"}).value["delivered"] == 0


class TestByUserWhoHasSignedIn:
    """A guest may have joined under the same user id; messages to it are not for the guest then."""

    @pytest.fixture
    def world(self, makeWorld: WorldFactory) -> World:
        """Anyone who says who they are has signed in."""
        return makeWorld(gates=Plugins(authenticate=lambda shake: Identity(shake.query.get("user"))))

    def signedIn(self, world: World, userId: str) -> Client:
        """A member who has signed in."""
        client = world.client(query={"user": userId})
        client.join("kitchen", userId)
        return client

    @pytest.mark.parametrize("first", ["the guest", "the user"])
    @pytest.mark.parametrize("filtered", [False, True])
    def test_noGuestOfTheSameNameHearsIt(self, world: World, first: str, filtered: bool) -> None:
        (ben,) = world.members("kitchen", "ben")
        if first == "the guest":
            guest, ann = world.member("kitchen", "ann"), self.signedIn(world, "ann")
        else:
            ann, guest = self.signedIn(world, "ann"), world.member("kitchen", "ann")
        for client in (ann, ben, guest):
            client.take()
        if filtered:
            world.hub.gates = Plugins(filterMessage=lambda peer, room, message: message.replace(userId="anyone"))
        assert ben.ask("broadcast", {**OFFER, "userId": "ben", "targetUserId": "ann"}).value["delivered"] == 1
        assert heardBy(ann, guest) == [True, False]

    def test_everyConnectionThatHasSignedInHearsIt(self, world: World) -> None:
        ben, _ = world.members("kitchen", "ben", "ann")
        phone, laptop = self.signedIn(world, "ann"), self.signedIn(world, "ann")
        phone.take(), laptop.take()
        assert ben.ask("broadcast", {"targetUserId": "ann"}).value["delivered"] == 2
        assert heardBy(phone, laptop) == [True, True]

    def test_itIsHeardOnceInTwoSharedRooms(self, world: World) -> None:
        ben, guest = world.members("kitchen", "ben", "ann")
        ann = self.signedIn(world, "ann")
        for client, userId in ((ann, "ann"), (ben, "ben"), (guest, "ann")):
            client.join("garden", userId)
        ann.take(), guest.take()
        assert ben.ask("broadcast", {"targetUserId": "ann"}).value["delivered"] == 1
        assert heardBy(ann, guest) == [True, False]

    def test_guestsHearItAgainWhenNobodyHasSignedInAnyMore(self, world: World) -> None:
        ben, guest = world.members("kitchen", "ben", "ann")
        phone, laptop = self.signedIn(world, "ann"), self.signedIn(world, "ann")
        phone.lose()
        guest.take()
        assert ben.ask("broadcast", {"targetUserId": "ann"}).value["delivered"] == 1
        assert heardBy(guest) == [False]
        laptop.leave("kitchen", "ann")
        guest.take()
        assert ben.ask("broadcast", {"targetUserId": "ann"}).value["delivered"] == 1
        assert heardBy(guest) == [True]

    def test_aGuestWhoHasLeftChangesNothing(self, world: World) -> None:
        ben, guest = world.members("kitchen", "ben", "ann")
        ann = self.signedIn(world, "ann")
        guest.lose()
        ann.take()
        assert ben.ask("broadcast", {"targetUserId": "ann"}).value["delivered"] == 1
        assert heardBy(ann) == [True]

    def test_aTicketThatNamesNobodyProvesNothing(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(gates=Plugins(authenticate=lambda shake: Identity()))
        ben, ann, other = world.members("kitchen", "ben", "ann", "ann")
        assert ben.ask("broadcast", {"targetUserId": "ann"}).value["delivered"] == 2
        assert heardBy(ann, other) == [True, True]


class TestAsWhom:
    """``userId``: bound at join."""

    def test_aMessageWithoutAUserIdIsFine(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        assert ann.ask("broadcast", {"msgType": 1}).value["delivered"] == 2
        assert ben.take() == [("broadcast", {"msgType": 1})]

    @pytest.mark.parametrize("userId", ["ben", "eve", "ANN", " ann"])
    def test_aMessageAsSomebodyElseIsRefused(self, world: World, userId: str) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        assert ann.ask("broadcast", {**OFFER, "userId": userId}).code == "not-your-user-id"
        assert heardBy(ann, ben) == [False, False]

    def test_underDifferentNamesInDifferentRoomsEachNameSpeaksInItsOwn(self, world: World) -> None:
        (ben,) = world.members("kitchen", "ben")
        (cas,) = world.members("garden", "cas")
        ann = world.member("kitchen", "ann")
        ann.join("garden", "anna")
        for client in (ann, ben, cas):
            client.take()
        assert ann.ask("broadcast", {"userId": "ann"}).value["delivered"] == 2
        assert heardBy(ben, cas) == [True, False]
        assert ann.ask("broadcast", {"userId": "anna"}).value["delivered"] == 2
        assert heardBy(ben, cas) == [False, True]
        assert ann.ask("broadcast", {}).value["delivered"] == 3
        assert heardBy(ben, cas) == [True, True]

    def test_theNameOfAnotherRoomIsRefusedInARoom(self, world: World) -> None:
        ann = world.member("kitchen", "ann")
        ann.join("garden", "anna")
        message = {"userId": "anna", "roomName": "kitchen"}
        assert ann.ask("broadcast", message).code == "not-your-user-id"


class TestNonMembers:
    """Who is in no room is not heard."""

    def test_whoNeverJoinedIsRefused(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        assert world.client().ask("broadcast", OFFER).code == "not-in-room"
        assert heardBy(ann, ben) == [False, False]

    def test_whoHasLeftIsRefused(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        ann.leave("kitchen", "ann")
        ben.take()
        assert ann.ask("broadcast", OFFER).code == "not-in-room"
        assert heardBy(ben) == [False]

    def test_aRoomCannotBeSpokenToFromOutside(self, world: World) -> None:
        (ann,) = world.members("kitchen", "ann")
        message = {"userId": "ann", "roomName": "kitchen", "targetUserId": "ann"}
        assert world.client().ask("broadcast", message).code == "not-in-room"
        assert heardBy(ann) == [False]

    def test_nothingAtAllIsNotABroadcast(self, world: World) -> None:
        ann, ben = world.members("kitchen", "ann", "ben")
        assert ann.ask("broadcast").code == "bad-arguments"
        assert heardBy(ben) == [False]


@pytest.mark.parametrize("key", ["userId", "targetUserId", "roomName"])
@pytest.mark.parametrize("value", ["", 0, 1, 1.5, True, False, [], ["ben"], {}], ids=repr)
def test_aRoutingKeyThatIsNoTextIsRefused(world: World, key: str, value: Any) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    answer = ann.ask("broadcast", {"msgType": 1, key: value})
    assert answer.code == "bad-arguments"
    problem = "is empty." if value == "" else "is not a string."
    assert answer.value["error"]["message"] == f"{key} {problem}"
    assert key in answer.value["error"]["message"]
    assert heardBy(ann, ben) == [False, False]


def test_messagesOfOneSenderArriveInTheOrderInWhichTheyWereSent(world: World) -> None:
    ann, ben, cas = world.members("kitchen", "ann", "ben", "cas")
    for number in range(100):
        ann.emit("broadcast", {"n": number, **({"targetUserId": "ben"} if number % 3 else {})})
    assert [heard[1]["n"] for heard in ben.take()] == list(range(100))
    assert [heard[1]["n"] for heard in cas.take()] == list(range(0, 100, 3))
