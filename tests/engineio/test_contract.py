"""What the engine leans on in Twisted and Autobahn without a promise of theirs.

Each test names something internal, and what breaks when it changes. That the whole still works is tested elsewhere;
these say where to look.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
from autobahn.twisted import websocket as adapters
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket import protocol as core
from twisted.internet.protocol import Protocol
from twisted.internet.tcp import Server
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.web import http_headers
from twisted.web.http import HTTPChannel
from twisted.web.server import Request

from rtcsignal.engineio.port.channel import BoundedChannel
from rtcsignal.engineio.port.factory import configure
from rtcsignal.engineio.stream.outbox import canSendNow
from rtcsignal.engineio.stream.tlstransport import FrugalTlsTransport
from rtcsignal.engineio.websocket import fastlane
from rtcsignal.engineio.websocket.slim import HELPERS, LAZY
from tests.engineio.memory import SelectingClock, SocketLink
from tests.engineio.world import Visitor, World
from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import CLOSE, PING, TEXT, frame, upgradeBytes


class Reference(WebSocketServerProtocol):
    """Autobahn's protocol as it comes, which writes down what is called."""

    maxFramePayloadSize = 500

    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []

    def _dataReceived(self, data: bytes) -> None:
        self.called.append("_dataReceived")
        super()._dataReceived(data)

    def sendCloseFrame(self, *arguments: Any, **options: Any) -> None:
        self.called.append("sendCloseFrame")
        super().sendCloseFrame(*arguments, **options)

    def _closeConnection(self, abort: bool = False) -> None:
        self.called.append("_closeConnection")
        super()._closeConnection(abort)


@pytest.fixture
def link(clock: SelectingClock) -> Iterator[SocketLink]:
    """An open WebSocket of Autobahn's own, on Twisted's own transport."""
    factory = WebSocketServerFactory(reactor=clock)
    configure(factory, 1_000)
    protocol = Reference()
    protocol.factory = factory
    link = SocketLink(protocol, clock)
    link.send(upgradeBytes("/"))
    link.turn()
    protocol.called.clear()
    yield link
    link.close()


