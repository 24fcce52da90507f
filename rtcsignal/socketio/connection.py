"""A Socket.IO connection: one Engine.IO session, and the peers that its client has in the namespaces.

Protocol 4 (Engine.IO 3): the server connects the client to ``/`` unasked. Protocol 5: the client asks for every
namespace, and must have asked for one in time. Everything else is the same for both.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.deadlines import Deadline
from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.exchange import parseQuery
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.errors import ConnectRefused, ProtocolError, forgetTraceback
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.claims import Claim, claimIn, claimInQuery, withoutKey
from rtcsignal.socketio.inbox import Inbox
from rtcsignal.socketio.packet import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    Decoder,
    OtherParser,
    Packet,
    encode,
)
from rtcsignal.socketio.peer import Peer
from rtcsignal.socketio.reasons import BY_CLIENT
from rtcsignal.socketio.returning import Returning
from rtcsignal.socketio.turns import FEW
from rtcsignal.values import EMPTY, Handshake

if TYPE_CHECKING:  # as protocol and factory in Twisted: the server makes connections, which ask it for what they share
    from rtcsignal.socketio.server import SocketServer

__all__ = ["Connection"]

_log = Logger()
_SID_BYTES = 15
_TOO_LARGE = ConnectRefused("Too large", {"code": "too-large"})
_UNKNOWN = ConnectRefused("Invalid namespace", legacy={"message": "Invalid namespace"})
_TOO_MANY = ConnectRefused("Too many namespaces", legacy={"message": "Too many namespaces"})
_BY_CLIENT = frozenset((CloseReason.TRANSPORT_CLOSE, CloseReason.TRANSPORT_ERROR, CloseReason.GOING_AWAY))
# What a message costs besides its receivers, in units of `Work`: so much, and one for each 64 characters or bytes.
_PER_MESSAGE, _CHARACTERS_BITS = 8, 6
_INTERNAL = ConnectRefused("Internal error", legacy={"message": "Internal error"})


class Connection(Inbox):
    """What the messages of a session are for, in a Socket.IO server.

    Args:
        server: The server.
        session: The session.

    Attributes:
        number: Its number, in the order in which connections were opened.
    """

    __slots__ = (
        "_asked",
        "_bucket",
        "_deadline",
        "_decoder",
        "_mark",
        "_peers",
        "_server",
        "_session",
        "_waiting",
        "_work",
        "number",
    )

    def __init__(self, server: SocketServer, session: Session) -> None:
        super().__init__()
        self._server = server
        self._session = session
        self._decoder = Decoder(server.options.decoder)
        self._work = server.turns.work
        self.source = server.sources.enter(session.request.address)
        self._bucket = server.begun(self)
        self.number = server.nextNumber()
        self._mark = 0
        self._peers: dict[str, Peer] = {}
        self._asked: Mapping[str, Deferred[Any]] = EMPTY
        self._deadline: Deadline | None = None
        self._waiting: Deadline | None = None

    @property
    def session(self) -> Session:
        """The session."""
        return self._session

    @property
    def peers(self) -> Mapping[str, Peer]:
        """Its peers, by namespace."""
        return MappingProxyType(self._peers)

    @property
    def deadlines(self) -> tuple[Deadline | None, ...]:
        """Those that it has; some may be over."""
        return self._deadline, self._waiting

    def start(self) -> None:
        """The session has begun."""
        if self._session.revision == 3:
            self._connect("/", EMPTY, claimInQuery(EMPTY, self._session.request.query))
        if self._server.options.connectTimeout and not self._peers and self._session.isOpen:
            queue = self._server.deadlines.after(self._server.options.connectTimeout)
            self._deadline = queue.start(Connection._idle, self)

    def textReceived(self, text: str) -> None:
        work = self._work
        before = work.done
        if self._held is not None or (before > work.most and self._server.turns.isOver()):
            self._hold(text, self._server.turns)
            return
        work.done = before = before + _PER_MESSAGE + (len(text) >> _CHARACTERS_BITS)
        if self._bucket is not None:
            wait = self._bucket.take(self._server.clock.seconds())
            if wait:
                self._slowDown(wait)
        packet = self._decoder.text(text)
        if packet is not None:
            self._handle(packet)
            if work.done - before > FEW:
                self._server.turns.charge(self, work.done - before)
        elif self._waiting is None and self._server.options.attachmentTimeout:
            queue = self._server.deadlines.after(self._server.options.attachmentTimeout)
            self._waiting = queue.start(Connection._incomplete, self)

    def binaryReceived(self, data: bytes) -> None:
        work = self._work
        if self._held is not None or (work.done > work.most and self._server.turns.isOver()):
            self._hold(data, self._server.turns)
            return
        before = work.done = work.done + _PER_MESSAGE + (len(data) >> _CHARACTERS_BITS)
        try:
            packet = self._decoder.binary(data)
        except OtherParser as error:
            self._server.misunderstood(self._session, error.reason)
            raise
        if packet is not None:
            if self._waiting is not None:
                self._waiting.cancel()
                self._waiting = None
            self._handle(packet)
            if work.done - before > FEW:
                self._server.turns.charge(self, work.done - before)

    def sessionClosed(self, reason: CloseReason) -> None:
        for deadline in (self._deadline, self._waiting):
            if deadline is not None:
                deadline.cancel()
        if self._held is None and (self._work.done <= self._work.most or not self._server.turns.isOver()):
            self._end(reason)
            return
        if reason not in _BY_CLIENT:
            self._forgetHeld()
        self._hold(reason, self._server.turns)

    def _end(self, reason: CloseReason) -> None:
        """The session is over, and everything that its client has sent has been handled."""
        self._isOver = True
        self._server.ended(self, self._bucket)
        asked, self._asked = self._asked, EMPTY
        for answer in asked.values():
            _safely(answer.cancel)
        for peer in list(self._peers.values()):
            _safely(self.lose, peer, reason)

    def left(self, peer: Peer, reason: str) -> None:
        """A peer is no longer in its namespace."""
        if self._peers.pop(peer.namespace, None) is peer:
            self._server.dismiss(peer, reason)

    def surrender(self, peer: Peer) -> None:
        """Another keeper has a peer from now on."""
        del self._peers[peer.namespace]

    @property
    def desk(self) -> Returning:
        """Where its peers may ask for others; see `Desk`."""
        return Returning(self, self._server.recovery, self._server.namespaces)

    def release(self, peer: Peer) -> None:
        """It is here, and waits for nothing."""

    def holds(self, peer: Peer, key: str) -> bool:
        """Whether this is the key of a peer's client."""
        return self._server.recovery.holds(peer, key)

    @property
    def heardAt(self) -> float:
        """When something came from the client last, as far as it is counted."""
        buckets = (self._bucket, self._session.bucket)
        return max((bucket.at for bucket in buckets if bucket is not None), default=0.0)

    def carry(self, peer: Peer) -> None:
        """From now on it carries a peer."""
        self._peers[peer.namespace] = peer
        peer.attach(self, self._session)
        self._mark = 0  # what it has missed comes behind a question that has been asked before
        self.witness()

    def witness(self) -> None:
        """What one of its peers is sent is kept until the heartbeat shows that the client has it."""
        self._session.witness = self

    def asked(self) -> None:
        """The client is asked for a sign of life; see `Witness`."""
        self._mark = self._server.recovery.lastNumber

    def answered(self) -> None:
        """The client has everything that was sent before it was asked."""
        for peer in self._peers.values():
            peer.confirmed(self._mark)

    def lose(self, peer: Peer, reason: CloseReason) -> None:
        """It is lost, and a peer with it, unless that can wait for its client."""
        if not self._server.recovery.hold(peer, reason):
            self.left(peer, reason.value)

    def _handle(self, packet: Packet) -> None:
        kind, namespace = packet.kind, packet.namespace
        peer = self._peers.get(namespace)
        if kind == EVENT and peer is not None:
            self._server.namespaces[namespace].received(peer, packet)
        elif kind == CONNECT:
            self._connectReceived(packet)
        elif peer is None:
            raise ProtocolError("packet for a namespace that is not connected")
        elif kind == ACK:
            if packet.ackId is None:
                raise ProtocolError("ACK without an id")
            peer.acknowledged(packet.ackId, packet.data)
        elif kind == DISCONNECT:
            self.left(peer, BY_CLIENT)

    def _connectReceived(self, packet: Packet) -> None:
        name, _, query = packet.namespace.partition("?")
        if name in self._peers or name in self._asked:
            raise ProtocolError("second CONNECT for a namespace")
        most = self._server.options.decoder.connectBytes
        if 0 < most < len(packet.text) or 0 < most < len(packet.text.encode()):
            self._refuse(name, _TOO_LARGE)
            return
        data = packet.data.value() if packet.data.__class__ is jsontext.Unread else packet.data
        auth: Mapping[str, Any] = data or EMPTY
        if self._session.revision == 3:
            own = parseQuery(query)
            claim, auth = claimInQuery(own, self._session.request.query), withoutKey(own)
        else:
            claim, auth = claimIn(auth, pids=self._server.recovery.window > 0)
        self._connect(name, auth, claim)

    def _connect(self, name: str, auth: Mapping[str, Any], claim: Claim) -> None:
        options = self._server.options
        namespace = self._server.namespaces.get(name)
        if namespace is None:
            self._refuse(name, _UNKNOWN)
            return
        if options.mostNamespaces and len(self._peers) + len(self._asked) >= options.mostNamespaces:
            self._refuse(name, _TOO_MANY)
            return
        request, session = self._session.request, self._session
        query = withoutKey(request.query)
        handshake = Handshake(
            name, auth, query, request.headers, request.address, session.revision, request.secure, session.conn
        )
        try:
            identity = namespace.connecting(handshake)
        except ConnectRefused as refusal:
            self._refuse(name, refusal)
            return
        if isinstance(identity, Deferred):
            self._asked = {**self._asked, name: identity}
            identity.addCallbacks(self._judged, self._notJudged, callbackArgs=(name, claim), errbackArgs=(name,))
        else:
            self._accept(name, identity, claim)

    def _judged(self, identity: Any, name: str, claim: Claim) -> None:
        if self._isAnswered(name):
            try:
                self._accept(name, identity, claim)
            except Exception as error:
                self._session.failed(error)

    def _notJudged(self, failure: Failure, name: str) -> None:
        if not self._isAnswered(name):
            forgetTraceback(failure)
            return
        if isinstance(failure.value, ConnectRefused):
            self._refuse(name, failure.value)
        else:
            _log.error(
                "the admission of a client failed: {error} (conn {conn})",
                error=repr(failure.value),
                conn=self._session.conn,
            )
            self._refuse(name, _INTERNAL)
        forgetTraceback(failure)

    def _isAnswered(self, name: str) -> bool:
        """Whether the client still waits for the verdict on a namespace; from now on it does not."""
        if name not in self._asked:
            return False
        self._asked = {other: asked for other, asked in self._asked.items() if other != name} or EMPTY
        return True

    def _accept(self, name: str, identity: Any, claim: Claim) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if claim.pid is not None or claim.key is not None:
            try:
                found = self.desk.admit(claim, name, identity)
            except ConnectRefused as refusal:
                self._refuse(name, refusal)
                return
            if not self._session.isOpen:
                return  # others have heard of the loss meanwhile, and have ended this connection
            if found is not None:
                peer, pid, back = found
                self._session.send(EncodedMessage(encode(CONNECT, name, self._answer(peer.sid, pid))))
                self.desk.welcome(peer, identity, back)
                return
        peer, answer = self._newPeer(name, identity, claim)
        self._session.send(EncodedMessage(encode(CONNECT, name, answer)))
        self._peers[name] = peer
        self._server.namespaces[name].connected(peer)

    def _newPeer(self, name: str, identity: Any, claim: Claim) -> tuple[Peer, str]:
        """A new peer, and what its client is told of it."""
        session, recovery = self._session, self._server.recovery
        isOld = session.revision == 3
        sid = secrets.token_urlsafe(_SID_BYTES)
        if isOld:
            sid = session.sid if name == "/" else f"{name}#{session.sid}"
        peer = Peer(self, session, self._server.channelFor(name), name, sid, identity)
        key = None if claim.key is None else recovery.digest(name, identity, claim.key)
        if key is None and (isOld or not recovery.isForAll):
            return peer, self._answer(sid, None)
        found = recovery.enrol(peer, self.number, key, pid=not isOld)
        self.witness()
        return peer, self._answer(sid, None if found is None else found.pid)

    def _answer(self, sid: str, pid: str | None) -> str:
        """What the client is told of its peer."""
        if self._session.revision == 3:
            return ""
        return f'{{"sid":"{sid}"}}' if pid is None else f'{{"sid":"{sid}","pid":"{pid}"}}'

    def _refuse(self, name: str, refusal: ConnectRefused) -> None:
        session = self._session
        if refusal is not _INTERNAL:  # which has a line of its own
            self._server.refused(session, name, refusal)
        payload = refusal.legacy
        if session.revision == 4:
            payload = {"message": refusal.message}
            if refusal.data is not None:
                payload["data"] = refusal.data
        session.send(EncodedMessage(encode(CONNECT_ERROR, name, jsontext.encode(payload))))

    def _slowDown(self, seconds: float) -> None:
        if seconds > self._server.options.mostWait:
            self._session.close(CloseReason.FLOOD)
            raise ProtocolError("too many events")
        if self._bucket is not None:
            self._server.leftovers.owes("events", self._session.request.address, self._bucket)
        self._session.pauseReading(seconds)

    def _idle(self) -> None:
        self._deadline = None
        if not self._peers:
            self._session.close(CloseReason.FORCED)

    def _incomplete(self) -> None:
        self._waiting = None
        self._session.close(CloseReason.PARSE_ERROR)


def _safely(step: Callable[..., Any], *arguments: Any) -> None:
    """Take a step of the end; a step that fails must not prevent the others."""
    try:
        step(*arguments)
    except Exception:
        _log.failure("the end of a peer could not be handled")
