"""How sessions begin, whichever transport they begin on: the open packet, the first headers, the application."""

from __future__ import annotations

import json
from collections.abc import Callable

from twisted.logger import Logger

from rtcsignal.addresses import whereabouts
from rtcsignal.deadlines import Deadlines
from rtcsignal.engineio.greeting import greeting
from rtcsignal.engineio.http.exchange import Headers, Request, internalError
from rtcsignal.engineio.liveness.heartbeat import ClientHeartbeat, ServerHeartbeat
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import OPEN, Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.registry import Registry
from rtcsignal.engineio.session import NOBODY, Application, Heartbeat, Session

__all__ = ["Openings"]

_log = Logger()


class Openings:
    """Makes sessions, and connects them with the application.

    Args:
        options: Settings.
        deadlines: Where heartbeats have their deadlines from.
        registry: Where sessions are listed.
        connect: Called with each new session; returns what its messages are for. It may send at once.
        gone: Called with a session when its sid means nothing any more.
        count: Called with a session for each packet or frame that is not a message.
    """

    def __init__(
        self,
        options: EngineOptions,
        deadlines: Deadlines,
        registry: Registry,
        connect: Callable[[Session], Application],
        gone: Callable[[Session], None],
        count: Callable[[Session], None],
    ) -> None:
        self._options = options
        self._registry = registry
        # Bound once, not once for each session.
        self._connect, self._gone, self._count = connect, gone, count
        interval, timeout = options.pingInterval, options.pingTimeout
        self._heartbeats: dict[Revision, Heartbeat] = {
            3: ClientHeartbeat(deadlines, interval, timeout),
            4: ServerHeartbeat(deadlines, interval, timeout),
        }

    def newSession(self, sid: str, revision: Revision, request: Request) -> Session:
        """A session, listed but not carried by anything yet.

        Args:
            sid: Its id.
            revision: That of its client.
            request: The handshake.
        """
        session = Session(sid, revision, request, self._heartbeats[revision], self._gone, self._count)
        self._registry.add(session)
        return session

    def packet(self, sid: str, upgrades: list[str]) -> str:
        """The open packet.

        Args:
            sid: The id of the session.
            upgrades: The transports that its client may change to.
        """
        options = self._options
        opening = {
            "sid": sid,
            "upgrades": upgrades,
            "pingInterval": round(options.pingInterval * 1000),
            "pingTimeout": round(options.pingTimeout * 1000),
            "maxPayload": options.maxPayload,
        }
        return OPEN + json.dumps(opening, separators=(",", ":"))

    def headers(self, request: Request, sid: str) -> Headers:
        """The headers of the handshake response.

        Raises:
            RequestError: What makes them has failed.
        """
        return greeting(request, sid, self._options.cookie, self._options.handshakeHeaders)

    def begin(self, session: Session) -> None:
        """Connect the application, after the open packet.

        Raises:
            RequestError: The application has failed, and the session is over.
        """
        session.application = NOBODY
        try:
            application = self._connect(session)
        except Exception as error:
            session.failed(error)
            session.abort(CloseReason.FAILED)
            raise internalError() from error
        if session.isOpen:
            session.application = application
            session.start()
        _log.debug(
            "session opened by {address}: {transport}, revision {revision} (conn {conn})",
            address=whereabouts(session.request.address),
            transport=session.transportName,
            revision=session.revision,
            conn=session.conn,
        )
