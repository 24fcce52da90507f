"""The upgrade from polling to WebSocket: nothing lost, duplicated or out of order.

The client opens a WebSocket with its sid and sends ``2probe``; the server answers ``3probe``. From then on every poll
is answered at once, because the client waits for its poll to end before it sends ``5``. Whatever the server sends
meanwhile and no poll has taken goes out on the WebSocket after the ``5``. Some clients for microcontrollers send the
``5`` alone, which is accepted. A WebSocket that sends anything else, is lost or takes too long changes
nothing for the session. Source: Engine.IO protocol, "Upgrade".
"""

from __future__ import annotations

from collections.abc import Callable

from rtcsignal.deadlines import DeadlineQueue
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.polling.transport import PollingTransport
from rtcsignal.engineio.session import Session
from rtcsignal.engineio.websocket.link import WebSocketLink
from rtcsignal.engineio.websocket.transport import WebSocketTransport

__all__ = ["Upgrade"]

_POLICY_VIOLATION = 1008


class Upgrade:
    """One attempt. It is the link's receiver until it ends.

    Args:
        session: The session, in `Phase.POLLING`.
        polling: What carries it so far.
        link: What is to carry it.
        base64: Binary goes as text on the link.
        timeouts: For the deadline of the attempt.
        done: Called with the session and the link when that carries it.

    Attributes:
        deadline: The end of the time that it may take.
    """

    __slots__ = ("_base64", "_done", "_link", "_polling", "_session", "deadline")

    def __init__(
        self,
        session: Session,
        polling: PollingTransport,
        link: WebSocketLink,
        base64: bool,
        timeouts: DeadlineQueue,
        done: Callable[[Session, WebSocketLink], None],
    ) -> None:
        self._session = session
        self._polling = polling
        self._link = link
        self._base64 = base64
        self._done = done
        self.deadline = timeouts.start(Upgrade._fail, self)
        session.probing()
        polling.probe = self
        link.receiver = self

    @property
    def conn(self) -> str:
        """What the log calls the connection."""
        return self._session.conn

    @property
    def address(self) -> str:
        """Where the client is."""
        return self._session.request.address

    def textReceived(self, text: str) -> None:
        phase = self._session.phase
        if phase is Phase.PROBING and text == "2probe":
            self._session.upgrading()
            self._link.writeFrame(b"\x81\x063probe")
            self._polling.releasePoll()
        elif text == "5":
            self._complete()
        else:
            self._fail()

    def binaryReceived(self, data: bytes) -> None:
        self._fail()

    def linkLost(self) -> None:
        self._withdraw()

    def overflowed(self) -> None:
        self._fail()

    def frameReceived(self) -> None:
        self._session.frameReceived()

    def pongReceived(self) -> None:
        """Not asked for."""

    def sessionClosed(self) -> None:
        """The session ended meanwhile."""
        self.deadline.cancel()
        self._polling.probe = None
        self._link.closeWith(1000)

    def _complete(self) -> None:
        self.deadline.cancel()
        self._polling.probe = None
        transport = WebSocketTransport(self._session, self._link, self._base64, self._polling.allowance)
        packets = self._polling.takeAll()
        self._session.carriedBy(transport, Phase.WEBSOCKET)
        for packet in packets:
            if isinstance(packet, str):
                transport.sendPacket(packet)
            else:
                transport.sendBinary(packet)
        self._done(self._session, self._link)

    def _fail(self) -> None:
        self._withdraw()
        self._link.closeWith(_POLICY_VIOLATION)

    def _withdraw(self) -> None:
        self.deadline.cancel()
        self._polling.probe = None
        self._session.probeEnded()
