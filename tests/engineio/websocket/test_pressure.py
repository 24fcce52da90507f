"""WebSocket clients that do not read, or shall not be read: queues, pauses, and Twisted's own transport."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.stream.outbox import waitingIn
from rtcsignal.rates import Rate
from tests.engineio.conftest import WorldFactory
from tests.engineio.frames import framesOf
from tests.engineio.memory import HIGH_WATER
from tests.engineio.world import Socket, World
from tests.wire.rawws import PING, frame

BOTH_WAYS = True
KIB = 1_024


@pytest.fixture
def world(makeWorld: WorldFactory, fast: bool) -> World:
    return makeWorld(fast=fast, sendQueue=100 * KIB)


class TestClientsThatDoNotRead:
    def test_whatTheTransportHoldsAnywayIsFree(self, world: World, socket: Socket) -> None:
        socket.visitor.link.stalled = True
        socket.session.send(EncodedMessage("a" * (HIGH_WATER - 100)))
        world.turn()
        assert socket.application.closed == []

    def test_whoHasMoreWaitingThanTheQueueHoldsIsCutOff(self, world: World, socket: Socket) -> None:
        socket.visitor.link.stalled = True
        sent = 0
        while not socket.application.closed:
            socket.session.send(EncodedMessage("a" * 5 * KIB))
            world.turn()
            sent += 5
            assert sent < 200, "nobody was cut off"
        assert sent >= 160
        assert socket.application.closed == [CloseReason.SLOW_CONSUMER]
        world.turn()
        assert not socket.connected

    def test_neverInTheMiddleOfASending(self, world: World, socket: Socket) -> None:
        socket.visitor.link.stalled = True
        for _ in range(100):
            socket.session.send(EncodedMessage("a" * 5 * KIB))
            assert socket.application.closed == []
        world.turn()
        assert socket.application.closed == [CloseReason.SLOW_CONSUMER]

    def test_whoReadsInTimeStays(self, world: World, socket: Socket) -> None:
        for _ in range(10):
            socket.visitor.link.stalled = True
            for _ in range(25):
                socket.session.send(EncodedMessage("a" * 5 * KIB))
                world.turn()
            socket.visitor.link.stalled = False
            assert len(socket.frames()) == 25
        assert socket.application.closed == []

    def test_withoutALimitNobodyIsCutOff(self, makeWorld: WorldFactory, fast: bool) -> None:
        world = makeWorld(sendQueue=0, fast=fast)
        socket = world.socket(4)
        socket.visitor.link.stalled = True
        for _ in range(100):
            socket.session.send(EncodedMessage("a" * 100 * KIB))
            world.turn()
        assert socket.application.closed == []

    def test_nothingIsTakenFromWhoDoesNotRead(
        self, makeWorld: WorldFactory, revision: Revision, fast: bool
    ) -> None:
        socket = makeWorld(framesRate=Rate(0, 0), fast=fast).socket(revision)
        socket.visitor.link.stalled = True
        for _ in range(10):
            socket.visitor.send(frame(PING, bytes(125)) * 100)
        assert not socket.visitor.transport.reading
        socket.visitor.link.stalled = False
        pongs = len(socket.frames())
        while frames := socket.frames():
            pongs += len(frames)
        assert pongs == 1_000
        assert socket.visitor.transport.reading

    def test_whoHasNotReadForTenSecondsIsCutOff(self, world: World, socket: Socket) -> None:
        application = socket.application
        socket.visitor.link.stalled = True
        socket.session.send(EncodedMessage("a" * (HIGH_WATER + 1)))
        world.turn()
        world.clock.advance(9.9)
        assert application.closed == []
        world.clock.advance(0.5)
        assert application.closed == [CloseReason.SLOW_CONSUMER]
        world.turn()
        assert not socket.connected

    def test_whoReadsInTimeIsNot(self, world: World, socket: Socket) -> None:
        for _ in range(3):
            socket.visitor.link.stalled = True
            socket.session.send(EncodedMessage("a" * (HIGH_WATER + 1)))
            world.turn()
            world.clock.advance(7)
            socket.visitor.link.stalled = False
            assert len(socket.frames()) == 1
        assert socket.application.closed == []

    def test_aConnectionThatNobodyUsesIsCutOffToo(self, world: World, socket: Socket) -> None:
        socket.visitor.link.stalled = True
        socket.session.send(EncodedMessage("a" * (HIGH_WATER + 1)))
        world.turn()
        socket.visitor.transport.protocol.receiver = None
        world.clock.advance(10.5)
        assert not socket.connected
        socket.session.abort(CloseReason.FORCED)

    def test_withoutALimitWhoDoesNotReadMayStay(self, makeWorld: WorldFactory, revision: Revision, fast: bool) -> None:
        socket = makeWorld(sendSeconds=0, pingInterval=100, fast=fast).socket(revision)
        socket.visitor.link.stalled = True
        socket.session.send(EncodedMessage("a" * (HIGH_WATER + 1)))
        socket.world.turn()
        socket.world.clock.advance(60)
        assert socket.application.closed == []

    def test_theFarewellOfAClosingOneDoesNotWaitForIt(self, world: World, socket: Socket) -> None:
        socket.visitor.link.stalled = True
        socket.session.send(EncodedMessage("a" * 2 * HIGH_WATER))
        world.turn()
        socket.session.close()
        world.clock.pump([0.25] * 20)
        assert not socket.connected


class TestPauses:
    def test_nothingIsTakenFromTheClientMeanwhile(self, world: World, socket: Socket) -> None:
        socket.session.transport.pauseReading(0.5)
        socket.send("4a")
        world.clock.advance(0.4375)
        socket.visitor.link.turn()
        assert socket.application.received == []
        world.clock.advance(0.0625)
        socket.visitor.link.turn()
        assert socket.application.received == ["a"]

    def test_whatHasBeenReadAlreadyIsStillHandled(self, socket: Socket) -> None:
        socket.application.react = lambda _: socket.session.transport.pauseReading(0.5)
        socket.send("4a", "4b")
        assert socket.application.received == ["a", "b"]

    def test_anotherPauseBeginsNow(self, world: World, socket: Socket) -> None:
        socket.session.transport.pauseReading(0.5)
        world.clock.advance(0.25)
        socket.session.transport.pauseReading(0.5)
        world.clock.advance(0.25)
        assert not socket.visitor.transport.reading
        world.clock.advance(0.25)
        assert socket.visitor.transport.reading

    def test_aShorterOneDoesNotEndALongerOne(self, world: World, socket: Socket) -> None:
        socket.session.transport.pauseReading(0.5)
        socket.session.transport.pauseReading(0.125)
        world.clock.advance(0.25)
        assert not socket.visitor.transport.reading
        world.clock.advance(0.25)
        assert socket.visitor.transport.reading

    def test_sendingGoesOn(self, socket: Socket) -> None:
        socket.session.transport.pauseReading(0.5)
        socket.session.send(EncodedMessage("a"))
        assert socket.take() == ["4a"]

    def test_whoDoesNotReadEitherIsReadAgainWhenBothAreOver(self, world: World, socket: Socket) -> None:
        transport = socket.visitor.transport
        socket.visitor.link.stalled = True
        socket.session.send(EncodedMessage("a" * (HIGH_WATER + 1)))
        world.turn()
        socket.session.transport.pauseReading(0.5)
        world.clock.advance(0.5)
        assert not transport.reading, "the client does not read"
        socket.session.transport.pauseReading(0.5)
        socket.visitor.link.stalled = False
        socket.frames()
        assert not transport.reading, "the pause is not over"
        world.clock.advance(0.5)
        assert transport.reading

    def test_theEndOfTheConnectionEndsThePause(self, world: World, socket: Socket) -> None:
        socket.session.transport.pauseReading(0.5)
        socket.visitor.link.close()
        assert socket.world.sids == []
        world.clock.advance(1)
        assert world.clock.getDelayedCalls() == []


class TestOnTwistedsOwnTransport:
    """The same over a socket pair, where the fast path hands bytes to the socket by itself."""

    @pytest.fixture
    def socket(self, world: World, revision: Revision) -> Socket:
        return world.socket(revision, real=True)

    def test_messagesGoBothWays(self, socket: Socket) -> None:
        socket.application.react = lambda text: socket.session.send(EncodedMessage(f"{text!s} too"))
        socket.send("4one", "4two")
        assert socket.take() == ["4one too", "4two too"]

    def test_whatIsSentLeavesAtTheEndOfTheTurn(self, world: World, socket: Socket, fast: bool) -> None:
        socket.session.send(EncodedMessage("a"))
        world.turn()
        link = socket.visitor.link
        early = link.read()
        link.turn()
        assert early + link.read() == b"\x81\x024a"
        assert bool(early) == fast

    def test_muchIsSentWhole(self, socket: Socket) -> None:
        texts = [str(number) * 9_000 for number in range(5)]
        for text in texts:
            socket.session.send(EncodedMessage(text))
        stream = b""
        for _ in range(100):
            stream += socket.visitor.read()
        assert [each.text for each in framesOf(stream)] == ["4" + text for text in texts]

    def test_whoDoesNotReadIsCutOff(self, world: World, socket: Socket) -> None:
        application, link = socket.application, socket.visitor.link
        for _ in range(400):
            application.session.send(EncodedMessage("a" * 5 * KIB))
            link.turn()
        assert application.closed == [CloseReason.SLOW_CONSUMER]
        assert world.sids == []
        assert not socket.connected

    def test_whatHasBeenReadDoesNotCount(self, world: World, socket: Socket) -> None:
        protocol, transport = socket.visitor.transport.protocol, socket.visitor.transport
        while waitingIn(transport) < 80 * KIB:
            socket.session.send(EncodedMessage("a" * 5 * KIB))
            world.turn()
        protocol._waiting = 1_000 * KIB  # so much was added since the buffer was empty, and most of it has been read
        socket.session.send(EncodedMessage("b"))
        world.turn()
        assert socket.application.closed == []

    def test_aBrokenConnectionEndsTheSession(self, socket: Socket) -> None:
        application = socket.application
        socket.hangUp()
        assert application.closed == [CloseReason.TRANSPORT_CLOSE]

    def test_theClosingHandshakeIsMade(self, socket: Socket) -> None:
        socket.session.send(EncodedMessage("last"))
        socket.session.close()
        assert socket.take() == ["4last"]
        assert socket.code == 1000
        socket.visitor.link.turn()
        assert not socket.connected
