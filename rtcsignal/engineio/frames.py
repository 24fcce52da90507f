"""WebSocket frames (RFC 6455 section 5.2) as a server sends them, and messages encoded once for many receivers."""

from __future__ import annotations

import struct

from rtcsignal.engineio.packet import MESSAGE, Revision, encodeBase64, encodeBinary

__all__ = ["PING_FRAME", "EncodedMessage", "binaryFrame", "textFrame"]

PING_FRAME = b"\x89\x00"
"""A ping without data."""

_TEXT, _BINARY = 0x81, 0x82
_short, _middle, _long = struct.Struct(">BB").pack, struct.Struct(">BBH").pack, struct.Struct(">BBQ").pack


def textFrame(payload: bytes) -> bytes:
    """One unfragmented, unmasked text frame; `payload` is UTF-8."""
    return _head(_TEXT, len(payload)) + payload


def binaryFrame(payload: bytes) -> bytes:
    """One unfragmented, unmasked binary frame."""
    return _head(_BINARY, len(payload)) + payload


def _head(first: int, length: int) -> bytes:
    if length < 126:
        return _short(first, length)
    if length < 65536:
        return _middle(first, 126, length)
    return _long(first, 127, length)


# Nearly all messages are of a usual size, and looking a header up is quicker than writing it.
_MOST_USUAL = 4096
_TEXT_HEADS = [_head(_TEXT, length) for length in range(_MOST_USUAL)]


class EncodedMessage:
    """One message of the application: a string, and the binary messages that must follow it without a gap.

    It is immutable and may be sent to any number of sessions; what their transports need is encoded once.

    Attributes:
        text: The text, without the Engine.IO packet type; None if there are only attachments.
        attachments: Binary messages that belong to the text.
        frame: The text as one WebSocket frame, or None if there are attachments (see `frames`).
    """

    __slots__ = ("_framesOf", "attachments", "frame", "text")

    frame: bytes | None

    def __init__(self, text: str | None, attachments: tuple[bytes, ...] = ()) -> None:
        self.text = text
        self.attachments = attachments
        if attachments or text is None:
            self.frame = None
        else:
            payload = (MESSAGE + text).encode()
            length = len(payload)
            self.frame = (_TEXT_HEADS[length] if length < _MOST_USUAL else _head(_TEXT, length)) + payload
        self._framesOf: dict[tuple[Revision, bool], bytes] | None = None

    def frames(self, revision: Revision, base64: bool) -> bytes:
        """The text and its attachments as consecutive WebSocket frames.

        Args:
            revision: The Engine.IO revision of the session.
            base64: The client asked for binary as text on this WebSocket (``b64=1``).
        """
        if self.frame is not None:
            return self.frame
        if self._framesOf is None:
            self._framesOf = {}
        key = (revision, base64)
        frames = self._framesOf.get(key)
        if frames is None:
            head = b"" if self.text is None else textFrame((MESSAGE + self.text).encode())
            tail = (self._attachmentFrame(data, revision, base64) for data in self.attachments)
            frames = self._framesOf[key] = head + b"".join(tail)
        return frames

    def packets(self) -> list[str | bytes]:
        """The text and its attachments as packets of a polling payload."""
        return [*self.attachments] if self.text is None else [MESSAGE + self.text, *self.attachments]

    @staticmethod
    def _attachmentFrame(data: bytes, revision: Revision, base64: bool) -> bytes:
        if base64:
            return textFrame(encodeBase64(data, revision).encode())
        return binaryFrame(encodeBinary(data, revision))
