"""Requests over HTTP: what reaches the engine."""

from __future__ import annotations

import json

import pytest
from twisted.internet.interfaces import ISSLTransport
from twisted.web.resource import Resource
from zope.interface import directlyProvides, providedBy

from rtcsignal.engineio.http.exchange import Request, Response, forbidden
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.engineio.http.response import closingResponse
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from tests.conftest import LoggedFailures
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Poller, Visitor, World
from tests.wire import payloads
from tests.wire.rawhttp import chunked, requestBytes
from tests.wire.rawws import upgradeBytes

BOTH_WAYS = True
POLLING = "/socket.io/?EIO=4&transport=polling"
UNLIMITED = HttpLimits(0, 0, 0, 0, 0)


class TestRequests:
    def test_aHandshakeAPollAndAPost(self, world: World, visitor: Visitor, revision: Revision) -> None:
        status, body = visitor.request("GET", f"/socket.io/?EIO={revision}&transport=polling")
        (opening,) = payloads.decode(revision, body)
        assert status == 200
        sid = json.loads(str(opening)[1:])["sid"]
        here = f"/socket.io/?EIO={revision}&transport=polling&sid={sid}"
        assert visitor.request("POST", here, payloads.encode(revision, "4a€", b"b")) == (200, b"ok")
        assert world.applications[0].received == ["a€", b"b"]
        assert visitor.connected, "connections are kept"

    def test_theEngineSeesTheWholeRequest(self, makeWorld: WorldFactory) -> None:
        seen: list[Request] = []
        visitor = makeWorld(admit=seen.append).visitor("192.0.2.7")
        visitor.send(requestBytes("GET", POLLING + "&a=%C3%A4", [("X-A", "1"), ("x-a", "2"), ("Y", "\xe4")]))
        (request,) = seen
        assert request.method == "GET"
        assert request.query == {"EIO": "4", "transport": "polling", "a": "\xe4"}
        assert request.headers["x-a"] == "1, 2"
        assert request.headers["y"] == "\xe4"
        assert (request.address, request.secure, request.body) == ("192.0.2.7", False, b"")

    def test_itSeesWhetherTheConnectionIsEncrypted(self, makeWorld: WorldFactory) -> None:
        seen: list[Request] = []

        def refuse(request: Request) -> None:
            seen.append(request)
            raise forbidden()

        world = makeWorld(admit=refuse)
        for query in (requestBytes("GET", POLLING), upgradeBytes(POLLING.replace("polling", "websocket"))):
            visitor = world.visitor()
            directlyProvides(visitor.transport, ISSLTransport, providedBy(visitor.transport))
            visitor.send(query)
        assert [request.secure for request in seen] == [True, True]

    def test_aPollWaits(self, visitor: Visitor, poller: Poller) -> None:
        visitor.send(requestBytes("GET", poller.target))
        assert visitor.read() == b""
        poller.send("a")
        poller.world.turn()
        status, headers, body = visitor.fullResponse()
        assert (status, payloads.decode(poller.revision, body)) == (200, ["4a"])
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers

    def test_aPollWhoseConnectionBreaksEndsTheSession(self, visitor: Visitor, poller: Poller) -> None:
        visitor.send(requestBytes("GET", poller.target))
        visitor.link.hangUp()
        visitor.link.turn()
        assert poller.application.closed == [CloseReason.TRANSPORT_ERROR]

    def test_aPostThatIsCutEndsTheSession(self, visitor: Visitor, poller: Poller) -> None:
        visitor.send(poller.posting(payloads.encode(poller.revision, "4a"))[:-1])
        visitor.link.hangUp()
        visitor.link.turn()
        assert poller.application.closed == [CloseReason.TRANSPORT_ERROR]
        assert poller.application.received == []

    def test_aPostThatWasAnsweredIsNotCutAnyMore(self, visitor: Visitor, poller: Poller) -> None:
        visitor.send(poller.posting(payloads.encode(poller.revision, "4a")))
        assert visitor.response() == (200, b"ok")
        visitor.link.hangUp()
        visitor.link.turn()
        assert poller.application.closed == []

    def test_aChunkedPostIsAPost(self, visitor: Visitor, poller: Poller) -> None:
        body = payloads.encode(poller.revision, "4€")
        visitor.send(requestBytes("POST", poller.target, [("Transfer-Encoding", "chunked")]))
        visitor.send(chunked(body[:-2], body[-2:]))
        assert visitor.response() == (200, b"ok")
        assert poller.application.received == ["€"]

    def test_anotherPostWhileOneIsRunningIsRefusedBeforeItsBody(
        self, world: World, visitor: Visitor, poller: Poller
    ) -> None:
        visitor.send(poller.posting(b"4a")[:-1])
        other = world.visitor()
        other.send(poller.posting(b"4b")[:-1])
        status, headers, body = other.fullResponse()
        assert (status, json.loads(body)["code"]) == (400, 3)
        assert headers["connection"] == "close"
        assert poller.application.closed == [CloseReason.TRANSPORT_ERROR]

    def test_requestsInARowAreAnsweredInOrder(self, visitor: Visitor, poller: Poller) -> None:
        poll, post = requestBytes("GET", poller.target), poller.posting(payloads.encode(poller.revision, "4a"))
        visitor.send(poll + post)
        assert visitor.read() == b""
        assert poller.application.received == []
        poller.send("b")
        poller.world.turn()
        first, _, second = visitor.read().partition(b"HTTP/1.1 200 OK\r\n")[2].partition(b"HTTP/1.1 200 OK\r\n")
        assert first.endswith(payloads.encode(poller.revision, "4b"))
        assert second.endswith(b"\r\n\r\nok")

    def test_anAnswerWithoutABodyHasNone(self, visitor: Visitor) -> None:
        status, headers, body = ask(visitor, "OPTIONS", POLLING, origin="http://127.0.0.1")
        assert (status, body) == (204, b"")
        assert "content-length" not in headers

    @pytest.mark.parametrize("path", ["/socket.io", "/socket.io/x", "/socket.io//", "/Socket.io/", "/x", "/"])
    def test_otherPathsAreNotTheEngines(self, visitor: Visitor, path: str) -> None:
        status, _ = visitor.request("GET", path + "?EIO=4&transport=polling")
        assert status == 404
        assert visitor.world.sids == []

    def test_aFaultOfTheServerCutsTheConnectionAndIsLogged(
        self, makeWorld: WorldFactory, revision: Revision, loggedFailures: LoggedFailures
    ) -> None:
        rule = Breakable()
        world = makeWorld(origins=rule)
        poller, visitor = world.poller(revision), world.visitor()
        visitor.send(requestBytes("GET", poller.target, [("Origin", "http://a")]))
        rule.broken = True
        poller.send("a")
        world.clock.advance(1)
        assert len(loggedFailures.expect(ZeroDivisionError)) == 1
        assert not visitor.connected


