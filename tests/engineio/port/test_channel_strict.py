"""Requests that mean one thing to a proxy and another to a careless server; and connections without end."""

from __future__ import annotations

import os

import pytest
from twisted.web.resource import Resource

from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Visitor, World
from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import upgradeBytes

BOTH_WAYS = True

POLLING = "/socket.io/?EIO=4&transport=polling"
WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
FIRST = requestBytes("GET", "/x")


class Counter(Resource):
    """Counts the requests for it."""

    isLeaf = True
    served = 0

    def render(self, request: object) -> bytes:
        self.served += 1
        return b"served"


class TestHosts:
    """RFC 9112 section 3.2: exactly one."""

    @pytest.mark.parametrize("before", [b"", FIRST], ids=["first", "later"])
    @pytest.mark.parametrize("hosts", [b"", b"Host: a\r\nHost: b\r\n", b"Host: a\r\nhOST: a\r\n"])
    def test_noneAndSeveralAreRefused(self, visitor: Visitor, before: bytes, hosts: bytes) -> None:
        if before:
            visitor.send(before)
            assert visitor.response()[0] == 404
        visitor.send(f"GET {POLLING} HTTP/1.1\r\n".encode() + hosts + b"\r\n")
        assert visitor.read().startswith(b"HTTP/1.1 400 ")
        assert visitor.world.sids == []

    def test_http10NeedsNone(self, visitor: Visitor) -> None:
        visitor.send(f"GET {POLLING} HTTP/1.0\r\n\r\n".encode())
        assert visitor.read().startswith(b"HTTP/1.0 200 ")


class TestUpgradesWithABody:
    """What follows would be a body to a proxy, and frames to us."""

    @pytest.mark.parametrize("before", [b"", FIRST], ids=["first", "later"])
    @pytest.mark.parametrize("header", [("Content-Length", "5"), ("Transfer-Encoding", "chunked")])
    def test_theyAreRefused(self, visitor: Visitor, before: bytes, header: tuple[str, str]) -> None:
        if before:
            visitor.send(before)
            visitor.response()
        visitor.send(upgradeBytes(WEBSOCKET, [header]))
        assert visitor.read().startswith(b"HTTP/1.1 400 ")
        assert visitor.world.sids == []

    def test_aBodyOfNoBytesIsNone(self, visitor: Visitor) -> None:
        visitor.send(upgradeBytes(WEBSOCKET, [("Content-Length", "0")]))
        assert visitor.read().startswith(b"HTTP/1.1 101 ")


class TestBodies:
    def test_largeOnesNeedNoFile(self, world: World, visitor: Visitor, revision: Revision) -> None:
        poller = world.poller(revision)
        before = os.listdir("/proc/self/fd")
        visitor.send(poller.posting(b"4" + b"a" * 500_000)[:-1])
        assert os.listdir("/proc/self/fd") == before

    @pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "multipart/form-data", "a/b; boundary="])
    def test_formsAreNothingSpecial(self, visitor: Visitor, kind: str) -> None:
        body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n--x'
        visitor.send(requestBytes("POST", "/x", [("Content-Type", kind)], body))
        assert visitor.response()[0] == 404


class TestBodiesOfStrangers:
    """Whoever has no session sends 64 KiB at most."""

    @pytest.mark.parametrize("target", ["/x", POLLING, POLLING + "&sid=unknown"])
    @pytest.mark.parametrize("chunked", [False, True])
    def test_moreIsRefused(self, visitor: Visitor, target: str, chunked: bool) -> None:
        length, head = 65_537, ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", "65537")
        visitor.send(requestBytes("POST", target, [head]))
        if chunked:
            visitor.send(b"%x\r\n" % length + bytes(length))
        assert visitor.read().startswith(b"HTTP/1.1 413 ")

    @pytest.mark.parametrize("target", ["/x", POLLING + "&sid=unknown"])
    def test_thatMuchIsAnswered(self, visitor: Visitor, target: str) -> None:
        visitor.send(requestBytes("POST", target, body=bytes(65_536)))
        assert visitor.response()[0] in (400, 404)

    def test_withoutALimitOnBodiesThereIsNone(self, makeWorld: WorldFactory) -> None:
        visitor = makeWorld(maxPayload=0, limits=HttpLimits(bodyBytes=0)).visitor()
        for target, status in (("/x", 404), (POLLING + "&sid=unknown", 400)):
            visitor.send(requestBytes("POST", target, body=bytes(100_000)))
            assert visitor.response()[0] == status


