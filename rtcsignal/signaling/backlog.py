"""What a peer has sent while one of its requests takes time. It waits as text: values may take forty times as much."""

from __future__ import annotations

from collections import deque

from rtcsignal.socketio.packet import PackedPacket, Packet

__all__ = ["Backlog"]

_MOST_PACKETS = 1_000


class Backlog:
    """The requests of one peer that wait for the one before them.

    Args:
        mostBytes: Most bytes of memory for them; 0 for no limit.
    """

    __slots__ = ("_bytes", "_most", "_packets")

    def __init__(self, mostBytes: int) -> None:
        self._most = mostBytes
        self._bytes = 0
        self._packets: deque[PackedPacket] = deque()

    def __len__(self) -> int:
        return len(self._packets)

    def put(self, packet: Packet) -> bool:
        """Keep a packet.

        Returns:
            Whether there is room for it; it is not kept if there is none.
        """
        packed = PackedPacket.of(packet)
        size = self._bytes + packed.size
        if len(self._packets) >= _MOST_PACKETS or 0 < self._most < size:
            return False
        self._bytes = size
        self._packets.append(packed)
        return True

    def take(self) -> Packet:
        """The packet that has waited longest."""
        packed = self._packets.popleft()
        self._bytes -= packed.size
        return packed.unpacked()
