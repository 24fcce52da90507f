"""The real server behind TLS: the same messages, in the same order, on both transports and through the upgrade."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.certificate import writeCertificate
from tests.support.lanes import writeConfig
from tests.support.processes import startProcess, twistdCommand
from tests.wire.rawhttp import Connection, ConnectionEnded, requestBytes
from tests.wire.rawws import CLOSE, PING, PONG, TEXT, frame, textFrame, upgradeBytes
from tests.wire.socketio import Peer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

RECORD = 16_384
SIZES = [1, 125, 126, 300, RECORD - 60, RECORD, RECORD + 1, 64_000, 200_000, 2]
BIG = 60_000


@contextmanager
def sealed(folder: Path, **limits: float) -> Iterator[tuple[str, int]]:
    """The address of a server that does TLS."""
    key, certificate = writeCertificate(folder)
    config = folder / "server.conf"
    writeConfig(config, {"limits": {"events_per_second": 0, **limits}})
    endpoint = f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
    command = twistdCommand("--config", str(config), "--listen", endpoint)
    with startProcess(command) as process:
        yield "127.0.0.1", process.port
        assert "Traceback" not in process.output()
        assert f"listening on ssl:127.0.0.1:{process.port}" in process.output()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with sealed(tmp_path_factory.mktemp("tls"), header_seconds=60) as found:
        yield found


@pytest.fixture
def wire(address: tuple[str, int]) -> Iterator[Wire]:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    opener = Wire(address, tls=context)
    yield opener
    opener.endSessions()
    opener.closeAll()


def member(peer: Peer, revision: int, name: str, room: str) -> Peer:
    """A peer, once it is in a room."""
    if revision == 4:
        peer.send("40")
    peer.receive()
    peer.send(event("join-room", {"userId": name, "roomName": room}))
    assert json.loads(str(peer.receive())[2:]) == ["user-joined", name, {"roomName": room}]
    return peer


def said(peer: Peer) -> str:
    """What is in the next broadcast."""
    name, body = json.loads(str(peer.receive())[2:])
    assert name == "broadcast"
    return str(body["sdp"])


@pytest.mark.parametrize("receiving", ["websocket", "polling"])
def test_messagesOfAllSizesArriveInOrder(wire: Wire, revision: int, receiving: str) -> None:
    room = f"sizes {revision} {receiving}"
    ann = member(wire.peer(revision, "websocket"), revision, "ann", room)
    bob = member(wire.peer(revision, receiving), revision, "bob", room)
    assert json.loads(str(ann.receive())[2:])[:2] == ["user-joined", "bob"]
    texts = [str(number % 10) * size for number, size in enumerate(SIZES)]
    for text in texts:
        ann.send(event("broadcast", {"sdp": text}))
    assert [said(bob) for _ in texts] == texts
    assert [said(ann) for _ in texts] == texts


def test_aReceiverThatReadsLateGetsEverything(wire: Wire) -> None:
    ann = member(wire.peer(4, "websocket"), 4, "ann", "late")
    bob = member(wire.peer(4, "websocket"), 4, "bob", "late")
    texts = [f"{number}" * BIG for number in range(10)]
    for text in texts:
        ann.send(event("broadcast", {"sdp": text}))
    ann.receive()
    assert [said(ann) for _ in texts] == texts  # all has been sent on by now, as far as it went
    assert [said(bob) for _ in texts] == texts


def test_controlFramesDoNotDamageMessages(wire: Wire) -> None:
    socket = wire.webSocket(f"{SOCKETIO_PATH}?EIO=4&transport=websocket")
    socket.read()
    socket.sendText("40", event("join-room", {"userId": "ann", "roomName": "control"}))
    assert [str(socket.read())[:2] for _ in range(2)] == ["40", "42"]
    sent = [event("broadcast", {"sdp": str(number)}) for number in range(20)]
    for text in sent:
        socket.connection.send(textFrame(text) + frame(PING, b"still there"))
    frames = [socket.readFrame() for _ in range(2 * len(sent))]
    assert [each.payload.decode() for each in frames if each.opcode == TEXT] == sent
    assert [each.payload for each in frames if each.opcode == PONG] == [b"still there"] * len(sent)


def test_anUpgradeLosesNothing(wire: Wire) -> None:
    session = wire.polling(4, path=SOCKETIO_PATH)
    session.send("40", event("join-room", {"userId": "eve", "roomName": "upgraded"}))
    assert [packet[:2] for packet in session.receiveUntil(2)] == ["40", "42"]
    socket = wire.probed(session)
    sent = [event("broadcast", {"sdp": str(number)}) for number in range(10)]
    session.send(*sent[:5])
    assert session.receiveUntil(5) == sent[:5]
    session.startPoll()
    assert session.finishPoll() == ["6"]
    socket.send("5", *sent[5:])
    assert socket.receiveAll(5) == sent[5:]


def test_anUpgradeBehindManyRequestsIsServed(wire: Wire) -> None:
    """It may be read already when the server takes a break for others: records that have come together are."""
    asked = requestBytes("GET", f"{SOCKETIO_PATH}?EIO=4&transport=polling&sid=unknown")
    for _ in range(10):
        connection = wire.connection()
        connection.send(asked * 8)
        connection.send(upgradeBytes(f"{SOCKETIO_PATH}?EIO=4&transport=websocket"))
        assert [connection.readResponse().status for _ in range(9)] == [400] * 8 + [101]
        connection.send(textFrame("40"))
        assert b"40{" in connection.readUntil(b'40{"sid":')
        connection.close()


def test_aClosingClientIsAnswered(wire: Wire) -> None:
    socket = wire.webSocket(f"{SOCKETIO_PATH}?EIO=4&transport=websocket")
    socket.connection.send(frame(CLOSE, b"\x03\xe8"))
    assert socket.connection.readToEnd().endswith(b"\x88\x02\x03\xe8")


def test_aGreetingThatDripsIsCut(tmp_path: Path) -> None:
    outgoing = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost").do_handshake()
    with sealed(tmp_path, header_seconds=2) as address:
        connection = Connection(address)
        assert connection.isQuiet(0)
        try:
            while connection.isQuiet(0.03) and (piece := outgoing.read(1)):
                connection.send(piece)
        except ConnectionEnded:
            pass
        assert outgoing.pending > 0, "it was cut before it had said all"
        connection.close()