class TestPipelining:
    def test_someRequestsAreServedInOneTurnAndTheRestInTheNext(self, visitor: Visitor) -> None:
        counter = Counter()
        visitor.world.root.putChild(b"count", counter)
        visitor.send(requestBytes("GET", "/count") * 20)
        assert counter.served == 8
        visitor.world.turn()
        assert counter.served == 20
        assert visitor.read().count(b"HTTP/1.1 200 OK") == 20

    def test_whoLeavesInBetweenIsNotServed(self, world: World, revision: Revision) -> None:
        poller, visitor = world.poller(revision), world.visitor()
        application = poller.application
        visitor.send(requestBytes("GET", "/x") * 8 + poller.posting(b"2:4a" if revision == 3 else b"4a"))
        visitor.link.close()
        world.turn()
        assert application.received == []
        assert application.closed == [CloseReason.TRANSPORT_ERROR]


class TestConnectionsPerAddress:
    def test_anAddressHasSoManyAndOthersTheirs(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(limits=HttpLimits(connectionsPerAddress=3))
        silent = [world.visitor("192.0.2.1") for _ in range(3)]
        refused = world.visitor("192.0.2.1")
        refused.link.turn()
        assert refused.read().startswith(b"HTTP/1.1 429 ")
        assert not refused.connected
        assert world.visitor("192.0.2.2").request("GET", "/x")[0] == 404
        silent[0].link.close()
        assert world.visitor("192.0.2.1").request("GET", "/x")[0] == 404

    def test_thoseThatWereUsedCountUntilTheyEnd(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(limits=HttpLimits(connectionsPerAddress=2))
        used = [world.visitor() for _ in range(2)]
        for visitor in used:
            assert visitor.request("GET", "/x")[0] == 404
        refused = world.visitor()
        refused.link.turn()
        assert not refused.connected
        used[0].link.close()
        assert world.visitor().request("GET", "/x")[0] == 404

    def test_websocketsAreSessionsAndCountedAsSuch(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(limits=HttpLimits(connectionsPerAddress=1))
        for _ in range(3):
            world.socket(revision)
        later = world.visitor()
        assert later.request("GET", "/x")[0] == 404
        later.send(upgradeBytes(WEBSOCKET))
        assert later.read().startswith(b"HTTP/1.1 101 ")
        assert world.visitor().request("GET", "/x")[0] == 404

    def test_nothingIsCountedOfConnectionsThatAreGone(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(limits=HttpLimits(connectionsPerAddress=1, headerSeconds=10))
        for data in (b"", FIRST, upgradeBytes(WEBSOCKET), b"nonsense\r\n\r\n", upgradeBytes(WEBSOCKET + "&sid=x")):
            visitor = world.visitor()
            visitor.send(data)
            visitor.link.close()
            world.clock.advance(0)
            assert world.port.connections.counts == {}


class TestClientsThatSayThatTheyAskNoMore:
    """They close their direction of the connection right behind the request, and still read (RFC 9112 section 9.6)."""

    @staticmethod
    def asks(visitor: Visitor, data: bytes) -> bytes:
        visitor.link.send(data)
        visitor.link.hangUp()
        visitor.link.turn()
        for _ in range(5):
            visitor.world.turn()
        return visitor.read()

    @pytest.mark.parametrize("target", ["/x", POLLING, POLLING + "&sid=unknown"])
    @pytest.mark.parametrize("count", [1, 20])
    def test_theyAreAnswered(self, world: World, target: str, count: int) -> None:
        visitor = world.visitor()
        assert self.asks(visitor, requestBytes("GET", target) * count).count(b"HTTP/1.1 ") == count
        assert not visitor.connected

    @pytest.mark.parametrize("first", [b"", requestBytes("GET", POLLING + "&sid=unknown")])
    def test_afterARefusalNothingKeepsTheConnection(
        self, world: World, revision: Revision, first: bytes
    ) -> None:
        poller, other = world.poller(revision), world.visitor()
        post = requestBytes("POST", poller.target, [], bytes(100))[:-50]
        other.send(post)
        visitor = world.visitor(real=True)
        visitor.send(first + post)
        assert visitor.read().splitlines()[-1] == b'{"code":3,"message":"Bad request"}'
        assert visitor.connected
        visitor.link.hangUp()
        visitor.link.turn()
        assert not visitor.connected

    @pytest.mark.parametrize("data", [b"GET /x HT", requestBytes("POST", POLLING, [("Content-Length", "5")]) + b"4"])
    def test_halfARequestIsNone(self, world: World, data: bytes) -> None:
        visitor = world.visitor()
        assert self.asks(visitor, data) == b""
        assert not visitor.connected

    def test_aPollThatWaitsIsLost(self, world: World, revision: Revision) -> None:
        poller, visitor = world.poller(revision), world.visitor()
        assert self.asks(visitor, requestBytes("GET", poller.target)) == b""
        assert not visitor.connected
        assert world.sids == []


class Large(Resource):
    """A large page."""

    isLeaf = True

    def render(self, request: object) -> bytes:
        return b"a" * 200_000


@pytest.mark.parametrize("what", ["a poll", "a page"])
class TestAnswersThatNobodyReads:
    @staticmethod
    def unread(world: World, what: str, *headers: tuple[str, str]) -> Visitor:
        """A connection with an answer of which most waits."""
        world.root.putChild(b"large", Large())
        poller, visitor = world.poller(4), world.visitor()
        poller.send("a" * 200_000)
        visitor.link.stalled = True
        visitor.send(requestBytes("GET", poller.target if what == "a poll" else "/large", headers))
        return visitor

    @staticmethod
    def endsAfterTenSeconds(world: World, visitor: Visitor) -> None:
        """The connection is ended then, and not before."""
        world.clock.advance(9.9)
        assert visitor.connected
        world.clock.advance(0.5)
        world.turn()
        assert not visitor.connected

    @pytest.mark.parametrize("headers", [(), (("Connection", "close"),)], ids=["kept", "to be closed"])
    def test_theyEndTheirConnectionAfterTenSeconds(
        self, world: World, what: str, headers: tuple[tuple[str, str], ...]
    ) -> None:
        self.endsAfterTenSeconds(world, self.unread(world, what, *headers))

    def test_soTheyDoWhenTheClientHasSaidThatItAsksNoMore(self, world: World, what: str) -> None:
        visitor = self.unread(world, what)
        visitor.link.hangUp()
        visitor.link.turn()
        self.endsAfterTenSeconds(world, visitor)

    def test_whoReadsInTimeStays(self, world: World, what: str) -> None:
        visitor = self.unread(world, what)
        world.clock.advance(9)
        visitor.link.stalled = False
        assert len(visitor.read()) > 200_000
        world.clock.advance(9)
        assert visitor.request("GET", "/x")[0] == 404

    def test_theConnectionMayBecomeAWebsocketThen(self, world: World, what: str) -> None:
        visitor = self.unread(world, what)
        visitor.link.stalled = False
        assert len(visitor.read()) > 200_000
        visitor.send(upgradeBytes(WEBSOCKET))
        assert visitor.read().startswith(b"HTTP/1.1 101 ")
        world.clock.advance(11)
        assert visitor.connected

    def test_withoutALimitTheyMayWait(self, makeWorld: WorldFactory, what: str) -> None:
        visitor = self.unread(makeWorld(limits=HttpLimits(sendSeconds=0)), what)
        visitor.world.clock.advance(30)
        assert visitor.connected
