"""Clients in C++ that announce revision 4 but may speak revision 3: they are probed before their session begins.

socket.io-client-cpp has always sent ``EIO=4``. Before version 3 it spoke revision 3 all the same: it waits for the
server to connect it, sends the pings, and answers none. Version 3 sends its CONNECT as soon as the WebSocket is open,
so before it can have read a frame, let alone answered a ping of the WebSocket protocol. A client that has answered the
ping and sent no CONNECT for a moment speaks revision 3. All versions use WebSocket++, and are recognized by that.

What is received meanwhile is handed to the session when there is one.
"""

from __future__ import annotations

from collections.abc import Callable

from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.engineio.frames import PING_FRAME
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.websocket.link import WebSocketLink

__all__ = ["Introduction", "isNeeded"]

_AGENT = "WebSocket++/"
_CONNECT = "40"
_MOST_HELD = 16
_MOST_FRAMES = 100
_GRACE_SECONDS = 1.0
_GOING_AWAY = 1001


def isNeeded(request: Request, revision: Revision) -> bool:
    """Whether a client that asks for a WebSocket may speak another revision than it announces."""
    return revision == 4 and request.headers.get("user-agent", "").startswith(_AGENT)


class Introduction:
    """The link's receiver until it is known which revision its client speaks.

    Args:
        link: An open WebSocket, on which the open packet has been sent.
        deadlines: Where deadlines come from.
        address: Where the client is.
        seconds: How long the answer to the ping may take; without one the client is taken at its word.
        begin: Called with the revision; gives the link a session, if it may have one.

    Attributes:
        address: The same as was given.
        deadline: Of what is waited for.
    """

    __slots__ = ("_begin", "_deadlines", "_frames", "_hasAnswered", "_held", "_link", "address", "deadline")

    def __init__(
        self,
        link: WebSocketLink,
        address: str,
        deadlines: Deadlines,
        seconds: float,
        begin: Callable[[Revision], None],
    ) -> None:
        self._link = link
        self.address = address
        self._deadlines = deadlines
        self._begin = begin
        self._held: list[str | bytes] = []
        self._frames = 0
        self._hasAnswered = False
        self.deadline: Deadline = deadlines.after(seconds).start(Introduction._meansFour, self)
        link.receiver = self
        link.writeFrame(PING_FRAME)

    def textReceived(self, text: str) -> None:
        self._held.append(text)
        # "40/name" is a CONNECT as well, but both generations send one for each namespace besides the first.
        if (text.startswith(_CONNECT) and text[2:3] in ("", "{")) or len(self._held) > _MOST_HELD:
            self._meansFour()

    def binaryReceived(self, data: bytes) -> None:
        self._held.append(data)
        self._meansFour()

    def linkLost(self) -> None:
        self.deadline.cancel()

    def overflowed(self) -> None:
        self.deadline.cancel()
        self._link.drop()

    def frameReceived(self) -> None:
        self._frames += 1
        if self._frames > _MOST_FRAMES:
            self._meansFour()

    def pongReceived(self) -> None:
        if not self._hasAnswered:
            self._hasAnswered = True
            self.deadline.cancel()
            self.deadline = self._deadlines.after(_GRACE_SECONDS).start(Introduction._meansThree, self)

    def end(self) -> None:
        """The server closes."""
        self.deadline.cancel()
        self._link.closeWith(_GOING_AWAY)

    def _meansThree(self) -> None:
        self._decide(3)

    def _meansFour(self) -> None:
        self._decide(4)

    def _decide(self, revision: Revision) -> None:
        self.deadline.cancel()
        self._link.receiver = None
        self._begin(revision)
        for message in self._held:
            self._handOn(message)

    def _handOn(self, message: str | bytes) -> None:
        receiver = self._link.receiver
        if receiver is None:
            return  # it has no session, or not any more
        if isinstance(message, str):
            receiver.textReceived(message)
        else:
            receiver.binaryReceived(message)