class TestAutobahn:
    def test_anOpenConnectionHasTheStateThatTheFastPathLooksAt(self, link: SocketLink) -> None:
        protocol = link.transport.protocol
        assert protocol.state == WebSocketServerProtocol.STATE_OPEN
        assert (protocol.data, protocol.current_frame, protocol.inside_message) == (b"", None, False)

    def test_halfAFrameShowsInIt(self, link: SocketLink) -> None:
        protocol = link.transport.protocol
        protocol._dataReceived(frame(TEXT, b"abc")[:1])
        assert protocol.data == b"\x81"
        protocol._dataReceived(frame(TEXT, b"abc")[1:8])
        assert protocol.current_frame is not None
        protocol._dataReceived(frame(TEXT, b"abc")[8:])
        assert (protocol.data, protocol.current_frame, protocol.inside_message) == (b"", None, False)

    def test_soDoesHalfAMessage(self, link: SocketLink) -> None:
        protocol = link.transport.protocol
        protocol._dataReceived(frame(TEXT, b"abc", fin=False))
        assert (protocol.data, protocol.current_frame, protocol.inside_message) == (b"", None, True)

    def test_whatTheFastPathReplacesHandsOnTheData(self, link: SocketLink) -> None:
        link.transport.protocol.dataReceived(frame(TEXT, b"a"))
        assert link.transport.protocol.called == ["_dataReceived"]

    def test_theNativeUnmaskingIsUsedWhereItIsInstalled(self) -> None:
        pytest.importorskip("_nvx_xormasker")
        assert fastlane._unmaskLarge is not fastlane._unmaskSmall

    @pytest.mark.parametrize(
        "end", [frame(5), frame(TEXT, b"\xff"), frame(TEXT, bytes(501)), frame(CLOSE, b"\x03\xe8")]
    )
    def test_everyCloseFrameOfTheServerGoesThroughOneMethod(self, link: SocketLink, end: bytes) -> None:
        """It is extended to send first what was queued before."""
        protocol = link.transport.protocol
        protocol.dataReceived(end)
        assert protocol.called.count("sendCloseFrame") == 1

    @pytest.mark.parametrize(
        ("broken", "method"),
        [
            (frame(5), "_protocol_violation"),
            (frame(CLOSE, b"\x03\xed"), "_protocol_violation"),
            (frame(TEXT, b"\xff"), "_invalid_payload"),
            (frame(CLOSE, b"\x03\xe8\xff"), "_invalid_payload"),
        ],
    )
    def test_everyBreachGoesThroughOneOfTwoMethods(self, link: SocketLink, broken: bytes, method: str) -> None:
        """Which say that nothing of the stream is read any more."""
        protocol = link.transport.protocol
        told: list[str] = []

        def breach(reason: str) -> bool:
            told.append(reason)
            return True

        setattr(protocol, method, breach)
        protocol.dataReceived(broken)
        assert len(told) == 1
        assert protocol.state == WebSocketServerProtocol.STATE_OPEN

    def test_everyEndByTheServerGoesThroughOneMethod(self, link: SocketLink, clock: SelectingClock) -> None:
        """It is extended to unregister the producer, for which the transport would wait."""
        protocol = link.transport.protocol
        protocol.sendCloseFrame(code=1000)
        clock.pump([0.5] * 6)
        assert protocol.called == ["sendCloseFrame", "_closeConnection"]

    def test_optionsAreCopiedOnlyWhereTheyAreMissing(self, link: SocketLink) -> None:
        """They are put on the class, so that no connection copies them."""
        assert "maxFramePayloadSize" not in vars(link.transport.protocol)
        assert "maxMessagePayloadSize" in vars(link.transport.protocol)

    def test_theFormattingHelpersAreWhereTheyAreSilenced(self) -> None:
        for name in HELPERS:
            assert hasattr(core, name), name
        assert any(hasattr(adapters, name) for name in HELPERS)

    def test_whatIsMadeLateIsThere(self, link: SocketLink) -> None:
        assert vars(link.transport.protocol).keys() >= LAZY.keys() - {"is_closed"}

    def test_aFactoryKnowsAllOptionsThatAreSet(self) -> None:
        configure(WebSocketServerFactory(), 0)
        names = inspect.signature(WebSocketServerFactory.setProtocolOptions).parameters
        limits = {name for name in names if name.startswith("max") or "imeout" in name}
        assert limits == {
            "maxFramePayloadSize",
            "maxMessagePayloadSize",
            "maxConnections",
            "openHandshakeTimeout",
            "closeHandshakeTimeout",
            "autoPingTimeout",
        }, "a new limit must be decided on"

    def test_compressionIsOffUnlessAsked(self) -> None:
        factory = WebSocketServerFactory()
        configure(factory, 0)
        assert factory.perMessageCompressionAccept(None) is None

    def test_pingsAreAnsweredByAutobahn(self, link: SocketLink) -> None:
        link.read()
        link.send(frame(PING, b"x"))
        link.turn()
        link.turn()
        assert link.read() == b"\x8a\x01x"


class TestTwistedsTransport:
    @pytest.fixture
    def tcp(self, clock: SelectingClock) -> Iterator[SocketLink]:
        link = SocketLink(Protocol(), clock)
        yield link
        link.close()

    def test_theFastPathIsForTheTransportOfTcpServers(self, tcp: SocketLink) -> None:
        assert type(tcp.transport) is Server
        assert canSendNow(tcp.transport)

    def test_whatIsQueuedShowsInTwoBuffers(self, tcp: SocketLink) -> None:
        assert (tcp.transport.dataBuffer, tcp.transport._tempDataBuffer) == (b"", [])
        tcp.transport.write(b"a")
        assert tcp.transport._tempDataBuffer == [b"a"]
        tcp.transport.write(bytes(8_000_000))
        tcp.turn()
        assert tcp.transport.dataBuffer
        assert tcp.transport._tempDataBuffer == []

    def test_aHalfClosedTransportSaysSo(self, tcp: SocketLink) -> None:
        assert tcp.transport._writeDisconnected is False
        tcp.transport.loseWriteConnection()
        tcp.turn()
        assert tcp.transport._writeDisconnected is True


