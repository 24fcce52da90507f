"""What nodes tell each other: frames of MessagePack, to values and back.

Each is an array that begins with the version of the format, its kind, and the incarnation that it is from. Of members
and rooms Redis tells, in its scripts; messages come from nodes. Redis is trusted, but whatever else is there may come:
what cannot be read is an error, and never more than that.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

__all__ = [
    "VERSION",
    "Claimed",
    "Dead",
    "Frame",
    "FrameError",
    "Joined",
    "Left",
    "New",
    "OtherVersion",
    "Ready",
    "Said",
    "Shared",
    "Told",
    "encodeFrame",
    "readFrame",
]

VERSION = 1
_ARRAY = 0x90
_KIND_AT = 3
_LETTER = 0xA1
_MOST_FIXED = 0x7F


class FrameError(ValueError):
    """It is not a frame."""


class OtherVersion(FrameError):
    """It is a frame of another version of the format."""


class _Frame(msgspec.Struct, frozen=True, array_like=True, gc=False):
    version: Literal[1]
    kind: str
    incarnation: str


class Joined(_Frame, frozen=True, array_like=True, gc=False):
    """A member has come, or what is known of it has changed."""

    room: str
    state: int
    id: str
    at: int
    facts: str


class Left(_Frame, frozen=True, array_like=True, gc=False):
    """A member has gone. Flags: ``c``: its connection ends; ``o``: its node is gone."""

    room: str
    state: int
    id: str
    reason: str
    flags: str


class Shared(_Frame, frozen=True, array_like=True, gc=False):
    """What plugins share about a room has changed. The value is JSON; empty: removed."""

    room: str
    state: int
    key: str
    value: str


class New(_Frame, frozen=True, array_like=True, gc=False):
    """An incarnation begins; the record says how its node is reached."""

    record: str


class Ready(_Frame, frozen=True, array_like=True, gc=False):
    """All members of an incarnation have been entered."""


class Dead(_Frame, frozen=True, array_like=True, gc=False):
    """A node is gone."""

    node: str


class Said(_Frame, frozen=True, array_like=True, gc=False):
    """An event for the members of rooms; see `Cluster.say`."""

    sender: str
    rooms: list[str]
    target: str | None
    without: list[tuple[str, str | None]]
    text: str
    attachments: list[bytes]


class Told(_Frame, frozen=True, array_like=True, gc=False):
    """Events for one client, each a text with its attachments."""

    id: str
    events: list[tuple[str, list[bytes]]]


class Claimed(_Frame, frozen=True, array_like=True, gc=False):
    """A client whose peer is on the node that is told has come to another one."""

    pid: str


Frame: TypeAlias = Claimed | Joined | Left | Shared | New | Ready | Dead | Said | Told

_KINDS: dict[str, type[Frame]] = {
    "J": Joined,
    "L": Left,
    "S": Shared,
    "N": New,
    "R": Ready,
    "D": Dead,
    "M": Said,
    "T": Told,
    "C": Claimed,
}
_DECODERS = {ord(kind): msgspec.msgpack.Decoder(struct) for kind, struct in _KINDS.items()}
encodeFrame = msgspec.msgpack.Encoder().encode


def readFrame(data: bytes) -> Frame:
    """What a frame says.

    Raises:
        OtherVersion: It is of another version.
        FrameError: It is not a frame.
    """
    if len(data) <= _KIND_AT or data[0] & 0xF0 != _ARRAY or data[1] > _MOST_FIXED or data[2] != _LETTER:
        raise FrameError("not a frame")
    if data[1] != VERSION:
        raise OtherVersion(f"a frame of version {data[1]}")
    decoder = _DECODERS.get(data[_KIND_AT])
    if decoder is None:
        raise OtherVersion("a frame of an unknown kind")
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FrameError(f"not a frame: {error}") from None
