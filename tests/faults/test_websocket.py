"""WebSockets: floods of what is no message, frames that break rules, compression, and payloads that drip."""

from __future__ import annotations

import struct
import time
import zlib

import pytest

from tests.faults.target import Target, joined, quietly
from tests.support.sharedservers import SharedServers
from tests.wire.engine import EngineSocket
from tests.wire.rawhttp import ConnectionEnded
from tests.wire.rawws import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, textFrame, upgradeBytes
from tests.wire.socketio import Peer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

PLACES = 30

FLOODS = {
    "pings": frame(PING),
    "large pings": frame(PING, bytes(125)),
    "pongs": frame(PONG),
    "fragments": frame(TEXT, b"4", fin=False) + frame(CONTINUATION, fin=False) * 900,
    "empty fragments of many messages": (frame(TEXT, fin=False) + frame(CONTINUATION, b"4")) * 50,
    "events that nobody knows": textFrame('42["x"]'),
    "acknowledgements of nothing": textFrame("430[]"),
    "joins": textFrame(event("join-room", {"userId": "u", "roomName": "r"})),
    "bad joins": textFrame(event("join-room", {})),
    "leaves": textFrame(event("leave-room", {"userId": "u", "roomName": "r"}, ack="1")),
    "broadcasts of a stranger": textFrame(event("broadcast", {})),
    "namespaces that there are not": textFrame("40/x,"),
    "coming and going": textFrame("40/socket.io,") + textFrame("41/socket.io,"),
}

_RATE, _BURST = 262_144, 4_194_304
_NETWORK = 10_485_760
"""What the buffers of the network may hold."""
_LONG_ENOUGH = 10.0

_HEARTBEATS = {3: textFrame("2"), 4: textFrame("3")}


def socketOf(peer: Peer) -> EngineSocket:
    """The WebSocket of a peer that has one."""
    assert isinstance(peer, EngineSocket)
    return peer


