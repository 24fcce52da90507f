"""Which of the server's own events is handled by whom: the table to which a new event is a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rtcsignal.service.features import Features
from rtcsignal.signaling.events import BROADCAST, CALL_STATE, ICE_SERVERS, JOIN, LEAVE
from rtcsignal.signaling.handlers import Handler
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.namespace import SignalingNamespace
from rtcsignal.socketio.namespace import Namespace

__all__ = ["HANDLERS", "ClientEvent", "namespacesOf"]


class ClientEvent(NamedTuple):
    """An event that clients send.

    Attributes:
        what: What it asks for, as the protocol's page says it.
        handlerOf: How its handler is made of the rooms and of what is built around them; None if this server has none.
    """

    what: str
    handlerOf: Callable[[Hub, Features], Handler | None]


HANDLERS: Mapping[str, ClientEvent] = {
    JOIN: ClientEvent("to become a member of a room", lambda hub, features: hub.joining.handle),
    LEAVE: ClientEvent("to be a member no longer", lambda hub, features: hub.leaving.handle),
    BROADCAST: ClientEvent("to hand a message to members of a room", lambda hub, features: hub.broadcasts.handle),
    ICE_SERVERS: ClientEvent("to be given ICE servers", lambda hub, features: features.iceRequests),
    CALL_STATE: ClientEvent("to tell how a connection to a member is", lambda hub, features: features.reports),
}
"""By their names. No plugin can have one of them."""


def namespacesOf(hub: Hub, features: Features) -> dict[str, Namespace]:
    """The namespaces of the server, by name. All of them have the same rooms and the same events.

    Args:
        hub: The rooms.
        features: What is built around the rooms.
    """
    found = {name: event.handlerOf(hub, features) for name, event in HANDLERS.items()}
    handlers = {name: handler for name, handler in found.items() if handler is not None}
    return {name: SignalingNamespace(hub, handlers) for name in features.config.signaling.namespaces}
