"""Trails: what a peer was sent last, numbered, so that it can be sent again to a client that comes back.

The number is the last argument of every event, an *offset*: clients keep the last one that they saw and send it when
they return. All receivers of one fan-out share a number, and so the encoded message.
Source: Socket.IO, connection state recovery.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.socketio.fanout import OutgoingEvent, Stamp
from rtcsignal.socketio.offsets import Numbers
from rtcsignal.socketio.work import Work

__all__ = ["Trail"]


class Trail:
    """The channel of a peer that may come back: keeps the last events that it was sent.

    Args:
        pid: The key with which the peer is recovered; a secret of its client.
        namespace: The peer's namespace.
        numbers: The server's.
        packets: Most events kept; at least 1.
        size: Most bytes of memory for them together; 0 for no limit. What several trails share counts in each.
        work: Where what is sent is counted.
    """

    __slots__ = (
        "_first",
        "_forgotten",
        "_kept",
        "_last",
        "_most",
        "_mostSize",
        "_namespace",
        "_numbers",
        "_size",
        "pid",
        "work",
    )

    def __init__(self, pid: str, namespace: str, numbers: Numbers, packets: int, size: int, work: Work) -> None:
        self.pid = pid
        self.work = work
        self._namespace = namespace
        self._numbers = numbers
        self._most = packets
        self._mostSize = size
        self._first = self._last = self._forgotten = numbers.last
        self._kept: deque[tuple[int, int, EncodedMessage]] = deque()
        self._size = 0

    def messageOf(self, event: OutgoingEvent) -> EncodedMessage:
        """The numbered message of an event, kept from now on."""
        stamp = event.stamp
        if stamp is None or stamp.number <= self._last or stamp.numbers is not self._numbers:
            # The first receiver of this fan-out: an event object may have been sent before.
            stamp = event.stamp = Stamp(self._numbers)
        self._last = stamp.number
        message, size = stamp.messageFor(event, self._namespace)
        self._kept.append((stamp.number, size, message))
        self._size += size
        while len(self._kept) > self._most or (self._mostSize and self._size > self._mostSize):
            self._forgotten, size, _ = self._kept.popleft()
            self._size -= size
        return message

    def missed(self, offset: Any) -> list[EncodedMessage] | None:
        """What a client has not seen yet.

        Args:
            offset: The last one that it saw, None if it saw none. One from before this trail began counts as none:
                clients keep theirs when they begin anew.

        Returns:
            The messages, in order; None if some of them are not kept any more, or the offset is none of ours.
        """
        number = 0 if offset is None else self._numbers.read(offset)
        if number is None:
            return None
        seen = max(number, self._first)
        if seen < self._forgotten:
            return None
        return [message for number, _, message in self._kept if number > seen]
