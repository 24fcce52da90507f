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

from rtcsignal.engineio.slim import SlimProtocol

__all__ = ["FastLane", "TextReceiver", "unmask"]

_OPEN: int = SlimProtocol.STATE_OPEN
_WHOLE_TEXT = 0x81
_MASKED = 0x80
_TWO_BYTES, _EIGHT_BYTES = _MASKED + 126, _MASKED + 127
_LARGE_FROM = 160


class TextReceiver(Protocol):
    """What a connection is used for."""

    def textReceived(self, text: str) -> None:
        """A text message; never raises."""


def _unmaskSmall(data: bytes, key: bytes) -> bytes:
    """XOR by arithmetic on one large integer: the quickest way without C for short payloads."""
    size = len(data)
    mask = int.from_bytes((key * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(data, "little") ^ mask).to_bytes(size, "little")


def _nativeUnmask() -> Callable[[bytes, bytes], bytes] | None:
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

    def unmaskLarge(data: bytes, key: bytes) -> bytes:
        buffer = bytearray(data)
        masker = new(key)
        process(masker, fromBuffer("uint8_t[]", buffer), len(buffer))
        free(masker)
        return bytes(buffer)

    try:
        works = unmaskLarge(b"\x01" * 5, b"\x01\x02\x03\x04") == _unmaskSmall(b"\x01" * 5, b"\x01\x02\x03\x04")
    except (TypeError, ValueError, ffi.error):
        return None
    return unmaskLarge if works else None


_unmaskLarge = _nativeUnmask() or _unmaskSmall


def unmask(data: bytes, key: bytes) -> bytes:
    """Undo the masking of a payload (RFC 6455 section 5.3).

    Args:
        data: The payload as received.
        key: The four bytes of the masking key.
    """
    return _unmaskSmall(data, key) if len(data) < _LARGE_FROM else _unmaskLarge(data, key)


def _mayBecomeText(data: bytes, key: bytes) -> bool:
    """Whether the beginning of a payload can be that of UTF-8: who sends anything else must not wait for the end."""
    payload = unmask(data, key)
    try:
        _, whole = utf_8_decode(payload, "strict", False)
    except UnicodeDecodeError:
        return False
    # Of a surrogate Python sees only the third byte that it is one.
    return not b"\xed\xa0" <= payload[whole:] <= b"\xed\xbf"


class FastLane(SlimProtocol):
    """A WebSocket protocol that takes whole text frames off the stream itself.

    Attributes:
        fast: Do so.
        receiver: Gets the texts; it may close the connection, and be replaced, meanwhile.
    """

    fast = False
    receiver: TextReceiver | None = None
    maxMessagePayloadSize: int

    _rest = b""

    def dataReceived(self, data: bytes) -> None:
        if self._rest:
            data, self._rest = self._rest + data, b""
        if not self.fast or self.state != _OPEN or self.data or self.current_frame or self.inside_message:
            self._dataReceived(data)
            return
        rest, isOurs = self._takeTextFrames(data)
        if not rest:
            return
        if isOurs:
            self._rest = rest
        else:
            self._dataReceived(rest)

    def _takeTextFrames(self, data: bytes) -> tuple[bytes, bool]:
        """Hand out the text frames at the front of `data`.

        Returns:
            What is left, and whether it is the beginning of a frame that may become one of ours.
        """
        at, end, most = 0, len(data), self.maxMessagePayloadSize
        while end - at >= 2:
            length = data[at + 1]
            if data[at] != _WHOLE_TEXT or length < _MASKED or length == _EIGHT_BYTES:
                return data[at:], False
            start = at + 2
            if length == _TWO_BYTES:
                if end - at < 4:
                    break
                length = data[at + 2] << 8 | data[at + 3]
                if length < 126:
                    return data[at:], False
                start = at + 4
            else:
                length -= _MASKED
            if most and length > most:
                return data[at:], False
            stop = start + 4 + length
            if stop > end:
                if not _mayBecomeText(data[start + 4 : end], data[start : start + 4]):
                    return data[at:], False
                break
            try:
                text = unmask(data[start + 4 : stop], data[start : start + 4]).decode()
            except UnicodeDecodeError:
                return data[at:], False
            receiver = self.receiver
            if receiver is not None:
                receiver.textReceived(text)
            at = stop
            if self.state != _OPEN:
                return data[at:], False
        isOurs = end - at != 1 or data[at] == _WHOLE_TEXT
        return data[at:], isOurs
