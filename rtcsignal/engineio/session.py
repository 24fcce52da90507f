"""An Engine.IO session: one client, whatever carries it. A state machine, the same for both revisions.

::

    POLLING ---- a WebSocket brings our sid -----> PROBING
    PROBING ---- it sends "2probe" --------------> UPGRADING      polls are answered at once from now on
    PROBING, UPGRADING -- it is lost or late ----> POLLING
    UPGRADING -- it sends "5" -------------------> WEBSOCKET      also the first state of WebSocket-only clients
    POLLING, PROBING, UPGRADING -- close() ------> CLOSING        a poll must still tell the client
    any -- lost(), abort(), WEBSOCKET -- close() > CLOSED

The application is told of the end of the session once, when it leaves the first four states. The transport in use
does the sending: `Session.send` is its bound method, replaced at each change of state.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from twisted.logger import Logger

from rtcsignal.deadlines import Deadline
from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.packet import CLOSE, MESSAGE, Packet, Revision
from rtcsignal.errors import ProtocolError
from rtcsignal.logtext import connOf
from rtcsignal.rates import TokenBucket

__all__ = ["NOBODY", "Application", "CloseReason", "Heartbeat", "Phase", "Session", "Transport"]

_log = Logger()


class Phase(enum.Enum):
    """The states of a session."""

    POLLING = "polling"
    PROBING = "probing"
    UPGRADING = "upgrading"
    WEBSOCKET = "websocket"
    CLOSING = "closing"
    CLOSED = "closed"


_OPEN = frozenset((Phase.POLLING, Phase.PROBING, Phase.UPGRADING, Phase.WEBSOCKET))
_POLLING = frozenset((Phase.POLLING, Phase.PROBING, Phase.UPGRADING))


class CloseReason(enum.StrEnum):
    """Why a session ended. The words are those that Socket.IO applications know."""

    TRANSPORT_CLOSE = "transport close"
    TRANSPORT_ERROR = "transport error"
    GOING_AWAY = "client going away"
    PING_TIMEOUT = "ping timeout"
    PARSE_ERROR = "parse error"
    SLOW_CONSUMER = "slow consumer"
    FLOOD = "too many events"
    FORCED = "forced server close"
    FAILED = "server error"
    SHUTDOWN = "server shutting down"


class Application(Protocol):
    """What a session's messages are for."""

    def textReceived(self, text: str) -> None:
        """A text message. `ProtocolError` closes the session as a parse error."""

    def binaryReceived(self, data: bytes) -> None:
        """A binary message. `ProtocolError` closes the session as a parse error."""

    def sessionClosed(self, reason: CloseReason) -> None:
        """The session is over; called once. Nothing more is received, and what is sent is dropped."""


class Transport(Protocol):
    """What carries a session."""

    @property
    def transportName(self) -> str:
        """``websocket`` or ``polling``."""

    def send(self, message: EncodedMessage) -> None:
        """Send, or keep until it can be sent. Never calls back into the application."""

    def sendPacket(self, text: str) -> None:
        """The same for a packet without a message, in its text form."""

    def close(self, reason: CloseReason, words: str = "") -> None:
        """Tell the client that the session is over, as far as it can be told, and release it.

        Args:
            reason: Why.
            words: The same for debugging, in at most 123 bytes of UTF-8.
        """

    def clientClosed(self) -> None:
        """The client has sent a close packet: answer as the protocol requires, and release it."""

    def pauseReading(self, seconds: float) -> None:
        """Read nothing from the client for so long."""

    def ping(self) -> None:
        """Send a ping below Engine.IO, if the transport has one; the answer goes to `Session.pongReceived`."""


class Heartbeat(Protocol):
    """Watches sessions of one revision."""

    def start(self, session: Session) -> None:
        """Begin to watch."""

    def received(self, session: Session, kind: str, data: str | bytes) -> None:
        """A packet came that is neither message nor close.

        Raises:
            ProtocolError: A client may not send it.
        """

    def ponged(self, session: Session) -> None:
        """A sign of life came that is not a packet."""


def _drop(message: EncodedMessage) -> None:
    """Sending after the end: there is no client any more."""


class _Nobody:
    """The application of a session before there is one, and after the end."""

    def textReceived(self, text: str) -> None:
        """Dropped."""

    def binaryReceived(self, data: bytes) -> None:
        """Dropped."""

    def sessionClosed(self, reason: CloseReason) -> None:
        """There is no application to tell."""


class _Gone:
    """The transport of a session that is over: what is left of the one that carried it.

    Args:
        name: That one's name.
    """

    def __init__(self, name: str) -> None:
        self.transportName = name

    def send(self, message: EncodedMessage) -> None:
        """Dropped."""

    def sendPacket(self, text: str) -> None:
        """Dropped."""

    def close(self, reason: CloseReason, words: str = "") -> None:
        """It is closed."""

    def clientClosed(self) -> None:
        """It is closed."""

    def pauseReading(self, seconds: float) -> None:
        """Nothing is read any more."""

    def ping(self) -> None:
        """No client would answer."""


NOBODY: Application = _Nobody()
_GONE: dict[str, Transport] = {name: _Gone(name) for name in ("polling", "websocket")}


def _ignore(session: Session) -> None:
    """What is not counted."""


