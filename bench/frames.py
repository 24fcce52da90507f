"""WebSocket frames as a client writes and reads them (RFC 6455 section 5). Pure: bytes to bytes."""

from __future__ import annotations

from bench.errors import ConnectionLost

__all__ = ["BINARY", "CLOSE", "PING", "PONG", "TEXT", "FrameReader", "frameHead", "maskedFrame", "xor"]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
_FINAL, _MASKED = 0x80, 0x80
_MOST = 1 << 24


def xor(data: bytes, key: bytes, phase: int = 0) -> bytes:
    """Mask or unmask.

    Args:
        data: The bytes.
        key: Four bytes.
        phase: Where in the payload `data` begins.
    """
    size = len(data)
    turned = key[phase % 4 :] + key[: phase % 4]
    mask = (turned * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


def frameHead(opcode: int, size: int, key: bytes) -> bytes:
    """What stands in front of a masked, unfragmented payload of this size."""
    first = bytes((_FINAL | opcode,))
    if size < 126:
        return first + bytes((_MASKED | size,)) + key
    if size < 1 << 16:
        return first + bytes((_MASKED | 126,)) + size.to_bytes(2, "big") + key
    return first + bytes((_MASKED | 127,)) + size.to_bytes(8, "big") + key


def maskedFrame(opcode: int, payload: bytes, key: bytes) -> bytes:
    """A whole frame of a client."""
    return frameHead(opcode, len(payload), key) + xor(payload, key)


class FrameReader:
    """Takes the frames of a server out of a stream.

    Attributes:
        pending: The beginning of a frame that is not complete yet.
    """

    __slots__ = ("_fragments", "pending")

    def __init__(self) -> None:
        self.pending = b""
        self._fragments: list[bytes] = []

    @property
    def idle(self) -> bool:
        """Whether it stands between two messages."""
        return not self.pending and not self._fragments

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """The messages and control frames that are complete now: opcode and payload.

        Raises:
            ConnectionLost: These are no frames of a server.
        """
        if self.pending:
            data = self.pending + data
        at, end = 0, len(data)
        found: list[tuple[int, bytes]] = []
        while end - at >= 2:
            first, size = data[at], data[at + 1]
            start = at + 2
            if size == 126:
                start = at + 4
                size = int.from_bytes(data[at + 2 : start], "big") if end >= start else 0
            elif size == 127:
                start = at + 10
                size = int.from_bytes(data[at + 2 : start], "big") if end >= start else 0
            if first & 0x70 or size > _MOST or (data[at + 1] & _MASKED):
                raise ConnectionLost("the server sent what is no frame of a server without extensions")
            if start + size > end:
                break
            at = start + size
            self._take(first, data[start:at], found)
        self.pending = data[at:]
        return found

    def _take(self, first: int, payload: bytes, found: list[tuple[int, bytes]]) -> None:
        opcode = first & 15
        if first & _FINAL and opcode:
            found.append((opcode, payload))
            return
        self._fragments.append(payload)
        if first & _FINAL:
            found.append((TEXT, b"".join(self._fragments)))
            self._fragments.clear()
