"""The first moments of a WebSocket, after which the server makes what it keeps of it small: whatever is coming then,
and wherever it is cut, valid text arrives and bad text does not."""

from __future__ import annotations

import pytest

from tests.wire.rawws import CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocket, frame, textFrame
from tests.wire.wire import ENGINE_PATH, Wire

TEXTS = "4é€😀z"
LARGE = "4" + "é€😀" * 20_000
FRAGMENTS = b"".join(
    (
        frame(TEXT, TEXTS.encode()[:2], fin=False),
        frame(CONTINUATION, TEXTS.encode()[2:5], fin=False),
        frame(PING, b"p"),
        frame(CONTINUATION, TEXTS.encode()[5:]),
    )
)


def openSocket(wire: Wire, revision: int) -> WebSocket:
    """A WebSocket of which nothing has been read, not even the open packet."""
    return wire.webSocket(f"{ENGINE_PATH}?EIO={revision}&transport=websocket")


def momentsPass(wire: Wire, revision: int) -> None:
    """The first moments of every WebSocket so far are over: one that says nothing hears nothing before."""
    assert str(openSocket(wire, revision).read()).startswith("0")


def sendInTwo(wire: Wire, revision: int, stream: bytes, cut: int) -> WebSocket:
    """A WebSocket whose first moments end when so many bytes of a stream have come."""
    socket = openSocket(wire, revision)
    socket.connection.send(stream[:cut])
    momentsPass(wire, revision)
    socket.connection.send(stream[cut:])
    return socket


def echoes(socket: WebSocket, count: int) -> list[str | bytes]:
    """The next messages, behind the open packet."""
    assert str(socket.read()).startswith("0")
    return [socket.read() for _ in range(count)]


@pytest.mark.parametrize("cut", range(len(FRAGMENTS) + 1))
def test_fragmentsArriveWhereverTheyAreCut(wire: Wire, revision: int, cut: int) -> None:
    socket = sendInTwo(wire, revision, FRAGMENTS + textFrame("4behind"), cut)
    assert echoes(socket, 2) == [TEXTS, "4behind"]


@pytest.mark.parametrize("cut", [70_000, 70_001, 70_002, 100_000, 150_003])
def test_frameLargerThanARead(wire: Wire, revision: int, cut: int) -> None:
    socket = sendInTwo(wire, revision, textFrame(LARGE) + textFrame("4behind"), cut)
    assert echoes(socket, 2) == [LARGE, "4behind"]


@pytest.mark.parametrize("rest", [b"z", b"\x82", b"\x82z", b"\xff"])
def test_badTextDoesNotArrive(wire: Wire, revision: int, rest: bytes) -> None:
    start = frame(TEXT, b"4a\xe2", fin=False)
    socket = sendInTwo(wire, revision, start + frame(CONTINUATION, rest) + textFrame("4behind"), len(start))
    messages, code = socket.readUntilClosed()
    assert (messages[1:], code) == ([], 1007)


def test_pingsAndTheClosingHandshakeGoOn(wire: Wire, revision: int) -> None:
    stream = frame(PING, b"one") + frame(CLOSE, b"\x0b\xb8bye")
    socket = sendInTwo(wire, revision, stream, len(stream) - 3)
    assert str(socket.read()).startswith("0")
    pong, close = socket.readFrame(), socket.readFrame()
    assert (pong.opcode, pong.payload) == (PONG, b"one")
    assert (close.opcode, close.payload) == (CLOSE, b"\x0b\xb8bye")
    socket.connection.readToEnd()
