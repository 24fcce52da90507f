"""An Engine.IO server: answers the requests for one path, and keeps the sessions.

It takes requests as values (`Request`) and answers with values, whatever carries them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from functools import partial
from types import MappingProxyType

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from rtcsignal.deadlines import Deadlines
from rtcsignal.engineio.allowances.intake import Allowance, Intake
from rtcsignal.engineio.elsewhere import Elsewhere, Upload
from rtcsignal.engineio.frames import textFrame
from rtcsignal.engineio.greeting import byName
from rtcsignal.engineio.handshake.introduction import Introduction, isNeeded
from rtcsignal.engineio.handshake.openings import Openings
from rtcsignal.engineio.handshake.requestchecks import RequestChecks
from rtcsignal.engineio.http.compression import Compression
from rtcsignal.engineio.http.crossorigin import preflight, withCors
from rtcsignal.engineio.http.exchange import Request, RequestError, Response, tooMany
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.polling.posts import Posts
from rtcsignal.engineio.polling.transport import PollingTransport
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.refusals import Refusals
from rtcsignal.engineio.registry import Registry
from rtcsignal.engineio.session import Application, Session
from rtcsignal.engineio.upgrade import Upgrade
from rtcsignal.engineio.websocket.link import Admission, WebSocketLink
from rtcsignal.engineio.websocket.links import Links
from rtcsignal.engineio.websocket.transport import WebSocketTransport
from rtcsignal.lograte import LogRation

__all__ = ["EngineServer", "makeSid"]

_log = Logger()
_SID_BYTES = 16
_LAST_RESPONSE_SECONDS = 0.05


def makeSid() -> str:
    """A session id: 128 random bits, safe in a URL."""
    return secrets.token_urlsafe(_SID_BYTES)


class EngineServer:
    """Serves one path.

    Args:
        options: Settings and limits.
        clock: The time.
        connect: Called with each new session; returns what its messages are for. It may send at once.
        admit: Called with each handshake; raises `RequestError` (see `forbidden`) to refuse it.
        makeSid: Makes session ids.
        stopping: Called once, when the server begins to close.

    Attributes:
        elsewhere: The sessions of other nodes; None if there are no others.
    """

    elsewhere: Elsewhere | None = None

    def __init__(
        self,
        options: EngineOptions,
        clock: IReactorTime,
        connect: Callable[[Session], Application],
        admit: Callable[[Request], None] | None = None,
        makeSid: Callable[[], str] = makeSid,
        stopping: Callable[[], None] | None = None,
    ) -> None:
        self.options = options
        self.deadlines = Deadlines(clock)
        self.intake = Intake(clock, options.bytesRate, options.framesRate)
        self._compression = Compression(clock)
        self.registry = Registry(options.sessionsPerAddress)
        self.refusals = Refusals(LogRation(clock.seconds))
        self._clock = clock
        self._makeSid = makeSid
        self._stopping = stopping
        self._polling: dict[str, PollingTransport] = {}
        self._links = Links(options.sessionsPerAddress)
        self._checks = RequestChecks(options, self.registry, self._polling, admit)
        count = self.intake.frameReceived
        self._openings = Openings(options, self.deadlines, self.registry, connect, self._gone, count)
        self._closed: Deferred[None] | None = None
        self._giveUp: IDelayedCall | None = None

    @property
    def pollings(self) -> Mapping[str, PollingTransport]:
        """The transports of the sessions that are on polling, by sid."""
        return MappingProxyType(self._polling)

    @property
    def links(self) -> Collection[WebSocketLink]:
        """The WebSockets that were admitted and are open, or about to close."""
        return self._links.all

    @property
    def idleLinks(self) -> int:
        """How many of them are counted as carrying no session."""
        return sum(self._links.counts.values())

    def handle(self, request: Request) -> Response | Deferred[Response]:
        """Answer a request that is not a WebSocket upgrade.

        Returns:
            The answer; a Deferred while a poll waits. Cancelling that means that the client has gone away.
        """
        if self.elsewhere is not None and request.method != "OPTIONS":
            answer = self.elsewhere.handle(request)
            if answer is not None:
                return answer
        return self.handleHere(request)

    def handleHere(self, request: Request) -> Response | Deferred[Response]:
        """The same for a request whose session is on this node or on none: one that another node has brought."""
        self.deadlines.catchUp()
        if request.method == "OPTIONS":
            return withCors(request, preflight(request), self.options.origins)
        try:
            response = self._answer(request)
        except RequestError as error:
            self.refusals.request(request, error.status, error.message)
            response = error.response()
        if isinstance(response, Deferred):
            return response.addCallback(lambda late: withCors(request, late, self.options.origins))
        return withCors(request, response, self.options.origins)

    def postStarted(self, request: Request) -> Upload | None:
        """The headers of a POST have come, its body has not.

        Returns:
            What its loss is to be told to, or None if the session is not known.

        Raises:
            RequestError: Another POST of the session is running.
        """
        upload = None if self.elsewhere is None else self.elsewhere.postStarted(request)
        return self.postStartedHere(request) if upload is None else upload

    def postStartedHere(self, request: Request) -> Posts | None:
        """The same for a request whose session is on this node or on none."""
        try:
            self._checks.check(request, upgrade=False)
        except RequestError:
            return None  # `handle` will say so; the session has nothing to do with it
        posts = self._polling[request.query["sid"]].posts  # else a POST does not pass the checks
        posts.started()
        return posts

    def admitWebSocket(self, request: Request) -> Admission:
        """Check a WebSocket upgrade request before the 101.

        Raises:
            RequestError: It is refused.
        """
        self._checks.check(request, upgrade=True)
        if not self._links.hasSlotFor(request.address):
            raise tooMany()
        base64 = request.query.get("b64") in ("1", "true")
        sid = request.query.get("sid")
        if not sid:
            return _NewSession(self, request, self._makeSid(), self._checks.revisionOf(request), base64)
        return _Takeover(self, request, self.registry.sessions[sid], base64)

    def linkClosed(self, link: WebSocketLink) -> None:
        """A WebSocket that was admitted and open is gone."""
        self._links.remove(link)
        self._checkClosed()

    def close(self, seconds: float = 5.0) -> Deferred[None]:
        """Take no more sessions, and end all in such a way that their clients reconnect automatically.

        Args:
            seconds: Clients that have not been told by then are aborted.

        Returns:
            Fires when all are gone.
        """
        if self._closed is None:
            self._closed = Deferred()
            self._checks.isClosing = True
            self._giveUp = self._clock.callLater(seconds, self._abandon)
            if self._stopping is not None:
                self._stopping()
            for session in list(self.registry.sessions.values()):
                session.close(CloseReason.SHUTDOWN)
            for link in self._links.all:
                if isinstance(link.receiver, Introduction):
                    link.receiver.end()
            self._checkClosed()
        waiting: Deferred[None] = Deferred()
        self._closed.addCallback(lambda _: waiting.callback(None))
        return waiting

    def _answer(self, request: Request) -> Response | Deferred[Response]:
        self._checks.check(request, upgrade=False)
        sid = request.query.get("sid")
        if not sid:
            return self._handshake(request)
        polling = self._polling[sid]
        if request.method == "GET":
            return polling.poll(request)
        if request.method == "POST":
            return polling.posts.take(request)
        return Response(405, b"", (("Allow", "GET, POST, OPTIONS"),))

    def _handshake(self, request: Request) -> Response | Deferred[Response]:
        sid, openings = self._makeSid(), self._openings
        headers = openings.headers(request, sid)
        session = openings.newSession(sid, self._checks.revisionOf(request), request)
        polling = PollingTransport(session, self.options, self.deadlines, self.intake, self._compression)
        self._polling[session.sid] = polling
        session.carriedBy(polling, Phase.POLLING)
        upgrades = ["websocket"] if "websocket" in self.options.transports else []
        polling.sendPacket(openings.packet(sid, upgrades))
        openings.begin(session)
        return polling.handshake(request, headers)

    def _upgraded(self, session: Session, link: WebSocketLink) -> None:
        del self._polling[session.sid]
        self._links.carries(link)
        _log.debug("session upgraded (conn {conn})", conn=session.conn)

    def _gone(self, session: Session) -> None:
        self.registry.remove(session)
        self._polling.pop(session.sid, None)
        if isinstance(session.transport, WebSocketTransport):
            self._links.count(session.transport.link, session.request.address)
        self._checkClosed()

    def _checkClosed(self) -> None:
        if self._closed is None or self.registry.sessions or len(self._links):
            return
        if self._giveUp is not None:
            giveUp, self._giveUp = self._giveUp, None
            if giveUp.active():
                giveUp.cancel()
            # The last poll's answer has yet to leave.
            self._clock.callLater(_LAST_RESPONSE_SECONDS, self._closed.callback, None)

    def _abandon(self) -> None:
        for session in list(self.registry.sessions.values()):
            session.abort(CloseReason.SHUTDOWN)
        for link in self._links.all:
            link.drop()


class _NewSession:
    """Leave to open a session on a WebSocket."""

    def __init__(self, server: EngineServer, request: Request, sid: str, revision: Revision, base64: bool) -> None:
        self.headers = byName(server._openings.headers(request, sid))
        self.request = request
        self._server = server
        self._sid = sid
        self._revision = revision
        self._base64 = base64

    def opened(self, link: WebSocketLink) -> None:
        server, request = self._server, self.request
        server._links.add(link)
        link.writeFrame(textFrame(server._openings.packet(self._sid, []).encode()))
        if not isNeeded(request, self._revision):
            self._begin(link, self._revision)
            return
        server._links.count(link, request.address)
        begin = partial(self._beginLate, link)
        Introduction(link, request.address, server.deadlines, server.options.upgradeTimeout, begin)

    def _beginLate(self, link: WebSocketLink, revision: Revision) -> None:
        server = self._server
        if server.registry.hasSlotFor(self.request.address):
            server._links.carries(link)
            self._begin(link, revision)
        else:
            link.closeWith(1008)  # others have taken the slots that there were

    def _begin(self, link: WebSocketLink, revision: Revision) -> None:
        server = self._server
        session = server._openings.newSession(self._sid, revision, self.request)
        allowance = Allowance(server.intake, session.request.address)
        session.carriedBy(WebSocketTransport(session, link, self._base64, allowance), Phase.WEBSOCKET)
        try:
            server._openings.begin(session)
        except RequestError:
            pass  # the WebSocket has been closed and the log has a line


class _Takeover:
    """Leave to open a WebSocket for a session that exists."""

    def __init__(self, server: EngineServer, request: Request, session: Session, base64: bool) -> None:
        self.headers: dict[str, list[str]] = {}
        self.request = request
        self._server = server
        self._session = session
        self._base64 = base64

    def opened(self, link: WebSocketLink) -> None:
        server, session = self._server, self._session
        server._links.add(link)
        server._links.count(link, self.request.address)
        polling = server._polling.get(session.sid)
        if polling is None or session.phase is not Phase.POLLING:
            link.closeWith(1008)
            return
        timeouts = server.deadlines.after(server.options.upgradeTimeout)
        Upgrade(session, polling, link, self._base64, timeouts, server._upgraded)