class TestTwistedsHttp:
    @pytest.fixture
    def visitor(self, world: World) -> Visitor:
        return world.visitor()

    def test_theChannelHasTheStateThatIsLookedAt(self, visitor: Visitor) -> None:
        visitor.send(requestBytes("POST", "/x", body=b"ab")[:-1])
        channel = visitor.transport.protocol
        assert isinstance(channel, BoundedChannel)
        assert (channel._command, channel._path, channel._version) == (b"POST", b"/x", b"HTTP/1.1")
        assert (channel.length, channel._handlingRequest, len(channel.requests)) == (2, False, 1)
        assert (channel._waitingForTransport, channel._networkProducer) == (False, visitor.transport)

    def test_theMethodsThatAreExtendedAreThere(self) -> None:
        for name in (
            "allContentReceived",
            "allHeadersReceived",
            "clearLineBuffer",
            "connectionLost",
            "dataReceived",
            "lineReceived",
            "rawDataReceived",
            "resumeProducing",
            "setTimeout",
            "writeHeaders",
        ):
            assert callable(getattr(HTTPChannel, name)), name
        assert callable(Request.handleContentChunk)

    def test_limitsOfTheChannelAreAttributes(self) -> None:
        assert (HTTPChannel.maxHeaders, HTTPChannel.totalHeadersSize) == (500, 16_384)
        assert isinstance(HTTPChannel.MAX_LENGTH, int)

    def test_theChannelsTimersRunOnTheSitesClock(self, world: World, visitor: Visitor) -> None:
        visitor.request("GET", "/x")
        assert visitor.transport.protocol.callLater == world.clock.callLater


class TestTwistedsTls:
    """`rtcsignal.engineio.stream.farewell` and `rtcsignal.engineio.stream.tlstransport` look into it."""

    def test_itsTransportSaysThatTheClientHasSaidGoodbye(self) -> None:
        assert TLSMemoryBIOProtocol._lostTLSConnection is False

    def test_itsTransportKnowsItsProducerByThisName(self) -> None:
        assert TLSMemoryBIOProtocol._producer is None

    def test_everyEndGoesThroughOneMethodWithItsReason(self) -> None:
        assert list(inspect.signature(TLSMemoryBIOProtocol._tlsShutdownFinished).parameters) == ["self", "reason"]

    def test_itsFactoryMakesTransportsOfTheKindThatIsExtended(self) -> None:
        assert TLSMemoryBIOFactory.protocol is BufferingTLSTransport
        assert issubclass(FrugalTlsTransport, TLSMemoryBIOFactory.protocol)


def test_namesOfHeadersAreRememberedUpToANumberThatCanBeSet(world: World) -> None:
    encoder: Any = http_headers._nameEncoder
    before = len(encoder._canonicalHeaderCache)
    assert 0 < before < 1_000
    assert encoder.encode(b"x-nobody-else-says-so") == b"X-Nobody-Else-Says-So"
    assert len(encoder._canonicalHeaderCache) == before


def test_aWebSocketThatIsOverKnowsItselfByOneNameAlone(link: SocketLink) -> None:
    """`SlimProtocol.connectionLost` drops that, and cancels a timer that Autobahn leaves running."""
    protocol = link.transport.protocol
    protocol.sendClose(1000)
    assert protocol.closeHandshakeTimeoutCall
    link.close()
    known = [name for name, value in vars(protocol).items() if getattr(value, "result", None) is protocol]
    assert known == ["is_closed"]
