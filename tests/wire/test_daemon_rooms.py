"""The real server on the wire: what members send arrives untouched and in order, and every end is told once."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.engine import EngineSocket
from tests.wire.payloads import Packet, encode
from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import CLOSE, TEXT, frame, textFrame
from tests.wire.socketio import Peer, PollingPeer, binaryEvent, event, isConnected, placeholder
from tests.wire.wire import SOCKETIO_PATH, Wire

CONFIG: dict[str, Any] = {"limits": {"connections_per_address": 0}}

NAMESPACES = ["", "/socket.io"]

_numbers = itertools.count(1)


class Member:
    """A user in a room, on a connection of any kind."""

    def __init__(self, peer: Peer, name: str, room: str, namespace: str = "") -> None:
        self.peer = peer
        self.name = name
        self.room = room
        self.namespace = namespace
        peer.send(self.event("join-room", json.dumps({"userId": name, "roomName": room})))
        assert self.hear() == ["user-joined", name, {"roomName": room}]

    def event(self, *arguments: Any) -> str:
        """An event of this member's namespace."""
        return event(*arguments, namespace=self.namespace)

    def text(self, arguments: str) -> str:
        """An event of this member's namespace with arguments as JSON text."""
        return f"42{self.namespace and self.namespace + ','}{arguments}"

    def hear(self) -> Any:
        """The arguments of the next event."""
        packet = self.peer.receive()
        head = self.text("")
        assert isinstance(packet, str)
        assert packet.startswith(head), packet
        return json.loads(packet.removeprefix(head))

    def hearsJoin(self, name: str) -> None:
        """The next thing heard is that somebody has come."""
        assert self.hear() == ["user-joined", name, {"roomName": self.room}]

    def hearsLeave(self, name: str) -> str:
        """The next thing heard is that somebody has gone, and nothing more of it; the reason."""
        news = self.hear()
        assert news[:2] == ["user-left", name]
        assert news[2]["roomName"] == self.room
        self.peer.send(self.event("broadcast", {"userId": self.name, "after": True}))
        assert self.hear() == ["broadcast", {"userId": self.name, "after": True}]
        return str(news[2]["reason"])


@pytest.fixture
def room() -> str:
    """The name of a room that no other test uses."""
    return f"room {next(_numbers)} 😀"


@pytest.fixture
def ann(daemon: Wire, room: str) -> Member:
    """Somebody of the newer generation who stays and listens."""
    return Member(daemon.namespacePeer(4), "ann", room)


@pytest.fixture
def bob(daemon: Wire, ann: Member, revision: int, transport: str, room: str) -> Member:
    """Somebody of each kind."""
    bob = Member(daemon.namespacePeer(revision, transport), "bob", room)
    ann.hearsJoin("bob")
    return bob


def socketOf(member: Member) -> EngineSocket:
    """The WebSocket of a member that has one."""
    assert isinstance(member.peer, EngineSocket)
    return member.peer


@pytest.mark.parametrize("namespace", NAMESPACES)
@pytest.mark.parametrize(
    "body",
    [
        '{"userId":"ann","msgType":1,"sdp":"v=0\\r\\na=x<>&\'\\/"}',
        '{"z":9007199254740993,"userId":"ann","a":1.0,"b":1e2,"c":-0,"d":[0.10,-1.5E-7],"m":{"2":1,"1":2}}',
        '{"userId":"ann","x":"\\u2028\\u20ac€😀\\ud83d\\ude00\\u0000"}',
        '{ "userId" : "ann" ,  "blanks" : [ 1 , 2 ] }',
        '{"userId":"ann","__proto__":{"x":1},"p":{"_placeholder":true,"num":0}}',
        '"only a string"',
        "[[],{},null,true]",
        "7",
    ],
)
def test_aBroadcastReachesOthersCharacterByCharacter(
    daemon: Wire, ann: Member, revision: int, transport: str, room: str, namespace: str, body: str
) -> None:
    bob = Member(daemon.namespacePeer(revision, transport, namespace), "bob", room, namespace)
    ann.hearsJoin("bob")
    ann.peer.send(f'42["broadcast",{body}]')
    assert bob.peer.receive() == bob.text(f'["broadcast",{body}]')
    assert ann.peer.receive() == f'42["broadcast",{body}]'

    bob.peer.send(bob.text(f'["broadcast",{body.replace("ann", "bob")}]'))
    assert ann.peer.receive() == ann.text(f'["broadcast",{body.replace("ann", "bob")}]')


