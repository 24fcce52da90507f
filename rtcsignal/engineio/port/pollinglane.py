"""Fast path, polling: plain requests for an engine are read and answered here, everything else goes to twisted.web.

Replaces twisted.web's channel, request and resource (a line receiver, header objects, a tree of resources: several
times the cost) for what polling consists of: GET and POST of HTTP/1.1 for the path of an engine, without a body or
with a Content-Length. At the first request that is anything else (another path or method, a chunked body, a body that
is too large, an expectation, an upgrade) the rest of the stream, that request included, is passed on untouched, and
the connection with it. It uses nothing of twisted.web; what both do is specified by the same tests.

Limits are those of `rtcsignal.engineio.port.channel`: deadlines are absolute, and a client that does not read is not
read.
Source: RFC 9112 sections 6, 9.3 and 9.6.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.engineio.elsewhere import Upload
from rtcsignal.engineio.http.addresses import Proxies, Slot
from rtcsignal.engineio.http.crossorigin import withCors
from rtcsignal.engineio.http.exchange import TOO_LARGE, Request, RequestError, Response
from rtcsignal.engineio.http.head import TOO_LARGE_HEAD, BadHead, Head, parseHead, plainBodyLength
from rtcsignal.engineio.http.limits import STRANGERS_BODY, HttpLimits
from rtcsignal.engineio.http.request import Caller, requestOf
from rtcsignal.engineio.http.response import ResponseWriter, closingResponse
from rtcsignal.engineio.http.target import MOST_EMPTY_LINES, emptyLines
from rtcsignal.engineio.refusals import Refusals
from rtcsignal.engineio.server import EngineServer
from rtcsignal.engineio.stream.farewell import FAREWELL_SECONDS, endIfClientLeft, halfClose
from rtcsignal.engineio.stream.stallguard import StallGuard
from rtcsignal.engineio.stream.writers import writerFor

__all__ = ["PassOn", "PollingLane"]

_log = Logger()
_END = b"\r\n\r\n"
_CR = 13
_MOST_IN_A_TURN = 8
_MOST_AHEAD = 16_384
_LINGER_SECONDS = 1.0

PassOn: TypeAlias = Callable[[ITransport, Head, bytes, bytes, Slot | None], None]
"""Takes a connection over: transport, head of a request, its bytes, what came behind it, and what counts it."""


class _State(enum.Enum):
    """What a connection is doing."""

    HEAD = "a request may come, or its head is coming"
    BODY = "a body is coming"
    ANSWERING = "a request is being answered; what comes meanwhile is kept"
    LINGERING = "a request has been refused; what comes is ignored"
    ENDED = "there will be no more requests"


# Looking up a member of an enumeration is slow.
_HEAD, _BODY, _ANSWERING = _State.HEAD, _State.BODY, _State.ANSWERING
_LINGERING, _ENDED = _State.LINGERING, _State.ENDED


@implementer(IPushProducer, IHalfCloseableProtocol)
class PollingLane(StallGuard, Protocol):
    """A connection that carries plain requests.

    Args:
        engines: The engines on this port, by path.
        limits: What the connection may cost.
        deadlines: Where deadlines come from.
        proxies: Those that are trusted to say where a request comes from.
        responses: Writes responses.
        passOn: Takes the connection when a request is not for here.
        slot: What counts it.
        refusals: Logs what is refused.
    """

    _head: Head
    _request: Request

    def __init__(
        self,
        engines: Mapping[str, EngineServer],
        limits: HttpLimits,
        deadlines: Deadlines,
        proxies: Proxies,
        responses: ResponseWriter,
        passOn: PassOn,
        slot: Slot | None,
        refusals: Refusals,
    ) -> None:
        self._engines = engines
        self._limits = limits
        self._deadlines = deadlines
        self._proxies = proxies
        self._responses = responses
        self._passOn = passOn
        self._slot = slot
        self._refusals = refusals
        self._state = _HEAD
        self._received = bytearray()
        self._emptyLines = 0
        self._length = 0
        self._post: Upload | None = None
        self._answer: Deferred[Response] | None = None
        self._deadline: Deadline | None = None
        self._isCongested = False

    def connectionMade(self) -> None:
        self._caller = Caller.of(self.transport)
        self._write = writerFor(self.transport)
        self.transport.registerProducer(self, True)

    def dataReceived(self, data: bytes) -> None:
        state = self._state
        if state is _ENDED or state is _LINGERING:
            return
        if state is _HEAD and not self._received:
            self._settle()
        self._received += data
        if state is not _ANSWERING and not self._isCongested:
            self._read()
        elif len(self._received) > _MOST_AHEAD:
            self.transport.pauseProducing()

    def readConnectionLost(self) -> None:
        """The client asks no more, but may still read what it has been answered; a poll that waits is lost."""
        self._settle()
        self._expect(self._limits.sendSeconds)
        self._end(self.transport.loseConnection)

    def writeConnectionLost(self) -> None:
        """A refusal has been written; the deadline ends the rest."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._state = _ENDED
        self._received.clear()
        self._settle()
        self.stallEnds()
        if self._slot is not None:
            self._slot.free()
        if self._post is not None:
            self._post.lost()
        if self._answer is not None:
            self._answer.cancel()

    def pauseProducing(self) -> None:
        """The client does not read its answers: no more of them, and nothing is read from it either."""
        self._isCongested = True
        self.transport.pauseProducing()
        self.stallBegins(self._deadlines, self._limits.sendSeconds)

    def resumeProducing(self) -> None:
        """It has read them."""
        self._isCongested = False
        self.stallEnds()
        if not endIfClientLeft(self.transport):
            self._goOn()

    def stopProducing(self) -> None:
        """The transport is closed; `connectionLost` follows."""

    def _goOn(self) -> None:
        if self._isCongested or self._state in (_LINGERING, _ENDED):
            return
        self.transport.resumeProducing()
        if self._state is not _ANSWERING:
            self._read()

    def _read(self) -> None:
        """Answer the requests that have come, as far as that takes no time."""
        for _ in range(_MOST_IN_A_TURN):
            if self._state is _HEAD:
                self._takeHead()
            if self._state is not _BODY or not self._takeBody() or self._isCongested:
                return
        self.transport.pauseProducing()  # others have to be served, too
        self._deadlines.clock.callLater(0, self._goOn)

    def _takeHead(self) -> None:
        """Take the head of a request, if the whole of it has come."""
        received, limits = self._received, self._limits
        if received and received[0] == _CR and not self._overlookEmptyLines():
            return
        end = received.find(_END)
        most = limits.headerBytes
        if most and (end if end >= 0 else len(received)) > most:
            self._refuseConnection(431, TOO_LARGE_HEAD)
            return
        if end < 0:
            self._expect(limits.headerSeconds if received else limits.idleSeconds)
            return
        block = bytes(received[:end])
        del received[: end + len(_END)]
        self._emptyLines = 0
        self._settle()
        try:
            head = parseHead(block, limits.headerCount)
        except BadHead as error:
            self._refuseConnection(error.status, error.reason)
            return
        engine = self._engines.get(head.path)
        length = None if engine is None else plainBodyLength(head, engine.options.maxPayload)
        if length is None:
            self._leave(head, block)
            return
        self._state, self._head, self._length = _BODY, head, length
        self._request = requestOf(head, self._caller, self._proxies)
        if head.method == "POST":
            self._postStarts()

    def _overlookEmptyLines(self) -> bool:
        """Drop them.

        Returns:
            Whether they are few enough to be ignored.
        """
        count = emptyLines(self._received)
        self._emptyLines += count
        del self._received[: 2 * count]
        if self._emptyLines > MOST_EMPTY_LINES:
            self._refuseConnection(400, "empty lines before a request")
            return False
        return True

    def _postStarts(self) -> None:
        engine, request = self._engines[self._head.path], self._request
        try:
            self._post = engine.postStarted(request)
        except RequestError as error:
            self._refusals.request(request, error.status, error.message)
            self._refuse(withCors(request, error.response(), engine.options.origins))
            return
        if self._post is None and engine.options.maxPayload > 0 and self._length > STRANGERS_BODY:
            self._refusals.request(request, TOO_LARGE.status, "request body too large for an unknown session")
            self._refuse(withCors(request, TOO_LARGE, engine.options.origins))

    def _takeBody(self) -> bool:
        """Answer a request, if the whole of it has come.

        Returns:
            Whether it has.
        """
        received, length = self._received, self._length
        if len(received) < length:
            self._expect(self._limits.bodySeconds)
            return False
        self._settle()
        request = self._request
        if length:
            request = request.withBody(bytes(received[:length]))
            del received[:length]
        self._state, self._post = _ANSWERING, None
        result = self._engines[self._head.path].handle(request)
        if isinstance(result, Deferred):
            self._answer = result
            result.addCallbacks(self._respondLate, self._failed)
        else:
            self._respond(result)
        return True

    def _respondLate(self, response: Response) -> None:
        self._answer = None
        if self._state is _ANSWERING:
            self._respond(response)
            self._goOn()

    def _failed(self, failure: Failure) -> None:
        """A poll of a client that has gone away, or a fault of ours."""
        self._answer = None
        if failure.check(CancelledError) is None:
            _log.failure("a request could not be answered", failure)
            self.transport.abortConnection()

    def _respond(self, response: Response) -> None:
        closes = "close" in self._head.headers.get("connection", "").lower()
        answer = closingResponse(response) if closes else self._responses.write(response)
        self._write(self.transport, answer)
        if closes:
            self._end(self.transport.loseConnection)
            self._expect(self._limits.sendSeconds)
        else:
            self._state = _HEAD

    def _refuseConnection(self, status: int, reason: str) -> None:
        self._refusals.connection(self._caller.address, status, reason)
        self._refuse(Response(status))

    def _refuse(self, response: Response) -> None:
        """Answer before the whole request has come, and hang up.

        Reading goes on for a moment: to close a socket with unread data would destroy the answer on its way.
        """
        self.transport.write(closingResponse(response))
        self._end(lambda: halfClose(self.transport))
        self._state = _LINGERING
        self._expect(_LINGER_SECONDS)

    def _leave(self, head: Head, block: bytes) -> None:
        """Pass the connection on, with a request that is not for here."""
        slot, self._slot = self._slot, None
        self.transport.resumeProducing()  # over TLS it may be paused, and bring more that had been read before
        self._end(lambda: self._passOn(self.transport, head, block, bytes(self._received), slot))

    def _end(self, then: Callable[[], None]) -> None:
        self._state = _ENDED
        self.stallEnds()
        self.transport.unregisterProducer()
        then()
        self._received.clear()

    def _expect(self, seconds: float) -> None:
        """What is missing must come within `seconds` of the first time that this is said; 0 for no deadline."""
        if self._deadline is None and seconds:
            self._deadline = self._deadlines.after(seconds).start(PollingLane._late, self)

    def _settle(self) -> None:
        """It has come."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if self._state is _LINGERING or (self._state is _HEAD and not self._received):
            self._expect(FAREWELL_SECONDS)
            self._end(self.transport.loseConnection)
        else:
            self.transport.abortConnection()
