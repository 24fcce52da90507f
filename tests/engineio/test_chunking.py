"""However a stream is cut, and whether the fast path is on: the same happens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from txaio import tx

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from tests.engineio.frames import framesOf
from tests.engineio.memory import SelectingClock
from tests.engineio.strategies import binaries, revisions, texts
from tests.engineio.world import AFTER_HANDSHAKE, Recorder, World
from tests.wire import payloads
from tests.wire.rawhttp import chunked, requestBytes
from tests.wire.rawws import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame, textFrame, upgradeBytes

Cut = Callable[[bytes], list[bytes]]


@pytest.fixture(autouse=True)
def autobahnsClock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests set is undone."""
    monkeypatch.setattr(tx.config, "loop", None)


def whole(stream: bytes) -> list[bytes]:
    return [stream]


def bytewise(stream: bytes) -> list[bytes]:
    return [stream[at : at + 1] for at in range(len(stream))]


def inPieces(sizes: list[int]) -> Cut:
    """Cuts of these sizes, and what is left."""

    def cut(stream: bytes) -> list[bytes]:
        pieces = []
        for size in sizes:
            piece, stream = stream[:size], stream[size:]
            pieces.append(piece)
        return [piece for piece in (*pieces, stream) if piece]

    return cut


@dataclass
class Outcome:
    """What a stream brought about.

    Attributes:
        received: What the application got.
        closed: What it heard of the end.
        sent: The messages that the client got.
        pongs: The pongs that it got.
        codes: The codes of close frames that it got.
        connected: The connection goes on, if need be after the time that a client has to answer a close frame.
    """

    received: list[str | bytes]
    closed: list[CloseReason]
    sent: list[bytes]
    pongs: list[bytes]
    codes: list[int]
    connected: bool


def echo(session: Session) -> Recorder:
    """An application that sends every message back, until it is told to stop or to fail."""
    recorder = Recorder(session)

    def react(message: str | bytes) -> None:
        if message == "stop":
            session.close()
        session.send(EncodedMessage(message) if isinstance(message, str) else EncodedMessage(None, (message,)))

    recorder.react = react
    return recorder


def outcome(stream: bytes, revision: Revision, cut: Cut, fast: bool, together: bool, hangUp: bool = False) -> Outcome:
    """What happens when a WebSocket client sends a stream.

    Args:
        stream: The frames, or anything else.
        revision: Engine.IO revision.
        cut: How it arrives.
        fast: Take the fast path.
        together: The upgrade request is part of it.
        hangUp: The client breaks the connection then.
    """
    config: Any = tx.config
    clock = config.loop = SelectingClock()
    world = World(clock, EngineOptions(fast=fast, maxPayload=200), HttpLimits(), echo)
    request = upgradeBytes(f"/socket.io/?EIO={revision}&transport=websocket")
    visitor = world.visitor()
    data = b""
    if together:
        stream = request + stream
    else:
        visitor.send(request)
        world.clock.advance(AFTER_HANDSHAKE)
        data = visitor.read()
    for piece in cut(stream):
        visitor.send(piece)
    world.clock.advance(AFTER_HANDSHAKE)
    data += visitor.read()
    (application,) = world.applications
    frames = framesOf(data.partition(b"\r\n\r\n")[2])
    codes = [each.code for each in frames if each.opcode == CLOSE]
    if codes or application.closed:
        clock.pump([0.5] * 6)
    if hangUp:
        visitor.link.close()
    result = Outcome(
        list(application.received),
        list(application.closed),
        [each.payload for each in frames if each.opcode in (TEXT, BINARY)][1:],
        [each.payload for each in frames if each.opcode == PONG],
        codes,
        visitor.connected,
    )
    visitor.link.close()
    return result


def fragmented(data: bytes, at: int) -> bytes:
    """A text message in two fragments with a ping between them."""
    return frame(TEXT, data[:at], fin=False) + frame(PING, b"p") + frame(CONTINUATION, data[at:])


messages = st.one_of(
    texts.map(lambda text: textFrame("4" + text)),
    st.builds(lambda text, at: fragmented(("4" + text).encode(), at), texts, st.integers(0, 60)),
    binaries.map(lambda data: frame(BINARY, b"\x04" + data)),
    st.integers(120, 199).map(lambda size: textFrame("4" + "x" * size)),
    binaries.map(lambda data: frame(PING, data)),
    st.just(frame(PONG, b"")),
)
"""What a client may send."""

mistakes = st.one_of(
    st.just(textFrame("4stop")),
    st.just(textFrame("1")),
    st.just(textFrame("x")),
    st.just(textFrame("4" + "x" * 200)),
    st.just(frame(TEXT, b"4" * 300, fin=False)),
    st.just(frame(TEXT, b"4\xff")),
    st.just(frame(TEXT, b"4\xe2\x82")),
    st.just(frame(TEXT, b"4", mask=None)),
    st.just(frame(TEXT, b"4", rsv=1)),
    st.just(frame(CONTINUATION, b"4")),
    st.just(frame(5, b"4")),
    st.just(frame(CLOSE, b"\x03\xe8bye")),
)
"""What ends a connection."""


