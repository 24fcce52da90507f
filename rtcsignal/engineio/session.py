"""An Engine.IO session: one client, whatever carries it. A state machine, the same for both revisions: see `Phase`.

The application is told of the end of the session once, when it is no longer open. The transport in use does the
sending: `Session.send` is its bound method, replaced whenever another one carries the session.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rtcsignal.deadlines import Deadline
from rtcsignal.engineio.carriers import GONE, Transport
from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.liveness.inquiry import Inquiry
from rtcsignal.engineio.packet import CLOSE, MESSAGE, Packet, Revision
from rtcsignal.engineio.phases import OPEN_PHASES, POLLING_PHASES, Phase
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.errors import ProtocolError
from rtcsignal.logtext import connOf
from rtcsignal.rates import TokenBucket

__all__ = ["NOBODY", "Application", "Heartbeat", "Session", "Witness"]

_log = Logger()


class Application(Protocol):
    """What a session's messages are for."""

    def textReceived(self, text: str) -> None:
        """A text message. `ProtocolError` closes the session as a parse error."""

    def binaryReceived(self, data: bytes) -> None:
        """A binary message. `ProtocolError` closes the session as a parse error."""

    def sessionClosed(self, reason: CloseReason) -> None:
        """The session is over; called once. Nothing more is received, and what is sent is dropped."""


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

    def ask(self, session: Session, seconds: float, patience: float) -> Deferred[bool]:
        """See `Session.probe`."""

    def answered(self, session: Session) -> None:
        """One that was asked out of turn has given a sign of life."""

    def ended(self, inquiry: Inquiry) -> None:
        """The session of an inquiry is over."""


class Witness(Protocol):
    """Whoever wants to know what the client has: a heartbeat that goes through shows it, as nothing is overtaken."""

    def asked(self) -> None:
        """Something is sent that the client answers."""

    def answered(self) -> None:
        """It has answered: it has everything that was sent before it was asked last."""


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


NOBODY: Application = _Nobody()


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
        witness: Is told of heartbeats; None if nobody needs to know.
        inquiry: What is known since somebody wanted to know whether the client is there; None if nobody did.
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
        "inquiry",
        "phase",
        "request",
        "revision",
        "send",
        "sid",
        "transport",
        "witness",
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
        self.phase = Phase.NEW
        self.send: Callable[[EncodedMessage], None] = _drop
        self.bucket: TokenBucket | None = None
        self.allowance: TokenBucket | None = None
        self.witness: Witness | None = None
        self.inquiry: Inquiry | None = None
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
        return self.phase in OPEN_PHASES

    @property
    def isPolling(self) -> bool:
        """The session is on polling, perhaps with an upgrade under way."""
        return self.phase in POLLING_PHASES

    @property
    def transportName(self) -> str:
        """``websocket`` or ``polling``: what carries it, or did at its end."""
        return self.transport.transportName

    def carriedBy(self, transport: Transport, phase: Phase) -> None:
        """From now on `transport` carries the session.

        Args:
            transport: The transport of the handshake, or the WebSocket to which the client has upgraded.
            phase: What the session becomes: `Phase.POLLING` or `Phase.WEBSOCKET`.

        Raises:
            WrongPhase: It has ended, or is on a transport already and has not been probed. So do the next three.
        """
        self.phase = phase.after(self.phase)
        self.transport = transport
        self.send = transport.send

    def probing(self) -> None:
        """A WebSocket has brought the sid, and tries to take over from polling."""
        self.phase = Phase.PROBING.after(self.phase)

    def upgrading(self) -> None:
        """That WebSocket has been probed: what carries the session is about to change."""
        self.phase = Phase.UPGRADING.after(self.phase)

    def probeEnded(self) -> None:
        """That WebSocket has gone, or has been given up."""
        self.phase = Phase.POLLING.after(self.phase)

    def start(self) -> None:
        """The handshake has been answered: begin to watch the client."""
        self._heartbeat.start(self)

    def packetReceived(self, packet: Packet) -> None:
        """Handle one packet.

        Raises:
            ProtocolError: It may not come from a client of this revision. (What the application does not like
                closes the session without an exception.)
        """
        if self.phase not in OPEN_PHASES:
            return
        kind, data = packet
        if kind == MESSAGE:
            self.messageReceived(data)
        elif kind == CLOSE:
            self.transport.clientClosed()
            self.lost(CloseReason.TRANSPORT_CLOSE)
        else:
            self._count(self)
            if self.phase in OPEN_PHASES:
                self._heartbeat.received(self, kind, data)

    def frameReceived(self) -> None:
        """Something has come that costs the server time, and is not a packet: a control frame, or a fragment."""
        if self.phase in OPEN_PHASES:
            self._count(self)

    def pongReceived(self) -> None:
        """The ping that `Transport.ping` sent has been answered."""
        if self.phase in OPEN_PHASES:
            self._heartbeat.ponged(self)
            if self.inquiry is not None:
                self._heartbeat.answered(self)

    def probe(self, seconds: float, patience: float = 0.0) -> Deferred[bool]:
        """Find out whether the client is there. If it is not, the session ends as it does without a heartbeat.

        Args:
            seconds: How long the client has to answer a ping.
            patience: Seconds in which it may say something by itself before it is asked.

        Returns:
            Whether it has answered, or cannot be asked; False if the session is over.
        """
        return self._heartbeat.ask(self, seconds, patience)

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

    def pauseReading(self, seconds: float) -> None:
        """Read nothing from the client for so long."""
        self.transport.pauseReading(seconds)

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
        if self.phase in OPEN_PHASES:
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
        if self.phase in OPEN_PHASES:
            self._end(Phase.CLOSED, reason)
        elif self.phase is Phase.CLOSING:
            self.phase = Phase.CLOSED.after(self.phase)
            self._closed()

    def _end(self, phase: Phase, reason: CloseReason) -> None:
        _log.debug("session closed: {reason} (conn {conn})", reason=reason.value, conn=self.conn)
        self.phase = phase.after(self.phase)
        self.send = _drop
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
        if phase is Phase.CLOSED:
            self._closed()
        application, self.application = self.application, NOBODY
        inquiry, self.inquiry = self.inquiry, None
        self.witness = None
        try:
            application.sessionClosed(reason)
        except Exception:
            _log.failure("the end of a session could not be handled (conn {conn})", conn=self.conn)
        if inquiry is not None:
            self._heartbeat.ended(inquiry)

    def _closed(self) -> None:
        """The sid means nothing any more. Transport and application know the session, which must not know them."""
        self._gone(self)
        self.transport = GONE[self.transport.transportName]


def _placeOf(error: BaseException | None) -> str:
    """File and line where an exception was raised, for a log line."""
    traceback = error.__traceback__ if error is not None else None
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    if traceback is None:
        return "?"
    return f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
