"""Which of the server's own events is handled by whom: the table to which a new event is a line."""

from __future__ import annotations

from rtcsignal.service.config.schema import Config
from rtcsignal.signaling.events import BROADCAST, JOIN, LEAVE
from rtcsignal.signaling.handlers import Handler
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.namespace import SignalingNamespace
from rtcsignal.socketio.namespace import Namespace

__all__ = ["namespacesOf"]


def namespacesOf(hub: Hub, config: Config) -> dict[str, Namespace]:
    """The namespaces of the server, by name. All of them have the same rooms and the same events.

    Args:
        hub: The rooms.
        config: The configuration.
    """
    handlers: dict[str, Handler] = {
        JOIN: hub.joining.handle,
        LEAVE: hub.leaving.handle,
        BROADCAST: hub.broadcasts.handle,
    }
    return {name: SignalingNamespace(hub, handlers) for name in config.signaling.namespaces}
