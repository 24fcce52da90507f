"""A small blocking WebSocket client (RFC 6455) that can send broken frames too."""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tests.support.patience import PATIENCE
from tests.wire.rawhttp import Connection, ConnectionEnded, Header, Response, requestBytes

CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

_KEY: Final = base64.b64encode(b"sixteen bytes ok").decode()
_ACCEPT: Final = base64.b64encode(
    hashlib.sha1(_KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
).decode()


class Closed(Exception):
    """The WebSocket was closed; `code` is None when the connection ended without a close frame."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"closed with code {code}")
        self.code = code


class Refused(Exception):
    """The server did not accept the upgrade; `response` is what it said."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"{response.status} {response.body!r}")
        self.response = response


@dataclass(frozen=True)
class Frame:
    """A frame from the server."""

    fin: bool
    rsv: int
    opcode: int
    payload: bytes


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x37\xfa\x21\x3d",
    announced: int | None = None,
) -> bytes:
    """A client's frame; `announced` is a length that it claims in place of its own, in the longest form."""
    first = fin << 7 | rsv << 4 | opcode
    head = bytes([first]) + _length(len(payload), announced, masked=mask is not None)
    if mask is None:
        return head + payload
    keys = (mask * (len(payload) // 4 + 1))[: len(payload)]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(keys, "big")
    return head + mask + masked.to_bytes(len(payload), "big")


def _length(real: int, announced: int | None, *, masked: bool) -> bytes:
    bit = masked << 7
    if announced is not None:
        return struct.pack(">BQ", bit | 127, announced)
    if real < 126:
        return bytes([bit | real])
    if real < 65536:
        return struct.pack(">BH", bit | 126, real)
    return struct.pack(">BQ", bit | 127, real)


def textFrame(text: str) -> bytes:
    """A whole text message."""
    return frame(TEXT, text.encode())


def upgradeHeaders(*, leaveOut: str | None = None, **changes: str) -> list[Header]:
    """The headers that ask for a WebSocket, with changes: `sec_websocket_version="12"`."""
    headers = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": _KEY,
        "Sec-WebSocket-Version": "13",
    }
    known = {name.lower().replace("-", "_"): name for name in headers}
    headers.update({known.get(key, key): value for key, value in changes.items()})
    return [(name, value) for name, value in headers.items() if name != leaveOut]


def upgradeBytes(target: str, headers: Iterable[Header] = ()) -> bytes:
    """The request that opens a WebSocket."""
    return requestBytes("GET", target, (*upgradeHeaders(), *headers))


class WebSocket:
    """A WebSocket on a connection, which is upgraded by a request that was sent or is sent now."""

    def __init__(self, connection: Connection, request: bytes = b"") -> None:
        self.connection = connection
        connection.send(request)
        self.response = connection.readResponse()
        if self.response.status != 101:
            raise Refused(self.response)
        assert self.response.header("sec-websocket-accept") == _ACCEPT
        assert (self.response.header("upgrade") or "").lower() == "websocket"

    def sendText(self, *texts: str) -> None:
        """Sends text messages, in one write."""
        self.connection.send(b"".join(map(textFrame, texts)))

    def sendBinary(self, data: bytes) -> None:
        """Sends a binary message."""
        self.connection.send(frame(BINARY, data))

    def send(self, *messages: str | bytes) -> None:
        """Sends text and binary messages, in one write."""
        frames = (textFrame(m) if isinstance(m, str) else frame(BINARY, m) for m in messages)
        self.connection.send(b"".join(frames))

    def readFrame(self) -> Frame:
        """Reads a frame; raises Closed when the connection ends."""
        try:
            first, second = self.connection.readExactly(2)
            assert not second & 0x80, "a server must not mask"
            length = second & 0x7F
            if length > 125:
                length = int.from_bytes(self.connection.readExactly(2 if length == 126 else 8), "big")
            payload = self.connection.readExactly(length)
        except ConnectionEnded:
            raise Closed(None) from None
        return Frame(bool(first & 0x80), first >> 4 & 7, first & 0xF, payload)

    def read(self) -> str | bytes:
        """Reads a message, passing over pings and pongs; raises Closed when the server closes."""
        message = self.readFrame()
        while message.opcode in {PING, PONG}:
            message = self.readFrame()
        assert message.rsv == 0, "no extension was agreed on"
        if message.opcode == CLOSE:
            raise Closed(int.from_bytes(message.payload[:2], "big") if message.payload else 1005)
        assert message.opcode in {TEXT, BINARY}, message
        payload, fin = message.payload, message.fin
        while not fin:
            more = self.readFrame()
            assert more.opcode == CONTINUATION
            payload, fin = payload + more.payload, more.fin
        return payload.decode() if message.opcode == TEXT else payload

    def answerPing(self) -> None:
        """Reads until the server sends a ping, and answers it, which this client does not do by itself."""
        while (received := self.readFrame()).opcode != PING:
            pass
        self.connection.send(frame(PONG, received.payload))

    def readUntilClosed(self, within: float = PATIENCE) -> tuple[list[str | bytes], int | None]:
        """Reads until the server has closed the connection, not only the WebSocket.

        The result is what came before the end, and the code of the close frame, None without one.
        """
        messages = []
        try:
            while True:
                messages.append(self.read())
        except Closed as end:
            self.finishClose(end.code, within)
            return messages, end.code

    def finishClose(self, code: int | None, within: float = PATIENCE) -> None:
        """After a close frame with this code: answers it, and waits until the server closes the connection."""
        try:
            if code is not None:
                self.connection.send(frame(CLOSE, b"" if code == 1005 else code.to_bytes(2, "big")))
        except ConnectionEnded:
            pass
        self.connection.readToEnd(within)

    def closeCode(self) -> int | None:
        """Reads until the server has closed, whatever it says before; the code, None without a close frame."""
        return self.readUntilClosed()[1]

    def close(self) -> None:
        """Closes the connection."""
        self.connection.close()
