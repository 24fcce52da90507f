"""What a client of any kind can rely on when it meets another one in a room."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients.client import Client
from tests.clients.kinds import Kind
from tests.clients.opener import Clients
from tests.clients.sdp import sessionDescription

OFFER = 1


@pytest.fixture
def ann(clients: Clients, kind: Kind) -> Client:
    """The client of the kind under test."""
    return clients.connect(kind, "ann")


@pytest.fixture
def bob(clients: Clients, kind: Kind) -> Client:
    """Somebody to talk to: of another generation, on another transport, in the other namespace."""
    return clients.connect(kind.other, "bob")


@pytest.fixture
def together(ann: Client, bob: Client, room: str) -> None:
    """Both are in the room and have heard so."""
    bob.join(room)
    ann.join(room)
    bob.expect("user-joined", "bob", {"roomName": room})
    for member in (ann, bob):
        member.expect("user-joined", "ann", {"roomName": room})


def refusal(code: str, answer: Any) -> bool:
    """Whether an acknowledgement is a refusal with this code and a sentence for people."""
    assert answer == {"ok": False, "error": {"code": code, "message": answer["error"]["message"]}}
    return bool(answer["error"]["message"])


def test_joinTellsTheJoinerWhoIsThereAndEverybodyWhoCame(ann: Client, bob: Client, room: str) -> None:
    assert bob.join(room) == {"ok": True, "roomName": room, "userId": "bob", "members": [{"userId": "bob"}]}
    bob.expect("user-joined", "bob", {"roomName": room})

    answer = ann.join(room)

    assert sorted(answer.pop("members"), key=lambda member: str(member["userId"])) == [
        {"userId": "ann"},
        {"userId": "bob"},
    ]
    assert answer == {"ok": True, "roomName": room, "userId": "ann"}
    for member in (ann, bob):
        member.expect("user-joined", "ann", {"roomName": room})
        member.hearsNothing()


def test_joinAndLeaveTakeJsonTextAsTheOriginalDid(ann: Client, bob: Client, room: str) -> None:
    bob.join(room)
    bob.next()
    place = json.dumps({"userId": "ann", "roomName": room})

    ann.emit("join-room", place)
    for member in (ann, bob):
        member.expect("user-joined", "ann", {"roomName": room})
    assert ann.ask("leave-room", place) == {"ok": True}

    for member in (ann, bob):
        member.expect("user-left", "ann", {"roomName": room, "reason": "left"})
        member.hearsNothing()


def test_joiningOnceMoreAnnouncesNothing(ann: Client, bob: Client, room: str, together: None) -> None:
    assert ann.join(room)["ok"]
    ann.hearsNothing()
    bob.hearsNothing()


def test_whoLeavesIsToldAndAnnouncedAndHearsNoMore(ann: Client, bob: Client, room: str, together: None) -> None:
    assert ann.leave(room) == {"ok": True}
    for member in (ann, bob):
        member.expect("user-left", "ann", {"roomName": room, "reason": "left"})

    bob.ask("broadcast", {"userId": "bob", "msgType": OFFER})

    bob.next()
    bob.hearsNothing()
    ann.hearsNothing()


def test_broadcastReachesEverybodyInTheRoomTheSenderToo(ann: Client, bob: Client, together: None) -> None:
    body = {
        "userId": "ann",
        "msgType": 7,
        "nested": {"z": 1, "a": [None, True, 1.5, ""]},
        "id": "0",
        "label": 0,
    }

    answer = ann.ask("broadcast", body)

    assert answer == {"ok": True, "delivered": 2}
    for member in (ann, bob):
        member.expect("broadcast", body)
        member.hearsNothing()


def test_aDescriptionOf64KilobytesArrivesAsItWasSent(ann: Client, bob: Client, together: None) -> None:
    for sender in (ann, bob):
        offer = {"userId": sender.name, "msgType": OFFER, "sdp": sessionDescription(65536)}
        assert sender.ask("broadcast", offer)["ok"]
        for member in (ann, bob):
            member.expect("broadcast", offer)


def test_anyTextArrivesAsItWasSent(ann: Client, bob: Client, together: None) -> None:
    """Among it what is more than one byte, more than one UTF-16 unit, or special in a payload."""
    text = "Grüße \U0001f469‍\U0001f680 \u2028\u2029\x1e\x00 日本 " + sessionDescription(3000, "\U0001f600")
    for sender in (ann, bob):
        body = {"userId": sender.name, "msgType": 9, "text": text}
        assert sender.ask("broadcast", body)["ok"]
        for member in (ann, bob):
            member.expect("broadcast", body)


def test_namesMayBeInAnyScript(ann: Client, bob: Client, room: str) -> None:
    place = {"userId": "Zoë \U0001f98a", "roomName": f"{room} комната \U0001f3e0"}
    assert ann.ask("join-room", place) == {"ok": True, **place, "members": [{"userId": place["userId"]}]}
    ann.expect("user-joined", place["userId"], {"roomName": place["roomName"]})


@pytest.mark.parametrize(
    "body",
    [
        bytes(range(256)),
        {"userId": "ann", "msgType": 9, "parts": [b"\x00\x01", {"deep": b""}], "last": b"\xff" * 5000},
    ],
    ids=["bytes alone", "bytes within an object"],
)
def test_bytesArriveAsBytes(ann: Client, bob: Client, together: None, body: Any) -> None:
    for sender in (ann, bob):
        sent = {**body, "userId": sender.name} if isinstance(body, dict) else body
        assert sender.ask("broadcast", sent) == {"ok": True, "delivered": 2}
        for member in (ann, bob):
            member.expect("broadcast", sent)


def test_aMessageForOneReachesNobodyElse(clients: Clients, ann: Client, bob: Client, room: str, together: None) -> None:
    eve = clients.connect(ann.kind, "eve")
    eve.join(room)
    for member in (ann, bob, eve):
        member.next()

    for sender, target in ((ann, bob), (bob, ann)):
        body = {"userId": sender.name, "msgType": OFFER, "targetUserId": target.name}
        assert sender.ask("broadcast", body) == {"ok": True, "delivered": 1}
        target.expect("broadcast", body)

    for member in (ann, bob, eve):
        member.hearsNothing()


def test_whoSharesTwoRoomsHearsAMessageOnce(ann: Client, bob: Client, room: str, together: None) -> None:
    for member in (bob, ann):
        member.join(f"{room}, the second")
    for member in (ann, bob):
        member.everything()
    body = {"userId": "ann", "msgType": 9}

    assert ann.ask("broadcast", body) == {"ok": True, "delivered": 2}

    for member in (ann, bob):
        member.expect("broadcast", body)
        member.hearsNothing()


def test_aMessageForOneRoomStaysInIt(clients: Clients, ann: Client, bob: Client, room: str, together: None) -> None:
    eve = clients.connect(ann.kind.other, "eve")
    second = f"{room}, the second"
    for member in (eve, ann):
        member.join(second)
    for member in (ann, eve):
        member.everything()
    body = {"userId": "ann", "msgType": 9, "roomName": second}

    assert ann.ask("broadcast", body) == {"ok": True, "delivered": 2}

    for member in (ann, eve):
        member.expect("broadcast", body)
        member.hearsNothing()
    bob.hearsNothing()


def test_whoIsNotInTheRoomHearsNothingOfIt(clients: Clients, ann: Client, bob: Client, room: str) -> None:
    eve = clients.connect(ann.kind, "eve")
    eve.join(f"{room}, next door")
    eve.next()

    for member in (ann, bob):
        member.join(room)
    ann.ask("broadcast", {"userId": "ann", "msgType": OFFER})
    ann.leave(room)

    eve.hearsNothing()


def test_aRefusalAnswersTheRequest(ann: Client, bob: Client, room: str, together: None) -> None:
    """With a code for programs and a sentence for people; nobody else hears of it."""
    strange = f"{room}, where ann is not"
    assert refusal("bad-arguments", ann.ask("join-room", "not JSON"))
    assert refusal("bad-arguments", ann.ask("join-room", {"userId": "ann"}))
    assert refusal("bad-arguments", ann.ask("join-room", {"userId": "", "roomName": strange}))
    assert refusal("not-in-room", ann.ask("leave-room", {"userId": "ann", "roomName": strange}))
    assert refusal("not-in-room", ann.ask("broadcast", {"userId": "ann", "msgType": 1, "roomName": strange}))
    assert refusal("not-your-user-id", ann.ask("broadcast", {"userId": "bob", "msgType": OFFER}))
    assert refusal("not-your-user-id", ann.ask("leave-room", {"userId": "bob", "roomName": room}))
    ann.hearsNothing()
    bob.hearsNothing()


def test_aRefusalWithoutAnyAckIsAnEvent(ann: Client, bob: Client, room: str, together: None) -> None:
    for event, roomName, code, argument in (
        ("broadcast", room, "not-your-user-id", {"userId": "bob", "msgType": OFFER, "roomName": room}),
        ("leave-room", f"{room}!", "not-in-room", {"userId": "ann", "roomName": f"{room}!"}),
        ("leave-room", room, "not-your-user-id", json.dumps({"userId": "bob", "roomName": room})),
    ):
        ann.emit(event, argument)
        heard, details = ann.next()
        assert heard == "refused"
        assert details.pop("message")
        assert details == {"event": event, "roomName": roomName, "code": code}
    ann.emit("join-room", "not JSON")
    heard, details = ann.next()
    assert (heard, details["event"], details["code"]) == ("refused", "join-room", "bad-arguments")
    bob.hearsNothing()


def test_whoClosesIsAnnouncedOnce(ann: Client, bob: Client, room: str, together: None) -> None:
    ann.close()
    bob.expect("user-left", "ann", {"roomName": room, "reason": "disconnect"})
    bob.hearsNothing()


def test_theConnectionSettlesOnItsTransport(clients: Clients, kind: Kind) -> None:
    client = clients.connect(kind, "ann")
    client.settle()
    assert client.transport() == kind.finalTransport
