"""A connection that speaks WebSocket, on top of Autobahn's implementation of RFC 6455.

Whatever it is used for at the moment (a session, an upgrade that is being tried) is its receiver.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from rtcsignal.deadlines import DeadlineQueue
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.stream.farewell import halfClose
from rtcsignal.engineio.stream.outbox import Flusher, forgetUnsent
from rtcsignal.engineio.stream.sealing import waitingBehind
from rtcsignal.engineio.stream.writers import Writer, write, writerFor
from rtcsignal.engineio.websocket.pressure import Backpressure
from rtcsignal.engineio.websocket.receiver import Receiver
from rtcsignal.engineio.websocket.subprotocol import chosenFrom

__all__ = ["AFTER_HANDSHAKE_SECONDS", "Admission", "WebSocketLink"]

_OPEN: int = Backpressure.STATE_OPEN
_MOST_FRAGMENTS = 1_000
_MOST_PIECES = 1_000
_MOST_IGNORED = 500

AFTER_HANDSHAKE_SECONDS = 0.01
"""How long frames are held back after the response to the handshake."""


class Admission(Protocol):
    """Permission to open a WebSocket, given after all checks of the request."""

    headers: dict[str, list[str]]
    request: Request

    def opened(self, link: WebSocketLink) -> None:
        """The link is open: give it a receiver."""


class _Sending(enum.Enum):
    """What happens to frames."""

    NOT_OPEN = "there are none yet"
    HELD = "held until the client has seen the 101"
    WRITTEN = "written to the transport"


# Looking up a member of an enumeration takes longer than all else that is done for a frame.
_HELD = _Sending.HELD


@implementer(IPushProducer)
class WebSocketLink(Backpressure):
    """One WebSocket connection.

    Attributes:
        admission: What it was admitted for; set before the connection is made.
        receiver: What it is used for; None if it has no receiver.
        sendQueue: Most bytes that may wait for the client, beyond what the transport holds anyway; 0 for no limit.
        flusher: Sends at the end of the turn what has come together in `frames`.
        openings: For the time after the handshake, see `AFTER_HANDSHAKE_SECONDS`.
        closed: Called with the link when it is gone, if it had been open.
        isDropped: It has been aborted, which the reactor reports in the next turn.
        frames: What is to be sent at the end of this turn; the same list from the handshake to the end.
    """

    __slots__ = ("_phase", "_write", "frames")

    admission: Admission
    transport: Any  # TCP, TLS or UNIX: what we use is common to all, but part of no interface
    receiver: Receiver | None
    sendQueue = 0
    flusher: Flusher
    openings: DeadlineQueue
    closed: Callable[[WebSocketLink], None]
    frames: list[bytes]
    isDropped = False
    _failed = False
    _fragments = 0
    _ignored = 0

    def __init__(self) -> None:
        super().__init__()
        self._phase = _Sending.NOT_OPEN
        self._write: Writer = write

    def onConnect(self, request: Any) -> tuple[str | None, dict[str, Any]]:
        return chosenFrom(request.protocols), self.admission.headers

    def onOpen(self) -> None:
        self._setNoDelay()
        self.transport.registerProducer(self, True)
        self.frames = []
        self._phase = _Sending.HELD
        # Some clients look for messages only after they have handled the 101: give it a packet of its own.
        self.openings.start(WebSocketLink._release, self)
        self.admission.opened(self)

    @property
    def address(self) -> str:
        return "" if self.receiver is None else self.receiver.address

    def processData(self) -> bool:
        # A frame that broke a rule is read to its end, as it may be the client's close frame; what follows it is not.
        if self.isHeld or (self._failed and self.current_frame is None):
            return False
        return self.mayStep() and bool(super().processData())

    def onMessageBegin(self, isBinary: bool) -> None:
        self._fragments = 0
        super().onMessageBegin(isBinary)

    def onMessageFrameBegin(self, length: int) -> None:
        # Each fragment costs far more than its bytes, which the limit on messages counts.
        self._fragments += 1
        if self._fragments > _MOST_FRAGMENTS:
            self._fail_connection(1009, "too many fragments")
        if self._fragments > 1 or not self.current_frame.fin:
            self._count()  # a whole message is not a fragment, whichever way it takes
        super().onMessageFrameBegin(length)

    def onMessageFrameData(self, payload: bytes) -> None:
        super().onMessageFrameData(payload)
        # A payload that comes byte by byte must not cost an object for each.
        if self.frame_data and len(self.frame_data) > _MOST_PIECES:
            self.frame_data[:] = [b"".join(self.frame_data)]

    def onPing(self, payload: bytes) -> None:
        self._count()
        super().onPing(payload)

    def onPong(self, payload: bytes) -> None:
        self._count()
        if self.receiver is not None:
            self.receiver.pongReceived()

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        receiver = self.receiver
        if receiver is None:
            return
        if isBinary:
            receiver.binaryReceived(payload)
        else:
            receiver.textReceived(payload.decode())

    def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        self.pressureEnds()
        self.forgetReceived()
        forgetUnsent(self.transport)
        self._letGo()
        if self._phase is not _Sending.NOT_OPEN:
            self.closed(self)

    def writeFrame(self, frame: bytes) -> None:
        """Send whole frames at the end of this turn. Dropped when the connection is closing by then; never calls
        back into the receiver."""
        frames = self.frames
        if not frames:
            self.flusher.add(self)
        frames.append(frame)

    def flush(self) -> None:
        """Send what has come together."""
        frames = self.frames
        if not frames or self._phase is _HELD:
            return
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        frames.clear()
        if self.state != _OPEN:
            return
        self._write(self.transport, data)
        if self._congested:
            self._waiting += len(data)
            if self.sendQueue and self._waiting > self.sendQueue:
                self._weigh()

    def closeWith(self, code: int, words: str = "") -> None:
        """Begin the closing handshake; whatever comes is ignored from now on.

        Args:
            code: The close code (RFC 6455 section 7.4.1).
            words: Why, in at most 123 bytes of UTF-8.
        """
        self.receiver = None
        if self.state == _OPEN:
            self.sendCloseFrame(code, words.encode() or None)

    def fail(self, code: int) -> None:
        """Close with a code as `closeWith`, and read nothing any more, not even the client's close frame."""
        self.receiver = None
        self._fail_connection(code, "")

    def drop(self) -> None:
        """Abort the connection: the client would not read a close frame."""
        self.receiver = None
        self.isDropped = True
        self.transport.abortConnection()

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        # Also when Autobahn is the one that closes: what was sent before goes out before.
        self._release()
        self.flush()
        super().sendCloseFrame(code, reasonUtf8, isReply)

    def stopProducing(self) -> None:
        """The transport is closed; `onClose` follows."""

    def _dataReceived(self, data: bytes) -> None:
        if not self._failed:
            self._release()  # a client that sends has seen the 101
            super()._dataReceived(data)

    def _closeConnection(self, abort: bool = False) -> None:
        # A transport with a registered producer would wait for it before it closes.
        self.transport.unregisterProducer()
        if not abort:
            self.awaitFarewell()
        super()._closeConnection(abort)

    def _fail_connection(self, code: int = 1002, reason: str = "protocol error") -> None:
        # Autobahn would go on reading frames from a client that breaks the rules until it answers, and say nothing
        # to us before. The half-close lets the close frame arrive although unread data may still be under way.
        super()._fail_connection(code, reason)
        if not self._failed:
            self._failed = True
            self._letGo()
            self.transport.unregisterProducer()
            halfClose(self.transport)

    def _protocol_violation(self, reason: str) -> bool:
        # Autobahn would go on, take a close frame that breaks the rules for the answer to its own as well, and cut
        # the connection before that has left.
        super()._protocol_violation(reason)
        return True

    def _invalid_payload(self, reason: str) -> bool:
        super()._invalid_payload(reason)
        return True

    def _letGo(self) -> None:
        """This connection has no receiver any more."""
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.linkLost()

    def _setNoDelay(self) -> None:
        # Autobahn's own attempt comes before it knows its options, fails, and is swallowed.
        with suppress(OSError, AttributeError):  # it may not be a TCP socket
            self.transport.setTcpNoDelay(True)

    def _release(self) -> None:
        if self._phase is _HELD:
            self._phase = _Sending.WRITTEN
            if self.fast:
                self._write = writerFor(self.transport)
                self.takesFrames = not self.isHeld
            self.flush()

    def _count(self) -> None:
        if self.receiver is not None:
            self.receiver.frameReceived()
            return
        self._ignored += 1
        if self._ignored > _MOST_IGNORED:
            self._failed = True
            self.drop()

    def stalled(self) -> None:
        if self.receiver is not None:
            self.receiver.overflowed()
        else:
            self.drop()

    def _weigh(self) -> None:
        """More was added than may wait: see how much of it really does, as the client may read all the time."""
        self._waiting = waitingBehind(self.transport, self._waiting)
        if self._waiting > self.sendQueue and self.receiver is not None:
            self.receiver.overflowed()
