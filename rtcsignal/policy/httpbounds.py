"""What an answer to a plugin's HTTP request may cost: bytes of its head and of its body, also unpacked, and time.

Twisted reads as much as comes. A service that is broken, or not the one that was meant, could fill the memory of the
server with one answer, or hold on to it for ever.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.components import proxyForInterface
from twisted.python.failure import Failure
from twisted.web._newclient import HTTP11ClientProtocol
from twisted.web.client import HTTPConnectionPool, ResponseDone, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

__all__ = ["BoundedAgent", "BoundedPool", "ResponseTooLong"]

_HEAD_BYTES = 65_536
_GZIP = 16 + zlib.MAX_WBITS


class ResponseTooLong(Exception):
    """An answer has more bytes than it may have."""


class _Received(proxyForInterface(IResponse)):  # type: ignore[misc]
    """A response, and how to end the connection on which its body comes.

    Args:
        original: The response.
        abort: Ends the connection, if the body has not come to its end.
    """

    def __init__(self, original: IResponse, abort: Callable[[], None]) -> None:
        super().__init__(original)
        self.abort = abort


class _Connection(HTTP11ClientProtocol):
    """A connection to a service that reads no heads without end.

    It knows of HTTP11ClientProtocol the state ``QUIESCENT``, in which no answer is under way.
    """

    _number = 0
    _ofHead: int | None = None
    """Bytes of the head so far; None when none is under way."""
    _why: Exception | None = None
    transport: Any

    def request(self, request: Any) -> Deferred[Any]:
        self._number += 1
        self._ofHead = 0
        responded: Deferred[Any] = super().request(request)
        return responded.addBoth(self._responded).addCallback(_Received, partial(self._abort, self._number))

    def dataReceived(self, data: bytes) -> None:
        if self._ofHead is not None:
            if self._ofHead > _HEAD_BYTES:
                self._why = ResponseTooLong(f"the head of the answer has more than {_HEAD_BYTES} bytes")
                self.transport.abortConnection()
                return
            self._ofHead += len(data)
        super().dataReceived(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        super().connectionLost(reason if self._why is None else Failure(self._why))

    def _responded(self, result: Any) -> Any:
        self._ofHead = None
        return result

    def _abort(self, number: int) -> None:
        # Otherwise the answer is over, and the connection may serve someone else.
        if number == self._number and self.state not in ("QUIESCENT", "CONNECTION_LOST"):
            self.transport.abortConnection()


class BoundedPool(HTTPConnectionPool):
    """A pool of such connections, which writes no line for the beginning and the end of each."""

    class _factory(HTTPConnectionPool._factory):  # type: ignore[misc, valid-type]
        noisy = False

        def buildProtocol(self, addr: Any) -> HTTP11ClientProtocol:
            return _Connection(self._quiescentCallback)


@implementer(IAgent)
class BoundedAgent:
    """Makes one request, whose answers are bounded, those on the way to another address too.

    Args:
        agent: Makes requests, on connections of a `BoundedPool`.
        reactor: The time.
        most: Most bytes of a body, also once it is unpacked.
        seconds: How long a body may take.
    """

    def __init__(self, agent: IAgent, reactor: Any, most: int, seconds: float) -> None:
        self._agent = agent
        self._reactor = reactor
        self._most = most
        self._seconds = seconds

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """See `IAgent.request`. Fails with `ResponseTooLong` if there is no end of the answer's head."""
        response: Deferred[Any] = self._agent.request(method, uri, headers, bodyProducer)
        return response.addCallbacks(self._received, _reasonOf)

    def _received(self, response: _Received) -> IResponse:
        packed = b",".join(response.headers.getRawHeaders(b"content-encoding", []))
        codings = [coding.strip().lower() for coding in packed.split(b",")]
        if b"gzip" in codings and len(codings) > 1:
            response.abort()
            raise ValueError("the answer is packed more than once")
        return _BoundedResponse(response, self._reactor, self._most, self._seconds, b"gzip" in codings)


class _BoundedResponse(proxyForInterface(IResponse)):  # type: ignore[misc]
    """A response whose body is bounded, and unpacked."""

    def __init__(self, original: _Received, reactor: Any, most: int, seconds: float, packed: bool) -> None:
        super().__init__(original)
        self._received = original
        self._most = most
        self._why: Exception | None = None
        self._unpacker: Any = None
        if packed:
            original.headers.removeHeader(b"content-encoding")
            self._unpacker = zlib.decompressobj(_GZIP)
        # A body of no bytes is not asked for.
        self._timer = reactor.callLater(seconds, self._late, seconds) if original.length else None

    def deliverBody(self, protocol: Any) -> None:
        self._received.deliverBody(_Body(self, protocol))

    def taken(self, data: bytes) -> bytes:
        """What came of the body, unpacked.

        Raises:
            ResponseTooLong: It is more than it may be.
            zlib.error: It cannot be unpacked.
        """
        if self._unpacker is not None:
            data = self._unpacker.decompress(data, self._most + 1)
        self._most -= len(data)
        if self._most < 0:
            raise ResponseTooLong("the answer is too long")
        return data

    def end(self, why: Exception) -> None:
        """No more of the body is wanted."""
        self._why = why
        self._received.abort()

    def ended(self, reason: Failure) -> Failure:
        """The body has ended.

        Returns:
            Why.
        """
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if self._why is not None and not reason.check(ResponseDone):
            return Failure(self._why)
        return reason

    def _late(self, seconds: float) -> None:
        self.end(TimeoutError(f"the answer took longer than {seconds:g} s"))


class _Body(Protocol):
    """Hands a body on, as long as it may be."""

    def __init__(self, response: _BoundedResponse, target: Any) -> None:
        self._response = response
        self._target = target

    def connectionMade(self) -> None:
        self._target.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        if self._target is None:
            return
        try:
            data = self._response.taken(data)
        except (ResponseTooLong, zlib.error) as error:
            self._response.end(error)
            self.connectionLost(Failure(error))
            return
        if data:
            self._target.dataReceived(data)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        target, self._target = self._target, None
        if target is not None:
            target.connectionLost(self._response.ended(reason))


def _reasonOf(failure: Failure) -> Failure:
    """Why a request failed: our own reason, if there is one among those that Twisted collects."""
    for reason in getattr(failure.value, "reasons", ()) if failure.check(ResponseFailed) else ():
        if reason.check(ResponseTooLong):
            return Failure(reason.value)
    return failure
