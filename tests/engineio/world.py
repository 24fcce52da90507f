"""An Engine.IO server in memory: the real port, engine, sessions and heartbeats, on a clock of the test.

Polls and posts are handed to the engine as values (`Poller`); WebSockets and raw HTTP come as bytes through the port
(`Visitor`, `Socket`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from twisted.web.resource import Resource

from rtcsignal.engineio.http.exchange import Request, RequestError
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.invariants import checkEngine
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.port.resource import EngineResource
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.server import EngineServer, makeSid
from rtcsignal.engineio.session import Application, Session
from tests.engineio.memory import SelectingClock
from tests.engineio.poller import Answer, Poller, request
from tests.engineio.recorder import Recorder
from tests.engineio.visitor import AFTER_HANDSHAKE, Socket, Visitor
from tests.wire.rawws import upgradeBytes

__all__ = [
    "AFTER_HANDSHAKE",
    "Answer",
    "Poller",
    "Recorder",
    "Socket",
    "Visitor",
    "World",
    "refusal",
    "request",
]


class Root(Resource):
    """A site that has nothing but what is put into it."""

    def getChild(self, path: bytes, request: object) -> Resource:
        return Nothing()


class Nothing(Resource):
    """What is not there."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        request.setResponseCode(404)
        return b"nothing"


class World:
    """One server, and everybody who ever connected to it.

    Args:
        clock: The time; it stands still unless the test turns it.
        options: Settings of the engine.
        limits: What an HTTP connection may cost.
        connect: Makes the application of a session; by default a `Recorder`.
        admit: See `EngineServer`.
        makeSid: See there as well.

    Attributes:
        clock: The time.
        root: The site.
        applications: What `connect` made, in order.
    """

    def __init__(
        self,
        clock: SelectingClock,
        options: EngineOptions,
        limits: HttpLimits,
        connect: Callable[[Session], Application] = Recorder,
        admit: Callable[[Request], None] | None = None,
        makeSid: Callable[[], str] = makeSid,
    ) -> None:
        self.clock = clock
        self.applications: list[Any] = []
        self._makeApplication = connect
        self.engine = EngineServer(options, self.clock, self._connect, admit, makeSid)
        self.root = Root()
        self.root.putChild(options.path.strip("/").encode(), EngineResource(self.engine))
        self.port = PortFactory([self.engine], self.root, limits, self.clock)
        self._visitors: list[Visitor] = []

    def _connect(self, session: Session) -> Application:
        application = self._makeApplication(session)
        self.applications.append(application)
        return application

    @property
    def sids(self) -> list[str]:
        """The sids that mean something."""
        return list(self.engine.registry.sessions)

    def session(self, sid: str) -> Session:
        """The session with a sid."""
        return self.engine.registry.sessions[sid]

    def handle(self, method: str, query: Mapping[str, str], **headers: str) -> Answer:
        """A request without a body, as values; header names are written with underscores."""
        return Answer(self.engine.handle(request(method, query, **headers)))

    def poller(self, revision: Revision, **query: str) -> Poller:
        """A new session on polling."""
        return Poller(self, revision, query)

    def visitor(self, host: str = "192.0.2.1", real: bool = False) -> Visitor:
        """A new connection to the port; a real one has Twisted's own transport."""
        visitor = Visitor(self, host, real)
        self._visitors.append(visitor)
        return visitor

    def socket(self, revision: Revision, query: str = "", real: bool = False) -> Socket:
        """A new session on a WebSocket, of which the open packet has been read."""
        socket = self.openSocket(f"EIO={revision}&transport=websocket{query}", real)
        socket.revision = revision
        self.clock.advance(AFTER_HANDSHAKE)
        opening, *socket.early = socket.take()
        assert isinstance(opening, str)
        socket.sid = json.loads(opening[1:])["sid"]
        return socket

    def openSocket(self, query: str, real: bool = False) -> Socket:
        """A WebSocket that was accepted, with nothing read behind the 101."""
        visitor = self.visitor(real=real)
        visitor.send(upgradeBytes(self.engine.options.path + "?" + query))
        return Socket(visitor)

    def turn(self) -> None:
        """One turn of the reactor."""
        self.clock.advance(0)

    def leave(self) -> None:
        """Everybody goes."""
        for session in list(self.engine.registry.sessions.values()):
            session.abort(CloseReason.TRANSPORT_CLOSE)
        for visitor in self._visitors:
            visitor.link.close()

    def finish(self) -> None:
        """Everybody goes: nothing may be left of anybody."""
        self.turn()
        problems = list(checkEngine(self.engine))
        assert problems == []
        self.leave()
        self.clock.pump([1] * 5)
        assert self.sids == []
        problems = list(checkEngine(self.engine))
        assert problems == []
        assert len(self.engine.deadlines) == 0, "deadlines of nobody"
        assert len(self.port.deadlines) == 0, "deadlines of connections that are gone"
        assert self.clock.getDelayedCalls() == [], "timers of nobody"


def refusal(world: World, query: Mapping[str, str], **headers: str) -> RequestError | None:
    """Why a WebSocket is refused; None if it is not."""
    try:
        world.engine.admitWebSocket(request("GET", query, **headers))
    except RequestError as error:
        return error
    return None