def test_halfASurrogatePairGoesOnAsItCameOrReplaced(ann: Member, bob: Member) -> None:
    ann.peer.send('42["broadcast",{"userId":"ann","x":"\\ud800"}]')
    replaced = "\N{REPLACEMENT CHARACTER}"
    assert bob.hear()[1]["x"] in ("\ud800", replaced)


def test_anAcknowledgementIsAnArrayWithOneObject(ann: Member, bob: Member) -> None:
    bob.peer.send(event("broadcast", {"userId": "bob"}, ack="0"))
    answers = [bob.peer.receive(), bob.peer.receive()]
    assert '430[{"ok":true,"delivered":2}]' in [str(answer).replace(" ", "") for answer in answers]


def test_binaryReachesEveryGeneration(ann: Member, bob: Member) -> None:
    sent = binaryEvent(["broadcast", {"a": placeholder(1), "b": placeholder(0)}], b"\x00\x01", b"\xff" * 300)
    bob.peer.send(*sent)
    for member in (ann, bob):
        assert [member.peer.receive() for _ in range(3)] == list(sent)
    ann.peer.send(*sent)
    assert [bob.peer.receive() for _ in range(3)] == list(sent)


def test_messagesOfOneWriteArriveInOrder(ann: Member, bob: Member) -> None:
    bodies = [{"userId": "bob", "number": number} for number in range(200)]
    bob.peer.send(*[event("broadcast", body) for body in bodies])
    assert [ann.hear()[1] for _ in bodies] == bodies


def test_oneConnectionInBothNamespacesIsTwoMembers(daemon: Wire, ann: Member, revision: int, room: str) -> None:
    bob = Member(daemon.namespacePeer(revision), "bob", room)
    ann.hearsJoin("bob")
    bob.peer.send("40/socket.io,")
    assert isConnected(bob.peer.receive(), revision, "/socket.io")
    bob.peer.send(event("join-room", {"userId": "bea", "roomName": room}, namespace="/socket.io"))
    news = [json.loads("[" + str(bob.peer.receive()).partition("[")[2]) for _ in range(2)]
    assert news == [["user-joined", "bea", {"roomName": room}]] * 2
    ann.hearsJoin("bea")

    bob.peer.send("41/socket.io,")
    assert ann.hearsLeave("bea") == "disconnect"
    bob.peer.send("41")
    assert ann.hear()[:2] == ["user-left", "bob"]


def test_theQueryOfANamespaceIsNoPartOfItsName(daemon: Wire) -> None:
    peer = daemon.namespacePeer(3)
    peer.send("40/socket.io?token=x")
    assert str(peer.receive()).rstrip(",") == "40/socket.io"


def test_otherNamespacesAreRefused(daemon: Wire, revision: int, transport: str) -> None:
    peer = daemon.namespacePeer(revision, transport)
    peer.send("40/admin,")
    assert str(peer.receive()).startswith("44/admin,")


Ending = Callable[[Member], None]


def sends(*packets: Packet) -> Ending:
    """An end by saying this."""
    return lambda member: member.peer.send(*packets)


def transmits(data: bytes) -> Ending:
    """An end by these bytes on a WebSocket."""
    return lambda member: socketOf(member).socket.connection.send(data)


ENDINGS: dict[str, Ending] = {
    "41": sends("41"),
    "a close packet": sends("1"),
    "a bad Engine.IO packet": sends("9"),
    "a bad Socket.IO packet": sends("4abc"),
    "an attachment out of the blue": sends(b"\x00"),
}

WEBSOCKET_ENDINGS: dict[str, Ending] = {
    "a close frame": transmits(frame(CLOSE, (1001).to_bytes(2, "big"))),
    "a broken frame": transmits(frame(TEXT, b"4", rsv=7)),
    "text that is not UTF-8": transmits(frame(TEXT, b"4\xff")),
    "a message that is too large": transmits(frame(TEXT, b"", announced=10**9)),
    "FIN": lambda member: socketOf(member).close(),
    "RST": lambda member: socketOf(member).socket.connection.reset(),
}


