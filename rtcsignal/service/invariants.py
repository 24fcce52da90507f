"""Whether all of a server fits together, and what it holds.

For anyone who wonders whether something leaks: SIGUSR2 has the process log it. See `rtcsignal.engineio.invariants` for
when.
"""

from __future__ import annotations

from typing import Protocol

from rtcsignal.backplane.cluster import Backplane
from rtcsignal.backplane.invariants import censusOf, checkBackplane
from rtcsignal.engineio.invariants import checkEngine
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.server import EngineServer
from rtcsignal.service.links import Links
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.invariants import checkHub
from rtcsignal.socketio.invariants import checkSockets, peersOf
from rtcsignal.socketio.server import SocketServer

__all__ = ["Parts", "census", "violations"]


class Parts(Protocol):
    """The parts of a server that are looked at; see `rtcsignal.service.server.Server`."""

    factory: PortFactory
    hub: Hub
    sockets: SocketServer
    engine: EngineServer
    backplane: Backplane | None
    links: Links | None


def violations(server: Parts) -> list[str]:
    """What does not fit together in a server.

    Returns:
        A sentence for each thing; empty if all is well.
    """
    sessions = server.engine.registry.sessions.values()
    return [
        *checkEngine(server.engine),
        *checkSockets(server.sockets, sessions),
        *checkHub(server.hub, peersOf(server.sockets, sessions)),
        *(checkBackplane(server.backplane, server.hub) if server.backplane is not None else ()),
    ]


def census(server: Parts) -> dict[str, int]:
    """What a server holds.

    Returns:
        How many, by name. All are zero when everyone has gone, but what is said of other nodes.
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
        "away": recovery.away,
        "kept": recovery.size,
        "rooms": len(hub.rooms),
        "members": sum(len(room.seats) for room in hub.rooms.values()),
        "waiting": len(hub.waiting),
        "deadlines": len(engine.deadlines) + len(server.sockets.deadlines) + len(server.factory.deadlines),
        **(censusOf(server.backplane) if server.backplane is not None else {}),
        **(server.links.census() if server.links is not None else {}),
    }
