"""Which of the server's own events is handled by whom: the table to which a new event is a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rtcsignal.service.config.schema import Config
from rtcsignal.signaling.events import BROADCAST, JOIN, LEAVE
from rtcsignal.signaling.handlers import Handler
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.namespace import SignalingNamespace
from rtcsignal.socketio.namespace import Namespace

__all__ = ["HANDLERS", "ClientEvent", "namespacesOf"]


class ClientEvent(NamedTuple):
    """An event that clients send.

    Attributes:
        what: What it asks for, as the protocol's page says it.
        handlerOf: How its handler is made of rooms and configuration.
    """

    what: str
    handlerOf: Callable[[Hub, Config], Handler]


HANDLERS: Mapping[str, ClientEvent] = {
    JOIN: ClientEvent("to become a member of a room", lambda hub, config: hub.joining.handle),
    LEAVE: ClientEvent("to be a member no longer", lambda hub, config: hub.leaving.handle),
    BROADCAST: ClientEvent("to hand a message to members of a room", lambda hub, config: hub.broadcasts.handle),
}
"""By their names. No plugin can have one of them."""


def namespacesOf(hub: Hub, config: Config) -> dict[str, Namespace]:
    """The namespaces of the server, by name. All of them have the same rooms and the same events.

    Args:
        hub: The rooms.
        config: The configuration.
    """
    handlers = {name: event.handlerOf(hub, config) for name, event in HANDLERS.items()}
    return {name: SignalingNamespace(hub, handlers) for name in config.signaling.namespaces}
