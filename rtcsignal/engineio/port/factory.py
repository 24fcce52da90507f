"""One port for everything: look at the first request, keep a WebSocket, hand over the rest.

`PortFactory` is the Autobahn factory that listens. A connection is met by a `Doorman`, which reads no further than
the head of the first request. A WebSocket upgrade for one of the engines goes on in Autobahn, and a plain poll or
POST in a `PollingLane`; everything else is handed, with the bytes read so far, to a twisted.web site. Lane and site
give a connection back if an upgrade comes later.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolNegotiationFactory,
    IReactorTime,
    ISSLTransport,
    ITransport,
)
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from zope.interface import implementer

from rtcsignal.clocks import WallClock, wallClock
from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.engineio.http.addresses import AddressCounts, Place, Proxies
from rtcsignal.engineio.http.crossorigin import withCors
from rtcsignal.engineio.http.exchange import RequestError, Response
from rtcsignal.engineio.http.head import TOO_LARGE_HEAD, BadHead, Head, parseHead
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.http.request import Caller, addressOf, requestOf
from rtcsignal.engineio.http.response import Answers, lastAnswer
from rtcsignal.engineio.http.target import MOST_EMPTY_LINES, emptyLines, originForm
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.port.channel import SafeSite
from rtcsignal.engineio.port.pollinglane import PollingLane, bodyLength
from rtcsignal.engineio.refusals import Refusals
from rtcsignal.engineio.server import EngineServer
from rtcsignal.engineio.stream.farewell import FAREWELL_SECONDS, Farewell
from rtcsignal.engineio.stream.outbox import Flusher
from rtcsignal.engineio.stream.tlstransport import handshakeFault
from rtcsignal.engineio.websocket.link import WebSocketLink
from rtcsignal.engineio.websocket.slim import Timers, frugalClass, quieten
from rtcsignal.engineio.websocket.subprotocol import areSubprotocols
from rtcsignal.lograte import LogRation

__all__ = ["PortFactory", "configure"]

_END = b"\r\n\r\n"
_CLOSE_HANDSHAKE_SECONDS = 2
_VERSION = "13"
_TLS_HANDSHAKE = b"\x16"  # how a ClientHello begins (RFC 8446 section 5.1), and no request does
_TOO_MANY = "too many connections from this address"
_OTHER_VERSION = Response(400, b"", (("Sec-WebSocket-Version", _VERSION),))


class Doorman(Protocol):
    """Meets a connection, reads the head of its first request, and passes it on.

    Args:
        factory: Where it may go.
    """

    factory: PortFactory
    transport: Any  # TCP, TLS or UNIX: what we use is common to all, but part of no interface

    def __init__(self, factory: PortFactory) -> None:
        self.factory = factory
        self._received = bytearray()
        self._emptyLines = 0
        self._deadline: Deadline | None = None
        self._place: Place | None = None

    def connectionMade(self) -> None:
        factory, peer = self.factory, addressOf(socketOf(self.transport))
        if not factory.proxies.trusts(peer):
            if socketOf(self.transport) is not self.transport:
                self.transport.abortConnection()  # it could claim to speak for anyone
                factory.refusals.connection(peer, 0, "it speaks the PROXY protocol, but is not listed in proxies")
                return
            if not factory.connections.hasPlaceFor(peer):
                if ISSLTransport.providedBy(self.transport):
                    self.transport.abortConnection()  # an answer would wait for a handshake, which takes work and time
                    factory.refusals.connection(peer, 0, _TOO_MANY)
                else:
                    self._refuse(429, _TOO_MANY)
                return
            self._place = factory.connections.take(peer)
        seconds = self.factory.limits.headerSeconds
        if seconds:
            self._deadline = self.factory.deadlines.after(seconds).start(Doorman._late, self)

    def dataReceived(self, data: bytes) -> None:
        start = max(0, len(self._received) - len(_END))
        self._received += data
        if self._received.startswith(_TLS_HANDSHAKE):
            self._dismiss()
            return
        empty = emptyLines(self._received)
        if empty:
            self._emptyLines += empty
            del self._received[: 2 * empty]
            start = 0
            if self._emptyLines > MOST_EMPTY_LINES:
                self._refuse(400, "empty lines before a request")
                return
        end = self._received.find(_END, start)
        most = self.factory.limits.headerBytes
        if most and (end if end >= 0 else len(self._received)) > most:
            self._refuse(431, TOO_LARGE_HEAD)
        elif end >= 0:
            self._pass(bytes(self._received), end)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._cancel()
        self._freePlace()
        fault = handshakeFault(reason)
        if fault is not None:
            self.factory.refusals.connection(addressOf(socketOf(self.transport)), 0, fault)

    def _pass(self, received: bytes, end: int) -> None:
        self._cancel()
        factory, block = self.factory, received[:end]
        try:
            head = parseHead(block, factory.limits.headerCount)
        except BadHead as error:
            self._refuse(error.status, error.reason)
            return
        place, self._place = self._place, None
        factory.passOn(self.transport, head, block, received[end + len(_END) :], place)

    def _refuse(self, status: int, reason: str) -> None:
        self._cancel()
        self.factory.refusals.connection(addressOf(socketOf(self.transport)), status, reason)
        place, self._place = self._place, None
        self.factory.refuse(self.transport, Response(status), place)

    def _dismiss(self) -> None:
        """End a connection that speaks TLS, which this port does not: its client would wait for an answer in vain."""
        self._cancel()
        peer = addressOf(socketOf(self.transport))
        self.factory.refusals.connection(peer, 0, "it speaks TLS, but this port does not")
        place, self._place = self._place, None
        _handTo(Farewell(self.factory.deadlines, place), self.transport)

    def _freePlace(self) -> None:
        if self._place is not None:
            self._place.free()
            self._place = None

    def _late(self) -> None:
        self._deadline = None
        self.transport.abortConnection()

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


@implementer(IProtocolNegotiationFactory)
class PortFactory(WebSocketServerFactory):
    """What listens: one port for WebSocket, polling and every other request.

    Args:
        engines: The Engine.IO servers.
        root: The resources for everything else; the engines' own must be among them.
        limits: What a connection may cost.
        clock: The time.
        proxies: Those that are trusted to say where a client is. The PROXY protocol is accepted only from them.
        wall: The time of day, for Date headers.

    Attributes:
        flusher: Sends what has come together in a turn, on all connections.
        refusals: Logs what is refused before an engine is asked.
    """

    protocol = WebSocketLink
    noisy = False

    def __init__(
        self,
        engines: list[EngineServer],
        root: Resource,
        limits: HttpLimits,
        clock: IReactorTime,
        proxies: Proxies | None = None,
        wall: WallClock = wallClock,
    ) -> None:
        super().__init__(reactor=clock, server=None)
        self.engines: Mapping[str, EngineServer] = {engine.options.path: engine for engine in engines}
        self.limits = limits
        self.deadlines = Deadlines(clock)
        self.proxies = Proxies() if proxies is None else proxies
        self.connections = AddressCounts(limits.connectionsPerAddress)
        self.site = SafeSite(root, limits, self.deadlines, self.engines, self.switchToWebSocket, self.proxies)
        self.refusals = self.site.refusals = Refusals(LogRation(clock.seconds))
        self._answers = Answers(wall)
        self._clock = clock
        self.flusher = Flusher(clock)
        self._batched_timer = Timers(clock)
        configure(self, max((engine.options.maxPayload for engine in engines), default=0))
        self._linkClasses = {path: self._linkClass(engine) for path, engine in self.engines.items()}
        quieten()

    def buildProtocol(self, addr: IAddress | None) -> Doorman:  # type: ignore[override]
        return Doorman(self)

    def acceptableProtocols(self) -> list[bytes]:
        """What TLS clients may negotiate (RFC 7301): HTTP/1.1 only, as with HTTP/2 there would be no WebSocket."""
        return [b"http/1.1"]

    def passOn(self, transport: ITransport, head: Head, block: bytes, rest: bytes, place: Place | None) -> None:
        """Let a connection go on with what its next request is for.

        Args:
            transport: The connection.
            head: The head of the request.
            block: The same as bytes, without the empty line.
            rest: What came behind it.
            place: What counts the connection, if anything does.
        """
        engine, block = self.engines.get(head.path), originForm(block, head.headers)
        if engine is not None and head.wantsWebSocket:
            if head.hasBody:
                request = requestOf(head, Caller.of(transport), self.proxies)
                self.refusals.request(request, 400, "an upgrade with a body")
                self.refuse(transport, Response(400), place)
            else:
                self.switchToWebSocket(transport, head, block, rest, place)
        elif engine is not None and _isForLane(head, block, engine.options):
            lane = PollingLane(
                self.engines,
                self.limits,
                self.deadlines,
                self.proxies,
                self._answers,
                self.passOn,
                place,
                self.refusals,
            )
            _carryOn(transport, lane, block + _END + rest)
        else:
            channel = self.site.buildProtocol(None)
            channel.place = place
            _carryOn(transport, channel, block + _END + rest)

    def switchToWebSocket(
        self, transport: ITransport, head: Head, block: bytes, rest: bytes, place: Place | None
    ) -> None:
        """Let a connection go on as a WebSocket, if its engine admits it.

        Args:
            transport: The connection.
            head: The upgrade request.
            block: The same as bytes, without the empty line.
            rest: What came behind it.
            place: What counts the connection until it is a WebSocket, if anything does.
        """
        engine = self.engines[head.path]
        request = requestOf(head, Caller.of(transport), self.proxies)
        try:
            admission = engine.admitWebSocket(request)
        except RequestError as error:
            self.refusals.request(request, error.status, error.message)
            response = withCors(request, error.upgradeResponse(), engine.options.origins)
            self.refuse(transport, response, place)
            return
        # Autobahn takes whatever Python makes the number 13 of.
        if head.headers.get("sec-websocket-version") != _VERSION:
            self.refusals.request(request, _OTHER_VERSION.status, "not version 13 of WebSocket")
            self.refuse(transport, _OTHER_VERSION, place)
            return
        if not areSubprotocols(head.headers.get("sec-websocket-protocol", "")):
            self.refusals.request(request, 400, "a malformed Sec-WebSocket-Protocol header")
            self.refuse(transport, Response(400), place)
            return
        if place is not None:
            place.free()
        link = self._linkClasses[head.path]()
        link.admission = admission
        _carryOn(transport, link, block + _END + rest)

    def refuse(self, transport: ITransport, response: Response, place: Place | None) -> None:
        """Give a connection its last answer.

        Args:
            transport: The connection.
            response: The answer.
            place: What counts the connection, if anything does.
        """
        transport.write(lastAnswer(response))
        _handTo(Farewell(self.deadlines, place), transport)

    def _linkClass(self, engine: EngineServer) -> type[WebSocketLink]:
        return frugalClass(
            WebSocketLink,
            self,
            clock=self._clock,
            closed=engine.linkClosed,
            farewells=self.deadlines.after(FAREWELL_SECONDS),
            fast=engine.options.fast,
            flusher=self.flusher,
            sendQueue=engine.options.sendQueue,
            turns=engine.intake.turns,
            stalls=engine.deadlines.after(engine.options.sendSeconds) if engine.options.sendSeconds else None,
            maxFramePayloadSize=engine.options.maxPayload,
            maxMessagePayloadSize=engine.options.maxPayload,
        )


def configure(factory: WebSocketServerFactory, maxPayload: int) -> None:
    """Set the options of an Autobahn factory: every limit, and nothing that this server does itself.

    Args:
        factory: Builds `WebSocketLink`.
        maxPayload: Largest message and frame, in bytes; 0 for no limit.
    """
    factory.setProtocolOptions(
        versions=[13],
        webStatus=False,
        utf8validateIncoming=True,
        maskServerFrames=False,
        requireMaskedClientFrames=True,
        applyMask=True,
        maxFramePayloadSize=maxPayload,
        maxMessagePayloadSize=maxPayload,
        autoFragmentSize=0,
        failByDrop=False,
        echoCloseCodeReason=True,
        openHandshakeTimeout=0,
        closeHandshakeTimeout=_CLOSE_HANDSHAKE_SECONDS,
        tcpNoDelay=True,
        autoPingInterval=0,
        allowedOrigins=["*"],
        allowNullOrigin=True,
        serveFlashSocketPolicy=False,
    )


def _isForLane(head: Head, block: bytes, options: EngineOptions) -> bool:
    """Whether the fast path takes a request."""
    return options.fast and bodyLength(head, block, options.maxPayload) is not None


def socketOf(transport: Any) -> Any:
    """The transport below one that speaks the PROXY protocol; every other transport itself."""
    return transport.transport if isinstance(transport, HAProxyProtocolWrapper) else transport


def _carryOn(transport: ITransport, protocol: IProtocol, received: bytes) -> None:
    """Make `protocol` the one that `transport` feeds, beginning with what has been received already."""
    _handTo(protocol, transport)
    protocol.dataReceived(received)


def _handTo(protocol: IProtocol, transport: ITransport) -> None:
    """Make `protocol` the one that `transport` feeds."""
    # A transport that wraps another one (TLS, the PROXY protocol) knows its protocol by another name.
    name = "wrappedProtocol" if hasattr(transport, "wrappedProtocol") else "protocol"
    setattr(transport, name, protocol)
    protocol.makeConnection(transport)
