"""One port for everything: look at the first request, keep a WebSocket, hand over the rest.

`PortFactory` is the Autobahn factory that listens. A connection is met by a `Doorman`, which reads no further than
the head of the first request. A WebSocket upgrade for one of the engines goes on in Autobahn, and a plain poll or
POST in a `PollingLane`; everything else is handed, with the bytes read so far, to a twisted.web site. Lane and site
give a connection back if an upgrade comes later.
"""

from __future__ import annotations

from collections.abc import Mapping

from autobahn.twisted.websocket import WebSocketServerFactory
from twisted.internet.interfaces import (
    IAddress,
    IProtocolNegotiationFactory,
    IReactorTime,
    ITransport,
)
from twisted.web.resource import Resource
from zope.interface import implementer

from rtcsignal.clocks import WallClock, wallClock
from rtcsignal.deadlines import Deadlines
from rtcsignal.engineio.http.addresses import AddressCounts, Proxies, Slot
from rtcsignal.engineio.http.crossorigin import withCors
from rtcsignal.engineio.http.exchange import Request, RequestError, Response
from rtcsignal.engineio.http.head import Head, plainBodyLength
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.http.request import Caller, requestOf
from rtcsignal.engineio.http.response import ResponseWriter, closingResponse
from rtcsignal.engineio.http.target import originForm
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.port.doorman import Doorman
from rtcsignal.engineio.port.handover import carryOn, feed, handTo
from rtcsignal.engineio.port.pollinglane import PollingLane
from rtcsignal.engineio.port.site import BoundedSite
from rtcsignal.engineio.refusals import Refusals
from rtcsignal.engineio.server import EngineServer
from rtcsignal.engineio.stream.farewell import FAREWELL_SECONDS, Farewell
from rtcsignal.engineio.stream.outbox import Flusher
from rtcsignal.engineio.websocket.link import AFTER_HANDSHAKE_SECONDS, WebSocketLink
from rtcsignal.engineio.websocket.opening import answerTo
from rtcsignal.engineio.websocket.slim import Timers, frugalClass, quieten
from rtcsignal.engineio.websocket.subprotocol import areSubprotocols
from rtcsignal.lograte import LogRation

__all__ = ["PortFactory", "configure"]

