"""What an HTTP connection may cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Poller, Visitor, World
from tests.wire import payloads
from tests.wire.rawhttp import chunked, requestBytes

BOTH_WAYS = True
POLLING = "/socket.io/?EIO=4&transport=polling"
UNLIMITED = HttpLimits(0, 0, 0, 0, 0)


class TestLimits:
    def test_aBodyThatIsAnnouncedTooLargeIsRefusedBeforeItComes(
        self, makeWorld: WorldFactory, revision: Revision
    ) -> None:
        world = makeWorld(maxPayload=100)
        poller, visitor = world.poller(revision), world.visitor()
        visitor.send(poller.posting(bytes(101))[:-101])
        status, headers, body = visitor.fullResponse()
        assert (status, body, headers["connection"]) == (413, b"", "close")
        assert poller.alive
        assert poller.post("4a").status == 200

    def test_aBodyOfExactlyTheLimitIsFine(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(maxPayload=100)
        poller, visitor = world.poller(4), world.visitor()
        visitor.send(poller.posting(b"4" * 100))
        assert visitor.response() == (200, b"ok")

    def test_aBodyThatTurnsOutTooLargeIsCut(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(maxPayload=100)
        poller, visitor = world.poller(revision), world.visitor()
        head = requestBytes("POST", poller.target, [("Transfer-Encoding", "chunked")])
        visitor.send(head + b"40\r\n" + b"4" * 64 + b"\r\n")
        assert visitor.read() == b""
        visitor.send(b"40\r\n" + b"4" * 64 + b"\r\n0\r\n\r\n")
        assert visitor.response()[0] == 413
        assert poller.post("4a").status == 200
        assert poller.application.received == ["a"]

    def test_itIsAnsweredOnceHoweverMuchComes(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(maxPayload=100)
        poller, visitor = world.poller(4), world.visitor()
        head = requestBytes("POST", poller.target, [("Transfer-Encoding", "chunked")])
        visitor.send(head + chunked(*[bytes(101)] * 5))
        assert visitor.read().count(b"HTTP/1.1 413 ") == 1
        other = world.visitor()
        other.send(poller.posting(bytes(500)))
        assert other.read().count(b"HTTP/1.1 413 ") == 1
        assert poller.post("4a").status == 200

    def test_aRefusalHasTheHeadersThatPagesNeed(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(maxPayload=100, origins=OriginRule(["http://a.test"]))
        poller, visitor = world.poller(4), world.visitor()
        visitor.send(poller.posting(bytes(101), origin="http://a.test")[:-101])
        assert visitor.fullResponse()[1]["access-control-allow-origin"] == "http://a.test"

    def test_aBodyOutsideTheEngineIsLimitedToo(self, makeWorld: WorldFactory) -> None:
        visitor = makeWorld(limits=HttpLimits(bodyBytes=100)).visitor()
        visitor.send(requestBytes("POST", "/elsewhere", [], bytes(101))[:-101])
        status, headers, _ = visitor.fullResponse()
        assert status == 413
        assert "access-control-allow-origin" not in headers

    @pytest.mark.parametrize("most", [100, 3_000_000])
    def test_theEnginesLimitIsItsOwn(self, makeWorld: WorldFactory, revision: Revision, most: int) -> None:
        world = makeWorld(maxPayload=most, limits=HttpLimits(bodyBytes=5_000))
        poller = world.poller(revision)
        assert poller.handshake["maxPayload"] == most
        size = most - 1 if revision == 4 else most - 2 - len(str(most))
        body = payloads.encode(revision, "4" + "a" * size)
        visitor = world.visitor()
        visitor.send(poller.posting(body[:most]))
        assert visitor.response()[0] == (200 if len(body) <= most else 400)
        poller, visitor = world.poller(revision), world.visitor()
        visitor.send(poller.posting(bytes(most + 1))[: -most - 1])
        assert visitor.response()[0] == 413

    def test_noLimitIsToldAsNone(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(maxPayload=0, limits=HttpLimits(bodyBytes=5_000))
        poller, visitor = world.poller(4), world.visitor()
        assert poller.handshake["maxPayload"] == 0
        visitor.send(poller.posting(b"4" * 2_000_000))
        assert visitor.response() == (200, b"ok")

    def test_afterARefusalWhatComesIsReadAndIgnoredForAMoment(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(maxPayload=100)
        poller, visitor = world.poller(4), world.visitor()
        whole = poller.posting(bytes(1_000))
        visitor.send(whole[:-900])
        assert visitor.response()[0] == 413
        visitor.send(whole[-900:] + requestBytes("GET", POLLING))
        assert visitor.read() == b""
        assert world.sids == [poller.sid]
        assert visitor.connected
        world.clock.advance(1.25)
        assert not world._visitors[0].connected

    def test_morePipelinedDataThanARequestMayHaveWaitsInTheNetwork(self, visitor: Visitor, poller: Poller) -> None:
        visitor.send(requestBytes("GET", poller.target))
        visitor.send(requestBytes("GET", "/x") * 1_000)
        assert not visitor.transport.reading
        poller.send("a")
        poller.world.turn()
        answers = visitor.read()
        assert answers.startswith(b"HTTP/1.1 200 OK")
        while not visitor.transport.reading:
            poller.world.turn()
            answers += visitor.read()
        assert answers.count(b"404 Not Found") == 1_000

    @pytest.mark.parametrize(
        "bad",
        [
            b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n4a",
            b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n4a\r\n0\r\n\r\n",
            b"Content-Length: +2\r\n\r\n4a",
            b"Content-Length: 0x2\r\n\r\n4a",
            b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            b"Transfer-Encoding: chunked\r\n\r\n+2\r\n4a\r\n0\r\n\r\n",
            b"Transfer-Encoding: chunked\r\n\r\nx\r\n4a\r\n0\r\n\r\n",
        ],
    )
    def test_bodiesWhoseLengthIsUnclearAreRefused(self, visitor: Visitor, poller: Poller, bad: bytes) -> None:
        visitor.send(f"POST {poller.target} HTTP/1.1\r\nHost: a\r\n".encode() + bad)
        assert visitor.read().startswith(b"HTTP/1.1 400 ")
        assert not visitor.connected
        assert poller.application.received == []

    @pytest.mark.parametrize(
        ("headers", "answer"),
        [
            ([("X", "a")] * 6, b"HTTP/1.1 400 "),
            ([("X", "a" * 300)] * 2, b"HTTP/1.1 400 "),
            ([("X", "a" * 600)], b"HTTP/1.1 431 "),
        ],
        ids=["too many", "too much", "a line that is too long"],
    )
    def test_theSecondRequestOfAConnectionHasTheSameLimits(
        self, makeWorld: WorldFactory, headers: list[tuple[str, str]], answer: bytes
    ) -> None:
        world = makeWorld(limits=HttpLimits(headerBytes=500, headerCount=5))
        visitor = world.visitor()
        assert visitor.request("GET", "/x")[0] == 404
        visitor.send(requestBytes("GET", "/x", headers))
        assert visitor.read().startswith(answer)
        world.clock.advance(2)
        assert not visitor.connected

    def test_withoutLimitsThereAreNone(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(maxPayload=0, limits=UNLIMITED)
        poller, visitor = world.poller(4), world.visitor()
        visitor.send(requestBytes("GET", "/x", [("X", "a" * 10_000)]))
        assert visitor.response()[0] == 404
        visitor.send(poller.posting(b"4" * 3_000_000)[:-1])
        world.clock.pump([1] * 40)
        visitor.send(b"4")
        assert visitor.response() == (200, b"ok")


class TestDeadlines:
    @pytest.fixture
    def world(self, makeWorld: WorldFactory) -> World:
        return makeWorld(limits=HttpLimits(headerSeconds=0.5, bodySeconds=0.75, idleSeconds=0.875))

    @staticmethod
    def drip(visitor: Visitor, data: bytes, until: Callable[[], bool]) -> float:
        """Send a byte every sixteenth of a second; how long the server put up with it."""
        began = visitor.world.clock.seconds()
        for at in range(len(data)):
            if until():
                break
            visitor.send(data[at : at + 1])
            visitor.world.clock.advance(0.0625)
        return visitor.world.clock.seconds() - began

    def test_headersMustComeInTimeHoweverSteadilyTheyDrip(self, world: World) -> None:
        visitor = world.visitor()
        taken = self.drip(visitor, requestBytes("GET", "/" + "x" * 100), lambda: not visitor.connected)
        assert taken == 0.5

    def test_alsoThoseOfTheNextRequest(self, world: World) -> None:
        visitor = world.visitor()
        visitor.request("GET", "/x")
        taken = self.drip(visitor, requestBytes("GET", "/" + "x" * 100), lambda: not visitor.connected)
        assert taken == 0.5

    def test_aBodyMustComeInTimeAndItsSessionEndsWithIt(self, world: World) -> None:
        visitor, poller = world.visitor(), world.poller(4)
        whole = poller.posting(b"4" * 100)
        visitor.send(whole[:-100])
        taken = self.drip(visitor, whole[-100:], lambda: not visitor.connected)
        assert taken == 0.75
        assert poller.application.closed == [CloseReason.TRANSPORT_ERROR]

    def test_aConnectionThatSaysNothingIsCut(self, world: World) -> None:
        visitor = world.visitor()
        world.clock.advance(0.5)
        assert not visitor.connected

    def test_oneThatWasUsedIsKeptLonger(self, world: World) -> None:
        visitor = world.visitor()
        visitor.request("GET", "/x")
        world.clock.advance(0.8125)
        visitor.link.turn()
        states = [visitor.connected]
        world.clock.advance(0.0625)
        visitor.link.turn()
        states.append(visitor.connected)
        assert states == [True, False]

    def test_aPollMayWaitAsLongAsItLikes(self, world: World) -> None:
        visitor, poller = world.visitor(), world.poller(4)
        visitor.send(requestBytes("GET", poller.target))
        world.clock.advance(20)
        poller.send("a")
        world.turn()
        assert visitor.response()[0] == 200

    def test_aWebSocketMayBeQuiet(self, world: World) -> None:
        socket = world.socket(4)
        world.clock.advance(20)
        assert socket.connected
