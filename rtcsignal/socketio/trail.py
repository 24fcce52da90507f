"""Trails: what a peer was sent last, numbered, so that it can be sent again to a client that comes back.

The number is the last argument of every event, an *offset*: clients keep the last one that they saw and send it when
they return. All receivers of one fan-out share a number, and so the encoded message.
Source: Socket.IO, connection state recovery.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
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
    messages: Sequence[EncodedMessage] | None


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
        # A list, of which the oldest is at the front: most keep a few events, for which a deque takes far more memory.
        self._kept: list[Kept] | None = None
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
        shared, stamp, namespace = self._shared, event.stamp, self._namespace
        if stamp is None or stamp.number <= self.last or stamp.numbers is not shared.numbers:
            # The first receiver of this fan-out: an event object may have been sent before.
            stamp = event.stamp = Stamp(shared.numbers, event, namespace)
        item = stamp.first if stamp.namespace == namespace else stamp.keptFor(event, namespace)
        self.last = item.number
        kept = self._kept
        if kept is None:
            if self._isOver:
                return item
            kept = self._kept = []
        kept.append(item)
        self._size += item.size
        item.holders += 1
        if item.holders == 1:
            shared.size += item.size
            if shared.size > shared.total:
                shared.trim()
        while self._size > shared.sizeOfOne or len(kept) > shared.packets:
            # As `forget`; this is done for each receiver.
            oldest = kept.pop(0)
            self._forgotten = oldest.number
            self._size -= oldest.size
            oldest.holders -= 1
            if not oldest.holders:
                shared.size -= oldest.size
        return item

    def mark(self) -> int:
        """A number of its own, which is that of no event: what is sent from now on has a higher one."""
        self.last = self._shared.numbers.next()
        return self.last

    def forget(self, number: int) -> None:
        """Keep nothing up to a number."""
        kept, count = self._kept or [], 0
        for item in kept:
            if item.number > number:
                break
            count += 1
            self._forgotten = item.number
            self._size -= item.size
            self._shared.released(item)
        del kept[:count]
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
        return Missed(seen, start, before, missed)

    def offsetOf(self, number: int) -> str:
        """The offset of a number."""
        return self._shared.numbers.write(number)
