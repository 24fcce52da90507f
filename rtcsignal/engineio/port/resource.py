"""Engine.IO requests that come through twisted.web: a resource that makes values of them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from rtcsignal.engineio.http.exchange import Request, Response
from rtcsignal.engineio.http.head import Head
from rtcsignal.engineio.http.request import Caller, requestOf
from rtcsignal.engineio.http.response import REASONS
from rtcsignal.engineio.port.webrequest import BoundedRequest, headersOf
from rtcsignal.engineio.server import EngineServer

__all__ = ["EngineResource"]

_log = Logger()


class EngineResource(Resource):
    """Brings the requests of twisted.web to an Engine.IO server.

    Args:
        engine: The server.
    """

    isLeaf = True

    def __init__(self, engine: EngineServer) -> None:
        super().__init__()
        self._engine = engine

    def render(self, request: BoundedRequest) -> Any:
        if request.path.decode("latin-1") != self._engine.options.path:
            _write(request, Response(404, b"Not found").plus(("X-Content-Type-Options", "nosniff")))
            return NOT_DONE_YET
        result = self._engine.handle(self._values(request))
        if isinstance(result, Deferred):
            request.notifyFinish().addErrback(lambda _: result.cancel())
            result.addCallback(lambda response: _write(request, response))
            result.addErrback(_failed, request)
        else:
            _write(request, result)
        return NOT_DONE_YET

    @staticmethod
    def _values(request: BoundedRequest) -> Request:
        path, _, query = request.uri.decode("latin-1").partition("?")
        head = Head(request.method.decode("latin-1"), path, query, headersOf(request))
        channel = request.channel
        return requestOf(head, Caller.of(channel.transport), channel.site.proxies, request.content.read())


def _failed(failure: Failure, request: BoundedRequest) -> None:
    """A poll of a client that has gone away, or a fault of ours."""
    if failure.check(CancelledError) is None:
        _log.failure("a request could not be answered", failure)
        request.channel.abort()


def _write(request: BoundedRequest, response: Response) -> None:
    reason = REASONS.get(response.status)
    request.setResponseCode(response.status, reason.encode() if reason else None)
    for name, value in response.headers:
        request.responseHeaders.addRawHeader(name.encode("latin-1"), value.encode("latin-1"))
    if response.status != 204:
        request.responseHeaders.setRawHeaders(b"content-length", [b"%d" % len(response.body)])
    request.write(response.body)
    request.finish()
