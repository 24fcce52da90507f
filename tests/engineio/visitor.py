"""Clients that come as bytes through the port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address

from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.session import Session
from tests.engineio.frames import Frame, framesOf
from tests.engineio.memory import MemoryLink, SocketLink
from tests.engineio.recorder import Recorder
from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import BINARY, CLOSE, frame, textFrame

if TYPE_CHECKING:
    from tests.engineio.world import World

__all__ = ["AFTER_HANDSHAKE", "Socket", "Visitor"]

AFTER_HANDSHAKE = 0.01
"""Frames are held back so long behind the 101."""


class Visitor:
    """A connection to the port, as its client sees it.

    Attributes:
        link: A `MemoryLink` or a `SocketLink`.
    """

    def __init__(self, world: World, host: str, real: bool) -> None:
        self.world = world
        protocol = world.port.buildProtocol(IPv4Address("TCP", host, 40000))
        self.link: Any = SocketLink(protocol, world.clock) if real else MemoryLink(protocol, world.clock, host)

    @property
    def transport(self) -> Any:
        """The server's transport."""
        return self.link.transport

    @property
    def connected(self) -> bool:
        """The server has not ended the connection."""
        return bool(self.link.transport.connected)

    def send(self, data: bytes) -> None:
        """Send bytes, in one piece."""
        self.link.send(data)
        self.link.turn()

    def sendByteByByte(self, data: bytes) -> None:
        """Send bytes, each alone."""
        for at in range(len(data)):
            self.send(data[at : at + 1])

    def request(self, method: str, target: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """A request and its answer, which must have come: status and body."""
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        self.send(requestBytes(method, target, named, body))
        return self.response()

    def response(self) -> tuple[int, bytes]:
        """The next answer, which must have come: status and body."""
        status, _, body = self.fullResponse()
        return status, body

    def fullResponse(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer, which must have come: status, headers and body."""
        data = self.read()
        head, end, body = data.partition(b"\r\n\r\n")
        assert end, f"no answer: {data!r}"
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        assert int(headers.get("content-length", "0")) == len(body), data
        return int(first.split()[1]), headers, body

    def read(self) -> bytes:
        """What has come since the last time."""
        self.link.turn()
        return bytes(self.link.read())


class Socket:
    """A WebSocket client on a connection whose upgrade was accepted.

    Attributes:
        code: The code with which the server closed it; None while it did not.
        early: What came right behind the open packet.
    """

    revision: Revision = 4
    sid = ""

    def __init__(self, visitor: Visitor) -> None:
        self.visitor = visitor
        self.code: int | None = None
        self.early: list[str | bytes] = []
        self.response, _, self._received = visitor.read().partition(b"\r\n\r\n")
        assert self.response.startswith(b"HTTP/1.1 101 "), self.response

    @property
    def world(self) -> World:
        return self.visitor.world

    @property
    def application(self) -> Recorder:
        """The application of its session."""
        (application,) = (each for each in self.world.applications if each.session.sid == self.sid)
        assert isinstance(application, Recorder)
        return application

    @property
    def session(self) -> Session:
        return self.application.session

    @property
    def connected(self) -> bool:
        """The server has not ended the connection."""
        return self.visitor.connected

    def send(self, *messages: str | bytes) -> None:
        """Send messages, all in one piece."""
        frames = (textFrame(m) if isinstance(m, str) else frame(BINARY, m) for m in messages)
        self.visitor.send(b"".join(frames))

    def sendFrame(self, opcode: int, payload: bytes = b"", **details: Any) -> None:
        """Send one frame, as broken as one likes."""
        self.visitor.send(frame(opcode, payload, **details))

    def hangUp(self) -> None:
        """Break the connection."""
        self.visitor.link.hangUp()
        self.visitor.link.turn()

    def frames(self) -> list[Frame]:
        """The frames that came since the last time."""
        stream, self._received = self._received + self.visitor.read(), b""
        return framesOf(stream)

    def take(self) -> list[str | bytes]:
        """The messages that came since the last time. A close frame sets `code`, and is answered."""
        messages, self.early = self.early, []
        for each in self.frames():
            assert self.code is None, "a frame behind the close frame"
            if each.opcode == CLOSE:
                self.code = each.code
            else:
                messages.append(each.text if each.opcode == 1 else each.payload)
        if self.code is not None and self.connected:
            self.sendFrame(CLOSE, self.code.to_bytes(2, "big"))
            self.visitor.link.turn()
        return messages
