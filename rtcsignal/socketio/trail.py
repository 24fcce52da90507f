"""Trails: what a peer was sent last, numbered, so that it can be sent again to a client that comes back.

The number is the last argument of every event, an *offset*: clients keep the last one that they saw and send it when
they return. All receivers of one fan-out share a number, and so the encoded message.
Source: Socket.IO, connection state recovery.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.socketio.fanout import Kept, OutgoingEvent, Stamp
from rtcsignal.socketio.trails import Trails
from rtcsignal.socketio.work import Work

__all__ = ["Missed", "Trail"]


class Missed(NamedTuple):
    """What a client has not seen yet.

    Attributes:
        seen: The number that it has seen last; 0 if it has seen none.
        start: The number from which on the messages are all that there were.
        before: A number between `start` and the messages, or that of the end of the trail if there are none.
        messages: In order; None if some of them are not kept any more.
    """

    seen: int
    start: int
    before: int
    messages: list[EncodedMessage] | None


class Trail:
    """The channel of a peer that may come back: keeps the last events that it was sent.

    Args:
        namespace: The peer's namespace.
        shared: What it shares with the others of its server.

    Attributes:
        work: Where what is sent is counted.
        last: The number of the last event, or of the last mark.
    """

    __slots__ = ("_first", "_forgotten", "_isOver", "_kept", "_namespace", "_shared", "_size", "last", "work")

    def __init__(self, namespace: str, shared: Trails) -> None:
        self.work: Work = shared.work
        self._namespace = namespace
        self._shared = shared
        self._first = self.last = self._forgotten = shared.numbers.last
        # An empty deque takes more memory than all the rest.
        self._kept: deque[Kept] | None = None
        self._size = 0
        self._isOver = False

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is kept; 0 if none is."""
        return self._kept[0].number if self._kept else 0

    @property
    def kept(self) -> Collection[Kept]:
        """What is kept."""
        return tuple(self._kept or ())

    def messageOf(self, event: OutgoingEvent) -> EncodedMessage:
        """The numbered message of an event, kept from now on."""
        shared, stamp = self._shared, event.stamp
        if stamp is None or stamp.number <= self.last or stamp.numbers is not shared.numbers:
            # The first receiver of this fan-out: an event object may have been sent before.
            stamp = event.stamp = Stamp(shared.numbers)
        self.last = stamp.number
        item = stamp.keptFor(event, self._namespace)
        kept = self._kept
        if kept is None:
            if self._isOver:
                return item.message
            kept = self._kept = deque()
        kept.append(item)
        if not item.holders:
            shared.size += item.size
        item.holders += 1
        self._size += item.size
        while self._size > shared.sizeOfOne or len(kept) > shared.packets:
            self._forgetOldest(kept)
        if shared.size > shared.total:
            shared.trim()
        return item.message

    def mark(self) -> int:
        """A number of its own, which is that of no event: what is sent from now on has a higher one."""
        self.last = self._shared.numbers.next()
        return self.last

    def forget(self, number: int) -> None:
        """Keep nothing up to a number."""
        kept = self._kept
        while kept and kept[0].number <= number:
            self._forgetOldest(kept)
        if not kept:
            self._kept = None

    def end(self) -> None:
        """Its peer has gone."""
        self._isOver = True
        self.forget(self.last)

    def missed(self, offsets: Iterable[Any]) -> Missed:
        """What a client has not seen yet.

        Args:
            offsets: Offsets that it saw; the latest of them counts. None, and one that was never given, is none. One
                from before this trail began counts as none: clients keep theirs when they begin anew.
        """
        numbers = self._shared.numbers
        seen = max((numbers.read(offset) or 0 for offset in offsets), default=0)
        start = max(seen, self._first)
        if start < self._forgotten:
            return Missed(seen, start, self.last, None)
        missed = [item for item in self._kept or () if item.number > start]
        before = min(start + 1, missed[0].number - 1) if missed else self.last
        return Missed(seen, start, before, [item.message for item in missed])

    def offsetOf(self, number: int) -> str:
        """The offset of a number."""
        return self._shared.numbers.write(number)

    def _forgetOldest(self, kept: deque[Kept]) -> None:
        item = kept.popleft()
        self._forgotten = item.number
        self._size -= item.size
        self._shared.released(item)