@pytest.mark.parametrize("data", FLOODS.values(), ids=FLOODS.keys())
def test_aFloodIsSlowedDownOrEndedAndCostsNobodyElseAnything(
    target: Target, attacker: Wire, revision: int, data: bytes
) -> None:
    before, spent = target.kilobytes(), target.processorSeconds()
    flood = data * (40_000 // len(data) + 1)
    for _ in range(5):
        peer = socketOf(attacker.namespacePeer(revision))
        for _ in range(50):
            if not quietly(peer.socket.connection, flood):
                break
    assert target.processorSeconds() - spent < 2
    assert target.kilobytes() - before < 10_000


def test_aFloodOfHeartbeatsIsEndedToo(target: Target, attacker: Wire, revision: int) -> None:
    spent = target.processorSeconds()
    peer = socketOf(attacker.namespacePeer(revision))
    while quietly(peer.socket.connection, _HEARTBEATS[revision] * 5_000):
        pass
    assert target.processorSeconds() - spent < 1


def test_pongsThatNobodyReadsAreNotPiledUp(target: Target, attacker: Wire, revision: int) -> None:
    before = target.kilobytes()
    for _ in range(20):
        connection = attacker.connection(receiveBuffer=4096)
        connection.send(upgradeBytes(f"{SOCKETIO_PATH}?EIO={revision}&transport=websocket"))
        for _ in range(20):
            if not quietly(connection, frame(PING, bytes(125)) * 400):
                break
    assert target.kilobytes() - before < 10_000


def test_bytesHaveARate(target: Target, attacker: Wire, revision: int, room: str) -> None:
    """Messages of 60 KB, fewer than a hundred a second, to nobody but their sender."""
    peer = socketOf(joined(attacker.namespacePeer(revision), "u", room))
    flood = textFrame(event("broadcast", {"userId": "u", "targetUserId": "nobody", "filler": "x" * 60_000}))
    began = time.monotonic()
    peer.socket.connection.send(flood * 60)
    sent = 60
    while sent < 400 and time.monotonic() < began + _LONG_ENOUGH and quietly(peer.socket.connection, flood):
        sent += 1
    ended = time.monotonic()  # a busy machine makes it later, which does no harm
    assert sent * 60_000 < _BURST + _NETWORK + _RATE * (ended - began)


COMPRESSED = zlib.compress(b"4" + bytes(900_000))[2:-4]


def test_compressionIsNotAgreedOnAndCompressedFramesAreRefused(attacker: Wire, revision: int) -> None:
    offer = [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame")]
    socket = attacker.webSocket(f"{SOCKETIO_PATH}?EIO={revision}&transport=websocket", offer)
    assert socket.response.all("sec-websocket-extensions") == []
    socket.connection.send(frame(TEXT, COMPRESSED, rsv=4))
    assert socket.closeCode() == 1002


VIOLATIONS = {
    "a reserved bit": (frame(TEXT, b"4", rsv=1), 1002),
    "a reserved opcode": (frame(3), 1002),
    "a reserved control opcode": (frame(11), 1002),
    "no mask": (frame(TEXT, b"4", mask=None), 1002),
    "a long ping": (frame(PING, bytes(126)), 1002),
    "a ping in fragments": (frame(PING, fin=False), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"4"), 1002),
    "a message in a message": (frame(TEXT, b"4", fin=False) + frame(TEXT, b"4"), 1002),
    "a length that is not minimal": (b"\x81\xfe\x00\x01\x00\x00\x00\x004", 1002),
    "a length of 63 bits and more": (b"\x81\xff" + struct.pack(">Q", 2**63) + bytes(4), 1002),
    "an announced gigabyte": (frame(TEXT, announced=2**30), 1009),
    "an announced gigabyte of binary": (frame(BINARY, announced=2**30), 1009),
    "text that is not UTF-8": (frame(TEXT, b"4\xff"), 1007),
    "a surrogate as UTF-8": (frame(TEXT, b"4\xed\xa0\x80"), 1007),
    "a close frame of one byte": (frame(CLOSE, b"\x03"), 1002),
    "a reserved close code": (frame(CLOSE, struct.pack(">H", 1005)), 1002),
}


@pytest.mark.parametrize(("data", "code"), VIOLATIONS.values(), ids=VIOLATIONS.keys())
@pytest.mark.parametrize("glued", [True, False], ids=["glued to the handshake", "later"])
def test_aFrameThatBreaksARuleEndsItsConnection(
    attacker: Wire, revision: int, data: bytes, code: int, glued: bool
) -> None:
    connection = attacker.connection()
    request = upgradeBytes(f"{SOCKETIO_PATH}?EIO={revision}&transport=websocket")
    connection.send(request + data if glued else request)
    connection.readUntil(b"\r\n\r\n")
    if not glued:
        connection.send(data)
    try:
        ended = connection.readToEnd()
    except ConnectionEnded:
        ended = b""
    assert struct.pack(">H", code) in ended[-160:], ended


def test_aMessageHasAThousandFragmentsAtMost(servers: SharedServers, revision: int, room: str) -> None:
    """On a server that counts nothing else that is small."""
    wire = Wire(("127.0.0.1", servers({"limits": {"events_per_second": 0}}).port))
    listener = joined(wire.namespacePeer(revision), "listener", room)
    for count, code in ((998, None), (1_000, 1009)):
        peer = socketOf(joined(wire.namespacePeer(revision), "peer", room))
        text = event("broadcast", count).encode()
        fragments = frame(TEXT, text, fin=False) + frame(CONTINUATION, fin=False) * count
        peer.socket.connection.send(fragments + frame(CONTINUATION))
        if code is not None:
            assert peer.socket.closeCode() == code
        else:
            assert peer.receive() == event("broadcast", count)
            peer.close()
        told = [str(listener.receive()) for _ in range(2 if code else 3)]
        assert "user-left" in told[-1]
        assert ("broadcast" in told[1]) == (code is None)
    wire.closeAll()


def test_aPayloadThatComesInSingleBytesCostsNoMoreThanItsBytes(
    target: Target, attacker: Wire, revision: int
) -> None:
    peer = socketOf(attacker.namespacePeer(revision))
    before = target.kilobytes()
    connection = peer.socket.connection
    connection.send(struct.pack(">BBQ", 0x81, 0xFF, 900_000) + bytes(4))
    for _ in range(8_000):
        connection.send(b"4")
    assert target.kilobytes() - before < 3_000


def test_framesBehindARuleThatWasBrokenCostNothing(target: Target, attacker: Wire, revision: int) -> None:
    spent = target.processorSeconds()
    for _ in range(20):
        peer = socketOf(attacker.namespacePeer(revision))
        quietly(peer.socket.connection, frame(TEXT, b"4", rsv=7) + frame(PONG) * 10_000)
    assert target.processorSeconds() - spent < 1


@pytest.mark.parametrize("kind", ["takes over", "says goodbye", "breaks a rule"])
def test_websocketsThatCarryNothingAreCountedAsWell(servers: SharedServers, revision: int, kind: str) -> None:
    """Each of them has two seconds to close, in which thousands can be opened."""
    target = Target(servers({"limits": {"connections_per_address": PLACES}}))
    attacker = Wire(target.address, target.newSource())
    session = attacker.polling(revision, path=SOCKETIO_PATH)
    attacker.upgrade(session)
    opened = upgradeBytes(f"{SOCKETIO_PATH}?EIO={revision}&transport=websocket")
    request = {
        "takes over": upgradeBytes(session.target.replace("transport=polling", "transport=websocket")),
        "says goodbye": opened + textFrame("1"),
        "breaks a rule": opened + frame(3),
    }[kind]
    before = target.descriptors()
    connections = [attacker.connection() for _ in range(2 * PLACES)]
    for connection in connections:
        quietly(connection, request)
    answers = [connection.readUntil(b"\r\n").split(b" ")[1] for connection in connections]
    assert set(answers) == {b"101", b"429"}
    assert target.descriptors() - before < PLACES + 10
    assert answers.count(b"101") >= PLACES - 1
    assert not session.gone()
    attacker.endSessions()
    attacker.closeAll()
