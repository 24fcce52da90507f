"""The lane of polls and posts: which requests it takes, and what it does when they come faster than they are answered.

That its answers are those of twisted.web's road is shown by the tests of HTTP requests and limits, which take both.
"""

from __future__ import annotations

import re
import tracemalloc

import pytest

from rtcsignal.engineio.http.exchange import Response
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.http.response import ResponseWriter
from rtcsignal.engineio.port.channel import BoundedChannel
from rtcsignal.engineio.port.pollinglane import PollingLane
from tests.engineio.conftest import WorldFactory
from tests.engineio.memory import SelectingClock
from tests.engineio.world import Poller, Visitor, World
from tests.wire.rawhttp import chunked, requestBytes
from tests.wire.rawws import upgradeBytes

POLLING = "/socket.io/?EIO=4&transport=polling"
UPGRADE = "/socket.io/?EIO=4&transport=websocket"

NOT_PLAIN = {
    "another path": requestBytes("GET", "/status"),
    "another method": requestBytes("OPTIONS", POLLING),
    "HTTP/1.0": requestBytes("GET", POLLING).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a chunked body": requestBytes("POST", POLLING, [("Transfer-Encoding", "chunked")]) + chunked(b"4a"),
    "an expectation": requestBytes("POST", POLLING, [("Expect", "100-continue")], b"4a"),
    "a body behind a GET": requestBytes("GET", POLLING, [], b"4a"),
    "an upgrade to something else": requestBytes("GET", POLLING, [("Upgrade", "h2c")]),
    "no host": requestBytes("GET", POLLING).replace(b"Host: ", b"X-Host: "),
    "two lengths": requestBytes("POST", POLLING, [("Content-Length", "2")], b"4a"),
}


@pytest.fixture
def fast() -> bool:
    """The fast path is what this is about."""
    return True


def test_whatIsLongInAnAnswerIsNotKept() -> None:
    responses = ResponseWriter(lambda: 0.0)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(100):
            responses.write(Response(200, b"", (("Access-Control-Allow-Origin", f"http://{'h' * 7_000}{number}"),)))
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 100_000


def test_headsOfAnswersAreKeptUpToANumber() -> None:
    responses = ResponseWriter(lambda: 0.0)
    for number in range(600):
        headers = (("X-Number", str(number % 300)),)
        assert b"\r\nX-Number: %d\r\n" % (number % 300) in responses.write(Response(200, b"", headers))


def carrier(visitor: Visitor) -> type:
    """What a connection is in the hands of."""
    return type(visitor.transport.protocol)


def statuses(answers: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]+) ", answers)]


class TestWhichRequests:
    def test_plainOnesAreItsOwn(self, visitor: Visitor, poller: Poller) -> None:
        assert visitor.request("POST", poller.target, b"4a" if poller.revision == 4 else b"2:4a") == (200, b"ok")
        assert carrier(visitor) is PollingLane

    @pytest.mark.parametrize("request_", NOT_PLAIN.values(), ids=NOT_PLAIN)
    def test_othersAreTwistedWebs(self, visitor: Visitor, request_: bytes) -> None:
        visitor.send(request_)
        assert carrier(visitor) is BoundedChannel

    @pytest.mark.parametrize("request_", NOT_PLAIN.values(), ids=NOT_PLAIN)
    def test_alsoBehindPlainOnesWithAllThatFollows(self, world: World, request_: bytes) -> None:
        alone, behind = world.visitor(), world.visitor()
        alone.send(request_ + requestBytes("GET", "/x"))
        behind.send(requestBytes("GET", POLLING + "&sid=unknown") + request_ + requestBytes("GET", "/x"))
        assert carrier(behind) is BoundedChannel
        assert statuses(behind.read()) == [400, *statuses(alone.read())]

    def test_aBodyThatIsTooLargeIsTwistedWebsToRefuse(self, makeWorld: WorldFactory) -> None:
        visitor = makeWorld(maxPayload=10).visitor()
        visitor.send(requestBytes("POST", POLLING, [], b"4" * 11))
        assert (carrier(visitor), statuses(visitor.read())) == (BoundedChannel, [413])

    def test_withoutTheFastPathAllAreTwistedWebs(self, makeWorld: WorldFactory) -> None:
        visitor = makeWorld(fast=False).visitor()
        visitor.send(requestBytes("GET", POLLING))
        assert carrier(visitor) is BoundedChannel

    def test_aWebSocketMayComeBehindThem(self, world: World) -> None:
        visitor = world.visitor()
        visitor.send(requestBytes("GET", POLLING) + upgradeBytes(UPGRADE))
        assert statuses(visitor.read()) == [200, 101]

    def test_oneWithABodyMayNot(self, world: World) -> None:
        visitor = world.visitor()
        visitor.send(requestBytes("GET", POLLING))
        visitor.read()
        visitor.send(upgradeBytes(UPGRADE).replace(b"Host:", b"Content-Length: 5\r\nHost:", 1))
        assert statuses(visitor.read()) == [400]
        assert not visitor.connected