def breaksPoll(*, reset: bool) -> Ending:
    """An end by breaking the connection of a poll."""

    def end(member: Member) -> None:
        assert isinstance(member.peer, PollingPeer)
        member.peer.session.startPoll()
        member.peer.session.breakPoll(reset=reset)

    return end


def pollsTwice(member: Member) -> None:
    """An end by a second poll during the first."""
    assert isinstance(member.peer, PollingPeer)
    member.peer.session.startPoll()
    member.peer.session.transmit(requestBytes("GET", member.peer.session.target))


POLLING_ENDINGS: dict[str, Ending] = {
    "a poll that breaks": breaksPoll(reset=False),
    "a poll that is reset": breaksPoll(reset=True),
    "two polls": pollsTwice,
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_whateverEndsAMembershipItIsToldOnce(ann: Member, bob: Member, ending: Ending) -> None:
    ending(bob)
    assert ann.hearsLeave("bob") == "disconnect"


@pytest.mark.parametrize("transport", ["websocket"])
@pytest.mark.parametrize("ending", WEBSOCKET_ENDINGS.values(), ids=WEBSOCKET_ENDINGS.keys())
def test_soItIsForTheEndsOfAWebSocket(ann: Member, bob: Member, ending: Ending) -> None:
    ending(bob)
    assert ann.hearsLeave("bob") == "disconnect"


@pytest.mark.parametrize("transport", ["polling"])
@pytest.mark.parametrize("ending", POLLING_ENDINGS.values(), ids=POLLING_ENDINGS.keys())
def test_soItIsForTheEndsOfPolling(ann: Member, bob: Member, ending: Ending) -> None:
    ending(bob)
    assert ann.hearsLeave("bob") == "disconnect"


def test_leavingAndClosingAtOnceIsToldOnce(ann: Member, bob: Member) -> None:
    """The mobile client emits leave-room and closes its socket in the same moment."""
    bob.peer.send(event("leave-room", {"userId": "bob", "roomName": bob.room}), "41", "1")
    assert ann.hearsLeave("bob") == "left"


@pytest.mark.parametrize("transport", ["websocket"])
@pytest.mark.parametrize(
    "end", [frame(TEXT, b"4", rsv=7), frame(TEXT, b"4\xff"), textFrame("4abc"), textFrame("1"), frame(CLOSE)]
)
def test_whatComesBeforeTheEndInOneWriteIsDelivered(ann: Member, bob: Member, end: bytes) -> None:
    said = {"userId": "bob", "msgType": 4}
    socketOf(bob).socket.connection.send(textFrame(event("broadcast", said)) + end)
    assert ann.hear() == ["broadcast", said]
    assert ann.hearsLeave("bob") == "disconnect"


@pytest.mark.parametrize("transport", ["websocket"])
def test_whatComesBeforeALostConnectionIsDelivered(ann: Member, bob: Member) -> None:
    said = {"userId": "bob", "msgType": 4}
    bob.peer.send(event("broadcast", said))
    socketOf(bob).close()
    assert ann.hear() == ["broadcast", said]
    assert ann.hearsLeave("bob") == "disconnect"


@pytest.mark.parametrize("transport", ["polling"])
@pytest.mark.parametrize("last", ["1", "9", "4abc", "xyz"])
def test_whatComesBeforeTheEndInOnePostIsDelivered(ann: Member, bob: Member, revision: int, last: str) -> None:
    said = {"userId": "bob", "msgType": 4}
    assert isinstance(bob.peer, PollingPeer)
    bob.peer.session.post(encode(revision, event("broadcast", said), last))
    assert ann.hear() == ["broadcast", said]
    assert ann.hearsLeave("bob") == "disconnect"


def test_aJoinDuringAnUpgradeIsAnswered(daemon: Wire, revision: int, room: str) -> None:
    """What the original server lost."""
    session = daemon.polling(revision, path=SOCKETIO_PATH)
    session.send(*["40"] if revision == 4 else ["2"])
    session.receive()
    socket = daemon.probed(session)
    assert session.receive() == ["6"]
    session.send(event("join-room", {"userId": "ann", "roomName": room}, ack="1"))
    socket.send("5")
    heard = {str(socket.receive()).split("[")[0] for _ in range(2)}
    assert heard == {"42", "431"}