@given(revisions, st.lists(messages, max_size=6), st.lists(st.integers(1, 40), max_size=8), st.booleans())
@settings(max_examples=60)
def test_messagesAreTheSameHoweverTheyAreCut(
    revision: Revision, frames: list[bytes], sizes: list[int], together: bool
) -> None:
    stream = b"".join(frames)
    expected = outcome(stream, revision, whole, False, together)
    assert expected.connected
    assert expected.closed == []
    for cut in (whole, bytewise, inPieces(sizes)):
        for fast in (True, False):
            assert outcome(stream, revision, cut, fast, together) == expected


@given(revisions, st.lists(messages, max_size=4), mistakes, st.lists(messages, max_size=2), st.booleans())
@settings(max_examples=60)
def test_mistakesCostTheSameHoweverTheyAreCut(
    revision: Revision, before: list[bytes], mistake: bytes, after: list[bytes], together: bool
) -> None:
    stream = b"".join((*before, mistake, *after))
    expected = outcome(stream, revision, whole, False, together)
    assert expected.codes
    assert not expected.connected
    for cut in (whole, bytewise):
        for fast in (True, False):
            assert outcome(stream, revision, cut, fast, together) == expected


@given(revisions, st.binary(max_size=60), st.booleans())
@example(4, b"\x88\x81\x00\x00\x00\x00a", False)
@example(3, b"\x81\x80\x00\x00\x00\x00", True)
@settings(max_examples=60)
def test_anythingIsTreatedTheSameHoweverItIsCut(revision: Revision, stream: bytes, together: bool) -> None:
    """Autobahn finds bad UTF-8 in half a frame, the fast path when it is whole: so the client hangs up at last."""
    expected = outcome(stream, revision, whole, False, together, hangUp=True)
    for cut in (whole, bytewise):
        for fast in (True, False):
            result = outcome(stream, revision, cut, fast, together, hangUp=True)
            assert (result.received, result.closed) == (expected.received, expected.closed)


def answers(stream: bytes, cut: Cut) -> tuple[bytes, list[list[str | bytes]], bool]:
    """What a connection gets back for HTTP requests, without dates; what the applications got; whether it goes on."""
    limits = HttpLimits(headerBytes=400, headerCount=6, bodyBytes=60)
    world = World(SelectingClock(), EngineOptions(maxPayload=60), limits)
    poller = world.poller(4)
    visitor = world.visitor()
    for piece in cut(stream.replace(b"SID", poller.sid.encode())):
        visitor.send(piece)
    lines = visitor.read().replace(poller.sid.encode(), b"SID").split(b"\r\n")
    connected = visitor.connected
    visitor.link.close()
    kept = b"\r\n".join(line for line in lines if not line.startswith(b"Date: "))
    return kept, [application.received for application in world.applications], connected


HERE = "/socket.io/?EIO=4&transport=polling&sid=SID"

requests = st.one_of(
    st.just(requestBytes("GET", "/x")),
    st.just(requestBytes("OPTIONS", HERE)),
    st.just(requestBytes("PUT", HERE, body=b"x")),
    st.just(requestBytes("GET", "/socket.io/?EIO=4&transport=x")),
    st.just(upgradeBytes("/x")),
    st.just(b"\r\n"),
    st.just(b"\r\n" * 3 + requestBytes("GET", "http://a.test/x")),
    st.just(requestBytes("POST", "http://a.test" + HERE, body=b"4a") + b"\r\n"),
    texts.map(lambda text: requestBytes("POST", HERE, body=payloads.encode(4, "4" + text)[:60])),
    texts.map(
        lambda text: (
            requestBytes("POST", HERE, [("Transfer-Encoding", "chunked")]) + chunked(b"4", text.encode()[:30] or b"x")
        )
    ),
)

badRequests = st.one_of(
    st.just(requestBytes("POST", HERE, body=bytes(61))),
    st.just(requestBytes("POST", HERE, [("Transfer-Encoding", "chunked")]) + chunked(bytes(50), bytes(50))),
    st.just(requestBytes("POST", HERE, [("Transfer-Encoding", "chunked")]) + b"x\r\n"),
    st.just(requestBytes("GET", HERE, [("X", "1")] * 7)),
    st.just(requestBytes("GET", HERE, [("Connection", "close")])),
    st.just(b"nonsense\r\n\r\n"),
    st.just(b"\r\n" * 17 + requestBytes("GET", "/x")),
)


@given(st.lists(requests, max_size=4), st.lists(badRequests | requests, max_size=2), st.lists(st.integers(1, 60)))
@settings(max_examples=60)
def test_requestsAreAnsweredTheSameHoweverTheyAreCut(good: list[bytes], last: list[bytes], sizes: list[int]) -> None:
    stream = b"".join((*good, *last))
    expected = answers(stream, whole)
    for cut in (bytewise, inPieces(sizes)):
        assert answers(stream, cut) == expected


@given(st.binary(max_size=80), st.booleans())
@settings(max_examples=100)
def test_anyBytesBeforeOrInARequestAreAnsweredTheSame(data: bytes, inside: bool) -> None:
    stream = requestBytes("GET", "/x")[:-2] + data + b"\r\n\r\n" if inside else data + b"\r\n\r\n"
    assert answers(stream, bytewise) == answers(stream, whole)
