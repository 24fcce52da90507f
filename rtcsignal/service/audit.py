"""Audit of a whole server: what it holds, and whether all of that fits together.

For anyone who wonders whether something leaks: SIGUSR2 has the process log it. See `rtcsignal.engineio.audit` for when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtcsignal.engineio.audit import auditEngine
from rtcsignal.signaling.audit import auditHub
from rtcsignal.socketio.audit import auditSockets, peersOf

if TYPE_CHECKING:
    from rtcsignal.service.wiring import Server

__all__ = ["audit", "census"]


def audit(server: Server) -> list[str]:
    """What does not fit together in a server.

    Returns:
        A sentence for each thing; empty if all is well.
    """
    sessions = server.engine.registry.sessions.values()
    return [
        *auditEngine(server.engine),
        *auditSockets(server.sockets, sessions),
        *auditHub(server.hub, peersOf(server.sockets, sessions)),
    ]


def census(server: Server) -> dict[str, int]:
    """What a server holds.

    Returns:
        How many, by name. All are zero when everyone has gone.
    """
    engine, hub = server.engine, server.hub
    sessions = engine.registry.sessions.values()
    recovery = server.sockets.recovery
    return {
        "sessions": len(sessions),
        "addresses": len(engine.registry.counts),
        "pollings": len(engine.pollings),
        "websockets": len(engine.links),
        "peers": len(peersOf(server.sockets, sessions)),
        "away": 0 if recovery is None else recovery.away,
        "rooms": len(hub.rooms),
        "members": sum(len(room.seats) for room in hub.rooms.values()),
        "waiting": len(hub.waiting),
        "deadlines": len(engine.deadlines) + len(server.sockets.deadlines) + len(server.factory.deadlines),
    }
