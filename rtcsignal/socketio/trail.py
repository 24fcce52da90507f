"""Trails: what a peer was sent last, numbered, so that it can be sent again to a client that comes back.

The number is the last argument of every event, a string (``"<epoch>.<number>"``, an *offset*): clients keep the last
one that they saw and send it when they return. All receivers of one fan-out share a number, and so the encoded message.
Source: Socket.IO, connection state recovery.
"""

from __future__ import annotations

import re
import secrets
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from rtcsignal.engineio.frames import Message
from rtcsignal.socketio.fanout import OutgoingEvent
from rtcsignal.socketio.packet import EVENT, encode

if TYPE_CHECKING:
    from rtcsignal.socketio.turns import Work

__all__ = ["Numbers", "Stamp", "Trail"]

_EPOCH_BYTES = 4
# What an entry takes besides its texts: the tuple, the number, the message, the heads of its strings.
_ENTRY_BYTES = 250
_OFFSET = re.compile(r"(?P<epoch>[0-9a-f]{8})\.(?P<number>[0-9]{1,18})", re.ASCII)


class Numbers:
    """The numbers of a server's events, rising, and not to be mixed up with those of another server or another life.

    Attributes:
        last: The last one given.
    """

    def __init__(self) -> None:
        self.last = 0
        self._epoch = secrets.token_hex(_EPOCH_BYTES)

    def next(self) -> int:
        """A number that was not given yet."""
        self.last += 1
        return self.last

    def write(self, number: int) -> str:
        """The offset of a number."""
        return f"{self._epoch}.{number}"

    def read(self, offset: Any) -> int | None:
        """The number of an offset, 0 for one of another epoch; None if it is not an offset, or was never given."""
        match = _OFFSET.fullmatch(offset) if isinstance(offset, str) else None
        if match is None:
            return None
        if match["epoch"] != self._epoch:
            return 0
        number = int(match["number"])
        return number if number <= self.last else None


class Stamp:
    """An event with a number: its messages, encoded once for each namespace.

    Args:
        numbers: Where the number is from.
    """

    __slots__ = ("_messages", "number", "numbers")

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self.number = numbers.next()
        self._messages: dict[str, tuple[Message, int]] = {}

    def messageFor(self, event: OutgoingEvent, namespace: str) -> tuple[Message, int]:
        """The message that carries the event with its offset, and how many bytes of memory it takes."""
        found = self._messages.get(namespace)
        if found is None:
            # The text is an array, perhaps with the white space behind it that its sender put there.
            text = f'{event.text.rstrip()[:-1]},"{self.numbers.write(self.number)}"]'
            attachments = event.attachments
            message = Message(encode(EVENT, namespace, text, attachments=len(attachments)), attachments)
            found = self._messages[namespace] = message, _memoryOf(message)
        return found


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
        self._kept: deque[tuple[int, int, Message]] = deque()
        self._size = 0

    def messageOf(self, event: OutgoingEvent) -> Message:
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

    def missed(self, offset: Any) -> list[Message] | None:
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


def _memoryOf(message: Message) -> int:
    """Bytes of memory, with all that is made of a message for its receivers."""
    text, frame = message.text or "", message.frame
    framed = len(text.encode()) if frame is None else len(frame)
    # Attachments are kept as they are, framed, and perhaps in base64 as well.
    return _ENTRY_BYTES + sys.getsizeof(text) + framed + 4 * sum(map(len, message.attachments))
