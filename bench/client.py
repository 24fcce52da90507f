"""A client on WebSocket, from the connection to its first room."""

from __future__ import annotations

import base64
import json
import os
from enum import Enum, auto
from typing import Any

from bench.errors import ConnectionLost
from bench.frames import CLOSE, PING, PONG, TEXT, FrameReader, maskedFrame
from bench.script import Dialect, joinText
from bench.wire import Address, Wire

__all__ = ["Client", "State", "readOpening"]

_MOST_HEAD = 16384


class State(Enum):
    """How far a client has come."""

    CONNECTING = auto()
    UPGRADING = auto()
    OPENING = auto()
    ENTERING = auto()
    JOINING = auto()
    JOINED = auto()


def readOpening(text: bytes) -> dict[str, Any]:
    """The object in Engine.IO's first packet."""
    try:
        opening = json.loads(text[1:])
        return {"pingInterval": float(opening["pingInterval"]), "sid": str(opening["sid"])}
    except (ValueError, KeyError, TypeError):
        raise ConnectionLost(f"not the first packet of Engine.IO: {text[:60]!r}") from None


class Client:
    """One connection, which joins the room of its group.

    Args:
        number: Of the connection; members of a group have numbers that follow each other.
        members: Of each group.
        wire: The connection.
        address: Where it leads.
        dialect: How to speak.
        auth: JSON text that goes with CONNECT, or "".

    Attributes:
        state: How far it has come.
        heard: How many arrivals in its room it has heard of.
        pingInterval: Seconds, as the server said.
        reader: The stream of frames.
        key: With which its frames are masked.
    """

    def __init__(self, number: int, members: int, wire: Wire, address: Address, dialect: Dialect, auth: str) -> None:
        self.number = number
        self.wire = wire
        self.state = State.CONNECTING
        self.heard = 0
        self.pingInterval = 25.0
        self.reader = FrameReader()
        self.key = os.urandom(4)
        self._group, self._member = divmod(number, members)
        self._address = address
        self._dialect = dialect
        self._auth = auth
        self._head = b""

    @property
    def joined(self) -> bool:
        """It is in its room."""
        return self.state is State.JOINED

    @property
    def connecting(self) -> bool:
        """There is no connection yet."""
        return self.state is State.CONNECTING

    def writable(self) -> None:
        """The socket can be written to."""
        if self.state is State.CONNECTING:
            self._greet()
        elif self.wire.blocked:
            self.wire.flush()

    def readable(self) -> None:
        """Something can be read.

        Raises:
            ConnectionLost: The server does not want this client, or is none that it can talk to.
        """
        if self.state is State.CONNECTING:
            self._greet()
            return
        data = self.wire.receive()
        if self.state is State.UPGRADING:
            data = self._upgraded(data)
        for opcode, payload in self.reader.feed(data):
            if opcode == TEXT:
                self._text(payload)
            elif opcode == PING:
                self.send(payload, PONG)
            elif opcode == CLOSE:
                raise ConnectionLost(f"the server closed the WebSocket: {payload[2:].decode(errors='replace')}")

    def send(self, text: bytes, opcode: int = TEXT) -> None:
        """Send one message."""
        self.wire.send(maskedFrame(opcode, text, self.key))

    def _greet(self) -> None:
        if not self.wire.greet():
            return
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}")
        query = f"EIO={self._dialect.revision}&transport=websocket"
        self.wire.send(self._address.request("GET", query, lines) + b"\r\n")
        self.state = State.UPGRADING

    def _upgraded(self, data: bytes) -> bytes:
        """Read the answer to the upgrade.

        Returns:
            What came behind it.
        """
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end and len(head) < _MOST_HEAD:
            return b""
        if not head.startswith(b"HTTP/1.1 101"):
            raise ConnectionLost(f"no WebSocket: {self._head[:200].decode(errors='replace')!r}")
        self._head = b""
        self.state = State.OPENING
        return rest

    def _text(self, text: bytes) -> None:
        if text[:1] == b"2":
            self.send(b"3" + text[1:])
        elif self.state is State.OPENING:
            self.pingInterval = readOpening(text)["pingInterval"] / 1000
            self.state = State.ENTERING
            if self._dialect.revision == 4:
                self.send(f"40{self._dialect.prefix}{self._auth}".encode())
        elif text[:2] in (b"41", b"44", b"1"):
            raise ConnectionLost(f"the server refused the client: {text[:200].decode(errors='replace')}")
        elif self.state is State.ENTERING and text[:2] == b"40":
            self._entered(text)
        else:
            self._event(text)

    def _entered(self, text: bytes) -> None:
        """Revision 3 enters the first namespace by itself, the others are asked for then."""
        wanted = self._dialect.namespace
        here = "/" if text[2:3] in (b"", b"{") else text[2:].decode().partition(",")[0].partition("?")[0]
        if here == wanted:
            self.state = State.JOINING
            self.send(joinText(self._dialect, self._member, self._group))
        elif self._dialect.revision == 3:
            self.send(f"40{wanted}".encode())

    def _event(self, text: bytes) -> None:
        event = self._dialect.event.encode()
        if text.startswith(event + b'["user-joined",'):
            self.heard += 1
            if text.startswith(event + b'["user-joined","member-%03d"' % self._member):
                self.state = State.JOINED
        elif text.startswith(event + b'["refused",'):
            raise ConnectionLost(f"the server refused the client: {text[:200].decode(errors='replace')}")
