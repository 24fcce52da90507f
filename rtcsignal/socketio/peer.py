"""A peer: one client in one namespace."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred

from rtcsignal.engineio.frames import Message
from rtcsignal.engineio.session import CloseReason, Session
from rtcsignal.socketio.packet import ACK, DISCONNECT, EVENT, encode, encodeData

if TYPE_CHECKING:
    from rtcsignal.socketio.connection import Connection

__all__ = ["Event", "Gone", "Peer"]


_PUBLIC_ID_BYTES = 15


class Gone(Exception):
    """The peer has left before it acknowledged."""


class Event(NamedTuple):
    """An event from a client.

    Attributes:
        name: Its name; JavaScript clients may use a number.
        arguments: Its arguments, binary ones as bytes.
        ackId: To be named in the acknowledgement; None if none is wanted.
        text: Name and arguments as JSON text, fit to be relayed together with `attachments`.
        attachments: The binary parts, in the order of their numbers.
    """

    name: str | int | float
    arguments: list[Any]
    ackId: str | None
    text: str
    attachments: tuple[bytes, ...]


class Peer:
    """One client in one namespace.

    Attributes:
        sid: Its id, unique in the namespace, as its client knows it.
        namespace: The namespace's name.
        session: The Engine.IO session that carries it.
        identity: What the namespace's `connecting` found out about it.
        application: For the namespace's own use.
    """

    __slots__ = (
        "__weakref__",
        "_acks",
        "_connection",
        "_nextAck",
        "application",
        "identity",
        "namespace",
        "session",
        "sid",
    )

    def __init__(self, connection: Connection, session: Session, namespace: str, sid: str, identity: Any) -> None:
        self.session = session
        self.namespace = namespace
        self.sid = sid
        self.identity = identity
        self.application: Any = None
        self._connection: Connection | None = connection
        self._acks: dict[str, Deferred[list[Any]]] | None = None
        self._nextAck = 0

    @property
    def publicId(self) -> str:
        """An id that others may know: in protocol 4 `sid` is the session's own, and whoever has that can use it."""
        digest = hashlib.blake2b(self.sid.encode(), digest_size=_PUBLIC_ID_BYTES).digest()
        return base64.urlsafe_b64encode(digest).decode("ascii")

    @property
    def connected(self) -> bool:
        """It is still there."""
        return self._connection is not None

    def emit(self, name: str, *arguments: Any) -> None:
        """Send an event. Dropped if the peer has gone.

        Raises:
            TypeError: An argument is of a type that cannot be sent.
        """
        self._send(EVENT, (name, *arguments))

    def request(self, name: str, *arguments: Any) -> Deferred[list[Any]]:
        """Send an event that asks for an acknowledgement.

        Returns:
            Its arguments; fails with `Gone` if the peer leaves before.
        """
        answer: Deferred[list[Any]] = Deferred()
        if not self.connected:
            answer.errback(Gone())
            return answer
        ackId = str(self._nextAck)
        self._send(EVENT, (name, *arguments), ackId)
        self._nextAck += 1
        if self._acks is None:
            self._acks = {}
        self._acks[ackId] = answer
        return answer

    def acknowledge(self, ackId: str | None, *arguments: Any) -> None:
        """Answer an event, once.

        Args:
            ackId: As the event has it; None does nothing.
            arguments: The answer.
        """
        if ackId is not None:
            self._send(ACK, arguments, ackId)

    def disconnect(self, close: bool = False) -> None:
        """Put the peer out of the namespace. Clients do not come back from that by themselves.

        Args:
            close: End the whole connection, with its other namespaces.
        """
        connection = self._connection
        if connection is None:
            return
        self.session.send(Message(encode(DISCONNECT, self.namespace)))
        connection.left(self, "server namespace disconnect")
        if close:
            self.session.close(CloseReason.FORCED)

    def acknowledged(self, ackId: str, arguments: list[Any]) -> None:
        """The client has answered a request. Unknown and repeated answers are ignored."""
        answer = self._acks.pop(ackId, None) if self._acks else None
        if answer is not None:
            answer.callback(arguments)

    def gone(self) -> None:
        """It is not there any more."""
        self._connection = None
        acks, self._acks = self._acks, None
        for answer in (acks or {}).values():
            answer.errback(Gone())

    def _send(self, kind: str, arguments: Sequence[Any], ackId: str | None = None) -> None:
        if self._connection is not None:
            text, attachments = encodeData(arguments)
            self.session.send(
                Message(encode(kind, self.namespace, text, ackId, len(attachments)), attachments)
            )
