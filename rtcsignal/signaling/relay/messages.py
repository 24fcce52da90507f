"""Messages in the forms that they have on their way: the event that came, what filters see, the event that goes out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Any

from rtcsignal.errors import Refused
from rtcsignal.signaling.events import BROADCAST
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.fanout import OutgoingEvent
from rtcsignal.socketio.jsontext import Unread
from rtcsignal.socketio.packet import Packet
from rtcsignal.values import Message

__all__ = ["argumentsOf", "messageOf", "plain", "relay"]

# What `Message(...)` does, in half of the time.
_message: Callable[[tuple[str, str, str | None, Any, int]], Message] = partial(tuple.__new__, Message)


def relay(event: Packet) -> OutgoingEvent:
    """The event as it goes to the others: the sender's own text, without arguments behind the first."""
    if len(event.data) == 2:
        return OutgoingEvent(event.text, event.attachments)
    if event.attachments:
        return OutgoingEvent.of(BROADCAST, event.data[1])
    return OutgoingEvent(f'["{BROADCAST}",{jsontext.secondItem(event.text)}]')


def argumentsOf(event: Packet) -> list[Any]:
    """The arguments of an event that has to be built, unlike those that are only relayed.

    Raises:
        Refused: ``bad-arguments``: that would take too long.
    """
    last = event.data[-1]
    if isinstance(last, Unread) and last.isDense:
        raise Refused("bad-arguments", "The argument has too many arrays and objects.")
    return event.arguments


def messageOf(event: Packet, kind: str, target: str | None, seat: Seat) -> Message:
    """The message as filters see it.

    Args:
        event: What the sender sent.
        kind: Its kind.
        target: The only user it is for; None for everyone.
        seat: The seat from which it is sent.
    """
    body = event.data[1]
    if isinstance(body, Unread):
        body = body.value()
    if isinstance(body, dict):
        body = MappingProxyType(body)
    text = event.text
    size = len(text) if text.isascii() else len(text.encode())
    if event.attachments:
        size += sum(map(len, event.attachments))
    return _message((kind, seat.userId, target, body, size))


def plain(body: Any) -> Any:
    """A body that can be sent: what filters get is read-only."""
    return dict(body) if isinstance(body, MappingProxyType) else body
