"""One request of twisted.web, as far as it is ours to change: counted, kept in memory, and never taken for a form."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

from twisted.python.failure import Failure
from twisted.web.http import parse_qs
from twisted.web.server import Request as WebRequest

from rtcsignal.engineio.elsewhere import Upload
from rtcsignal.engineio.http.exchange import TOO_LARGE
from rtcsignal.engineio.http.head import Head
from rtcsignal.engineio.http.request import Caller, requestOf

if TYPE_CHECKING:  # as in twisted.web: a channel makes requests, which ask it for what they share
    from rtcsignal.engineio.port.channel import BoundedChannel

__all__ = ["BoundedRequest", "headersOf"]


_ERRORS = 400
_TRANSPORTS = {b"polling", b"websocket"}


class BoundedRequest(WebRequest):
    """A request whose body is counted while it comes, kept in memory, and never taken for a form.

    Attributes:
        post: What is to hear of the loss of this POST, if anything.
    """

    channel: BoundedChannel
    content: BytesIO
    post: Upload | None = None
    _bodyBytes = 0

    def gotLength(self, length: int | None) -> None:
        # twisted.web would open a file for what is larger, and there may be no descriptor for it.
        self.content = BytesIO()

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        # Forms of many parts take a second to read, and no client of this server sends any.
        self.content.seek(0)
        self.method, self.uri, self.clientproto = command, path, version
        self.path, _, query = path.partition(b"?")
        self.args = parse_qs(query, True) if query else {}
        self.channel.serve(self)

    def serve(self) -> None:
        """Its time has come."""
        self.post = None
        self.process()

    def chunkAnnounced(self, missing: int) -> None:
        """So many bytes of a chunk are still to come."""
        most = self.channel.mostOf(self)
        if most and self._bodyBytes + missing > most:
            self.channel.refuse(TOO_LARGE)

    def handleContentChunk(self, data: bytes) -> None:
        self._bodyBytes += len(data)
        most = self.channel.mostOf(self)
        if most and self._bodyBytes > most:
            self.channel.refuse(TOO_LARGE)
        elif not self.channel.isRefusing:
            super().handleContentChunk(data)

    def finish(self) -> None:
        self._tellAstray()
        super().finish()

    def connectionLost(self, reason: Failure) -> None:
        if self.post is not None:
            self.post.lost()
            self.post = None
        super().connectionLost(reason)


    def _tellAstray(self) -> None:
        """Log a client that looks for Socket.IO where there is none; its library says only "websocket error"."""
        site = self.channel.site
        if self.code < _ERRORS and not (self.requestHeaders.hasHeader(b"upgrade") or b"EIO" in self.args):
            return
        path, _, query = self.uri.decode("latin-1").partition("?")
        head = Head(self.method.decode("latin-1"), path, query, headersOf(self))
        if not site.engines or path in site.engines:
            return
        if head.wantsWebSocket or b"EIO" in self.args or _TRANSPORTS.intersection(self.args.get(b"transport", ())):
            request = requestOf(head, Caller.of(self.channel.transport), site.proxies)
            site.refusals.elsewhere(request, self.code, path, site.engines)


def headersOf(request: WebRequest) -> Mapping[str, str]:
    """The headers of a request by their names in lower case; one that is repeated is joined by commas."""
    return {
        name.decode("latin-1").lower(): b", ".join(values).decode("latin-1")
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
