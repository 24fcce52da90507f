"""Events for many receivers: encoded once for each namespace, not once for each receiver."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from rtcsignal.engineio.frames import Message
from rtcsignal.socketio.binary import encodeData
from rtcsignal.socketio.packet import EVENT, RESERVED_NAMES, encode

if TYPE_CHECKING:
    from rtcsignal.socketio.peer import Peer
    from rtcsignal.socketio.trail import Stamp
    from rtcsignal.socketio.turns import Work

# A receiver of four kilobytes is as much work as two of a few bytes.
_PIECE_BITS = 12

__all__ = ["Channel", "OutgoingEvent", "PlainChannel", "deliver"]


class OutgoingEvent:
    """An event on its way out.

    Args:
        text: The array of name and arguments as JSON text, strict and with placeholders for `attachments`.
        attachments: Its binary parts.

    Attributes:
        stamp: What it was last numbered with, if any of its receivers can recover; see `trail`.
    """

    __slots__ = ("_message", "_namespace", "_others", "attachments", "stamp", "text")

    _message: Message

    def __init__(self, text: str, attachments: tuple[bytes, ...] = ()) -> None:
        self.text = text
        self.attachments = attachments
        self.stamp: Stamp | None = None
        self._namespace: str | None = None
        self._others: dict[str, Message] | None = None

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

    def messageFor(self, namespace: str) -> Message:
        """The message that carries it to peers of a namespace. The same for all of them, in both protocols."""
        if self._namespace == namespace:
            return self._message
        if self._namespace is None:  # nearly always the first namespace is the only one
            self._namespace = namespace
            message = self._message = self._newMessage(namespace)
            return message
        if self._others is None:
            self._others = {}
        other = self._others.get(namespace)
        if other is None:
            other = self._others[namespace] = self._newMessage(namespace)
        return other

    def _newMessage(self, namespace: str) -> Message:
        if self.attachments:
            return Message(encode(EVENT, namespace, self.text, None, len(self.attachments)), self.attachments)
        return Message(EVENT + self.text if namespace == "/" else f"{EVENT}{namespace},{self.text}")


class Channel(Protocol):
    """How events reach a peer; ordinary peers of a namespace share one.

    Attributes:
        work: Where what is sent is counted.
    """

    work: Work

    def messageOf(self, event: OutgoingEvent) -> Message:
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

    def messageOf(self, event: OutgoingEvent) -> Message:
        return event.messageFor(self._namespace)


def deliver(event: OutgoingEvent, peers: Iterable[Peer]) -> int:
    """Send an event to peers.

    Returns:
        To how many.
    """
    count = 0
    channel: Channel | None = None
    for peer in peers:
        if peer.channel is not channel:
            channel = peer.channel
            message = channel.messageOf(event)
        peer.session.send(message)
        count += 1
    if channel is not None:
        channel.work.done += count + (count * len(event.text) >> _PIECE_BITS)
        if event.attachments:
            parts = event.attachments
            channel.work.done += count * len(parts) + (count * sum(map(len, parts)) >> _PIECE_BITS)
    return count
