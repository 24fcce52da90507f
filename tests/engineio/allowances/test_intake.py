"""Clients that send more bytes than they may, or masses of what is no message."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.rates import Rate
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Socket, World
from tests.wire.rawws import CONTINUATION, PING, PONG, TEXT, frame, textFrame

BOTH_WAYS = True
KIB = 1024


class TestBytes:
    """64 KiB a second and 128 KiB at once, behind the first 64 KiB that nobody counts."""

    @pytest.fixture
    def world(self, makeWorld: WorldFactory, fast: bool) -> World:
        return makeWorld(fast=fast, bytesRate=Rate(64 * KIB, 128 * KIB), pingInterval=100)

    def test_aBurstIsTakenAtOnce(self, world: World, revision: Revision) -> None:
        socket = world.socket(revision)
        for _ in range(12):
            socket.send("4" + "a" * 10 * KIB)
        assert socket.visitor.transport.reading
        assert len(socket.application.received) == 12

    def test_beyondItTheClientIsReadMoreSlowlyAndNeverClosed(self, world: World, revision: Revision) -> None:
        socket = world.socket(revision)
        for _ in range(100):
            socket.send("4" + "a" * 10 * KIB)
        assert not socket.visitor.transport.reading
        early = len(socket.application.received)
        assert early < 30
        for _ in range(160):
            world.clock.advance(0.125)
            socket.visitor.link.turn()
        assert len(socket.application.received) == 100
        assert socket.application.closed == []

    def test_aPollersPostIsAnsweredLater(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        answers = [poller.post("4" + "a" * 60 * KIB) for _ in range(3)]
        assert all(answer.given for answer in answers)
        answer = poller.post("4" + "a" * 60 * KIB)
        assert not answer.given
        world.clock.advance(2)
        assert answer.status == 200

    def test_withoutALimitThereIsNone(self, makeWorld: WorldFactory, revision: Revision, fast: bool) -> None:
        socket = makeWorld(fast=fast, bytesRate=Rate(0, 0)).socket(revision)
        for _ in range(200):
            socket.send("4" + "a" * 30 * KIB)
        assert len(socket.application.received) == 200


FLOODS = {
    "pings": frame(PING),
    "pongs": frame(PONG),
    "fragments": frame(CONTINUATION, b"a", fin=False),
}


class TestFrames:
    """Sixteen a second, four at once; who owes more than four is closed."""

    @pytest.fixture
    def world(self, makeWorld: WorldFactory, fast: bool) -> World:
        return makeWorld(fast=fast, framesRate=Rate(16, 4))

    @pytest.mark.parametrize("data", FLOODS.values(), ids=FLOODS.keys())
    def test_someAreFine(self, world: World, revision: Revision, data: bytes) -> None:
        socket = self.fresh(world, revision, data)
        socket.visitor.send(data * 3)
        assert socket.visitor.transport.reading

    @pytest.mark.parametrize("data", FLOODS.values(), ids=FLOODS.keys())
    def test_beyondThemTheClientIsNotReadForAWhile(self, world: World, revision: Revision, data: bytes) -> None:
        socket = self.fresh(world, revision, data)
        socket.visitor.send(data * 5)
        assert not socket.visitor.transport.reading
        world.clock.advance(1)
        assert socket.visitor.transport.reading
        assert socket.session.isOpen

    @pytest.mark.parametrize("data", FLOODS.values(), ids=FLOODS.keys())
    def test_aFloodClosesAndIsNotReadToItsEnd(self, world: World, revision: Revision, data: bytes) -> None:
        socket = self.fresh(world, revision, data)
        application = socket.application
        socket.visitor.send(data * 1_000 + textFrame("4behind"))
        assert application.closed == [CloseReason.FLOOD]
        assert application.received == []
        frames = socket.frames()
        assert frames[-1].code == 1008
        assert len(frames) < 12

    @staticmethod
    def fresh(world: World, revision: Revision, data: bytes) -> Socket:
        """A connection for which the data may come next."""
        socket = world.socket(revision)
        if data[:1] == frame(CONTINUATION, fin=False)[:1]:
            socket.visitor.send(frame(TEXT, b"4", fin=False))
        return socket

    def test_heartbeatsCountToo(self, world: World, revision: Revision) -> None:
        socket = world.socket(revision)
        application = socket.application
        socket.send(*["2" if revision == 3 else "3"] * 20)
        assert application.closed == [CloseReason.FLOOD]

    def test_alsoThoseOfAPoller(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        heartbeat = "2" if revision == 3 else "3"
        answer = poller.post(*[heartbeat] * 6)
        assert not answer.given
        world.clock.advance(1)
        assert answer.status == 200
        poller.post(*[heartbeat] * 20)
        assert poller.application.closed == [CloseReason.FLOOD]

    def test_aFloodDuringAnUpgradeClosesTheSession(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        socket = world.openSocket(f"EIO={revision}&transport=websocket&sid={poller.sid}")
        socket.visitor.send(frame(PING) * 1_000)
        assert poller.application.closed == [CloseReason.FLOOD]

    def test_afterTheEndNothingIsCounted(self, world: World, revision: Revision) -> None:
        socket = world.socket(revision)
        session = socket.session
        session.close()
        for _ in range(20):
            session.frameReceived()
        assert session.bucket is None

    def test_afterTheFarewellSomeAreIgnoredAndThenTheConnectionIsCut(self, world: World, revision: Revision) -> None:
        socket = world.socket(revision)
        socket.session.close()
        socket.visitor.send(frame(PONG) * 400)
        assert socket.connected
        socket.visitor.send(frame(PONG) * 400)
        world.turn()
        assert not socket.connected

    def test_withoutALimitThereIsNone(self, makeWorld: WorldFactory, revision: Revision, fast: bool) -> None:
        socket = makeWorld(fast=fast, framesRate=Rate(0, 0)).socket(revision)
        socket.visitor.send(frame(PONG) * 5_000)
        socket.send("4a")
        assert socket.application.received == ["a"]


def test_aPayloadThatComesByteByByteDoesNotCostAnObjectForEach(world: World, revision: Revision) -> None:
    socket = world.socket(revision)
    data = frame(TEXT, b"4" + b"a" * 70_000)
    socket.visitor.send(data[:14])
    pieces = []
    for start in range(14, 5_014):
        socket.visitor.send(data[start : start + 1])
        pieces.append(len(socket.visitor.transport.protocol.frame_data))
    assert max(pieces) <= 1_001
    socket.visitor.send(data[5_014:])
    assert socket.application.received == ["a" * 70_000]
