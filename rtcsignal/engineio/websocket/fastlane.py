"""Fast path, receiving: whole text frames are taken off the stream here, everything else goes to Autobahn untouched.

Replaces Autobahn's frame parser (an object for each frame and about ten hooks, some twenty times the cost) for what
nearly all traffic consists of: complete, masked, unfragmented text frames of less than 64 KiB without reserved bits.
At the first thing that is anything else (a control frame, a fragment, a binary frame, bad UTF-8, even in a frame that
is not whole yet, a length that is not minimal or above the limit) the rest of the stream, that frame included, is
Autobahn's, which treats it in its own way; when it has nothing pending any more, the next read begins here again.

It knows these names of Autobahn's protocol: ``state``, ``data``, ``current_frame``, ``inside_message`` and
``_dataReceived``. A contract test fails when they change, and a differential test compares both ways.
Source: RFC 6455 section 5.2.
"""

from __future__ import annotations

from codecs import utf_8_decode
from collections.abc import Callable
from typing import Protocol

from rtcsignal.engineio.websocket.slim import SlimProtocol

__all__ = ["FastLane", "TextReceiver", "unmask"]

_OPEN: int = SlimProtocol.STATE_OPEN
_WHOLE_TEXT = 0x81
_MASKED = 0x80
_TWO_BYTES, _EIGHT_BYTES = _MASKED + 126, _MASKED + 127
_SHORTEST = 6  # bytes of a frame without a payload: two of the header, four of the mask
_LARGE_FROM = 240
_fromBytes = int.from_bytes


class TextReceiver(Protocol):
    """What a connection is used for."""

    def textReceived(self, text: str) -> None:
        """A text message; never raises."""


def _unmaskSmall(data: bytes, key: bytes) -> bytes:
    """XOR by arithmetic on one large integer: the quickest way without C for short payloads."""
    size = len(data)
    words = size + 3 >> 2
    ones = _ONES[words] if words < len(_ONES) else _onesFor(words)
    masked = _fromBytes(data, "little") ^ _fromBytes(key, "little") * ones
    return masked.to_bytes(words << 2, "little")[:size]


def _onesFor(words: int) -> int:
    """The integer that repeats a 32-bit factor so many times."""
    return _fromBytes(b"\x01\0\0\0" * words, "little")


def _nativeUnmask() -> Callable[[bytes, bytes], bytes | bytearray] | None:
    """Autobahn's native code, called without the object that it makes for each frame; None where it is missing."""
    try:
        from _nvx_xormasker import ffi, lib  # type: ignore[import-not-found]
    except ImportError:
        return None
    new, free, process, fromBuffer = (
        lib.nvx_xormask_new,
        lib.nvx_xormask_free,
        lib.nvx_xormask_process,
        ffi.from_buffer,
    )
    octets = ffi.typeof("uint8_t[]")

    def unmaskLarge(data: bytes, key: bytes) -> bytearray:
        buffer = bytearray(data)
        masker = new(key)
        process(masker, fromBuffer(octets, buffer), len(buffer))
        free(masker)
        return buffer

    try:
        works = unmaskLarge(b"\x01" * 5, b"\x01\x02\x03\x04") == _unmaskSmall(b"\x01" * 5, b"\x01\x02\x03\x04")
    except (TypeError, ValueError, ffi.error):
        return None
    return unmaskLarge if works else None


_ONES = [_onesFor(words) for words in range(_LARGE_FROM // 4 + 1)]
_unmaskLarge: Callable[[bytes, bytes], bytes | bytearray] = _nativeUnmask() or _unmaskSmall


def unmask(data: bytes, key: bytes) -> bytes | bytearray:
    """Undo the masking of a payload (RFC 6455 section 5.3).

    Args:
        data: The payload as received.
        key: The four bytes of the masking key.
    """
    return _unmaskSmall(data, key) if len(data) < _LARGE_FROM else _unmaskLarge(data, key)


def _mayBecomeText(data: bytes, key: bytes) -> bool:
    """Whether the beginning of a payload can be UTF-8: a client that sends anything else must not wait for the end."""
    payload = unmask(data, key)
    try:
        _, whole = utf_8_decode(payload, "strict", False)
    except UnicodeDecodeError:
        return False
    # Python recognizes a surrogate only by its third byte.
    return not b"\xed\xa0" <= payload[whole:] <= b"\xed\xbf"


class FastLane(SlimProtocol):
    """A WebSocket protocol that takes whole text frames off the stream itself.

    Attributes:
        takesFrames: Do so.
        credit: How many bytes may come before `creditSpent` is called.
        receiver: Gets the texts; it may close the connection, and be replaced, meanwhile.
    """

    __slots__ = ("_rest", "credit", "receiver", "takesFrames")

    receiver: TextReceiver | None
    maxMessagePayloadSize: int

    def __init__(self) -> None:
        super().__init__()
        self.takesFrames = False
        self.credit = 0
        self.receiver = None
        self._rest = b""

    def forgetReceived(self) -> None:
        """Drop what has come of a message whose rest will not come: it may be large, and this object may live on."""
        self._rest = self.data = b""
        self.frame_data, self.message_data = [], []

    def creditSpent(self) -> None:
        """More bytes have come than `credit` allowed, which is below zero by their number."""

    def dataReceived(self, data: bytes) -> None:
        self.credit -= len(data)
        if self.credit < 0:
            self.creditSpent()
        if self._rest:
            data, self._rest = self._rest + data, b""
        if not self.takesFrames or self.state != _OPEN or self.data or self.current_frame or self.inside_message:
            self._dataReceived(data)
            return
        at, end, most = 0, len(data), self.maxMessagePayloadSize
        while at < end:
            if end - at < _SHORTEST:
                if not _mayBeginOurs(data[at:], most):
                    break
                self._rest = data[at:]
                return
            length = data[at + 1]
            if data[at] != _WHOLE_TEXT or not _MASKED <= length < _EIGHT_BYTES:
                break
            if length == _TWO_BYTES:
                length = data[at + 2] << 8 | data[at + 3]
                if length < _TWO_BYTES - _MASKED:
                    break
                start = at + _SHORTEST + 2
            else:
                length -= _MASKED
                start = at + _SHORTEST
            if most and length > most:
                break
            stop = start + length
            if stop > end:
                if not _mayBecomeText(data[start:end], data[start - 4 : start]):
                    break
                self._rest = data[at:]
                return
            unmasked = _unmaskSmall if length < _LARGE_FROM else _unmaskLarge
            try:
                text = unmasked(data[start:stop], data[start - 4 : start]).decode()
            except UnicodeDecodeError:
                break
            at = stop
            receiver = self.receiver
            if receiver is not None:
                receiver.textReceived(text)
            if self.state != _OPEN or not self.takesFrames:
                break
        if at < end:
            self._dataReceived(data[at:])


def _mayBeginOurs(data: bytes, most: int) -> bool:
    """Whether so few bytes, less than `_SHORTEST`, can become one of the frames that are taken here."""
    if data[0] != _WHOLE_TEXT:
        return False
    if len(data) == 1:
        return True
    length = data[1] - _MASKED
    if length == _TWO_BYTES - _MASKED and len(data) >= 4:
        length = data[2] << 8 | data[3]
        return length >= _TWO_BYTES - _MASKED and not 0 < most < length
    return 0 <= length < _EIGHT_BYTES - _MASKED and (length == _TWO_BYTES - _MASKED or not 0 < most < length)
