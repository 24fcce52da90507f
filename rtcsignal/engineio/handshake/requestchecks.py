"""Which requests an Engine.IO server accepts.

The order of the checks, statuses and messages are those of the protocol's reference server, except that it refuses
revisions other than 3 and 4.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rtcsignal.engineio.http.crossorigin import asksForScript, pageRefusal, scriptRefusal
from rtcsignal.engineio.http.exchange import (
    Request,
    badMethod,
    badRequest,
    forbidden,
    tooMany,
    unknownSid,
    unknownTransport,
    unsupportedRevision,
)
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.polling.transport import PollingTransport
from rtcsignal.engineio.registry import Registry

__all__ = ["RequestChecks"]

_REVISIONS: dict[str, Revision] = {"3": 3, "4": 4}


class RequestChecks:
    """Checks requests before anything is done for them.

    Args:
        options: Settings and limits.
        registry: The sessions.
        pollings: The transports of the sessions that are on polling, by sid.
        admit: Called with each handshake; raises `RequestError` to refuse it.

    Attributes:
        isClosing: The server takes no more sessions.
    """

    def __init__(
        self,
        options: EngineOptions,
        registry: Registry,
        pollings: Mapping[str, PollingTransport],
        admit: Callable[[Request], None] | None,
    ) -> None:
        self._options = options
        self._registry = registry
        self._pollings = pollings
        self._admit = admit
        self.isClosing = False

    def check(self, request: Request, upgrade: bool) -> None:
        """Check a request.

        Args:
            request: The request.
            upgrade: It asks for a WebSocket.

        Raises:
            RequestError: It is refused.
        """
        transport, options, pollings = request.query.get("transport"), self._options, self._pollings
        if transport not in options.transports:
            raise unknownTransport()
        refusal = pageRefusal(request, options.origins)
        if refusal is not None:
            raise refusal
        sid = request.query.get("sid", "")
        if not upgrade and (asksForScript(request) or (sid in pollings and pollings[sid].answersByScripts)):
            refusal = scriptRefusal(request, options.origins, options.jsonp)
            if refusal is not None:
                raise refusal
        if sid:
            if sid not in self._registry.sessions:
                raise unknownSid()
            if upgrade != (transport == "websocket") or (not upgrade and sid not in pollings):
                raise badRequest()
            return
        if request.method != "GET":
            raise badMethod()
        if upgrade != (transport == "websocket"):
            raise badRequest()
        self._checkHandshake(request)

    def revisionOf(self, request: Request) -> Revision:
        """The revision of Engine.IO that a handshake names, or that clients have which name none.

        Raises:
            RequestError: The server does not speak it.
        """
        named = request.query.get("EIO")
        revision = self._options.withoutEio if named is None else _REVISIONS.get(named)
        if revision is None:
            raise unsupportedRevision()
        return revision

    def _checkHandshake(self, request: Request) -> None:
        if self.isClosing:
            raise forbidden("Server is shutting down", 503)
        if self._admit is not None:
            self._admit(request)
        self.revisionOf(request)
        if not self._registry.hasSlotFor(request.address):
            raise tooMany()
