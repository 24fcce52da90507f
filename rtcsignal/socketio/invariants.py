"""Invariants of a Socket.IO server: is every peer in the connection that carries it, and are there no others?

As `rtcsignal.engineio.invariants`: between two turns of the reactor, and it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rtcsignal.deadlines import Deadline
from rtcsignal.engineio.invariants import checkOwners
from rtcsignal.engineio.session import Session
from rtcsignal.socketio.connection import Connection
from rtcsignal.socketio.peer import Peer
from rtcsignal.socketio.server import SocketServer

__all__ = ["checkSockets", "peersOf"]


def peersOf(server: SocketServer, sessions: Iterable[Session]) -> list[Peer]:
    """Every peer of a server, on connections and away from them."""
    waiting = [each for each in server.turns.waiting if isinstance(each, Connection) and not each.session.isOpen]
    peers = [peer for connection in [*_connections(sessions), *waiting] for peer in connection.peers.values()]
    return peers + list(server.recovery.waiting)


def checkSockets(server: SocketServer, sessions: Iterable[Session]) -> Iterator[str]:
    """What is wrong with the connections and peers of a server.

    Args:
        server: The server.
        sessions: All sessions that it has.

    Returns:
        A sentence for each thing.
    """
    owned: list[Deadline | None] = []
    for session in sessions:
        for connection in _connections([session]):
            owned.extend(connection.deadlines)
            for name, peer in connection.peers.items():
                yield from _checkPeer(session, name, peer)
    recovery = server.recovery
    owned.extend(recovery.deadlines)
    for peer in recovery.waiting:
        if not peer.away or not peer.connected:
            yield "a peer waits for its client and is not away"
        if peer.session.isOpen:
            yield "a peer is away from a session that is open"
    yield from recovery.problems()
    yield from checkOwners("sockets", owned, len(server.deadlines))


def _checkPeer(session: Session, namespace: str, peer: Peer) -> Iterator[str]:
    if not session.isOpen:
        yield "a session is over and still has peers"
    if not peer.connected or peer.away:
        yield f"a peer in {namespace} has gone, and its connection keeps it"
    if peer.session is not session:
        yield f"a peer in {namespace} is kept by the connection of another session"
    if peer.namespace != namespace:
        yield f"a peer of {peer.namespace} is kept as one of {namespace}"


def _connections(sessions: Iterable[Session]) -> Iterator[Connection]:
    for session in sessions:
        if isinstance(session.application, Connection):
            yield session.application
