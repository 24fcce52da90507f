"""What carries a session on a WebSocket: one packet a message."""

from __future__ import annotations

from rtcsignal.engineio.allowances.intake import Allowance
from rtcsignal.engineio.frames import PING_FRAME, EncodedMessage, binaryFrame, textFrame
from rtcsignal.engineio.packet import MESSAGE, decodeBinary, decodeText, encodeBase64, encodeBinary
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.engineio.websocket.link import WebSocketLink
from rtcsignal.errors import ProtocolError

__all__ = ["WebSocketTransport"]

_GOING_AWAY = 1001  # what browsers say when a page is closed (RFC 6455 section 7.4.1)

_CLOSE_CODES = {
    CloseReason.SHUTDOWN: 1001,
    CloseReason.PARSE_ERROR: 1002,
    CloseReason.SLOW_CONSUMER: 1008,
    CloseReason.FLOOD: 1008,
    CloseReason.FAILED: 1011,
}


class WebSocketTransport:
    """Carries a session on a link.

    Args:
        session: The session.
        link: The link, whose receiver this becomes.
        base64: Binary goes as text (``b64=1`` of the WebSocket's request).
        allowance: How much its client may send.

    Attributes:
        link: The link.
    """

    transportName = "websocket"

    __slots__ = ("_base64", "_flushLater", "_frames", "_session", "link")

    def __init__(self, session: Session, link: WebSocketLink, base64: bool, allowance: Allowance) -> None:
        self._session = session
        self.link = link
        self._base64 = base64
        self._frames = link.frames
        self._flushLater = link.flusher.add
        link.receiver = self
        link.accountBegins(allowance)

    @property
    def mark(self) -> int | None:
        return self.link.credit if self.link.isRead else None

    def send(self, message: EncodedMessage) -> None:
        frames = self._frames  # as `WebSocketLink.writeFrame`; called once for each receiver of each message
        if not frames:
            self._flushLater(self.link)
        frames.append(message.frame or message.frames(self._session.revision, self._base64))

    def sendPacket(self, text: str) -> None:
        self.link.writeFrame(textFrame(text.encode()))

    @property
    def conn(self) -> str:
        """What the log calls the connection."""
        return self._session.conn

    @property
    def address(self) -> str:
        """Where the client is."""
        return self._session.request.address

    def sendBinary(self, data: bytes) -> None:
        """Send one binary message that was queued by another transport."""
        revision = self._session.revision
        if self._base64:
            self.link.writeFrame(textFrame(encodeBase64(data, revision).encode()))
        else:
            self.link.writeFrame(binaryFrame(encodeBinary(data, revision)))

    def close(self, reason: CloseReason, words: str = "") -> None:
        self.link.accountEnds()
        if reason in (CloseReason.SLOW_CONSUMER, CloseReason.PING_TIMEOUT):
            self.link.drop()
        elif reason is CloseReason.FLOOD:
            self.link.fail(_CLOSE_CODES[reason])
        else:
            self.link.closeWith(_CLOSE_CODES.get(reason, 1000), words)

    def clientClosed(self) -> None:
        self.link.accountEnds()
        self.link.closeWith(1000)

    def pauseReading(self, seconds: float) -> None:
        self.link.pauseReading(seconds)

    def textReceived(self, text: str) -> None:
        session = self._session
        if text[:1] == MESSAGE:
            session.heard = True
            try:
                session.application.textReceived(text[1:])
            except Exception as error:
                session.failed(error)
            return
        try:
            session.packetReceived(decodeText(text, session.revision))
        except ProtocolError as error:
            session.abort(CloseReason.PARSE_ERROR, error.reason)
        self.link.stepTaken()

    def binaryReceived(self, data: bytes) -> None:
        try:
            self._session.packetReceived(decodeBinary(data, self._session.revision))
        except ProtocolError as error:
            self._session.abort(CloseReason.PARSE_ERROR, error.reason)

    def linkLost(self) -> None:
        self.link.accountEnds()
        left = self.link.remoteCloseCode == _GOING_AWAY
        self._session.lost(CloseReason.GOING_AWAY if left else CloseReason.TRANSPORT_CLOSE)

    def overflowed(self) -> None:
        self._session.close(CloseReason.SLOW_CONSUMER)

    def ping(self) -> None:
        self.link.writeFrame(PING_FRAME)

    def frameReceived(self) -> None:
        self._session.frameReceived()

    def pongReceived(self) -> None:
        self._session.pongReceived()
