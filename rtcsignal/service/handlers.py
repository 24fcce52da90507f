"""Which of the server's own events is handled by whom: the table to which a new event is a line."""

from __future__ import annotations

from rtcsignal.signaling.events import BROADCAST, JOIN, LEAVE
from rtcsignal.signaling.handlers import Handler
from rtcsignal.signaling.hub import Hub

__all__ = ["handlersOf"]


def handlersOf(hub: Hub) -> dict[str, Handler]:
    """The handlers of the events that clients send, by name.

    Args:
        hub: The rooms.
    """
    return {
        JOIN: hub.joining.handle,
        LEAVE: hub.leaving.handle,
        BROADCAST: hub.broadcasts.handle,
    }
