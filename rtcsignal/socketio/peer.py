"""A peer: one client in one namespace."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred, succeed

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.rates import TokenBucket
from rtcsignal.socketio.binary import encodeData
from rtcsignal.socketio.fanout import Channel, OutgoingEvent, deliver
from rtcsignal.socketio.jsontext import Unread
from rtcsignal.socketio.packet import ACK, DISCONNECT, EVENT, encode
from rtcsignal.socketio.reasons import BY_SERVER
from rtcsignal.socketio.trail import Missed, Trail

__all__ = ["Desk", "Gone", "Keeper", "Peer", "Return", "StaleKey"]


_PUBLIC_ID_BYTES = 15
# In units of `Work`: what is sent to one peer alone is built and encoded for it alone.
_PER_EVENT, _CHARACTERS_BITS = 4, 7


class StaleKey(Exception):
    """The key was used on a connection that was opened later."""


class Gone(Exception):
    """The peer has left before it acknowledged."""


class Keeper(Protocol):
    """The keeper of a peer: the connection that its client is on, or what waits for a new one."""

    def left(self, peer: Peer, reason: str) -> None:
        """The peer is no longer in its namespace."""

    def surrender(self, peer: Peer) -> None:
        """Another keeper has the peer from now on."""

    def release(self, peer: Peer) -> None:
        """There may be nothing left to wait for."""

    def holds(self, peer: Peer, key: str) -> bool:
        """See `Peer.holds`."""

    @property
    def desk(self) -> Desk | None:
        """Where the peer may ask for another one; None while its client is away."""

    @property
    def heardAt(self) -> float:
        """When something came from its client last, as far as that is counted; 0 if it is not, or while it is away."""


class Desk(Protocol):
    """Where a peer asks, on behalf of its client, for a peer that this one had before: the connection that it is on."""

    @property
    def window(self) -> float:
        """Seconds for which a client is waited for that can come back."""

    def find(self, peer: Peer, key: str) -> Peer | None:
        """See `Peer.find`."""

    def keep(self, peer: Peer, key: str) -> None:
        """See `Peer.keep`."""

    def exchange(self, peer: Peer, holder: Peer, seen: Any) -> Return | None:
        """See `Peer.exchange`."""


class Return(NamedTuple):
    """How a client has a peer back. What it has missed is for the namespace to send, after what it has to say itself.

    Attributes:
        missed: What it has missed.
        wasAway: The peer was waited for; if not, no one has noticed that its connection was lost.
        asks: The client has asked with a key of its own when it connected, and is told what it gets.
    """

    missed: Missed
    wasAway: bool
    asks: bool


class Peer:
    """One client in one namespace.

    Attributes:
        sid: Its id, unique in the namespace, as its client knows it.
        namespace: The namespace's name.
        session: The Engine.IO session that carries it; while it is away the last one, which is closed.
        channel: How events reach it.
        identity: What the namespace's `connecting` returned for it.
        application: For the namespace's own use.
        away: Its connection was lost and may be recovered: events are kept for it, as far as there is room.
        key: The digest of the key that its client has chosen; None if it has chosen none.
    """

    __slots__ = (
        "__weakref__",
        "_acks",
        "_keeper",
        "_nextAck",
        "application",
        "away",
        "channel",
        "identity",
        "key",
        "namespace",
        "session",
        "sid",
    )

    def __init__(
        self, keeper: Keeper, session: Session, channel: Channel, namespace: str, sid: str, identity: Any
    ) -> None:
        self.session = session
        self.channel = channel
        self.namespace = namespace
        self.sid = sid
        self.identity = identity
        self.application: Any = None
        self.away = False
        self.key: bytes | None = None
        self._keeper: Keeper | None = keeper
        self._acks: dict[str, Deferred[list[Any]]] | None = None
        self._nextAck = 0

    @property
    def publicId(self) -> str:
        """An id that others may know: in protocol 4 `sid` is the session's own, and anyone who has that can use it."""
        digest = hashlib.blake2b(self.sid.encode(), digest_size=_PUBLIC_ID_BYTES).digest()
        return base64.urlsafe_b64encode(digest).decode("ascii")

    @property
    def conn(self) -> str:
        """What the log calls its connection."""
        return self.session.conn

    @property
    def address(self) -> str:
        """The IP address of its client; empty for a client on a UNIX socket."""
        return self.session.request.address

    @property
    def origin(self) -> str | None:
        """The Origin header of its connection; None if there is none."""
        return self.session.request.headers.get("origin")

    @property
    def transportName(self) -> str:
        """``websocket`` or ``polling``."""
        return self.session.transportName

    @property
    def allowance(self) -> TokenBucket | None:
        """What the namespace keeps to limit what the client does, for all namespaces of its connection."""
        return self.session.allowance

    @allowance.setter
    def allowance(self, allowance: TokenBucket) -> None:
        self.session.allowance = allowance

    @property
    def connected(self) -> bool:
        """It is in its namespace: it has not left, though its client may be away."""
        return self._keeper is not None

    @property
    def window(self) -> float:
        """Seconds for which its client is waited for when its connection is lost; 0 if it cannot come back."""
        return self._desk.window if self._desk is not None and self.isKept else 0.0

    @property
    def isKept(self) -> bool:
        """What it is sent is kept, as its client may come back."""
        return isinstance(self.channel, Trail)

    @property
    def heardAt(self) -> float:
        """See `Keeper.heardAt`; 0 if it has gone."""
        return 0.0 if self._keeper is None else self._keeper.heardAt

    def probe(self, seconds: float, patience: float = 0.0) -> Deferred[bool]:
        """Find out whether its client is there; see `Session.probe`. False if it is away, or has gone."""
        return succeed(False) if self.away or self._keeper is None else self.session.probe(seconds, patience)

    def find(self, key: str) -> Peer | None:
        """The peer that its client had before, on another connection.

        Args:
            key: What the client has sent.

        Raises:
            StaleKey: The client has opened another connection since, and has it there.
        """
        desk = self._desk
        return None if desk is None else desk.find(self, key)

    def keep(self, key: str) -> None:
        """From now on its client can come back with this key."""
        desk = self._desk
        if desk is not None:
            desk.keep(self, key)

    def holds(self, key: str) -> bool:
        """Whether this is the key of its client."""
        return self._keeper is not None and self._keeper.holds(self, key)

    def exchange(self, holder: Peer, seen: Any) -> Return | None:
        """Give the connection to the peer that its client had before. This peer is gone then.

        Args:
            holder: As `find` has returned it.
            seen: The last offset that the client has.

        Returns:
            What the holder has missed, which has not been sent yet; None if one of the three has ended meanwhile.
        """
        desk = self._desk
        return None if desk is None else desk.exchange(self, holder, seen)

    def replay(self, missed: Missed) -> None:
        """Send what was missed."""
        messages = missed.messages or ()
        self.channel.work.done += len(messages)
        for message in messages:
            self.session.send(message)

    def mark(self) -> int:
        """A number that is higher than those of all events until now; 0 if what it is sent is not kept."""
        return self.channel.mark() if isinstance(self.channel, Trail) else 0

    def confirmed(self, number: int) -> None:
        """Its client has what it was sent up to a number."""
        if isinstance(self.channel, Trail):
            self.channel.forget(number)

    def offsetOf(self, number: int) -> str:
        """The offset of a number, for a peer of which what it is sent is kept."""
        return self.channel.offsetOf(number) if isinstance(self.channel, Trail) else ""

    def tell(self, name: str, *arguments: Any) -> None:
        """As `emit`, but the event is neither numbered nor kept: it is about this connection."""
        self._send(EVENT, (name, *arguments))

    def release(self) -> None:
        """There may be nothing left to wait for: it is gone then, if its client is away."""
        if self.away and self._keeper is not None:
            self._keeper.release(self)

    def emit(self, name: str, *arguments: Any) -> None:
        """Send an event. Dropped if the peer has gone.

        Raises:
            TypeError: An argument is of a type that cannot be sent.
        """
        if self._keeper is not None:
            event = OutgoingEvent.of(name, *arguments)
            self.channel.work.done += _PER_EVENT + (len(event.text) >> _CHARACTERS_BITS)
            self.session.send(self.channel.messageOf(event))

    def deliver(self, event: OutgoingEvent) -> None:
        """As `emit`, for an event that is encoded already."""
        if self._keeper is not None:
            deliver(event, (self,))

    def request(self, name: str, *arguments: Any) -> Deferred[list[Any]]:
        """Send an event that asks for an acknowledgement.

        Returns:
            Its arguments; fails with `Gone` if the peer leaves before, or its connection is lost.
        """
        answer: Deferred[list[Any]] = Deferred()
        if self._keeper is None or self.away:
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
        """Disconnect the peer from the namespace. Clients do not reconnect from that by themselves.

        Args:
            close: End the whole connection, with its other namespaces.
        """
        keeper = self._keeper
        if keeper is None:
            return
        self.session.send(EncodedMessage(encode(DISCONNECT, self.namespace)))
        keeper.left(self, BY_SERVER)
        if close:
            self.session.close(CloseReason.FORCED)

    def failed(self, error: BaseException | None) -> None:
        """The namespace could not handle what the client has sent: its connection is closed, and the log says why."""
        self.session.failed(error)

    def flooded(self) -> None:
        """The client has sent more than the namespace keeps for later: its connection is closed."""
        self.session.close(CloseReason.FLOOD)

    def acknowledged(self, ackId: str, arguments: list[Any] | Unread) -> None:
        """The client has answered a request. Unknown and repeated answers are ignored."""
        answer = self._acks.pop(ackId, None) if self._acks else None
        if answer is not None:
            answer.callback(arguments.value() if isinstance(arguments, Unread) else arguments)

    def detach(self, keeper: Keeper) -> None:
        """Its connection is lost, and another keeper waits for its client. Does nothing if it has gone."""
        if self._keeper is None:
            return
        self._keeper.surrender(self)
        self._keeper = keeper
        self.away = True
        self._giveUpAcks()

    def attach(self, keeper: Keeper, session: Session) -> None:
        """Its client is back on another connection."""
        self._keeper = keeper
        self.session = session
        self.away = False

    def gone(self) -> None:
        """It has gone."""
        self._keeper = None
        self.away = False
        self._giveUpAcks()

    @property
    def _desk(self) -> Desk | None:
        return None if self._keeper is None else self._keeper.desk

    def _giveUpAcks(self) -> None:
        acks, self._acks = self._acks, None
        for answer in (acks or {}).values():
            answer.errback(Gone())

    def _send(self, kind: str, arguments: Sequence[Any], ackId: str | None = None) -> None:
        if self._keeper is not None:
            text, attachments = encodeData(arguments)
            self.channel.work.done += len(text) >> _CHARACTERS_BITS
            self.session.send(
                EncodedMessage(encode(kind, self.namespace, text, ackId, len(attachments)), attachments)
            )
