"""One port: what meets a connection, and where it goes."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IProtocolNegotiationFactory
from twisted.internet.protocol import Protocol
from twisted.web.resource import Resource

from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.port.channel import BoundedChannel
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.server import EngineServer
from rtcsignal.engineio.websocket.link import WebSocketLink
from tests.engineio.conftest import Log, WorldFactory
from tests.engineio.memory import MemoryLink, MemoryTransport, SelectingClock
from tests.engineio.world import AFTER_HANDSHAKE, Recorder, Visitor, World
from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import textFrame, upgradeBytes, upgradeHeaders

BOTH_WAYS = True
OPENING = "/socket.io/?EIO=4&transport=websocket"


class TestWhereAConnectionGoes:
    def test_anUpgradeForTheEngineStaysWithAutobahn(self, visitor: Visitor) -> None:
        visitor.send(upgradeBytes(OPENING))
        assert isinstance(visitor.transport.protocol, WebSocketLink)
        assert visitor.read().startswith(b"HTTP/1.1 101 ")

    def test_everythingElseGoesToTheSite(self, visitor: Visitor) -> None:
        visitor.send(requestBytes("GET", "/x"))
        assert isinstance(visitor.transport.protocol, BoundedChannel)
        assert visitor.response() == (404, b"nothing")

    def test_anUpgradeForAnotherPathGoesToTheSite(self, visitor: Visitor) -> None:
        visitor.send(upgradeBytes("/socket.io"))
        assert visitor.response()[0] == 404

    def test_upgradesToAnythingElseGoToTheSite(self, visitor: Visitor) -> None:
        visitor.send(requestBytes("GET", OPENING, [("Connection", "Upgrade"), ("Upgrade", "h2c")]))
        assert visitor.response()[0] == 400
        assert visitor.connected

    def test_nothingIsDecidedBeforeTheWholeHeadHasCome(self, visitor: Visitor) -> None:
        whole = upgradeBytes(OPENING)
        visitor.send(whole[:-1])
        assert visitor.read() == b""
        visitor.send(whole[-1:])
        assert visitor.read().startswith(b"HTTP/1.1 101 ")

    def test_whatComesBehindTheHeadIsNotLost(self, world: World, visitor: Visitor) -> None:
        visitor.send(upgradeBytes(OPENING) + textFrame("4a") + textFrame("4b"))
        assert world.applications[0].received == ["a", "b"]
        requests = world.visitor()
        requests.send(requestBytes("GET", "/x") + requestBytes("GET", "/y"))
        assert requests.read().count(b"HTTP/1.1 404 ") == 2

    def test_byteByByteIsTheSame(self, world: World, revision: Revision) -> None:
        visitor = world.visitor()
        visitor.sendByteByByte(requestBytes("GET", f"/socket.io/?EIO={revision}&transport=polling"))
        assert visitor.response()[0] == 200
        visitor.sendByteByByte(upgradeBytes(OPENING))
        assert visitor.read().startswith(b"HTTP/1.1 101 ")

    def test_aConnectionThatEndsEarlyLeavesNothing(self, world: World, visitor: Visitor) -> None:
        visitor.send(b"GET / HT")
        visitor.link.hangUp()
        visitor.link.turn()
        assert len(world.port.deadlines) == 0

    def test_protocolsBehindWrappersAreReplacedToo(self, world: World) -> None:
        """TLS and the PROXY protocol wrap a transport, and call what they feed by another name."""

        class Wrapping(MemoryTransport):
            wrappedProtocol: Any = None

        transport = Wrapping(world.clock)
        transport.protocol = wrapper = Protocol()
        doorman = world.port.buildProtocol(transport.getPeer())
        transport.wrappedProtocol = doorman
        doorman.makeConnection(transport)
        doorman.dataReceived(upgradeBytes(OPENING))
        assert isinstance(transport.wrappedProtocol, WebSocketLink)
        assert transport.protocol is wrapper
        transport.wrappedProtocol.dataReceived(textFrame("4a"))
        assert world.applications[0].received == ["a"]
        transport.protocol = transport.wrappedProtocol
        transport.lost(ConnectionError())

    def test_aUnixSocketHasNoAddress(self, world: World) -> None:
        link = MemoryLink(world.port.buildProtocol(UNIXAddress("/run/x")), world.clock)
        link.transport.getPeer = lambda: UNIXAddress("/run/x")  # type: ignore[method-assign,assignment,return-value]
        link.send(upgradeBytes(OPENING))
        link.turn()
        assert world.applications[0].session.request.address == ""
        link.close()


def test_tlsClientsMayNegotiateHttp1Only(world: World) -> None:
    assert IProtocolNegotiationFactory.providedBy(world.port)
    assert world.port.acceptableProtocols() == [b"http/1.1"]


class TestRefusals:
    @pytest.mark.parametrize("data", [b"\x16", b"\x16\x03\x01\x02\x00\x01", b"\x16\x03\x01\r\n\r\n"])
    def test_whoBeginsWithTlsIsNotAnswered(self, visitor: Visitor, log: Log, data: bytes) -> None:
        visitor.send(data)
        assert (visitor.read(), visitor.connected) == (b"", False)
        (line,) = log.lines
        assert line == "refused a connection from 192.0.2.1: it speaks TLS, but this port does not (no answer)"

    @pytest.mark.parametrize(
        ("data", "status"),
        [
            (b"nonsense\r\n\r\n", 400),
            (b"\r\n" * 17 + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nA: \x00\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\n" + b"A: 1\r\n" * 101 + b"\r\n", 431),
            (b"GET /" + b"x" * 17_000, 431),
            (b"GET / HTTP/1.1\r\n" + b"A: " + b"1" * 17_000 + b"\r\n\r\n", 431),
        ],
        ids=["nonsense", "empty lines", "folded", "NUL", "headers", "long line", "long header"],
    )
    def test_whatIsNoRequestIsRefusedAndTheConnectionClosed(self, visitor: Visitor, data: bytes, status: int) -> None:
        visitor.send(data)
        answered, headers, body = visitor.fullResponse()
        assert (answered, body, headers["connection"]) == (status, b"", "close")
        visitor.link.turn()
        assert not visitor.connected

    def test_aHeadOfExactlyTheLimitIsFine(self, makeWorld: WorldFactory) -> None:
        request = requestBytes("GET", "/" + "x" * 50)
        for room, status in ((0, 404), (-1, 431)):
            visitor = makeWorld(limits=HttpLimits(headerBytes=len(request) - 4 + room)).visitor()
            visitor.send(request)
            assert visitor.response()[0] == status

    def test_withoutALimitAHeadMayBeAsLongAsItLikes(self, makeWorld: WorldFactory) -> None:
        visitor = makeWorld(limits=HttpLimits(headerBytes=0)).visitor()
        visitor.send(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: 1\r\n" * 5 + b"B: " + b"1" * 100_000)
        assert visitor.read() == b""
        assert visitor.connected

    def test_theHeadMustComeInTime(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(limits=HttpLimits(headerSeconds=0.5))
        visitor = world.visitor()
        visitor.send(b"GET")
        world.clock.advance(0.4375)
        visitor.send(b" / HTTP")
        assert len(world.port.deadlines) == 1
        world.clock.advance(0.0625)
        assert not visitor.connected

    def test_withoutADeadlineItMayTakeItsTime(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(limits=HttpLimits(headerSeconds=0))
        visitor = world.visitor()
        world.clock.advance(1_000)
        visitor.send(requestBytes("GET", "/x"))
        assert visitor.response()[0] == 404

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ("EIO=4&transport=x", b"Transport unknown"),
            ("EIO=4&transport=polling", b"Bad request"),
            ("EIO=4&transport=websocket&sid=x", b"Session ID unknown"),
            ("EIO=2&transport=websocket", b"Unsupported protocol version"),
        ],
    )
    def test_aWebSocketIsRefusedInPlainText(self, visitor: Visitor, query: str, message: bytes) -> None:
        visitor.send(upgradeBytes(f"/socket.io/?{query}"))
        status, headers, body = visitor.fullResponse()
        assert (status, body, headers["connection"]) == (400, message, "close")
        assert headers["content-type"] == "text/html"
        visitor.link.turn()
        assert not visitor.connected

    def test_aRefusalNamesAnAllowedOrigin(self, makeWorld: WorldFactory) -> None:
        visitor = makeWorld(origins=OriginRule(["http://a.test"])).visitor()
        visitor.send(upgradeBytes("/socket.io/?transport=x", [("Origin", "http://a.test")]))
        assert visitor.fullResponse()[1]["access-control-allow-origin"] == "http://a.test"

    def test_aForeignOriginIsRefused(self, visitor: Visitor) -> None:
        visitor.send(upgradeBytes(OPENING, [("Origin", "http://evil.test")]))
        status, headers, body = visitor.fullResponse()
        assert (status, body) == (403, b"Origin not allowed")
        assert "access-control-allow-origin" not in headers

    @pytest.mark.parametrize(
        "changes",
        [
            {"leaveOut": "Sec-WebSocket-Key"},
            {"leaveOut": "Sec-WebSocket-Version"},
            {"sec_websocket_version": "12"},
            {"sec_websocket_key": "short"},
        ],
        ids=str,
    )
    def test_aBrokenWebSocketHandshakeOpensNothing(self, world: World, changes: dict[str, Any]) -> None:
        visitor = world.visitor()
        visitor.send(requestBytes("GET", OPENING, upgradeHeaders(**changes)))
        assert visitor.read().startswith(b"HTTP/1.1 4")
        visitor.link.turn()
        assert not visitor.connected
        assert world.sids == []
        assert world.applications == []


class TestSeveralEngines:
    def test_oneRequestGoesToTheEngineOfItsPath(self, clock: SelectingClock) -> None:
        made: list[str] = []

        def engine(path: str) -> EngineServer:
            def connect(session: Any) -> Recorder:
                made.append(path)
                return Recorder(session)

            return EngineServer(EngineOptions(path=path, maxPayload=len(path)), clock, connect)

        engines = [engine("/one/"), engine("/second/")]
        port = PortFactory(engines, Resource(), HttpLimits(), clock)
        links = []
        for path in ("/second/", "/one/"):
            links.append(MemoryLink(port.buildProtocol(UNIXAddress(None)), clock))
            links[-1].send(upgradeBytes(f"{path}?EIO=4&transport=websocket"))
            links[-1].turn()
        assert made == ["/second/", "/one/"]
        for link in links:
            link.close()
        clock.advance(AFTER_HANDSHAKE)
        assert all(each.registry.sessions == {} for each in engines)
