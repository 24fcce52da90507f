"""The frames of a server, as a client reads them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Frame", "framesOf"]


@dataclass(frozen=True)
class Frame:
    """A whole WebSocket frame of the server.

    Attributes:
        opcode: 1 text, 2 binary, 8 close, 9 ping, 10 pong.
        payload: Its payload.
    """

    opcode: int
    payload: bytes

    @property
    def text(self) -> str:
        """The payload of a text frame."""
        assert self.opcode == 1, self
        return self.payload.decode()

    @property
    def code(self) -> int:
        """The code of a close frame."""
        assert self.opcode == 8, self
        return int.from_bytes(self.payload[:2], "big")


def framesOf(stream: bytes, isCut: bool = False) -> list[Frame]:
    """The frames of a stream, which must be whole, final and not masked; of one that is cut, those before the cut."""
    frames: list[Frame] = []
    while stream:
        if isCut and len(stream) < 10:
            break  # perhaps not even the length is there
        assert stream[0] & 0xF0 == 0x80, "a server's frames are whole and without reserved bits"
        length, start = stream[1], 2
        assert length < 128, "a server's frames are not masked"
        if length > 125:
            start = 4 if length == 126 else 10
            length = int.from_bytes(stream[2:start], "big")
        if isCut and len(stream) < start + length:
            break
        assert len(stream) >= start + length, "half a frame"
        frames.append(Frame(stream[0] & 0x0F, stream[start : start + length]))
        stream = stream[start + length :]
    return frames
