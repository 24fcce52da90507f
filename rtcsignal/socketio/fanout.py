"""Events for many receivers: encoded once for each namespace, not once for each receiver."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from typing import Any, Protocol

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.socketio.binary import encodeData
from rtcsignal.socketio.offsets import Numbers
from rtcsignal.socketio.packet import EVENT, RESERVED_NAMES, encode
from rtcsignal.socketio.work import Work

__all__ = ["Channel", "Kept", "OutgoingEvent", "PlainChannel", "Receiver", "Stamp", "deliver"]

# A receiver of four kilobytes is as much work as two of a few bytes.
_PIECE_BITS = 12
# What an event that is kept takes besides its texts: the message, the number, the heads of its strings, its places.
_ENTRY_BYTES = 250


class OutgoingEvent:
    """An event on its way out.

    Args:
        text: The array of name and arguments as JSON text, strict and with placeholders for `attachments`.
        attachments: Its binary parts.

    Attributes:
        stamp: What it was last numbered with, if any of its receivers can recover; see `Trail`.
    """

    __slots__ = ("_message", "_namespace", "_others", "attachments", "stamp", "text")

    _message: EncodedMessage

    def __init__(self, text: str, attachments: tuple[bytes, ...] = ()) -> None:
        self.text = text
        self.attachments = attachments
        self.stamp: Stamp | None = None
        self._namespace: str | None = None
        self._others: dict[str, EncodedMessage] | None = None

    @classmethod
    def of(cls, name: str, *arguments: Any) -> OutgoingEvent:
        """The event `name` with `arguments`, which may contain bytes.

        Raises:
            TypeError: An argument is of a type that cannot be sent.
            ValueError: The name is one of Socket.IO itself.
        """
        if name in RESERVED_NAMES:
            raise ValueError(f"{name} is an event of Socket.IO itself, and cannot be sent")
        return cls(*encodeData((name, *arguments)))

    def messageFor(self, namespace: str) -> EncodedMessage:
        """The message that carries it to peers of a namespace. The same for all of them, in both protocols."""
        if self._namespace == namespace:
            return self._message
        if self._namespace is None:  # nearly always the first namespace is the only one
            self._namespace = namespace
            isPlain = namespace == "/" and not self.attachments
            message = self._message = EncodedMessage(EVENT + self.text) if isPlain else self._newMessage(namespace)
            return message
        if self._others is None:
            self._others = {}
        other = self._others.get(namespace)
        if other is None:
            other = self._others[namespace] = self._newMessage(namespace)
        return other

    def _newMessage(self, namespace: str) -> EncodedMessage:
        if self.attachments:
            return EncodedMessage(encode(EVENT, namespace, self.text, None, len(self.attachments)), self.attachments)
        return EncodedMessage(EVENT + self.text if namespace == "/" else f"{EVENT}{namespace},{self.text}")


class Kept(EncodedMessage):
    """An event with its number, encoded for one namespace, as it is sent to receivers and kept by their trails.

    Args:
        number: The number.
        text: As of any message.
        attachments: Likewise.

    Attributes:
        number: The number.
        size: How many bytes of memory it takes.
        holders: How many trails keep it.
    """

    __slots__ = ("holders", "number", "size")

    def __init__(self, number: int, text: str, attachments: tuple[bytes, ...] = ()) -> None:
        EncodedMessage.__init__(self, text, attachments)
        self.number = number
        self.size = _memoryOf(text, self.frame, attachments)
        self.holders = 0


class Stamp:
    """An event with a number, encoded once for each namespace.

    Args:
        numbers: Where the number is from.
        event: The event.
        namespace: That of the first receiver.

    Attributes:
        number: The number.
        numbers: Where it is from.
        namespace: That of the first receiver.
        first: What carries the event with its offset to the peers of that namespace.
    """

    __slots__ = ("_others", "first", "namespace", "number", "numbers")

    def __init__(self, numbers: Numbers, event: OutgoingEvent, namespace: str) -> None:
        self.numbers = numbers
        self.number = numbers.next()
        self.namespace = namespace
        self._others: dict[str, Kept] | None = None
        self.first = self._newMessage(event, namespace)

    def keptFor(self, event: OutgoingEvent, namespace: str) -> Kept:
        """What carries it to the peers of another namespace. The same for all of them."""
        if self._others is None:
            self._others = {}
        found = self._others.get(namespace)
        if found is None:
            found = self._others[namespace] = self._newMessage(event, namespace)
        return found

    def _newMessage(self, event: OutgoingEvent, namespace: str) -> Kept:
        # The text is an array, perhaps with the white space behind it that its sender put there.
        text = f'{event.text.rstrip()[:-1]},"{self.numbers.write(self.number)}"]'
        attachments = event.attachments
        if attachments or namespace != "/":
            text = encode(EVENT, namespace, text, attachments=len(attachments))
        else:
            text = EVENT + text
        return Kept(self.number, text, attachments)


class Channel(Protocol):
    """How events reach a peer; ordinary peers of a namespace share one.

    Attributes:
        work: Where what is sent is counted.
    """

    work: Work

    def messageOf(self, event: OutgoingEvent) -> EncodedMessage:
        """The message that carries an event, which is about to be sent."""


class PlainChannel:
    """Events go out as they are, and are forgotten.

    Args:
        namespace: The namespace of its peers.
        work: Where what is sent is counted.
    """

    __slots__ = ("_namespace", "work")

    def __init__(self, namespace: str, work: Work) -> None:
        self._namespace = namespace
        self.work = work

    def messageOf(self, event: OutgoingEvent) -> EncodedMessage:
        return event.messageFor(self._namespace)


class _Carrier(Protocol):
    @property
    def send(self) -> Callable[[EncodedMessage], None]:
        """Sends a message to a client; drops it if there is none any more."""


class Receiver(Protocol):
    """Whoever events are delivered to: what is needed of a `Peer` for that."""

    @property
    def channel(self) -> Channel:
        """How events reach it."""

    @property
    def session(self) -> _Carrier:
        """What carries it."""


def deliver(event: OutgoingEvent, peers: Collection[Receiver]) -> int:
    """Send an event to peers.

    Returns:
        To how many.
    """
    channel: Channel | None = None
    for peer in peers:
        if peer.channel is not channel:
            channel = peer.channel
            message = channel.messageOf(event)
        peer.session.send(message)
    count = len(peers)
    if channel is not None:
        channel.work.done += count + (count * len(event.text) >> _PIECE_BITS)
        if event.attachments:
            parts = event.attachments
            channel.work.done += count * len(parts) + (count * sum(map(len, parts)) >> _PIECE_BITS)
    return count


def _memoryOf(text: str, frame: bytes | None, attachments: tuple[bytes, ...]) -> int:
    """Bytes of memory of a message, with all that is made of it for its receivers."""
    if frame is not None:
        return _ENTRY_BYTES + sys.getsizeof(text) + len(frame)
    # Attachments are kept as they are, framed, and perhaps in base64 as well.
    return _ENTRY_BYTES + sys.getsizeof(text) + len(text.encode()) + 4 * sum(map(len, attachments))
