"""Long polling: polls that wait, posts that bring, and what ends a session."""

from __future__ import annotations

import gzip
import zlib

import pytest

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.exchange import RequestError
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Poller, Recorder, World, request
from tests.wire import payloads

BOTH_WAYS = True


class TestPolls:
    def test_aPollWaitsUntilThereIsSomethingToSend(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.world.clock.advance(1)
        assert not waiting.given
        poller.send("a")
        poller.world.turn()
        assert waiting.packets == ["4a"]

    def test_itGetsAllThatIsSentInOneTurn(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.send("a", "b")
        poller.session.send(EncodedMessage("c", (b"1", b"2")))
        assert not waiting.given
        poller.world.turn()
        assert waiting.packets == ["4a", "4b", "4c", b"1", b"2"]

    def test_whatWasSentBeforeComesAtOnce(self, poller: Poller) -> None:
        poller.send("a", "b")
        assert poller.poll().packets == ["4a", "4b"]

    def test_nothingComesTwice(self, poller: Poller) -> None:
        poller.send("a")
        assert poller.poll().packets == ["4a"]
        waiting = poller.poll()
        poller.world.turn()
        assert not waiting.given

    def test_whatIsSentToAnAnsweredPollWaitsForTheNext(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.send("a")
        poller.world.turn()
        poller.send("b")
        assert waiting.packets == ["4a"]
        assert poller.poll().packets == ["4b"]

    def test_theAnswerIsTextThatNobodyMayStore(self, poller: Poller) -> None:
        poller.send("a")
        headers = poller.poll().headers
        assert headers["Content-Type"] == "text/plain; charset=UTF-8"
        assert headers["Cache-Control"] == "no-store"

    def test_theHandshakeBringsWhatTheApplicationSentRightAway(
        self, makeWorld: WorldFactory, revision: Revision
    ) -> None:
        def connect(session: Session) -> Recorder:
            session.send(EncodedMessage("hello"))
            return Recorder(session)

        world = makeWorld(connect=connect)
        assert world.poller(revision).greetings == ["4hello"]


class TestOverlappingAndLost:
    def test_aSecondPollIsRefusedTheFirstIsToldAndTheSessionEnds(self, poller: Poller) -> None:
        first = poller.poll()
        second = poller.poll()
        assert (second.status, second.response.body) == (400, b"")
        assert first.packets == ["1"]
        assert poller.application.closed == [CloseReason.TRANSPORT_ERROR]
        assert poller.poll().error == (400, 1)

    def test_theFirstGetsWhatWasSentBefore(self, poller: Poller) -> None:
        first = poller.poll()
        poller.send("a")
        poller.poll()
        assert first.packets == ["4a", "1"]

    def test_aPollWhoseConnectionBreaksEndsTheSession(self, poller: Poller) -> None:
        waiting = poller.poll()
        waiting.goAway()
        assert waiting.cancelled
        assert poller.application.closed == [CloseReason.TRANSPORT_ERROR]
        assert not poller.alive

    def test_aSecondPostIsRefusedAndTheSessionEnds(self, poller: Poller) -> None:
        poller.startPost()
        with pytest.raises(RequestError) as caught:
            poller.startPost()
        assert (caught.value.status, caught.value.code) == (400, 3)
        assert poller.application.closed == [CloseReason.TRANSPORT_ERROR]

    def test_oneAfterTheOtherIsFine(self, poller: Poller) -> None:
        for _ in range(3):
            assert poller.post("4a").status == 200
        assert poller.application.received == ["a"] * 3

    def test_aPostWhosePostWasCutEndsTheSession(self, poller: Poller) -> None:
        posts = poller.startPost()
        waiting = poller.poll()
        assert posts is not None
        posts.lost()
        assert poller.application.closed == [CloseReason.TRANSPORT_ERROR]
        assert waiting.packets == ["1"]

    def test_aPostThatWasRefusedLeavesTheSessionAsItWas(self, poller: Poller) -> None:
        posts = poller.startPost()
        assert posts is not None
        posts.refused()
        assert poller.post("4a").status == 200
        assert poller.application.received == ["a"]

    def test_pollsAndPostsMayOverlapEachOther(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.application.react = lambda text: poller.send(f"{text!s} to you")
        poller.post("4hello")
        poller.world.turn()
        assert waiting.packets == ["4hello to you"]

    def test_theEndOfASessionLeavesNoPollWaiting(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.send("a")
        poller.session.close()
        assert waiting.packets == ["4a", "1"]
        assert not poller.alive


class TestPosts:
    def test_aPostIsAnsweredOk(self, poller: Poller) -> None:
        answer = poller.post("4a")
        assert (answer.status, answer.response.body) == (200, b"ok")
        assert answer.headers["Content-Type"] == "text/html"
        assert answer.headers["Cache-Control"] == "no-store"

    def test_packetsBeforeABadOneAreDelivered(self, poller: Poller) -> None:
        assert poller.post("4a", "4b", "x", "4c").error == (400, 3)
        assert poller.application.received == ["a", "b"]
        assert poller.application.closed == [CloseReason.PARSE_ERROR]
        assert poller.poll().error == (400, 1)

    @pytest.mark.parametrize("body", [b"", b"\xff", b"4\xff"])
    def test_aBadBodyEndsTheSession(self, poller: Poller, body: bytes) -> None:
        assert poller.postBody(body, "text/plain").error == (400, 3)
        assert poller.application.closed == [CloseReason.PARSE_ERROR]

    def test_theBinaryFormIsForRevision3(self, world: World) -> None:
        poller = world.poller(3)
        body = payloads.encodeBinary(["4\N{GRINNING FACE}", b"\x00\xff"])
        assert poller.postBody(body, "Application/Octet-Stream; x=y").status == 200
        assert poller.application.received == ["\N{GRINNING FACE}", b"\x00\xff"]

    def test_andAMistakeInRevision4(self, world: World) -> None:
        poller = world.poller(4)
        assert poller.postBody(b"4a", "application/octet-stream").error == (400, 3)
        assert poller.application.closed == [CloseReason.PARSE_ERROR]

    def test_morePacketsThanAllowedEndTheSession(self, makeWorld: WorldFactory, revision: Revision) -> None:
        poller = makeWorld(maxPackets=3).poller(revision)
        assert poller.post(*["4a"] * 3).status == 200
        assert poller.post(*["4b"] * 4).error == (400, 3)
        assert poller.application.closed == [CloseReason.PARSE_ERROR]

    def test_aClosePacketEndsAllAndTheWaitingPollGetsANoop(self, poller: Poller) -> None:
        waiting = poller.poll()
        assert poller.post("4a", "1", "4b").status == 200
        assert poller.application.received == ["a"]
        assert poller.application.closed == [CloseReason.TRANSPORT_CLOSE]
        assert waiting.packets == ["6"]
        assert poller.poll().error == (400, 1)

    def test_whatWasNotSentByThenIsGone(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.send("too late")
        poller.post("1")
        assert waiting.packets == ["6"]
        poller.world.turn()


class TestDelayedPosts:
    def test_anAnswerIsHeldBackWhileTheClientIsToBeQuiet(self, poller: Poller) -> None:
        poller.application.react = lambda _: poller.transport.pauseReading(0.5)
        answer = poller.post("4a")
        poller.world.clock.advance(0.4375)
        assert not answer.given
        poller.world.clock.advance(0.0625)
        assert (answer.status, answer.response.body) == (200, b"ok")

    def test_theLongestPauseCounts(self, poller: Poller) -> None:
        pauses = iter([0.25, 0.5, 0.125])
        poller.application.react = lambda _: poller.transport.pauseReading(next(pauses))
        answer = poller.post("4a", "4b", "4c")
        poller.world.clock.advance(0.4375)
        assert not answer.given
        poller.world.clock.advance(0.0625)
        assert answer.given

    def test_meanwhileAnotherPostOverlaps(self, poller: Poller) -> None:
        poller.application.react = lambda _: poller.transport.pauseReading(0.5)
        poller.post("4a")
        with pytest.raises(RequestError):
            poller.startPost()
        poller.world.clock.advance(0.5)

    def test_afterwardsAnotherMayCome(self, poller: Poller) -> None:
        poller.application.react = lambda _: poller.transport.pauseReading(0.5)
        poller.post("4a")
        poller.world.clock.advance(0.5)
        poller.application.react = None
        assert poller.post("4b").given

    def test_whoGoesAwayMeanwhileLosesTheAnswerAndNothingElse(self, poller: Poller) -> None:
        poller.application.react = lambda _: poller.transport.pauseReading(0.5)
        answer = poller.post("4a")
        answer.goAway()
        assert answer.cancelled
        assert poller.alive
        poller.application.react = None
        assert poller.post("4b").status == 200


class TestSlowConsumers:
    def test_moreThanTheQueueHoldsEndsTheSessionInATurnOfItsOwn(
        self, makeWorld: WorldFactory, revision: Revision
    ) -> None:
        poller = makeWorld(sendQueue=1_000).poller(revision)
        poller.send("a" * 998)
        poller.world.turn()
        poller.send("b")
        assert poller.application.closed == [], "whoever sends may be in the middle of a room"
        poller.world.turn()
        assert poller.application.closed == [CloseReason.SLOW_CONSUMER]
        assert poller.poll().packets == ["1"]

    def test_morePacketsThanTheQueueHoldsEndTheSessionToo(self, makeWorld: WorldFactory, revision: Revision) -> None:
        poller = makeWorld(sendPackets=10).poller(revision)
        poller.send(*["a"] * 10)
        poller.world.turn()
        assert poller.application.closed == []
        poller.send("b")
        poller.world.turn()
        assert poller.application.closed == [CloseReason.SLOW_CONSUMER]

    def test_aClientThatPollsMayBeSentAnyNumberOfPackets(self, makeWorld: WorldFactory, revision: Revision) -> None:
        poller = makeWorld(sendPackets=10).poller(revision)
        answers = [poller.poll()]
        poller.send(*["a"] * 100)
        poller.world.turn()
        for _ in range(20):
            poller.send("a")
            answers.append(poller.poll())
        poller.world.turn()
        assert [packet for answer in answers for packet in answer.packets] == ["4a"] * 120
        assert poller.session.isOpen

    def test_moreThan64KibMayWaitTenSeconds(self, makeWorld: WorldFactory, revision: Revision) -> None:
        poller = makeWorld(pingInterval=100).poller(revision)
        for _ in range(3):
            poller.send("a" * 70_000)
            poller.world.clock.advance(9)
            assert len(poller.poll().packets) == 1
        poller.send("a" * 70_000, "b" * 70_000)
        poller.world.clock.advance(10.5)
        assert poller.application.closed == [CloseReason.SLOW_CONSUMER]

    def test_whoPollsInTimeIsNotSlow(self, makeWorld: WorldFactory, revision: Revision) -> None:
        poller = makeWorld(sendQueue=1_000).poller(revision)
        for _ in range(10):
            poller.send("a" * 900)
            assert poller.poll().packets == ["4" + "a" * 900]
        assert poller.session.isOpen

    def test_nothingIsKeptForASlowOne(self, makeWorld: WorldFactory, revision: Revision) -> None:
        poller = makeWorld(sendQueue=1_000).poller(revision)
        for _ in range(10):
            poller.send("a" * 999)
        poller.world.turn()
        assert poller.poll().packets == ["1"]

    def test_withoutALimitEverythingIsKept(self, makeWorld: WorldFactory, revision: Revision) -> None:
        poller = makeWorld(sendQueue=0).poller(revision)
        for _ in range(20):
            poller.send("a" * 100_000)
        poller.world.turn()
        assert [len(poller.poll().packets) for _ in range(2)] == [16, 4]

    def test_whatIsLeftMustBeFetchedInTime(self, makeWorld: WorldFactory, revision: Revision) -> None:
        poller = makeWorld(pingInterval=100).poller(revision)
        poller.send(*["a" * 10_000] * 36)
        for _ in range(2):
            poller.world.clock.advance(9)
            assert len(poller.poll().packets) == 16
        poller.world.clock.advance(10.5)
        assert [len(poller.poll().packets), poller.session.isOpen] == [4, True]
        poller.send(*["a" * 10_000] * 40)
        assert len(poller.poll().packets) == 16
        poller.world.clock.advance(10.5)
        assert poller.application.closed == [CloseReason.SLOW_CONSUMER]


class TestManyPackets:
    """No client is given more packets in one answer than every client takes."""

    def test_theNextPollGetsTheRestAtOnce(self, poller: Poller) -> None:
        poller.send(*map(str, range(40)))
        answers = [poller.poll() for _ in range(3)]
        assert [len(answer.packets) for answer in answers] == [16, 16, 8]
        assert [packet for answer in answers for packet in answer.packets] == [f"4{n}" for n in range(40)]
        assert not poller.poll().given

    def test_alsoWhenAPollWaits(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.send(*map(str, range(17)))
        poller.world.turn()
        assert waiting.packets == [f"4{n}" for n in range(16)]
        assert poller.poll().packets == ["416"]

    def test_theHandshakeBringsNoMoreEither(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(connect=lambda session: Talkative(session, 20))
        poller = world.poller(revision)
        assert poller.greetings == [f"4{n}" for n in range(15)]
        assert poller.poll().packets == [f"4{n}" for n in range(15, 20)]

    def test_theEndIsToldBehindEverything(self, poller: Poller) -> None:
        poller.send(*map(str, range(32)))
        poller.session.close()
        assert [len(poller.poll().packets) for _ in range(2)] == [16, 16]
        assert poller.poll().packets == ["1"]
        assert poller.poll().error == (400, 1)

    def test_alsoToAPollThatWaits(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.send(*map(str, range(20)))
        poller.session.close()
        assert waiting.packets == [f"4{n}" for n in range(16)]
        assert poller.poll().packets == ["416", "417", "418", "419", "1"]
        assert not poller.alive

    def test_anAbortIsToldInOneAnswer(self, poller: Poller) -> None:
        waiting = poller.poll()
        poller.send(*map(str, range(20)))
        poller.session.abort(CloseReason.TRANSPORT_ERROR)
        assert waiting.packets == [*(f"4{n}" for n in range(15)), "1"]
        assert not poller.alive

    def test_anUpgradeTakesTheRestAtOnce(self, poller: Poller) -> None:
        poller.send(*map(str, range(40)))
        socket = poller.probed()
        answer = poller.poll()
        assert len(answer.packets) == 16
        socket.send("5")
        assert socket.take() == [f"4{n}" for n in range(16, 40)]


class Talkative(Recorder):
    """Says a lot right away."""

    def __init__(self, session: Session, count: int) -> None:
        super().__init__(session)
        for number in range(count):
            session.send(EncodedMessage(str(number)))


class TestClosing:
    def test_theNextPollIsToldBehindWhatWasSentBefore(self, poller: Poller) -> None:
        poller.send("a")
        poller.session.close()
        assert poller.poll().packets == ["4a", "1"]
        assert poller.poll().error == (400, 1)

    def test_aClientThatDoesNotPollIsForgotten(self, makeWorld: WorldFactory, revision: Revision) -> None:
        poller = makeWorld(closeTimeout=0.5).poller(revision)
        poller.session.close()
        poller.world.clock.advance(0.4375)
        assert poller.world.sids == [poller.sid]
        poller.world.clock.advance(0.0625)
        assert poller.world.sids == []
        assert poller.application.closed == [CloseReason.FORCED]

    def test_aPostToAClosingSessionBringsNothing(self, poller: Poller) -> None:
        poller.session.close()
        poller.post("4a")
        assert poller.application.received == []
        assert poller.poll().packets == ["1"]

    def test_anAbortForgetsTheWaitForTheLastPoll(self, poller: Poller) -> None:
        poller.session.close()
        poller.session.abort(CloseReason.SHUTDOWN)
        assert not poller.alive
        assert len(poller.world.engine.deadlines) == 0


class TestBinary:
    def test_revision4IsAlwaysSentBase64(self, world: World) -> None:
        poller = world.poller(4)
        poller.session.send(EncodedMessage("a", (b"\x01\x02",)))
        answer = poller.poll()
        assert answer.response.body == b"4a\x1ebAQI="

    def test_revision3IsSentTheBinaryFormWhenThereIsBinary(self, world: World) -> None:
        poller = world.poller(3)
        poller.session.send(EncodedMessage("a", (b"\x01\x02",)))
        answer = poller.poll()
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.response.body == b"\0\2\xff4a\1\3\xff\4\1\2"

    def test_andTextWhenThereIsNone(self, world: World) -> None:
        poller = world.poller(3)
        poller.send("€")
        answer = poller.poll()
        assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
        assert answer.response.body == "2:4€".encode()

    @pytest.mark.parametrize("b64", ["1", "true"])
    def test_whoAsksForBase64GetsIt(self, world: World, b64: str) -> None:
        poller = world.poller(3, b64=b64)
        poller.session.send(EncodedMessage("a", (b"\x01\x02",)))
        assert poller.poll().response.body == b"2:4a6:b4AQI="

    @pytest.mark.parametrize("b64", ["0", "false", ""])
    def test_whoSaysNoGetsTheBinaryForm(self, world: World, b64: str) -> None:
        poller = world.poller(3, b64=b64)
        poller.session.send(EncodedMessage("a", (b"\x01\x02",)))
        assert poller.poll().headers["Content-Type"] == "application/octet-stream"

    def test_theHandshakeDecidesForAllPolls(self, world: World) -> None:
        poller = world.poller(3)
        poller.query["b64"] = "1"
        poller.session.send(EncodedMessage("a", (b"\x01\x02",)))
        assert poller.poll().headers["Content-Type"] == "application/octet-stream"


class TestCompression:
    def test_thePollsOwnHeaderDecides(self, poller: Poller) -> None:
        for accepted, decode in (("gzip", gzip.decompress), ("deflate", zlib.decompress), ("br", bytes)):
            poller.send("a" * 2_000)
            answer = poller.poll(accept_encoding=accepted)
            text = decode(answer.response.body).decode()
            assert text.endswith("4" + "a" * 2_000)
            assert ("Content-Encoding" in answer.headers) == (accepted != "br")

    def test_alsoForAPollThatHasToWait(self, poller: Poller) -> None:
        waiting = poller.poll(accept_encoding="gzip")
        poller.send("a" * 2_000)
        poller.world.turn()
        assert waiting.headers["Content-Encoding"] == "gzip"


def test_aPostOfNobodyIsNotWaitedFor(world: World) -> None:
    assert world.engine.postStarted(request("POST", {"sid": "nobody"})) is None
    assert world.engine.postStarted(request("POST", {})) is None
