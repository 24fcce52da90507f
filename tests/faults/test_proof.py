"""Guests who take the names of others: nobody who has signed in loses anything by it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from rtcsignal.policy.builtin.shared_secret import makeTicket
from tests.faults.target import Target, joined
from tests.support.sharedservers import SharedServers
from tests.wire.engine import EngineSocket
from tests.wire.socketio import Peer, event
from tests.wire.wire import Wire

SECRET = "a secret of thirty-two characters, or more"
USE: list[Any] = [
    {"shared-secret": {"secret": SECRET}},
    "anonymous",
    {"host": {"rooms": ["meeting *"]}},
    {"one-session-per-user": {"rooms": {"refuse *": "refuse", "meeting *": "many", "*": "replace"}}},
]


@pytest.fixture
def wire(servers: SharedServers) -> Iterator[Wire]:
    process = servers({"plugins": {"use": USE}, "limits": {"connections_per_address": 0}})
    wire = Wire(Target(process).address, "127.1.0.2")
    yield wire
    wire.closeAll()


def signedIn(wire: Wire, revision: int, userId: str | None) -> Peer:
    """A client with a ticket."""
    peer = wire.peer(revision, "websocket", f"&token={makeTicket(SECRET, time.time() + 60, userId)}")
    if revision == 4:
        peer.send("40")
    assert str(peer.receive()).startswith("40")
    return peer


def answer(peer: Peer, name: str, **body: Any) -> Any:
    """The acknowledgement of an event."""
    peer.send(event(name, body, ack="7"))
    return answered(peer)


def answered(peer: Peer) -> Any:
    """The acknowledgement that comes next."""
    while not (packet := str(peer.receive())).startswith("437"):
        pass
    return json.loads(packet[3:])[0]


@pytest.mark.parametrize("mode", ["replace", "refuse"])
@pytest.mark.parametrize("ticket", [False, True], ids=["without a ticket", "with one that names nobody"])
def test_aGuestDoesNotReplaceAUserWhoHasSignedIn(
    wire: Wire, room: str, revision: int, mode: str, ticket: bool
) -> None:
    name = f"{mode} {room}"
    ann = joined(signedIn(wire, revision, "ann"), "ann", name)
    guest = signedIn(wire, 7 - revision, None) if ticket else wire.namespacePeer(7 - revision)
    guest.send(event("join-room", {"userId": "ann", "roomName": name}, ack="7"))
    assert isinstance(ann, EngineSocket)
    ann.socket.answerPing()
    assert answered(guest)["error"]["code"] == "already-here"
    assert answer(ann, "broadcast", msgType=4) == {"ok": True, "delivered": 1}


def test_anyoneWhoHasSignedInAsTheSameUserDoes(wire: Wire, room: str, revision: int) -> None:
    ann = joined(signedIn(wire, revision, "ann"), "ann", room)
    joined(signedIn(wire, 7 - revision, "ann"), "ann", room)
    assert '"replaced"' in str(ann.receive())


def test_guestsReplaceEachOtherAsEver(wire: Wire, room: str, revision: int) -> None:
    first = joined(wire.namespacePeer(revision), "ann", room)
    joined(wire.namespacePeer(7 - revision), "ann", room)
    assert '"replaced"' in str(first.receive())


@pytest.mark.parametrize("ticket", [False, True], ids=["without a ticket", "with one that names nobody"])
def test_aMessageToASignedInUserReachesNoGuestOfTheSameName(
    wire: Wire, room: str, revision: int, ticket: bool
) -> None:
    name = f"meeting {room}"
    guest = signedIn(wire, 7 - revision, None) if ticket else wire.namespacePeer(7 - revision)
    joined(guest, "ann", name)
    ben = joined(wire.namespacePeer(revision), "ben", name)
    assert answer(ben, "broadcast", targetUserId="ann", msgType=1) == {"ok": True, "delivered": 1}
    ann = joined(signedIn(wire, revision, "ann"), "ann", name)
    assert answer(ben, "broadcast", targetUserId="ann", msgType=2) == {"ok": True, "delivered": 1}
    assert answer(ben, "broadcast", msgType=4) == {"ok": True, "delivered": 3}
    assert _kindsHeard(ann) == [2, 4]
    assert _kindsHeard(guest) == [1, 4]
    ann.send("41")
    while '"user-left"' not in str(guest.receive()):
        pass
    assert answer(ben, "broadcast", targetUserId="ann", msgType=3) == {"ok": True, "delivered": 1}


def _kindsHeard(peer: Peer) -> list[int]:
    """The types of the messages that a peer hears, up to a hang-up."""
    kinds: list[int] = []
    while 4 not in kinds:
        packet = str(peer.receive())
        if packet.startswith('42["broadcast"'):
            kinds.append(json.loads(packet[2:])[1]["msgType"])
    return kinds


def test_aGuestDoesNotBecomeTheHostByTheNameOfOne(wire: Wire, room: str, revision: int) -> None:
    name = f"meeting {room}"
    ann = joined(signedIn(wire, revision, "ann"), "ann", name)
    ben = joined(signedIn(wire, revision, "ben"), "ben", name)
    guest = joined(wire.namespacePeer(7 - revision), "ann", name)
    ann.send("41")
    while '"user-left"' not in str(ben.receive()):
        pass
    assert answer(guest, "lock", roomName=name)["error"]["code"] == "not-the-host"
    assert answer(ben, "lock", roomName=name)["ok"]


def test_aGuestWhoTakesTheNameOfTheHostCanBeKicked(wire: Wire, room: str, revision: int) -> None:
    name = f"meeting {room}"
    ann = joined(signedIn(wire, revision, "ann"), "ann", name)
    guest = joined(wire.namespacePeer(7 - revision), "ann", name)
    assert answer(ann, "kick", roomName=name, targetUserId="ann") == {"ok": True, "kicked": 1}
    assert answer(guest, "join-room", userId="ann", roomName=name)["error"]["code"] == "kicked"
    assert answer(ann, "lock", roomName=name)["ok"]


class TestTheAbsentAndTheSilent:
    """Whoever has proof takes the place of a connection that is lost; anyone may have that of one that is over."""

    @pytest.fixture
    def key(self) -> str:
        return secrets.token_urlsafe(32)

    @pytest.fixture
    def observer(self, wire: Wire, room: str) -> Peer:
        """Somebody who is in the room, and hears what others see."""
        peer = joined(wire.namespacePeer(4), "observer", f"refuse {room}")
        assert isinstance(peer, EngineSocket)
        return peer

    def changes(self, observer: Peer, count: int) -> list[tuple[str, str | None]]:
        """The next comings and goings, with their reasons."""
        heard: list[tuple[str, str | None]] = []
        while len(heard) < count:
            packet = str(observer.receive())
            if packet.startswith('42["user-'):
                name, user, more = json.loads(packet[2:])
                assert user == "ann"
                heard.append((name, more.get("reason")))
        return heard

    def arrive(self, peer: Peer, room: str, **more: str) -> Peer:
        assert answer(peer, "join-room", userId="ann", roomName=f"refuse {room}", **more)["ok"]
        return peer

    def test_theSameUserTakesThePlaceOfOneThatIsAway(
        self, wire: Wire, observer: Peer, room: str, revision: int, key: str
    ) -> None:
        ann = self.arrive(signedIn(wire, revision, "ann"), room, resume=key)
        assert isinstance(ann, EngineSocket)
        ann.socket.connection.reset()
        assert self.changes(observer, 2) == [("user-joined", None), ("user-away", None)]
        guest = wire.namespacePeer(revision)
        refused = answer(guest, "join-room", userId="ann", roomName=f"refuse {room}", resume=key)["error"]
        assert (refused["code"], 0 < refused["retry_after"] <= 60) == ("already-here", True)
        self.arrive(signedIn(wire, 7 - revision, "ann"), room)
        assert self.changes(observer, 2) == [("user-left", "replaced"), ("user-joined", None)]

    def test_oneThatDoesNotAnswerIsOver(self, wire: Wire, observer: Peer, room: str, revision: int) -> None:
        self.arrive(signedIn(wire, revision, "ann"), room)
        self.arrive(wire.namespacePeer(revision), room)
        expected = [("user-joined", None), ("user-left", "timeout"), ("user-joined", None)]
        assert self.changes(observer, 3) == expected

    def test_oneWithAKeyIsAwayThen(
        self, wire: Wire, observer: Peer, room: str, revision: int, key: str
    ) -> None:
        ann = wire.namespacePeer(revision)
        seen = answer(ann, "join-room", userId="ann", roomName=f"refuse {room}", resume=key)["at"]
        refused = answer(wire.namespacePeer(revision), "join-room", userId="ann", roomName=f"refuse {room}")["error"]
        assert (refused["code"], 0 < refused["retry_after"] <= 60) == ("already-here", True)
        own = wire.namespacePeer(7 - revision)
        back = answer(own, "join-room", userId="ann", roomName=f"refuse {room}", resume=key, seen=seen)
        assert back["outcome"] == "resumed"
        assert self.changes(observer, 3) == [("user-joined", None), ("user-away", None), ("user-back", None)]