_FOR_AUTOBAHN = {b"origin": None, b"sec-websocket-extensions": None, b"host": b"Host: server"}
_END = b"\r\n\r\n"
_CLOSE_HANDSHAKE_SECONDS = 2
_VERSION = "13"
_TLS_HANDSHAKE = b"\x16"  # how a ClientHello begins (RFC 8446 section 5.1), and no request does
_TOO_MANY = "too many connections from this address"
_OTHER_VERSION = Response(400, b"", (("Sec-WebSocket-Version", _VERSION),))


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
        flusher: The same as below, if others use it too.

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
        flusher: Flusher | None = None,
    ) -> None:
        super().__init__(reactor=clock, server=None)
        self.engines: Mapping[str, EngineServer] = {engine.options.path: engine for engine in engines}
        self.limits = limits
        self.deadlines = Deadlines(clock)
        self.proxies = Proxies() if proxies is None else proxies
        self.connections = AddressCounts(limits.connectionsPerAddress)
        self.site = BoundedSite(root, limits, self.deadlines, self.engines, self.switchToWebSocket, self.proxies)
        self.refusals = self.site.refusals = Refusals(LogRation(clock.seconds))
        self._responses = ResponseWriter(wall)
        self._clock = clock
        self.flusher = flusher or Flusher(clock)
        self._batched_timer = Timers(clock)
        configure(self, max((engine.options.maxPayload for engine in engines), default=0))
        self._linkClasses = {path: self._linkClass(engine) for path, engine in self.engines.items()}
        quieten()

    def buildProtocol(self, addr: IAddress | None) -> Doorman:  # type: ignore[override]
        return Doorman(self)

    def acceptableProtocols(self) -> list[bytes]:
        """What TLS clients may negotiate (RFC 7301): HTTP/1.1 only, as with HTTP/2 there would be no WebSocket."""
        return [b"http/1.1"]

    def passOn(self, transport: ITransport, head: Head, block: bytes, rest: bytes, slot: Slot | None) -> None:
        """Let a connection go on with what its next request is for.

        Args:
            transport: The connection.
            head: The head of the request.
            block: The same as bytes, without the empty line.
            rest: What came behind it.
            slot: What counts the connection, if anything does.
        """
        engine, block = self.engines.get(head.path), originForm(block, head.headers)
        if engine is not None and head.wantsWebSocket:
            if head.hasBody:
                request = requestOf(head, Caller.of(transport), self.proxies)
                self.refusals.request(request, 400, "an upgrade with a body")
                self.refuse(transport, Response(400), slot)
            else:
                self.switchToWebSocket(transport, head, block, rest, slot)
        elif engine is not None and _isForLane(head, engine.options):
            lane = PollingLane(
                self.engines,
                self.limits,
                self.deadlines,
                self.proxies,
                self._responses,
                self.passOn,
                slot,
                self.refusals,
            )
            carryOn(transport, lane, block + _END + rest)
        else:
            channel = self.site.buildProtocol(None)
            channel.slot = slot
            carryOn(transport, channel, block + _END + rest)

    def switchToWebSocket(
        self, transport: ITransport, head: Head, block: bytes, rest: bytes, slot: Slot | None
    ) -> None:
        """Let a connection go on as a WebSocket, on the node that has its session.

        Args:
            transport: The connection.
            head: The upgrade request.
            block: The same as bytes, without the empty line.
            rest: What came behind it.
            slot: What counts the connection until it is a WebSocket, if anything does.
        """
        request = requestOf(head, Caller.of(transport), self.proxies)
        elsewhere = self.engines[head.path].elsewhere
        if elsewhere is None or not elsewhere.upgrade(request, transport, block, rest, slot):
            self.openWebSocket(transport, head, request, block, rest, slot)

    def openWebSocket(
        self, transport: ITransport, head: Head, request: Request, block: bytes, rest: bytes, slot: Slot | None
    ) -> None:
        """Let a connection go on as a WebSocket of this node, if its engine admits it.

        Args:
            transport: The connection.
            head: The upgrade request.
            request: The same as values, with the address of the client, whatever that of the connection is.
            block: The same as bytes, without the empty line.
            rest: What came behind it.
            slot: What counts the connection until it is a WebSocket, if anything does.
        """
        engine = self.engines[head.path]
        try:
            admission = engine.admitWebSocket(request)
        except RequestError as error:
            self.refusals.request(request, error.status, error.message)
            response = withCors(request, error.upgradeResponse(), engine.options.origins)
            self.refuse(transport, response, slot)
            return
        # Autobahn takes whatever Python makes the number 13 of.
        if head.headers.get("sec-websocket-version") != _VERSION:
            self.refusals.request(request, _OTHER_VERSION.status, "not version 13 of WebSocket")
            self.refuse(transport, _OTHER_VERSION, slot)
            return
        if not areSubprotocols(head.headers.get("sec-websocket-protocol", "")):
            self.refusals.request(request, 400, "a malformed Sec-WebSocket-Protocol header")
            self.refuse(transport, Response(400), slot)
            return
        if slot is not None:
            slot.free()
        link = self._linkClasses[head.path]()
        answer = answerTo(head, admission.headers) if engine.options.fast else None
        if answer is None:
            link.admission = admission
            carryOn(transport, link, _forAutobahn(block) + _END + rest)
            return
        feed(transport, link)
        link.accept(transport, answer, admission)
        if rest:
            link.dataReceived(rest)

    def refuse(self, transport: ITransport, response: Response, slot: Slot | None) -> None:
        """Give a connection its last answer.

        Args:
            transport: The connection.
            response: The answer.
            slot: What counts the connection, if anything does.
        """
        transport.write(closingResponse(response))
        handTo(Farewell(self.deadlines, slot), transport)

    def _linkClass(self, engine: EngineServer) -> type[WebSocketLink]:
        return frugalClass(
            WebSocketLink,
            self,
            clock=self._clock,
            closed=engine.linkClosed,
            farewells=self.deadlines.after(FAREWELL_SECONDS),
            fast=engine.options.fast,
            flusher=self.flusher,
            openings=self.deadlines.after(AFTER_HANDSHAKE_SECONDS),
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


def _forAutobahn(block: bytes) -> bytes:
    """The head of an upgrade request without what does not concern Autobahn, which refuses what it cannot read.

    The rule on origins has been applied, and allows some that are not URLs. No extension is ever negotiated. A host has
    to be there, whatever it is.
    """
    lines = (_FOR_AUTOBAHN.get(line.partition(b":")[0].lower(), line) for line in block.split(b"\r\n"))
    return b"\r\n".join(line for line in lines if line is not None)


def _isForLane(head: Head, options: EngineOptions) -> bool:
    """Whether the fast path takes a request."""
    return options.fast and plainBodyLength(head, options.maxPayload) is not None
