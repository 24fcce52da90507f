"""The node that has a session, and the requests that other nodes bring it.

What a client may do is checked here, as if it had come here itself; its address is what the other node says.
"""

from __future__ import annotations

import hmac
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.deadlines import Deadline
from rtcsignal.engineio.forwarding.frames import (
    VERSION,
    Answer,
    Ask,
    Cancel,
    Frame,
    FrameError,
    Frames,
    Hello,
    Lost,
    Ping,
    Pong,
    Upgrade,
    encoded,
)
from rtcsignal.engineio.http.crossorigin import withCors
from rtcsignal.engineio.http.exchange import TOO_LARGE, Request, RequestError, Response
from rtcsignal.engineio.http.head import BadHead, parseHead
from rtcsignal.engineio.http.limits import STRANGERS_BODY
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.server import EngineServer
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import safe

__all__ = ["Reception"]

_log = Logger()
_HELLO_SECONDS = 5.0
_MOST_HELLO = 1_024
_MOST_BESIDES = 256 * 1_024
"""Bytes of a frame beside the body of its request: headers, query, what came behind an upgrade."""


class Reception(Factory):
    """Listens for other nodes.

    Args:
        engine: Has the sessions.
        port: Opens their WebSockets.
        token: What other nodes must present first.
        logRation: How much may go to the log.

    Attributes:
        refused: How many connections did not present it, or sent what makes no sense.
    """

    noisy = False

    def __init__(self, engine: EngineServer, port: PortFactory, token: str, logRation: LogRation) -> None:
        self.engine = engine
        self.port = port
        self.refused = 0
        self._token = token.encode()
        self._logRation = logRation
        self._visits: set[_Visit] = set()

    @property
    def mostBytes(self) -> int:
        """Most bytes of a frame; 0 for no limit."""
        most = self.engine.options.maxPayload
        return most + _MOST_BESIDES if most else 0

    def buildProtocol(self, addr: IAddress | None) -> _Visit:
        return _Visit(self)

    def isOurs(self, token: str) -> bool:
        """Whether a token is the right one."""
        return hmac.compare_digest(token.encode("utf-8", "replace"), self._token)

    def note(self, why: str) -> None:
        """A connection was refused."""
        self.refused += 1
        if self._logRation.allows("visits of nodes"):
            _log.warn("refused a link from another node: {why}", why=safe(why))

    def came(self, visit: _Visit) -> None:
        """A connection has been made."""
        self._visits.add(visit)

    def left(self, visit: _Visit) -> None:
        """It is gone, or has become one of a client."""
        self._visits.discard(visit)

    def close(self) -> None:
        """End the links. Connections of clients are the engine's."""
        for visit in list(self._visits):
            visit.transport.loseConnection()


class _Visit(Protocol):
    """A connection of another node.

    Args:
        reception: Where it came in.
    """

    transport: Any

    def __init__(self, reception: Reception) -> None:
        self._reception = reception
        self._engine = reception.engine
        self._frames = Frames(_MOST_HELLO)
        self._isKnown = False
        self._running: dict[int, Deferred[Any]] = {}
        self._deadline: Deadline | None = None

    def connectionMade(self) -> None:
        self._reception.came(self)
        self.transport.setTcpNoDelay(True)
        self._deadline = self._engine.deadlines.after(_HELLO_SECONDS).start(_Visit._late, self)

    def dataReceived(self, data: bytes) -> None:
        self._frames.add(data)
        try:
            if not self._isKnown:
                self._greeted()
            if self._isKnown:
                for frame in self._frames.read():
                    if isinstance(frame, Upgrade):
                        self._upgrade(frame)
                        return
                    self._take(frame)
        except FrameError as error:
            self._refuse(str(error))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._settle()
        self._reception.left(self)
        running, self._running = self._running, {}
        for answer in running.values():
            answer.cancel()  # to us the other node is the client, and it has gone

    def _greeted(self) -> None:
        hello = next(self._frames.read(), None)
        if hello is None:
            return
        if not isinstance(hello, Hello) or not self._reception.isOurs(hello.token):
            self._refuse("it does not know the token of this node")
        elif hello.version != VERSION:
            self._refuse(f"it speaks version {hello.version} of the format, and this node version {VERSION}")
        else:
            self._settle()
            self._isKnown = True
            rest = self._frames.rest()
            self._frames = Frames(self._reception.mostBytes)
            self._frames.add(rest)

    def _take(self, frame: Frame) -> None:
        if isinstance(frame, Ask):
            self._ask(frame.number, frame.asked.request(frame.body))
        elif isinstance(frame, Cancel):
            running = self._running.pop(frame.number, None)
            if running is not None:
                running.cancel()
        elif isinstance(frame, Ping):
            self.transport.write(encoded(Pong()))
        elif isinstance(frame, Lost):
            self._lost(frame.asked.request())
        else:
            raise FrameError("a frame that only this node could send")

    def _ask(self, number: int, request: Request) -> None:
        answer = self._answered(request)
        if isinstance(answer, Response):
            self._respond(number, answer)
            return
        self._running[number] = answer
        answer.addCallback(lambda response: self._respondLate(number, response))
        answer.addErrback(self._failed, number)

    def _answered(self, request: Request) -> Response | Deferred[Response]:
        """Answer a request whose body is there already: what is checked before it comes elsewhere is checked now."""
        if request.method != "POST":
            return self._engine.handleHere(request)
        options = self._engine.options
        try:
            posts = self._engine.postStartedHere(request)
        except RequestError as error:
            self._engine.refusals.request(request, error.status, error.message)
            return withCors(request, error.response(), options.origins)
        most = options.maxPayload if posts is not None else min(options.maxPayload, STRANGERS_BODY)
        if most and len(request.body) > most:
            if posts is not None:
                posts.refused()
            self._engine.refusals.request(request, TOO_LARGE.status, "request body too large")
            return withCors(request, TOO_LARGE, options.origins)
        return self._engine.handleHere(request)

    def _respond(self, number: int, response: Response) -> None:
        self.transport.write(encoded(Answer(number, response.status, response.body, response.headers)))

    def _respondLate(self, number: int, response: Response) -> None:
        if self._running.pop(number, None) is not None:
            self._respond(number, response)

    def _failed(self, failure: Failure, number: int) -> None:
        """A client that has gone away, or a fault of ours."""
        isAwaited = self._running.pop(number, None) is not None
        if failure.check(CancelledError) is None:
            _log.failure("a request could not be answered", failure)
        if isAwaited:
            self._respond(number, Response(500))

    def _lost(self, request: Request) -> None:
        try:
            posts = self._engine.postStartedHere(request)
        except RequestError:
            return  # another one is running, and the session has been closed for that
        if posts is not None:
            posts.lost()

    def _upgrade(self, frame: Upgrade) -> None:
        """The connection is that of a client from now on."""
        port = self._reception.port
        try:
            head = parseHead(frame.block, port.limits.headerCount)
        except BadHead as error:
            self._refuse(error.reason)
            return
        if head.path not in port.engines:
            self._refuse("an upgrade at a path that this node does not serve")
            return
        self._reception.left(self)
        rest = frame.rest + self._frames.rest()
        port.openWebSocket(self.transport, head, frame.asked.request(), frame.block, rest, None)

    def _refuse(self, why: str) -> None:
        self._settle()
        self._reception.note(why)
        self.transport.abortConnection()

    def _late(self) -> None:
        self._deadline = None
        self._refuse("it says nothing")

    def _settle(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