class TestOneAfterTheOther:
    def test_whatIsPipelinedIsAnsweredInOrderAndNotAllInOneTurn(self, world: World, visitor: Visitor) -> None:
        unknown = [requestBytes("GET", f"{POLLING}&sid=x{number}") for number in range(20)]
        assert visitor.request("GET", POLLING + "&sid=unknown")[0] == 400
        visitor.transport.protocol.dataReceived(b"".join(unknown) + requestBytes("GET", "/last"))
        assert statuses(bytes(visitor.transport._buffer)) == [400] * 8
        for _ in range(4):
            world.clock.advance(0)
        assert statuses(visitor.read()) == [400] * 20 + [404]

    def test_whatComesBehindAPollWaitsForItsAnswer(self, visitor: Visitor, poller: Poller) -> None:
        visitor.send(requestBytes("GET", poller.target) + requestBytes("GET", POLLING + "&sid=unknown"))
        assert visitor.read() == b""
        poller.send("a")
        poller.world.turn()
        poller.world.turn()
        assert statuses(visitor.read()) == [200, 400]

    def test_whoDoesNotReadItsAnswersIsNotServed(self, world: World, visitor: Visitor) -> None:
        visitor.link.stalled = True
        visitor.send(requestBytes("GET", POLLING + "&sid=unknown") * 1_000)
        for _ in range(1_000):
            world.clock.advance(0)
        assert not visitor.transport.reading
        assert 0 < visitor.transport.protocol._received.count(b"GET") < 900
        visitor.link.stalled = False
        answers = b""
        for _ in range(1_000):
            answers += visitor.read()
            world.clock.advance(0)
        assert statuses(answers) == [400] * 1_000
        assert visitor.transport.reading

    def test_whatComesMeanwhileIsReadUpToALimit(self, visitor: Visitor, poller: Poller) -> None:
        visitor.send(requestBytes("GET", poller.target))
        visitor.send(b"GET /" + b"x" * 10_000)
        assert visitor.transport.reading
        visitor.send(b"x" * 10_000)
        assert not visitor.transport.reading


class TestTheEnd:
    def test_whoAsksForItIsHungUpOnAfterTheAnswer(self, visitor: Visitor) -> None:
        visitor.send(requestBytes("GET", POLLING, [("Connection", "close")]) + requestBytes("GET", POLLING))
        _, headers, _ = visitor.fullResponse()
        assert headers["connection"] == "close"
        assert not visitor.connected

    def test_aConnectionWithoutRequestsIsClosed(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(limits=HttpLimits(idleSeconds=5))
        visitor = world.visitor()
        assert visitor.request("GET", POLLING + "&sid=unknown")[0] == 400
        world.clock.advance(4)
        assert visitor.request("GET", POLLING + "&sid=unknown")[0] == 400
        world.clock.advance(4)
        assert visitor.connected
        world.clock.advance(1.25)
        visitor.link.turn()
        assert not visitor.connected

    def test_aSecondPostIsRefusedAndWhatStillComesIsIgnored(self, world: World, poller: Poller) -> None:
        first, second = world.visitor(), world.visitor()
        body = bytes(100)
        first.send(requestBytes("POST", poller.target, [], body)[:-50])
        second.send(requestBytes("POST", poller.target, [], body)[:-50])
        assert statuses(second.read()) == [400]
        assert world.sids == []
        second.send(body[50:] + requestBytes("GET", POLLING))
        assert second.read() == b""
        world.clock.advance(1.25)
        assert not second.connected

    def test_aHeadThatIsNoneIsRefused(self, visitor: Visitor) -> None:
        visitor.send(requestBytes("GET", POLLING + "&sid=unknown") + b"nonsense\r\n\r\n")
        assert statuses(visitor.read()) == [400, 400]
        visitor.world.clock.advance(1.25)
        assert not visitor.connected

    def test_aHeadThatIsTooLongIsRefused(self, makeWorld: WorldFactory) -> None:
        visitor = makeWorld(limits=HttpLimits(headerBytes=500)).visitor()
        visitor.send(requestBytes("GET", POLLING + "&sid=unknown") + b"x" * 501)
        assert statuses(visitor.read()) == [400, 431]


def test_theDateIsThatOfTheAnswer() -> None:
    clock = SelectingClock()
    answers = ResponseWriter(clock.seconds)
    clock.advance(784_111_777 - clock.seconds())
    first = answers.write(Response(200, b"a", ()))
    assert first == b"HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 1\r\n\r\na"
    clock.advance(1.5)
    assert b"08:49:38 GMT" in answers.write(Response(200, b"a", ()))