class Session:
    """One client's session.

    Args:
        sid: Its id: a secret, as anyone who knows it may use the session.
        revision: Engine.IO revision of the handshake, kept for life.
        request: The handshake.
        heartbeat: How this revision's clients are watched.
        gone: Called with the session when its sid means nothing any more.
        count: Called with the session for each packet or frame that is not a message; it may close the session.

    Attributes:
        send: Sends an `EncodedMessage` to the client; drops it after the end.
        bucket: How many more of what is counted it may send; kept by `count`.
        heard: Something has come from the client since the heartbeat last looked.
        deadline: The heartbeat's next deadline.
        allowance: What the application keeps to limit what the client does, whatever it is in the application.
        application: What its messages are for; set right after construction. `NOBODY` after the end.
        transport: What carries it; set by `carriedBy`. After the end one that drops everything.
    """

    __slots__ = (
        "__weakref__",
        "_count",
        "_gone",
        "_heartbeat",
        "allowance",
        "application",
        "bucket",
        "deadline",
        "heard",
        "phase",
        "request",
        "revision",
        "send",
        "sid",
        "transport",
    )

    application: Application
    transport: Transport

    def __init__(
        self,
        sid: str,
        revision: Revision,
        request: Request,
        heartbeat: Heartbeat,
        gone: Callable[[Session], None],
        count: Callable[[Session], None] = _ignore,
    ) -> None:
        self.sid = sid
        self.revision: Revision = revision
        self.request = request
        self.heard = False
        self.deadline: Deadline | None = None
        self.phase = Phase.POLLING
        self.send: Callable[[EncodedMessage], None] = _drop
        self.bucket: TokenBucket | None = None
        self.allowance: TokenBucket | None = None
        self._heartbeat = heartbeat
        self._gone = gone
        self._count = count

    @property
    def conn(self) -> str:
        """What the log calls it; see `connOf`."""
        return connOf(self.sid)

    @property
    def isOpen(self) -> bool:
        """The application may send, and receives."""
        return self.phase in _OPEN

    @property
    def isPolling(self) -> bool:
        """The session is on polling, perhaps with an upgrade under way."""
        return self.phase in _POLLING

    @property
    def transportName(self) -> str:
        """``websocket`` or ``polling``: what carries it, or did at its end."""
        return self.transport.transportName

    def carriedBy(self, transport: Transport, phase: Phase) -> None:
        """From now on `transport` carries the session."""
        self.transport = transport
        self.send = transport.send
        self.phase = phase

    def start(self) -> None:
        """The handshake has been answered: begin to watch the client."""
        self._heartbeat.start(self)

    def packetReceived(self, packet: Packet) -> None:
        """Handle one packet.

        Raises:
            ProtocolError: It may not come from a client of this revision. (What the application does not like
                closes the session without an exception.)
        """
        if self.phase not in _OPEN:
            return
        kind, data = packet
        if kind == MESSAGE:
            self.messageReceived(data)
        elif kind == CLOSE:
            self.transport.clientClosed()
            self.lost(CloseReason.TRANSPORT_CLOSE)
        else:
            self._count(self)
            if self.phase in _OPEN:
                self._heartbeat.received(self, kind, data)

    def frameReceived(self) -> None:
        """Something has come that costs the server time, and is not a packet: a control frame, or a fragment."""
        if self.phase in _OPEN:
            self._count(self)

    def pongReceived(self) -> None:
        """The ping that `Transport.ping` sent has been answered."""
        if self.phase in _OPEN:
            self._heartbeat.ponged(self)

    def messageReceived(self, data: str | bytes) -> None:
        """Hand a message to the application. If that fails it costs this session and one line in the log."""
        self.heard = True
        try:
            if isinstance(data, str):
                self.application.textReceived(data)
            else:
                self.application.binaryReceived(data)
        except Exception as error:
            self.failed(error)

    def failed(self, error: BaseException | None) -> None:
        """The application could not handle what was received.

        Args:
            error: A `ProtocolError` if the client is to blame.
        """
        if isinstance(error, ProtocolError):
            _log.debug("a connection is closed: {reason} (conn {conn})", reason=error.reason, conn=self.conn)
            self.close(CloseReason.PARSE_ERROR, error.reason)
            return
        _log.error(
            "a handler failed, its connection is closed: {error} in {place} (conn {conn})",
            error=repr(error),
            place=_placeOf(error),
            conn=self.conn,
        )
        self.close(CloseReason.FAILED)

    def close(self, reason: CloseReason = CloseReason.FORCED, words: str = "") -> None:
        """End the session in order: a polling client is told by its next poll. Does nothing after the end.

        Args:
            reason: Why.
            words: See `Transport.close`.
        """
        if self.phase in _OPEN:
            transport = self.transport
            self._end(Phase.CLOSED if self.phase is Phase.WEBSOCKET else Phase.CLOSING, reason)
            transport.close(reason, words)

    def abort(self, reason: CloseReason, words: str = "") -> None:
        """End the session at once: its sid is unknown from now on. Does nothing after the end; see `close`."""
        if self.phase is not Phase.CLOSED:
            transport = self.transport
            self.lost(reason)
            transport.close(reason, words)

    def lost(self, reason: CloseReason) -> None:
        """The client ended the session, or what carried it is gone."""
        if self.phase in _OPEN:
            self._end(Phase.CLOSED, reason)
        elif self.phase is Phase.CLOSING:
            self.phase = Phase.CLOSED
            self._closed()

    def _end(self, phase: Phase, reason: CloseReason) -> None:
        _log.debug("session closed: {reason} (conn {conn})", reason=reason.value, conn=self.conn)
        self.phase = phase
        self.send = _drop
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
        if phase is Phase.CLOSED:
            self._closed()
        application, self.application = self.application, NOBODY
        try:
            application.sessionClosed(reason)
        except Exception:
            _log.failure("the end of a session could not be handled (conn {conn})", conn=self.conn)

    def _closed(self) -> None:
        """The sid means nothing any more. Transport and application know the session, which must not know them."""
        self._gone(self)
        self.transport = _GONE[self.transport.transportName]


def _placeOf(error: BaseException | None) -> str:
    """File and line where an exception was raised, for a log line."""
    traceback = error.__traceback__ if error is not None else None
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "?"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
