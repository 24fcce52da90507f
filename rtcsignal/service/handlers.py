"""Which of the server's own events is handled by whom: the table to which a new event is a line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rtcsignal.service.config.schema import Config
from rtcsignal.signaling.events import BROADCAST, JOIN, LEAVE
from rtcsignal.signaling.handlers import Handler
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.namespace import SignalingNamespace
from rtcsignal.socketio.namespace import Namespace

__all__ = ["HANDLERS", "namespacesOf"]

HANDLERS: Mapping[str, Callable[[Hub, Config], Handler]] = {
    JOIN: lambda hub, config: hub.joining.handle,
    LEAVE: lambda hub, config: hub.leaving.handle,
    BROADCAST: lambda hub, config: hub.broadcasts.handle,
}
"""By the name of an event, how its handler is made of rooms and configuration. No plugin can have one of them."""


def namespacesOf(hub: Hub, config: Config) -> dict[str, Namespace]:
    """The namespaces of the server, by name. All of them have the same rooms and the same events.

    Args:
        hub: The rooms.
        config: The configuration.
    """
    handlers = {name: handlerOf(hub, config) for name, handlerOf in HANDLERS.items()}
    return {name: SignalingNamespace(hub, handlers) for name in config.signaling.namespaces}
