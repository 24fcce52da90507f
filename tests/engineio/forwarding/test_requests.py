"""Polls and posts that come in at another node than that of their session."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from rtcsignal.engineio.forwarding import frames
from rtcsignal.engineio.forwarding.directory import makeNodeId, mark, nodeOf
from rtcsignal.engineio.forwarding.frames import Ask, Asked, FrameError, Frames, Hello, Ping, Pong, Upgrade, encoded
from rtcsignal.engineio.http.exchange import Response
from rtcsignal.engineio.http.limits import STRANGERS_BODY
from rtcsignal.engineio.http.origin import OriginRule
from tests.engineio.conftest import Log
from tests.engineio.forwarding.conftest import A, B, C, MakeNode
from tests.engineio.forwarding.nodes import Network, Node
from tests.engineio.memory import MemoryLink
from tests.engineio.world import Poller, request
from tests.wire.rawhttp import requestBytes

BOTH_WAYS = True


def get(poller: Poller, **headers: str) -> Any:
    """A poll."""
    return request("GET", poller.query, **headers)


def post(poller: Poller, body: str) -> Any:
    """A post."""
    return replace(request("POST", poller.query, content_type="text/plain;charset=UTF-8"), body=body.encode())


class TestForwarding:
    def test_aPostReachesTheSession(self, front: Node, poller: Poller) -> None:
        answer = front.ask(post(poller, "4hello"))
        assert (answer.status, answer.response.body) == (200, b"ok")
        assert poller.application.received == ["hello"]
        assert front.front.requests == 1

    def test_aPollWaitsThere(self, front: Node, poller: Poller) -> None:
        answer = front.ask(get(poller))
        assert not answer.given
        poller.send("news")
        front.network.settle()
        assert answer.packets == ["4news"]

    def test_manyAreInFlightOnOneLink(self, front: Node, owner: Node, network: Network) -> None:
        pollers = [owner.world.poller(4) for _ in range(20)]
        answers = [front.ask(get(each)) for each in pollers]
        for number in reversed(range(20)):
            pollers[number].send(f"for {number}")
        network.settle()
        assert [answer.packets for answer in answers] == [[f"4for {number}"] for number in range(20)]
        assert len(network.cables) == front.front.links == 1

    def test_aPollThatIsCancelledIsCancelledThere(self, front: Node, poller: Poller) -> None:
        answer = front.ask(get(poller))
        answer.goAway()
        front.network.settle()
        assert answer.cancelled
        assert not poller.alive  # as if it had broken the connection here
        assert front.front.unanswered == 0

    def test_theOwnerSeesTheClientsAddressAndOrigin(self, makeNode: MakeNode) -> None:
        rule = OriginRule(["https://app.example"])
        front, owner = makeNode(A, origins=rule), makeNode(B, origins=rule)
        poller = owner.world.poller(4)
        answer = front.ask(get(poller, origin="https://evil.example", host="server"))
        assert answer.status == 403
        poller.send("news")
        answer = front.ask(get(poller, origin="https://app.example", host="server"))
        assert answer.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert answer.packets == ["4news"]

    def test_requestsOfOwnSessionsStayHere(self, front: Node, owner: Node) -> None:
        poller = front.world.poller(4)
        assert front.ask(post(poller, "4hello")).status == 200
        assert front.front.requests == 0
        assert poller.sid.startswith(A)

    def test_preflightsAreAnsweredHere(self, front: Node, poller: Poller) -> None:
        answer = front.ask(request("OPTIONS", poller.query, origin="https://app.example"))
        assert answer.status == 204
        assert front.front.requests == 0


class TestStrangers:
    def test_anUnknownNodeIsRefusedAtOnce(self, front: Node, owner: Node, network: Network) -> None:
        for sid in ("node-X-and-some-more", "short", B, A + "-unknown"):
            answer = front.ask(request("GET", {"EIO": "4", "transport": "polling", "sid": sid}))
            assert answer.error == (400, 1)
        assert network.cables == []

    def test_aForgedSidOfAnotherNodeIsRefusedThere(self, front: Node, owner: Node, log: Log) -> None:
        for number in range(1000):
            sid = f"{B}-forged-{number}"
            answer = front.ask(request("GET", {"EIO": "4", "transport": "polling", "sid": sid}))
            assert answer.error == (400, 1)
        assert len(log.lines) < 200

    def test_nothingIsForwardedTwice(self, makeNode: MakeNode, network: Network) -> None:
        front, between = makeNode(A), makeNode(B)
        third = makeNode(C)
        poller = third.world.poller(4)
        (address,) = [front.directory.find(B)]
        assert address is not None
        stale = replace(get(poller), query={**poller.query})
        # The front believes that B is C.
        front.directory.nodes[C] = address
        assert front.ask(stale).error == (400, 1)
        assert between.front.requests == 0
        assert len(network.cables) == 1


class TestBodies:
    def test_aLargeOneIsNotThatOfAStranger(self, front: Node, poller: Poller) -> None:
        visitor = front.world.visitor()
        body = b"4" + b"x" * (2 * STRANGERS_BODY)
        target = poller.target
        visitor.send(requestBytes("POST", target, [("Content-Type", "text/plain")], body))
        front.network.settle()
        assert visitor.response() == (200, b"ok")
        assert poller.application.received == ["x" * (2 * STRANGERS_BODY)]

    def test_ofAnUnknownNodeItIs(self, front: Node, owner: Node) -> None:
        visitor = front.world.visitor()
        target = "/engine.io/?EIO=4&transport=polling&sid=node-X-and-some-more"
        target = target.replace("/engine.io/", front.world.engine.options.path)
        head = requestBytes("POST", target, [("Content-Type", "text/plain")], b"x" * (2 * STRANGERS_BODY))
        visitor.send(head)
        assert visitor.response()[0] == 413

    def test_oneThatIsTooLargeForTheOwnerIsRefusedThere(self, makeNode: MakeNode) -> None:
        front, owner = makeNode(A), makeNode(B, maxPayload=100)
        poller = owner.world.poller(4)
        assert front.ask(post(poller, "4" + "x" * 200)).status == 413
        assert front.ask(post(poller, "4short")).status == 200

    def test_aSecondOneEndsTheSession(self, front: Node, poller: Poller) -> None:
        poller.startPost()
        assert front.ask(post(poller, "4hello")).error == (400, 3)
        assert not poller.alive

    def test_oneThatIsLostEndsTheSession(self, front: Node, poller: Poller) -> None:
        visitor = front.world.visitor()
        whole = requestBytes("POST", poller.target, [("Content-Type", "text/plain")], b"4hello")
        visitor.send(whole[:-3])
        visitor.link.close()
        front.network.settle()
        assert not poller.alive

    def test_oneThatIsLostWhileAnotherRunsEndsTheSession(self, front: Node, poller: Poller) -> None:
        upload = front.world.engine.postStarted(post(poller, ""))
        assert upload is not None
        poller.startPost()
        upload.lost()
        front.network.settle()
        assert not poller.alive

    def test_oneThatIsRefusedHereIsNoNews(self, front: Node, poller: Poller) -> None:
        upload = front.world.engine.postStarted(post(poller, ""))
        assert upload is not None
        upload.refused()
        assert front.ask(post(poller, "4hello")).status == 200


class TestTrouble:
    def test_aBrokenLinkIsAnswered503AndTheNextRequestHasAnother(
        self, front: Node, poller: Poller, network: Network, log: Log
    ) -> None:
        answer = front.ask(get(poller))
        network.cables[0].cut()
        assert answer.status == 503
        assert front.front.unanswered == 1
        assert front.ask(post(poller, "4hello")).status == 400
        assert len(network.cables) == 2
        assert [line for line in log.lines if f"no link to node {B}" in line]

    def test_aPollThatWaitsThereIsGoneWithTheLink(self, front: Node, poller: Poller, network: Network) -> None:
        answer = front.ask(get(poller))
        network.cables[0].cut()
        assert answer.status == 503
        assert not poller.alive

    def test_aLinkThatStallsIsGivenUpWithinFiveSeconds(self, front: Node, poller: Poller, network: Network) -> None:
        answer = front.ask(get(poller))
        network.cables[0].stalled = True
        network.wait(5)
        assert answer.status == 503
        assert front.front.links == 0
        network.cables[0].cut()

    def test_oneThatAnswersIsNot(self, front: Node, poller: Poller, network: Network) -> None:
        answer = front.ask(get(poller))
        network.wait(15)
        assert not answer.given
        poller.send("late")
        network.settle()
        assert answer.packets[-1] == "4late"
        network.wait(3)  # with nothing in flight there are no pings

    @pytest.mark.parametrize("how", ["refused", "silent"])
    def test_aNodeThatCannotBeReachedIsAnswered503(
        self, front: Node, poller: Poller, network: Network, how: str
    ) -> None:
        getattr(network, how).add(4001)
        answers = [front.ask(get(poller)), front.ask(post(poller, "4hello"))]
        network.wait(5)
        assert [answer.status for answer in answers] == [503, 503]
        assert front.front.links == 0

    def test_aNodeThatHasMovedIsFound(self, front: Node, poller: Poller, network: Network) -> None:
        front.ask(post(poller, "4one"))
        address = front.directory.find(B)
        assert address is not None
        network.ports[4999] = network.ports.pop(4001)
        front.directory.nodes[B] = address._replace(port=4999)
        assert front.ask(post(poller, "4two")).status == 200
        network.settle()
        assert [cable.isOpen for cable in network.cables] == [False, True]

    def test_aTooLongQueueIsAnswered503(self, front: Node, poller: Poller, network: Network) -> None:
        network.silent.add(4001)
        large = post(poller, "4" + "x" * 5_000_000)
        answers = [front.ask(large) for _ in range(5)]
        assert answers[-1].status == 503
        network.wait(5)
        assert {answer.status for answer in answers} == {503}

    def test_nonsenseFromTheOtherNodeBreaksTheLink(self, front: Node, poller: Poller, network: Network) -> None:
        answer = front.ask(get(poller))
        link = network.cables[0].ends[0].protocol
        link.dataReceived(encoded(frames.Answer(99, 200, b"", ())) + encoded(Pong()))
        assert not answer.given
        link.dataReceived(b"\0\0\0\x01\xc1")
        network.settle()
        assert answer.status == 503

    def test_nothingGoesToANodeThatIsGone(self, front: Node, poller: Poller, network: Network) -> None:
        upload = front.world.engine.postStarted(post(poller, ""))
        assert upload is not None
        front.directory.hidden.add(B)
        upload.lost()
        network.settle()
        assert poller.alive
        assert network.cables == []

    def test_aFaultOfTheOwnerIsAnswered500(self, front: Node, owner: Node, loggedFailures: Any) -> None:
        poller = owner.world.poller(4)
        answer = front.ask(get(poller))
        broken: Deferred[Response] = Deferred()
        owner.world.engine.handleHere = lambda request: broken  # type: ignore[method-assign]
        other = front.ask(post(poller, "4hello"))
        broken.errback(ZeroDivisionError())
        front.network.settle()
        assert other.status == 500
        assert not answer.given
        assert len(loggedFailures.expect(ZeroDivisionError)) == 1


class TestVisits:
    """What comes to the port for other nodes."""

    def visit(self, node: Node, *frames: Any, raw: bytes = b"") -> MemoryLink:
        """A connection with these frames."""
        link = MemoryLink(node.reception.buildProtocol(None), node.world.clock, "10.0.0.1")
        link.send(b"".join(map(encoded, frames)) + raw)
        link.turn()
        link.turn()
        return link

    def token(self, node: Node) -> str:
        address = node.directory.find(node.name)
        assert address is not None
        return address.token

    def test_mustPresentTheToken(self, owner: Node, log: Log) -> None:
        asked = Asked.of(request("GET", {"EIO": "4", "transport": "polling"}))
        visits = [
            self.visit(owner, Hello(1, "wrong"), Ask(1, asked, b"")),
            self.visit(owner, Ask(1, asked, b"")),
            self.visit(owner, raw=b"GET / HTTP/1.1\r\n\r\n"),
            self.visit(owner, raw=b"\0\0\0\x01x"),
            self.visit(owner, Hello(2, self.token(owner))),
        ]
        assert not any(visit.transport.connected for visit in visits)
        assert owner.reception.refused == 5
        assert owner.world.sids == []
        assert any("version 2" in line for line in log.lines)
        assert not any(self.token(owner) in line for line in log.lines)

    def test_mustSaySomethingInTime(self, owner: Node) -> None:
        visit = self.visit(owner)
        owner.world.clock.advance(5.1)
        visit.turn()
        assert not visit.transport.connected

    def test_mayComeByteByByte(self, owner: Node) -> None:
        visit = self.visit(owner)
        for byte in encoded(Hello(1, self.token(owner))) + encoded(Ping()):
            visit.send(bytes([byte]))
        visit.turn()
        assert visit.read() == encoded(Pong())

    @pytest.mark.parametrize(
        "frame", [Hello(1, "again"), frames.Answer(1, 200, b"", ())], ids=["hello", "answer"]
    )
    def test_mustMakeSense(self, owner: Node, frame: Any) -> None:
        visit = self.visit(owner, Hello(1, self.token(owner)), frame)
        assert not visit.transport.connected

    def test_haveALimit(self, makeNode: MakeNode) -> None:
        node = makeNode(B, maxPayload=1000)
        visit = self.visit(node, Hello(1, self.token(node)), raw=(1_000_000).to_bytes(4, "big"))
        assert not visit.transport.connected

    @pytest.mark.parametrize("block", [b"garbage", b"GET /elsewhere HTTP/1.1\r\nHost: x"], ids=["head", "path"])
    def test_mayNotUpgradeToWhatIsNotThere(self, owner: Node, block: bytes) -> None:
        asked = Asked.of(request("GET", {"EIO": "4", "transport": "websocket"}))
        visit = self.visit(owner, Hello(1, self.token(owner)), Upgrade(asked, block, b""))
        assert not visit.transport.connected


def test_framesHaveNoLimitIfThereIsNone() -> None:
    stream = Frames(0)
    data = encoded(Hello(1, "x" * 100_000))
    stream.add(data[:-1])
    assert list(stream.read()) == []
    stream.add(data[-1:] + b"rest")
    assert list(stream.read()) == [Hello(1, "x" * 100_000)]
    assert stream.rest() == b"rest"
    limited = Frames(10)
    limited.add(data)
    with pytest.raises(FrameError):
        next(limited.read())


def test_idsOfNodesAreTheBeginningOfSids() -> None:
    node = makeNodeId()
    assert len(node) == 6
    assert nodeOf(node + "rest") == node
    one, other = makeNodeId("one"), makeNodeId("one")
    assert one != other
    assert one[:2] == other[:2] == mark("one")
    assert len(one) == 6
    assert mark("one") != mark("two")
