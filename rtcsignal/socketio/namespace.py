"""Namespaces: what an application is, and a ready one with handlers for events by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Gone, Peer, Return
from rtcsignal.values import Handshake

__all__ = ["EventNamespace", "Namespace"]

Handler = TypeVar("Handler", bound=Callable[..., Any])


class Namespace(Protocol):
    """One namespace of a Socket.IO server."""

    def connecting(self, handshake: Handshake) -> Any:
        """Admit a client or not, before it is answered.

        Returns:
            What becomes `Peer.identity`, or a Deferred of it.

        Raises:
            ConnectRefused: The client is not admitted.
        """

    def connected(self, peer: Peer) -> None:
        """The client has been told that it is connected."""

    def received(self, peer: Peer, event: Packet) -> None:
        """An event of a peer."""

    def mayReturn(self, peer: Peer, identity: Any) -> bool:
        """Whether a client that presents the key of a peer, and has this identity now, may have it back."""

    def ownerOf(self, identity: Any) -> str:
        """Whose the peers with this identity are: a key finds only those of the same owner."""

    def waitsFor(self, peer: Peer, window: float) -> float:
        """How long a peer is waited for whose connection was lost.

        Args:
            peer: The peer.
            window: For how many seconds it can be; 0 if its client cannot come back.

        Returns:
            Seconds; 0 for not at all.
        """

    def lost(self, peer: Peer, seconds: float) -> None:
        """The connection of a peer was lost, and its client is waited for, for so many seconds."""

    def returned(self, peer: Peer, back: Return) -> None:
        """The client has a peer back; its identity is that of the new connection.

        What it has missed has not been sent: `Peer.replay` does it, after what is to be said before.
        """

    def disconnected(self, peer: Peer, reason: str) -> None:
        """The peer has gone; called once for each that was connected."""


class EventNamespace:
    """A namespace for applications that handle events by name.

    A handler is called with the peer and the event's arguments; what it returns (a tuple: several arguments) is the
    acknowledgement, if one was asked for. It may be a coroutine function. An event with the wrong number of
    arguments, or without a handler, is ignored.

    Attributes:
        peers: All peers of the namespace, by sid.
    """

    def __init__(self) -> None:
        self.peers: dict[str, Peer] = {}
        self._handlers: dict[str, Callable[..., Any]] = {}

    def on(self, name: str) -> Callable[[Handler], Handler]:
        """A decorator for the handler of an event.

        Three names are special, and never accepted from clients: ``connecting(handshake)`` may raise `ConnectRefused`;
        ``connect(peer)`` and ``disconnect(peer, reason)`` are called when a peer has connected or disconnected.
        """

        def register(handler: Handler) -> Handler:
            self._handlers[name] = handler
            return handler

        return register

    def emit(self, name: str, *arguments: Any) -> int:
        """Send an event to all peers.

        Returns:
            To how many.
        """
        return deliver(OutgoingEvent.of(name, *arguments), list(self.peers.values()))

    def connecting(self, handshake: Handshake) -> Any:
        identity = self._call("connecting", handshake)
        return _deferred(identity) if hasattr(identity, "__await__") else identity

    def connected(self, peer: Peer) -> None:
        self.peers[peer.sid] = peer
        self._told(peer, self._call("connect", peer))

    def received(self, peer: Peer, event: Packet) -> None:
        handler = self._handlers.get(event.name) if isinstance(event.name, str) else None
        if handler is None or event.name == "connecting":
            return
        if not _takes(handler, 1 + len(event.arguments)):
            return
        result = handler(peer, *event.arguments)
        if hasattr(result, "__await__"):
            late = _deferred(result)
            late.addCallback(lambda answer: _acknowledge(peer, event, answer))
            late.addErrback(_failed, peer)
        else:
            _acknowledge(peer, event, result)

    def mayReturn(self, peer: Peer, identity: Any) -> bool:
        return bool(peer.identity == identity)

    def ownerOf(self, identity: Any) -> str:
        """Everyone's keys are looked up alike: `mayReturn` judges."""
        return ""

    def waitsFor(self, peer: Peer, window: float) -> float:
        return window

    def lost(self, peer: Peer, seconds: float) -> None:
        """Nothing depends on it here."""

    def returned(self, peer: Peer, back: Return) -> None:
        peer.replay(back.missed)

    def disconnected(self, peer: Peer, reason: str) -> None:
        del self.peers[peer.sid]
        self._told(peer, self._call("disconnect", peer, reason))

    @staticmethod
    def _told(peer: Peer, result: Any) -> None:
        if hasattr(result, "__await__"):
            _deferred(result).addErrback(_failed, peer)

    def _call(self, name: str, *arguments: Any) -> Any:
        handler = self._handlers.get(name)
        return handler(*arguments) if handler is not None else None


def _acknowledge(peer: Peer, event: Packet, result: Any) -> None:
    arguments = result if isinstance(result, tuple) else () if result is None else (result,)
    peer.acknowledge(event.ackId, *arguments)


def _deferred(result: Any) -> Deferred[Any]:
    return result if isinstance(result, Deferred) else ensureDeferred(result)


def _failed(failure: Failure, peer: Peer) -> None:
    if failure.check(Gone) is None:
        peer.session.failed(failure.value)


def _takes(handler: Callable[..., Any], count: int) -> bool:
    """Whether a handler can be called with so many arguments."""
    try:
        inspect.signature(handler).bind(*range(count))
    except TypeError:
        return False
    return True
