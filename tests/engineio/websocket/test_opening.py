"""Opening handshakes that are answered here, and those that are left to Autobahn: nobody may notice which it was."""

from __future__ import annotations

from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.testing import StringTransport

from rtcsignal.engineio.http.head import BadHead, parseHead
from rtcsignal.engineio.websocket.opening import answerTo
from rtcsignal.engineio.websocket.slim import SlimProtocol
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Socket, Visitor, World

PATH = "/socket.io/?EIO=4&transport=websocket"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
USUAL = (
    "Host: example.org",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
)
ANSWERED = {
    "a usual one": (),
    "with a subprotocol": ("Sec-WebSocket-Protocol: chat, superchat",),
    "with subprotocols on two lines": ("Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: superchat"),
    "with an empty subprotocol": ("Sec-WebSocket-Protocol:",),
    "with compression": ("Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",),
    "from a page": ("Origin: https://example.org",),
    "of a browser": ("Pragma: no-cache", "User-Agent: M\xfcller/5.0", "Accept-Encoding: gzip, br", "Cookie: a=b"),
}
LEFT = {
    "with a subprotocol twice": ("Sec-WebSocket-Protocol: chat, chat",),
    "with two keys": (f"Sec-WebSocket-Key: {KEY}",),
}


def request(*further: str, line: str = f"GET {PATH} HTTP/1.1", headers: tuple[str, ...] = USUAL) -> bytes:
    """An opening handshake."""
    return "\r\n".join((line, *headers, *further, "", "")).encode("latin-1")


def without(name: str) -> tuple[str, ...]:
    """The usual headers but one."""
    return tuple(header for header in USUAL if not header.startswith(name))


def answer(data: bytes) -> bytes | None:
    """What `answerTo` says."""
    return answerTo(parseHead(data.removesuffix(b"\r\n\r\n"), 0), {})


REFUSED = {
    "no key": request(headers=without("Sec-WebSocket-Key")),
    "a short key": request("Sec-WebSocket-Key: dGhl", headers=without("Sec-WebSocket-Key")),
    "a key that is not base64": request("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==", headers=without("Sec-WebS")),
    "a key without an end": request(f"Sec-WebSocket-Key: {KEY[:-2]}AA", headers=without("Sec-WebSocket-Key")),
    "no host": request(headers=without("Host")),
    "an old version of HTTP": request(line=f"GET {PATH} HTTP/1.0"),
    "another method": request(line=f"PUT {PATH} HTTP/1.1"),
    "a fragment": request(line=f"GET {PATH}#fragment HTTP/1.1"),
    **{name: request(*further) for name, further in LEFT.items()},
}


@pytest.mark.parametrize("further", ANSWERED.values(), ids=ANSWERED)
def test_whatIsOrdinaryIsAnsweredHere(further: tuple[str, ...]) -> None:
    found = answer(request(*further))
    assert found is not None
    assert b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n" in found


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_anythingElseIsNot(data: bytes) -> None:
    assert answer(data) is None


@pytest.mark.parametrize("data", [*REFUSED.values(), *(request(*further) for further in ANSWERED.values())])
def test_bothWaysSayTheSame(makeWorld: WorldFactory, data: bytes) -> None:
    assert said(makeWorld(), data) == said(makeWorld(fast=False), data)


def test_furtherHeadersAreSentBothWays(makeWorld: WorldFactory) -> None:
    options = {"handshakeHeaders": lambda request: (("X-A", "1"), ("X-B", "\xe9"), ("X-A", "2")), "cookie": "io"}
    fast, plain = (said(makeWorld(fast=fast, **options), request()) for fast in (True, False))
    assert b"X-A: 1\r\n" in fast
    assert b"X-A: 2\r\n" in fast
    assert sorted(withoutSid(fast)) == sorted(withoutSid(plain))


def test_aMessageInTheSamePacketArrives(makeWorld: WorldFactory, clock: Any) -> None:
    world = makeWorld()
    world.visitor().send(request() + b"\x81\x82\0\0\0\x004a")
    assert world.applications[0].received == ["a"]


LINES = st.sampled_from(
    [
        *USUAL,
        *ANSWERED["with subprotocols on two lines"],
        *ANSWERED["of a browser"],
        "Sec-WebSocket-Protocol: , a,",
        "Connection: keep-alive, Upgrade",
        "Upgrade: h2c, WebSocket",
        "Sec-WebSocket-Version: 8",
        f"Sec-WebSocket-Key:\t {KEY} ",
        "Host:",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINES, max_size=9), st.sampled_from([USUAL, ()]))
def test_autobahnSaysTheSame(lines: list[str], usual: tuple[str, ...]) -> None:
    data = request(*lines, headers=usual)
    try:
        head = parseHead(data.removesuffix(b"\r\n\r\n"), 0)
    except BadHead:
        return
    if head.wantsWebSocket and head.headers.get("sec-websocket-version") == "13":
        assert autobahns(data) == answerTo(head, {})


class TestTheStateOfAConnection:
    def test_isThatWhichAutobahnsHandshakeLeaves(self, makeWorld: WorldFactory) -> None:
        (opened, socket), (accepted, other) = (opening(makeWorld(fast=fast)) for fast in (False, True))
        slots = {name: getattr(opened, name) for name in SlimProtocol.__slots__}
        flags = {name: value for name, value in vars(opened).items() if isinstance(value, bool | int | bytes | None)}
        assert {name: getattr(accepted, name) for name in slots} == slots
        differing = {name for name, value in flags.items() if getattr(accepted, name, "none") != value}
        assert differing == {"http_request_data", "websocket_protocol_in_use"}, "nobody asks for it later"
        leave(socket.visitor)
        leave(other.visitor)

    def test_isCountedAlike(self, makeWorld: WorldFactory) -> None:
        for world in (makeWorld(), makeWorld(fast=False)):
            socket = world.socket(4)
            assert world.port.countConnections == 1
            leave(socket.visitor)
            assert world.port.countConnections == 0


def said(world: World, data: bytes) -> bytes:
    """The first that a server says to a request."""
    visitor = world.visitor()
    visitor.send(data)
    answered = bytes(visitor.read())
    leave(visitor)
    return answered


def opening(world: World) -> tuple[Any, Socket]:
    """The server's protocol of a new connection, and its client."""
    socket = world.socket(4)
    return socket.visitor.transport.protocol, socket


def leave(visitor: Visitor) -> None:
    """A client goes, and what is due after it comes."""
    visitor.link.close()
    visitor.world.clock.pump([1] * 5)


def withoutSid(answered: bytes) -> list[bytes]:
    """The lines of an answer; of a cookie only the name."""
    return [line.partition(b"=")[0] if b"Set-Cookie" in line else line for line in answered.split(b"\r\n")]


def autobahns(data: bytes) -> bytes | None:
    """How Autobahn accepts a request; None if it does not."""
    factory = WebSocketServerFactory(server=None)
    factory.setProtocolOptions(openHandshakeTimeout=0)
    protocol = Autobahn()
    protocol.factory = factory
    transport = Transport()
    protocol.makeConnection(transport)
    protocol.dataReceived(data)
    answered = bytes(transport.value())
    return answered if answered.startswith(b"HTTP/1.1 101") else None


class Autobahn(WebSocketServerProtocol):
    """Autobahn as it comes, but for the subprotocol."""

    def onConnect(self, request: Any) -> Any:
        return next(filter(None, request.protocols), None)


class Transport(StringTransport):
    """Keeps what is written."""

    def unregisterProducer(self) -> None:
        """Autobahn does so without having registered one."""
