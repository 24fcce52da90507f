"""Events that go to many: encoded once for each namespace, not once for each receiver."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rtcsignal.engineio.frames import Message
from rtcsignal.socketio.packet import EVENT, encode, encodeData
from rtcsignal.socketio.peer import Peer

__all__ = ["OutgoingEvent", "deliver"]


class OutgoingEvent:
    """An event on its way out.

    Args:
        text: The array of name and arguments as JSON text, strict and with placeholders for `attachments`.
        attachments: Its binary parts.
    """

    __slots__ = ("_attachments", "_messages", "_text")

    def __init__(self, text: str, attachments: tuple[bytes, ...] = ()) -> None:
        self._text = text
        self._attachments = attachments
        self._messages: dict[str, Message] = {}

    @classmethod
    def of(cls, name: str, *arguments: Any) -> OutgoingEvent:
        """The event `name` with `arguments`, which may contain bytes.

        Raises:
            TypeError: An argument is of a type that cannot be sent.
        """
        return cls(*encodeData((name, *arguments)))

    def messageFor(self, namespace: str) -> Message:
        """The message that carries it to peers of a namespace. The same for all of them, in both protocols."""
        message = self._messages.get(namespace)
        if message is None:
            text = encode(EVENT, namespace, self._text, attachments=len(self._attachments))
            message = self._messages[namespace] = Message(text, self._attachments)
        return message


def deliver(event: OutgoingEvent, peers: Iterable[Peer]) -> int:
    """Send an event to peers.

    Returns:
        To how many.
    """
    count, namespace, message = 0, "", None
    for peer in peers:
        if message is None or peer.namespace != namespace:
            namespace = peer.namespace
            message = event.messageFor(namespace)
        peer.session.send(message)
        count += 1
    return count
