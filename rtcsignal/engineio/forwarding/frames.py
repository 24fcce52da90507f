"""What nodes send each other over links: frames of MessagePack, each behind its length.

The first frame on a connection is `Hello`, which presents the token of the node that is called. Either requests follow,
many at a time and answered in any order, or one `Upgrade`, behind which the connection is that of the client.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import msgspec

from rtcsignal.engineio.http.exchange import Headers, Request, Response

__all__ = [
    "VERSION",
    "Answer",
    "Ask",
    "Asked",
    "Cancel",
    "Frame",
    "FrameError",
    "Frames",
    "Hello",
    "Lost",
    "Ping",
    "Pong",
    "Upgrade",
    "encoded",
]

VERSION = 1
"""Of the format; nodes of different versions do not forward to each other."""

_LENGTH_BYTES = 4


class FrameError(ValueError):
    """What came is not a frame, or too large for one."""


class _Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    pass


class Asked(_Frame, frozen=True, array_like=True, gc=False):
    """A request, with what the node where it came in knows of its client; see `Request`."""

    method: str
    query: dict[str, str]
    headers: dict[str, str]
    address: str
    secure: bool
    host: str

    @classmethod
    def of(cls, request: Request) -> Asked:
        """A request without its body."""
        query, headers = dict(request.query), dict(request.headers)
        return cls(request.method, query, headers, request.address, request.secure, request.forwardedHost)

    def request(self, body: bytes = b"") -> Request:
        """The request, with a body."""
        return Request(self.method, self.query, self.headers, body, self.address, self.secure, self.host)


class Hello(_Frame, frozen=True, array_like=True, gc=False, tag=0):
    """The first frame."""

    version: int
    token: str


class Ask(_Frame, frozen=True, array_like=True, gc=False, tag=1):
    """A request that is to be answered."""

    number: int
    asked: Asked
    body: bytes


class Answer(_Frame, frozen=True, array_like=True, gc=False, tag=2):
    """The answer to one."""

    number: int
    status: int
    body: bytes
    headers: Headers

    @property
    def response(self) -> Response:
        return Response(self.status, self.body, self.headers)


class Cancel(_Frame, frozen=True, array_like=True, gc=False, tag=3):
    """The client of a request has gone away."""

    number: int


class Lost(_Frame, frozen=True, array_like=True, gc=False, tag=4):
    """The connection of a POST broke before its body was complete."""

    asked: Asked


class Ping(_Frame, frozen=True, array_like=True, gc=False, tag=5):
    """Is to be answered with `Pong`."""


class Pong(_Frame, frozen=True, array_like=True, gc=False, tag=6):
    """The answer."""


class Upgrade(_Frame, frozen=True, array_like=True, gc=False, tag=7):
    """A request for a WebSocket, whose connection is this one from now on.

    Attributes:
        asked: The request.
        block: Its head as bytes, without the empty line.
        rest: What came behind it.
    """

    asked: Asked
    block: bytes
    rest: bytes


Frame: TypeAlias = Hello | Ask | Answer | Cancel | Lost | Ping | Pong | Upgrade

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Frame).decode


def encoded(frame: Frame) -> bytes:
    """A frame as it is sent."""
    data = _encode(frame)
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


class Frames:
    """Takes frames off a stream.

    Args:
        most: Most bytes of a frame; 0 for no limit.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._received = bytearray()

    def add(self, data: bytes) -> None:
        """More has come."""
        self._received += data

    def read(self) -> Iterator[Frame]:
        """The frames that are complete; what follows the last one that is taken stays.

        Raises:
            FrameError: What came is none.
        """
        received = self._received
        while len(received) >= _LENGTH_BYTES:
            length = int.from_bytes(received[:_LENGTH_BYTES], "big")
            if self._most and length > self._most:
                raise FrameError("a frame is too large")
            end = _LENGTH_BYTES + length
            if len(received) < end:
                return
            data = bytes(received[_LENGTH_BYTES:end])
            del received[:end]
            try:
                frame = _decode(data)
            except msgspec.MsgspecError as error:
                raise FrameError("what came is not a frame") from error
            yield frame

    def rest(self) -> bytes:
        """What has come behind the frames that were taken."""
        rest = bytes(self._received)
        self._received.clear()
        return rest
