"""HTTP by twisted.web, with a channel that is safe on the open internet.

`BoundedChannel` adds what twisted.web lacks: absolute deadlines for headers and bodies (its own timeout restarts with
every byte), a limit on bodies, and the change to WebSocket on a connection that has carried other requests before, as
proxies that keep connections open do it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from zope.interface import implementer

from rtcsignal.deadlines import Deadline
from rtcsignal.engineio.http.addresses import Slot
from rtcsignal.engineio.http.crossorigin import withCors
from rtcsignal.engineio.http.exchange import TOO_LARGE, RequestError, Response
from rtcsignal.engineio.http.head import TOO_LARGE_HEAD, Head
from rtcsignal.engineio.http.limits import STRANGERS_BODY, HttpLimits
from rtcsignal.engineio.http.request import Caller, requestOf
from rtcsignal.engineio.http.response import closingResponse
from rtcsignal.engineio.http.target import MOST_EMPTY_LINES, splitTarget
from rtcsignal.engineio.port.webrequest import BoundedRequest, headersOf
from rtcsignal.engineio.stream.farewell import FAREWELL_SECONDS, endIfClientLeft, halfClose
from rtcsignal.engineio.stream.stallguard import StallGuard

if TYPE_CHECKING:  # as in twisted.web: a site makes channels, which ask it for what they share
    from rtcsignal.engineio.port.site import BoundedSite

__all__ = ["BoundedChannel"]

_log = Logger()
_LINGER_SECONDS = 1.0
_MOST_IN_A_TURN = 8
_BAD_REQUEST = Response(400)
_REASONS = {400: "a malformed request", 413: "request body too large", 431: TOO_LARGE_HEAD}
_NO_CODING = re.compile(rb"transfer-encoding:[ \t]*identity[ \t]*$", re.IGNORECASE)


class _DebugLog:
    """Replaces a logger of twisted.web that logs the ordinary end of connections at level info."""

    def info(self, text: str, **fields: Any) -> None:
        """Passed on, for the debug log."""
        _log.debug(text, **fields)


@implementer(IHalfCloseableProtocol)
class BoundedChannel(StallGuard, HTTPChannel):
    """An HTTP connection with absolute deadlines and a limit on bodies.

    Attributes:
        site: The site; it holds the limits and the engines.
        slot: What counts this connection, if anything does.
        isRefusing: It has been answered early; whatever still comes is ignored.
    """

    site: BoundedSite
    requests: list[BoundedRequest]
    abortTimeout = 1
    _log: Any = _DebugLog()
    slot: Slot | None = None
    _deadline: Deadline | None = None
    _served = 0
    _emptyLines = 0
    _held: BoundedRequest | None = None
    _hasSaidGoodbye = False
    isRefusing = False

    def serve(self, request: BoundedRequest) -> None:
        """Serve a request; hold it back for a turn that has seen many, and while the client does not read answers."""
        self._served += 1
        if self._served <= _MOST_IN_A_TURN and not self._waitingForTransport:
            request.serve()
            return
        self._held = request
        self._networkProducer.pauseProducing()
        self._await(self.limits.idleSeconds)
        if not self._waitingForTransport:
            self.site.deadlines.clock.callLater(0, self._serveHeld)

    def pauseProducing(self) -> None:
        """The client does not read what it is answered; the transport says so with every write."""
        super().pauseProducing()
        self.stallBegins(self.site.deadlines, self.limits.sendSeconds)

    def loseConnection(self) -> None:
        self._await(self.limits.sendSeconds)  # until the client has read everything
        super().loseConnection()

    def resumeProducing(self) -> None:
        """The client has read what it had been answered."""
        self.stallEnds()
        if endIfClientLeft(self.transport):
            return
        super().resumeProducing()
        if self._held is not None:
            self.site.deadlines.clock.callLater(0, self._serveHeld)

    def _serveHeld(self) -> None:
        request, self._held = self._held, None
        if request is not None:
            self._await(0)
            self._served = 1
            request.serve()

    def abort(self) -> None:
        """Close the connection at once."""
        self.transport.abortConnection()

    @property
    def limits(self) -> HttpLimits:
        return self.site.limits

    def dataReceived(self, data: bytes) -> None:
        if self.isRefusing:
            return
        if self._deadline is None and not self._handlingRequest:
            self._await(self.limits.headerSeconds)
        self._served = 0
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:
        if not line and not hasattr(self, "_command"):
            self._emptyLineReceived()
        elif line[:1] in (b" ", b"\t"):
            self.refuse(_BAD_REQUEST)  # a folded header, which some read as one and others as two
        elif not self.isRefusing:
            super().lineReceived(line)

    def _emptyLineReceived(self) -> None:
        """There is an empty line where a request may begin."""
        self._emptyLines += 1
        if self._emptyLines > MOST_EMPTY_LINES:
            self.refuse(_BAD_REQUEST)
        else:
            self._await(0)  # it is not the beginning of a request

    def headerReceived(self, line: bytes) -> Any:
        if _NO_CODING.match(line):
            self.refuse(_BAD_REQUEST)  # twisted.web ignores it, and others do not
            return False
        try:
            return super().headerReceived(line)
        except ValueError:
            self.refuse(TOO_LARGE)  # a length of so many digits that Python makes no number of them
            return False

    def lineLengthExceeded(self, line: bytes) -> None:
        """A line is longer than all headers together may be."""
        self.refuse(Response(431))

    def rawDataReceived(self, data: bytes) -> None:
        if self.isRefusing:
            return
        super().rawDataReceived(data)
        decoder: Any = self._transferDecoder
        if self.requests and getattr(decoder, "state", "") == "BODY":
            self.requests[-1].chunkAnnounced(decoder.length)

    def allHeadersReceived(self) -> None:
        self._await(self.limits.bodySeconds)
        self._emptyLines = 0
        self._takeAbsoluteTarget()
        most = self._mostBytes()
        if most and self.length is not None and self.length > most:
            self.refuse(TOO_LARGE)
            return
        if not self._hasHost() or (self._head().wantsWebSocket and self._head().hasBody):
            self.refuse(_BAD_REQUEST)
            return
        if self._command == b"POST":
            self._postStarted()
        most = self.mostOf(self.requests[-1])
        if most and self.length is not None and self.length > most:
            self.refuse(TOO_LARGE)
        if not self.isRefusing:
            super().allHeadersReceived()

    def allContentReceived(self) -> None:
        if self.isRefusing:
            return
        self._await(0)
        head = self._head()
        if head.wantsWebSocket and head.path in self.site.engines:
            self._switchToWebSocket(head)
            return
        super().allContentReceived()

    def readConnectionLost(self) -> None:
        """The client sends no more requests, but may still read its answers."""
        self.loseConnection()

    def writeConnectionLost(self) -> None:
        """A refusal has been written; `_await` ends the rest."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._await(0)
        self._held = None
        self.stallEnds()
        if self.slot is not None:
            self.slot.free()
            self.slot = None
        super().connectionLost(reason)
        self._transferDecoder = None  # it knows this channel

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Any) -> None:
        headers.removeHeader(b"server")
        super().writeHeaders(version, code, reason, headers)

    def refuse(self, response: Response) -> None:
        """Answer before the whole request has come, and hang up.

        Reading goes on for a moment: to close a socket with unread data would destroy the answer on its way.
        """
        if self.isRefusing:
            return
        self.isRefusing = True
        for request in self.requests:
            if request.post is not None:
                request.post.refused()
                request.post = None
        self.clearLineBuffer()
        self.setTimeout(None)
        response = self._refusal(response)
        self.transport.write(closingResponse(response))
        self.transport.unregisterProducer()
        halfClose(self.transport)
        self._await(_LINGER_SECONDS)

    def _refusal(self, response: Response) -> Response:
        """Log a refusal, and make it readable for the page that asked."""
        caller = Caller.of(self.transport)
        reason = _REASONS.get(response.status, "an error in the request")
        if not self.requests:
            self.site.refusals.connection(caller.address, response.status, reason)
            return response
        head = self._head()
        request = requestOf(head, caller, self.site.proxies)
        self.site.refusals.request(request, response.status, reason)
        engine = self.site.engines.get(head.path)
        return response if engine is None else withCors(request, response, engine.options.origins)

    def _await(self, seconds: float) -> None:
        """Hang up in `seconds`; 0 for no deadline."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.site.deadlines.after(seconds).start(BoundedChannel._late, self) if seconds else None

    def _late(self) -> None:
        self._deadline = None
        if self.isRefusing and not self._hasSaidGoodbye:
            self._hasSaidGoodbye = True
            self._await(FAREWELL_SECONDS)
            self.transport.loseConnection()
            return
        _log.debug("an HTTP request took too long")
        self.transport.abortConnection()

    def _head(self) -> Head:
        path, _, query = self._path.decode("latin-1").partition("?")
        return Head(self._command.decode("latin-1"), path, query, headersOf(self.requests[-1]))

    def _takeAbsoluteTarget(self) -> None:
        """Have the target in origin form, and let the host that it names outrank the header."""
        host, self._path = splitTarget(self._path)
        headers = self.requests[-1].requestHeaders
        if host and (headers.hasHeader(b"host") or self._version == b"HTTP/1.0"):
            hosts = headers.getRawHeaders(b"host") or [b""]
            headers.setRawHeaders(b"host", [host] * len(hosts))

    def _mostBytes(self) -> int:
        """How many bytes the body of a request for this target may have; 0 for no limit."""
        engine = self.site.engines.get(self._path.partition(b"?")[0].decode("latin-1"))
        return self.limits.bodyBytes if engine is None else engine.options.maxPayload

    def mostOf(self, request: BoundedRequest) -> int:
        """How many bytes the body of a request may have; 0 for no limit."""
        most = self._mostBytes()
        return most if request.post is not None or not most else min(most, STRANGERS_BODY)

    def _hasHost(self) -> bool:
        hosts = self.requests[-1].requestHeaders.getRawHeaders(b"host") or []
        return len(hosts) == 1 or (not hosts and self._version != b"HTTP/1.1")

    def _postStarted(self) -> None:
        head = self._head()
        engine = self.site.engines.get(head.path)
        if engine is None:
            return
        try:
            self.requests[-1].post = engine.postStarted(requestOf(head, Caller.of(self.transport), self.site.proxies))
        except RequestError as error:
            self.refuse(error.response())

    def _switchToWebSocket(self, head: Head) -> None:
        transport, request = self.transport, self.requests.pop()
        lines = [b" ".join((self._command, self._path, self._version))]
        for name, values in request.requestHeaders.getAllRawHeaders():
            lines.extend(name + b": " + value for value in values)
        rest = self.clearLineBuffer()
        self._transferDecoder = None
        self.setTimeout(None)
        transport.unregisterProducer()
        self.stallEnds()
        slot, self.slot = self.slot, None
        self.site.switchToWebSocket(transport, head, b"\r\n".join(lines), rest, slot)
