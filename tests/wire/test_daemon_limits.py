"""The limits and deadlines of the real server's configuration, set low."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.engine import EngineSocket
from tests.wire.payloads import encode
from tests.wire.rawhttp import Connection, ConnectionEnded, requestBytes
from tests.wire.rawws import PING, TEXT, Refused, frame, upgradeBytes
from tests.wire.socketio import binaryEvent, event, isConnected, placeholder
from tests.wire.wire import SOCKETIO_PATH, Wire

CONFIG: dict[str, Any] = {
    "socketio": {"cookie": "io"},
    "signaling": {"namespaces": ["/", "/a", "/b", "/c"]},
    "limits": {
        "message_bytes": 20_000,
        "connections_per_address": 0,
        "namespaces_per_connection": 2,
        "rooms_per_peer": 3,
        "name_characters": 10,
        "events_per_second": 20,
        "events_burst": 40,
        "header_bytes": 2_000,
        "header_count": 10,
        "packets_per_payload": 20,
        "attachments": 2,
        "json_depth": 5,
    },
}

DEADLINE = 2.0
HASTY: dict[str, Any] = {
    "socketio": {"connect_timeout": DEADLINE, "upgrade_timeout": DEADLINE},
    "limits": {"header_seconds": DEADLINE, "body_seconds": DEADLINE, "attachment_seconds": DEADLINE},
    "signaling": {"namespaces": ["/", "/a"]},
}
BORED: dict[str, Any] = {"limits": {"idle_seconds": DEADLINE}}


@pytest.fixture
def hasty(daemons: Any, wireTo: Any) -> Iterator[Wire]:
    """Opens clients to a server that soon cuts whoever keeps it waiting."""
    wire: Wire = wireTo(daemons(HASTY))
    yield wire
    wire.endSessions()


@pytest.fixture
def bored(daemons: Any, wireTo: Any) -> Iterator[Wire]:
    """Opens clients to a server that soon cuts connections without a request."""
    wire: Wire = wireTo(daemons(BORED))
    yield wire
    wire.endSessions()


def assertCutAsItDrips(connection: Connection, data: bytes) -> None:
    """One byte every 50 ms is more than nothing, and yet the server ends that before all is said."""
    assert connection.isQuiet(0), "it has its time"
    sent = 0
    try:
        while sent < len(data) and connection.isQuiet(0.05):
            connection.send(data[sent : sent + 1])
            sent += 1
    except ConnectionEnded:
        pass
    assert 0 < sent < len(data)
    connection.readToEnd()


def test_aConnectionThatSaysNothingIsClosed(hasty: Wire) -> None:
    connection = hasty.connection()
    assert connection.isQuiet(0), "it has its time"
    assert connection.readToEnd() == b""


def test_headersThatComeSlowlyAreCutHoweverSteadilyTheyCome(hasty: Wire) -> None:
    assertCutAsItDrips(hasty.connection(), requestBytes("GET", "/status", [("X", "y" * 500)]))


def test_soAreTheHeadersOfALaterRequest(hasty: Wire) -> None:
    connection = hasty.connection()
    assert connection.request("GET", "/status").status == 200
    assertCutAsItDrips(connection, requestBytes("GET", "/status", [("X", "y" * 500)]))


def test_aBodyThatComesSlowlyIsCutHoweverSteadilyItComes(hasty: Wire, revision: int) -> None:
    session = hasty.polling(revision, path=SOCKETIO_PATH)
    connection = hasty.connection()
    connection.send(requestBytes("POST", session.target, [("Content-Length", "1000")]))
    assertCutAsItDrips(connection, b"4" * 1000)


def test_aConnectionWithoutARequestIsClosed(bored: Wire) -> None:
    connection = bored.connection()
    assert connection.request("GET", "/status").status == 200
    assert connection.isQuiet(0), "it may be kept for a while"
    assert connection.readToEnd() == b""


def test_whoeverWaitsForTheServerIsNotIdle(bored: Wire) -> None:
    session = bored.polling(3, path=SOCKETIO_PATH)
    assert session.rest or session.receive() == ["40"]
    session.startPoll()
    peer = bored.namespacePeer(4)
    assert isinstance(peer, EngineSocket)
    idle = bored.connection()
    assert idle.request("GET", "/status").status == 200
    assert idle.readToEnd() == b""
    assert peer.socket.connection.isQuiet(0.2)
    assert session.pollIsHeld()


@pytest.mark.parametrize("count", [5, 8])
def test_severalHeadersAreFine(daemon: Wire, count: int) -> None:
    headers = [(f"X-{number}", "x") for number in range(count)]
    assert daemon.request("GET", "/status", headers).status == 200


def test_moreHeadersThanAllowedAreRefused(daemon: Wire) -> None:
    headers = [(f"X-{number}", "x") for number in range(11)]
    assertTooMuch(daemon.connection(), requestBytes("GET", "/status", headers))


def test_moreHeadersThanAllowedAreRefusedInALaterRequestToo(daemon: Wire) -> None:
    connection = daemon.connection()
    assert connection.request("GET", "/status").status == 200
    assertTooMuch(connection, requestBytes("GET", "/status", [(f"X-{number}", "x") for number in range(11)]))


def test_moreHeaderBytesThanAllowedAreRefused(daemon: Wire) -> None:
    assertTooMuch(daemon.connection(), requestBytes("GET", "/status", [("X", "x" * 2_001)]))


def test_moreHeaderBytesThanAllowedAreRefusedInALaterRequestToo(daemon: Wire) -> None:
    connection = daemon.connection()
    assert connection.request("GET", "/status").status == 200
    assertTooMuch(connection, requestBytes("GET", "/status", [("X", "x" * 2_001)]))


def test_moreHeadersThanAllowedAreRefusedForAnUpgradeToo(daemon: Wire) -> None:
    headers = [(f"X-{number}", "x") for number in range(11)]
    assertTooMuch(daemon.connection(), upgradeBytes(f"{SOCKETIO_PATH}?EIO=4&transport=websocket", headers))


def assertTooMuch(connection: Connection, request: bytes) -> None:
    """The request is refused as too large, and the connection ended."""
    try:
        connection.send(request)
        assert connection.readResponse().status in {400, 413, 414, 431}
    except ConnectionEnded:
        pass
    assert connection.readToEnd() == b""


def test_theMessageLimitIsToldAndKept(daemon: Wire, revision: int) -> None:
    session = daemon.polling(revision, path=SOCKETIO_PATH)
    assert session.handshake["maxPayload"] == 20_000
    assert session.post(b"4" * 20_001).status == 413
    socket = daemon.socket(revision, path=SOCKETIO_PATH)
    socket.socket.connection.send(frame(TEXT, b"4" * 20_001))
    assert socket.untilClosed()[1] == 1009


def test_aPayloadOfMorePacketsThanAllowedIsRefused(daemon: Wire, revision: int) -> None:
    session = daemon.polling(revision, path=SOCKETIO_PATH)
    assert session.post(encode(revision, *["6"] * 21)).status == 400
    assert session.gone()


def test_moreNamespacesThanAllowedAreRefused(daemon: Wire) -> None:
    peer = daemon.namespacePeer(4)
    for name in ("/a", "/b"):
        peer.send(f"40{name},")
    assert isConnected(peer.receive(), 4, "/a")
    assert str(peer.receive()).startswith("44/b,")


def test_moreAttachmentsThanAllowedClose(daemon: Wire, revision: int, transport: str) -> None:
    peer = daemon.namespacePeer(revision, transport)
    peer.send(binaryEvent(["x", *map(placeholder, range(3))], b"", b"", b"")[0])
    assert peer.untilClosed()[0] == []


def test_attachmentsThatDoNotComeInTimeClose(hasty: Wire, revision: int, transport: str) -> None:
    peer = hasty.namespacePeer(revision, transport)
    peer.send(*binaryEvent(["x", placeholder(0), placeholder(1)], b"1", b"2")[:2])
    assert peer.untilClosed()[0] == []


def test_attachmentsCountTogetherAgainstTheMessageLimit(daemon: Wire, revision: int) -> None:
    peer = daemon.namespacePeer(revision)
    peer.send(*binaryEvent(["x", placeholder(0), placeholder(1)], b"1" * 15_000, b"2" * 15_000))
    assert peer.untilClosed()[0] == []


def test_deeperArgumentsThanAllowedClose(daemon: Wire, revision: int, transport: str) -> None:
    peer = daemon.namespacePeer(revision, transport)
    peer.send('42["nobody-listens",[[]]]', '42["nobody-listens",' + "[" * 6 + "]" * 6 + "]")
    assert peer.untilClosed()[0] == []


def test_aFloodOfEventsIsEnded(daemon: Wire, revision: int) -> None:
    peer = daemon.namespacePeer(revision)
    try:
        peer.send(*[event("nobody-listens", number) for number in range(400)])
    except ConnectionEnded:
        pass
    assert peer.untilClosed()[0] == []


def test_aBurstWithinTheLimitIsFine(daemon: Wire, revision: int, transport: str) -> None:
    peer = daemon.namespacePeer(revision, transport)
    for number in range(10):
        peer.send(event("leave-room", {"userId": "u", "roomName": "r"}, ack=str(number)))
        assert str(peer.receive()).startswith(f"43{number}[")


def test_moreRoomsThanAllowedAreRefused(daemon: Wire, revision: int) -> None:
    peer = daemon.namespacePeer(revision)
    answers = []
    for number in range(4):
        peer.send(event("join-room", {"userId": "u", "roomName": f"r{number}"}, ack=str(number)))
        while not (packet := str(peer.receive())).startswith("43"):
            assert "user-joined" in packet
        answers.append('"ok":true' in packet.replace(" ", ""))
    assert answers == [True, True, True, False]


def test_whoNeverConnectsIsClosedInTime(hasty: Wire, transport: str) -> None:
    assert hasty.peer(4, transport).untilClosed()[0] == []


def test_anUpgradeThatIsNotFinishedIsEndedInTime(hasty: Wire, revision: int) -> None:
    session = hasty.polling(revision, path=SOCKETIO_PATH)
    session.send("40/a,")
    assert hasty.probed(session).socket.readUntilClosed()[0] == []
    assert isConnected(session.receive()[-1], revision, "/a")


def test_theCookieIsSetByTheHandshakeOnly(daemon: Wire, revision: int) -> None:
    session = daemon.polling(revision, path=SOCKETIO_PATH)
    (cookie,) = session.opening.all("set-cookie")
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.split(";")[0] == f"io={session.sid}"
    assert parts == {"path=/", "httponly", "samesite=lax"}

    session.send("40/a,")
    assert session.poll().all("set-cookie") == []
    accepted = session.post(encode(revision, "41/a,"))
    assert accepted.status == 200
    assert accepted.all("set-cookie") == []


def test_pingsThatNobodyReadsTheAnswersOfStallNobody(daemon: Wire, revision: int) -> None:
    peer, bystander = daemon.socket(revision, path=SOCKETIO_PATH), daemon.namespacePeer(revision)
    flood = frame(PING, b"x" * 125) * 500
    try:
        peer.socket.connection.patience(1.0)
        for _ in range(40):
            peer.socket.connection.send(flood)
    except (ConnectionEnded, TimeoutError):
        pass
    bystander.send(event("leave-room", {"userId": "u", "roomName": "r"}, ack="1"))
    assert str(bystander.receive()).startswith("431[")


def test_transportsThatAreSwitchedOffAreUnknown(daemons: Any, wireTo: Any, revision: int) -> None:
    onlySocket = wireTo(daemons({"socketio": {"transports": ["websocket"], "path": "/ws/"}}))
    answer = onlySocket.request("GET", f"/ws/?EIO={revision}&transport=polling")
    assert (answer.status, answer.json()["code"]) == (400, 0)
    assert onlySocket.socket(revision, path="/ws/")

    onlyPolling = wireTo(daemons({"socketio": {"transports": ["polling"]}}))
    assert onlyPolling.polling(revision, path=SOCKETIO_PATH).handshake["upgrades"] == []
    with pytest.raises(Refused) as refused:
        onlyPolling.socket(revision, path=SOCKETIO_PATH)
    assert refused.value.response.status == 400
