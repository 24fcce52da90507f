"""Engine.IO packets: one character or byte of type, then data. Text and bytes in, values out.

=====  ========  ==========================================================================================
type   name      who sends it
=====  ========  ==========================================================================================
``0``  open      server, first packet of a session: the handshake as JSON
``1``  close     either side
``2``  ping      revision 3: the client, every ping interval; revision 4: the server; ``2probe``: an upgrade
``3``  pong      the answer to a ping, with its data
``4``  message   either side: text or bytes of the application
``5``  upgrade   client, on the WebSocket, when polling has been paused
``6``  noop      server, to end a poll with nothing to say
=====  ========  ==========================================================================================

Binary messages look different in each revision (``b4<base64>`` or a type byte in revision 3, ``b<base64>`` or
the bare bytes in revision 4). Source: Engine.IO protocol, revisions 3 and 4, section "Packet encoding".
"""

from __future__ import annotations

import binascii
from typing import Literal, NamedTuple, TypeAlias

from rtcsignal.errors import ProtocolError

__all__ = [
    "CLOSE",
    "MESSAGE",
    "NOOP",
    "OPEN",
    "PING",
    "PONG",
    "UPGRADE",
    "Packet",
    "Revision",
    "decodeBinary",
    "decodeText",
    "encodeBase64",
    "encodeBinary",
]

Revision: TypeAlias = Literal[3, 4]

OPEN, CLOSE, PING, PONG, MESSAGE, UPGRADE, NOOP = "0123456"

_TEXT_KINDS = frozenset("0123456")
_MESSAGE_BYTE = 4


class Packet(NamedTuple):
    """One packet. `data` is bytes only in a binary message."""

    kind: str
    data: str | bytes = ""


def decodeText(text: str, revision: Revision) -> Packet:
    """Read a packet from its text form.

    Args:
        text: One packet of a text payload, or one WebSocket text message.
        revision: The Engine.IO revision of the session.

    Raises:
        ProtocolError: Empty, of an unknown type, or base64 that is not strictly RFC 4648.
    """
    kind = text[:1]
    if kind in _TEXT_KINDS and kind:
        return Packet(kind, text[1:])
    if kind == "b":
        return Packet(MESSAGE, _decodeBase64(text, revision))
    raise ProtocolError("unknown Engine.IO packet type" if kind else "empty Engine.IO packet")


def decodeBinary(data: bytes, revision: Revision) -> Packet:
    """Read a packet from one WebSocket binary message, or from a binary packet of a revision 3 payload.

    Raises:
        ProtocolError: Revision 3 only: the type byte is missing or not that of a message.
    """
    if revision == 4:
        return Packet(MESSAGE, data)
    if not data or data[0] != _MESSAGE_BYTE:
        raise ProtocolError("unknown type of binary Engine.IO packet")
    return Packet(MESSAGE, data[1:])


def encodeBinary(data: bytes, revision: Revision) -> bytes:
    """The form of a binary message in a WebSocket binary frame."""
    return data if revision == 4 else b"\x04" + data


def encodeBase64(data: bytes, revision: Revision) -> str:
    """The form of a binary message where only text can go."""
    encoded = binascii.b2a_base64(data, newline=False).decode("ascii")
    return "b" + encoded if revision == 4 else "b4" + encoded


def _decodeBase64(text: str, revision: Revision) -> bytes:
    start = 1
    if revision == 3:
        if text[1:2] != MESSAGE:
            raise ProtocolError("unknown type of base64 Engine.IO packet")
        start = 2
    try:
        return binascii.a2b_base64(text[start:], strict_mode=True)
    except ValueError as error:
        raise ProtocolError("bad base64 in an Engine.IO packet") from error
