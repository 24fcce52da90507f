"""What an engine asks about requests whose session may be on another node. Most servers are alone, and ask nothing."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITransport

from rtcsignal.engineio.http.addresses import Slot
from rtcsignal.engineio.http.exchange import Request, Response

__all__ = ["Elsewhere", "Upload"]


class Upload(Protocol):
    """Hears what becomes of a POST whose headers have come; see `rtcsignal.engineio.polling.posts.Posts`."""

    def lost(self) -> None:
        """The connection broke before the body was complete."""

    def refused(self) -> None:
        """It was too large, or too slow."""


class Elsewhere(Protocol):
    """The sessions of other nodes.

    Each method says for one request whether it is for another node, by the session id alone: what a client may do is
    checked there. Requests that come from another node are not asked about.
    """

    def handle(self, request: Request) -> Deferred[Response] | None:
        """Have a request answered by the node that has its session.

        Returns:
            The answer; cancelling it means that the client has gone away. None if the session is not known to be
            elsewhere.
        """

    def postStarted(self, request: Request) -> Upload | None:
        """The headers of a POST have come; `handle` is called when its body has. None: as above."""

    def upgrade(
        self, request: Request, transport: ITransport, block: bytes, rest: bytes, slot: Slot | None
    ) -> bool:
        """Take a connection over that asks for a WebSocket.

        Args:
            request: What it asks.
            transport: The connection.
            block: The head of the request as bytes, without the empty line.
            rest: What came behind it.
            slot: What counts the connection, if anything does.

        Returns:
            Whether it was taken over; False: as above.
        """
