"""How a client gets back a peer that it had on another connection: when it connects, or as soon as its peer asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from twisted.logger import Logger

from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.errors import ConnectRefused
from rtcsignal.socketio.claims import Claim
from rtcsignal.socketio.namespace import Namespace
from rtcsignal.socketio.peer import Peer, Return, StaleKey
from rtcsignal.socketio.reasons import NOT_RECOVERED, REPLACED
from rtcsignal.socketio.recovery import Pass, Recovery

__all__ = ["Returning"]

_log = Logger()

class _Carrier(Protocol):
    """The connection to which a peer returns."""

    @property
    def session(self) -> Session:
        """Its session."""

    @property
    def number(self) -> int:
        """Its number, in the order in which connections were opened."""

    @property
    def peers(self) -> Mapping[str, Peer]:
        """Its peers, by namespace."""

    def carry(self, peer: Peer) -> None:
        """From now on it carries a peer."""

    def witness(self) -> None:
        """What one of its peers is sent is kept until the heartbeat shows that the client has it."""

    def lose(self, peer: Peer, reason: CloseReason) -> None:
        """It is lost, and a peer with it."""

    def left(self, peer: Peer, reason: str) -> None:
        """A peer is no longer in its namespace."""


class Returning:
    """Brings peers back to one connection; see `Desk`.

    Args:
        connection: The connection.
        recovery: The peers of the server.
        namespaces: Those of the server.
    """

    __slots__ = ("_connection", "_namespaces", "_recovery")

    def __init__(self, connection: _Carrier, recovery: Recovery, namespaces: Mapping[str, Namespace]) -> None:
        self._connection = connection
        self._recovery = recovery
        self._namespaces = namespaces

    def find(self, peer: Peer, key: str) -> Peer | None:
        found = self._recovery.find(Claim(key=key), peer.namespace, peer.identity)
        if found is None:
            return None
        if found.opened > self._connection.number:
            raise StaleKey
        return found.peer

    def keep(self, peer: Peer, key: str) -> None:
        digest = self._recovery.digest(peer.namespace, peer.identity, key)
        self._recovery.enrol(peer, self._connection.number, digest)
        self._connection.witness()

    @property
    def window(self) -> float:
        return self._recovery.window

    def exchange(self, peer: Peer, holder: Peer, seen: Any) -> Return | None:
        found, connection = self._recovery.passOf(holder), self._connection
        back = None if found is None else self._seize(found, (seen,), asks=False)
        if found is None or back is None:
            return None
        identity = peer.identity
        self._recovery.inherit(found, peer)
        connection.left(peer, REPLACED)
        if not connection.session.isOpen or connection.peers.get(peer.namespace) is not None:
            self._waitAgain(holder)  # an observer has ended the connection
            return None
        self._attach(holder, identity)
        return back

    def admit(self, claim: Claim, namespace: str, identity: Any) -> tuple[Peer, str | None, Return] | None:
        """Take back the peer that a claim is for.

        Args:
            claim: What the client has sent.
            namespace: Where.
            identity: Who it is now.

        Returns:
            The peer, the pid that its client is told, and what it has missed, for `welcome`; None if the client begins
            anew, or its connection has ended meanwhile.

        Raises:
            ConnectRefused: The client has opened another connection since, and has its peer there.
        """
        recovery, connection = self._recovery, self._connection
        found = recovery.find(claim, namespace, identity)
        if found is None:
            return None
        if found.opened > connection.number:
            if claim.key is not None:
                raise _stale()
            return None
        isKnown = claim.pid is not None and claim.pid == found.pid
        back = self._seize(found, (claim.offset, *claim.seen), asks=claim.key is not None)
        if back is None:
            return None
        isWhole = back.missed.messages is not None
        if claim.key is None and not (isWhole and recovery.isOffset(claim.offset)):
            recovery.left(found.peer, NOT_RECOVERED)  # its protocol has no word for what is lost
            return None
        if connection.session.revision == 4:
            digest = None if claim.key is None else recovery.digest(namespace, identity, claim.key)
            recovery.enrol(found.peer, connection.number, digest, pid=not (isKnown and isWhole))
        return found.peer, found.pid, back

    def welcome(self, peer: Peer, identity: Any, back: Return) -> None:
        """The client has been answered: it has its peer, and its namespace sends what it has missed."""
        before, session = peer.conn, self._connection.session
        self._attach(peer, identity)
        _log.debug("a client is back (conn {conn}, before {before})", conn=session.conn, before=before)
        self._namespaces[peer.namespace].returned(peer, back)
        if not session.isOpen and self._connection.peers.get(peer.namespace) is peer:
            self._connection.lose(peer, CloseReason.TRANSPORT_CLOSE)

    def _seize(self, found: Pass, offsets: tuple[Any, ...], asks: bool) -> Return | None:
        wasAway = found.peer.away
        if not self._recovery.seize(found, self._connection.number):
            return None
        session = self._connection.session
        if not session.isOpen:
            self._waitAgain(found.peer)
            return None
        return Return(found.missed(offsets), wasAway, asks)

    def _waitAgain(self, peer: Peer) -> None:
        if not self._recovery.hold(peer, CloseReason.TRANSPORT_CLOSE):
            self._recovery.left(peer, NOT_RECOVERED)

    def _attach(self, peer: Peer, identity: Any) -> None:
        self._connection.carry(peer)
        peer.identity = identity


def _stale() -> ConnectRefused:
    reply = {"code": "stale-resume", "message": "The key is in use on a connection that was opened later."}
    return ConnectRefused("Stale", {"code": "stale-resume"}, reply)