class Breakable(OriginRule):
    """Allows everything until it breaks."""

    broken = False

    def allows(self, origin: str, host: str, secure: bool = False) -> bool:
        if self.broken:
            raise ZeroDivisionError
        return True


def ask(visitor: Visitor, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """A request, and status, headers and body of its answer."""
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    visitor.send(requestBytes(method, path, named))
    return visitor.fullResponse()


class TestLaterUpgrades:
    """A connection that proxies keep open carries other requests first, then an upgrade."""

    def test_theConnectionBecomesAWebSocket(self, world: World, revision: Revision) -> None:
        visitor = world.visitor()
        visitor.request("GET", "/x")
        visitor.send(upgradeBytes(f"/socket.io/?EIO={revision}&transport=websocket"))
        assert visitor.read().startswith(b"HTTP/1.1 101 ")
        world.clock.advance(0.0625)
        assert b'{"sid":"' in visitor.read()
        assert len(world.sids) == 1
        world.clock.advance(100)

    def test_whatComesRightBehindTheRequestIsTheWebSockets(self, world: World) -> None:
        visitor = world.visitor()
        visitor.request("GET", "/x")
        visitor.send(upgradeBytes("/socket.io/?EIO=4&transport=websocket") + bytes.fromhex("818200000000") + b"4a")
        assert world.applications[0].received == ["a"]

    def test_theTransportsProducerIsTheWebSocket(self, world: World) -> None:
        visitor = world.visitor()
        visitor.request("GET", "/x")
        visitor.send(upgradeBytes("/socket.io/?EIO=4&transport=websocket"))
        assert visitor.transport.producer is visitor.transport.protocol

    def test_aRefusalIsText(self, world: World) -> None:
        visitor = world.visitor()
        visitor.request("GET", "/x")
        visitor.send(upgradeBytes("/socket.io/?EIO=2&transport=websocket"))
        status, headers, body = visitor.fullResponse()
        assert (status, body) == (400, b"Unsupported protocol version")
        assert headers["content-type"] == "text/html"
        assert not visitor.connected

    def test_anUpgradeForAnotherPathIsAnOrdinaryRequest(self, world: World) -> None:
        visitor = world.visitor()
        visitor.request("GET", "/x")
        visitor.send(upgradeBytes("/x"))
        assert visitor.response()[0] == 404


def test_otherResourcesAreServedBesideTheEngine(world: World) -> None:
    class Page(Resource):
        def render_GET(self, request: object) -> bytes:
            return b"hello"

    world.root.putChild(b"page", Page())
    assert world.visitor().request("GET", "/page") == (200, b"hello")


def test_everyStatusHasItsReason(makeWorld: WorldFactory) -> None:
    def refuse(request: Request) -> None:
        raise forbidden(status=429)

    visitor = makeWorld(admit=refuse).visitor()
    visitor.send(requestBytes("GET", POLLING))
    assert visitor.read().startswith(b"HTTP/1.1 429 Too Many Requests\r\n")


def test_theLastAnswerOfAConnectionIsWholeAndSaysSo() -> None:
    assert closingResponse(Response(413, b"abc", (("X", "\xe4"),))) == (
        b"HTTP/1.1 413 Content Too Large\r\nX: \xe4\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
    )
    assert closingResponse(Response(418)).startswith(b"HTTP/1.1 418 Error\r\n")
