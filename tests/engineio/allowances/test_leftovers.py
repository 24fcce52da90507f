"""A reconnect does not refill a bucket."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rtcsignal.engineio.allowances.intake import FRAMES, Allowance, Intake
from rtcsignal.engineio.allowances.leftovers import Leftovers
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from rtcsignal.rates import Rate, TokenBucket
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Socket, World
from tests.wire.rawws import PING, frame, textFrame, upgradeBytes

BOTH_WAYS = True
KIB = 1024
TEN_KIB = "4" + "a" * 10 * KIB


def used(tokens: float = 3) -> TokenBucket:
    """A bucket of ten tokens, to which one comes each second, of which some are missing."""
    bucket = Rate(1, 10).bucket(0)
    bucket.take(0, tokens)
    return bucket


class TestLeftovers:
    def test_areGivenOutOnceAndOnlyForTheSameKindAndAddress(self) -> None:
        leftovers, bucket = Leftovers(Clock()), used()
        assert leftovers.take("events", "192.0.2.1") is None
        for returned in (bucket, used(0), None):
            leftovers.giveBack("events", "192.0.2.1", returned)
        assert len(leftovers) == 1
        assert leftovers.take("joins", "192.0.2.1") is None
        assert leftovers.take("events", "192.0.2.2") is None
        assert leftovers.take("events", "192.0.2.1") is bucket
        assert leftovers.take("events", "192.0.2.1") is None

    def test_allAddressesOfOneNetworkAreOne(self) -> None:
        leftovers, bucket = Leftovers(Clock()), used()
        leftovers.giveBack("events", "2001:db8::1", bucket)
        assert leftovers.take("events", "2001:db8::2") is bucket

    def test_areForgottenWhenTheyAreFull(self) -> None:
        clock = Clock()
        leftovers = Leftovers(clock)
        for _ in range(3):
            leftovers.giveBack("events", "192.0.2.1", used())
        clock.advance(3)
        assert leftovers.take("events", "192.0.2.1") is None
        for number in range(1_000):
            bucket = Rate(1, 10).bucket(clock.seconds())
            bucket.take(clock.seconds(), 3)
            leftovers.giveBack("events", f"address {number}", bucket)
            clock.advance(1)
        assert len(leftovers) < 10

    def test_whoeverComesWhileAnotherIsInDebtHasNothingLeftAndOwesNothing(self) -> None:
        clock = Clock()
        leftovers, debtor = Leftovers(clock), used(12)
        leftovers.owes("events", "192.0.2.1", debtor)
        bucket = leftovers.take("events", "192.0.2.1")
        assert bucket is not None
        assert bucket is not debtor
        assert bucket.take(0, 1) == 1
        clock.advance(12)
        assert leftovers.take("events", "192.0.2.1") is None
        leftovers.owes("events", "192.0.2.2", used(30))
        assert len(leftovers) == 1

    def test_thePoorestComesFirst(self) -> None:
        leftovers, rich, poor, debtor = Leftovers(Clock()), used(2), used(8), used(11)
        for bucket in (poor, rich):
            leftovers.giveBack("events", "192.0.2.1", bucket)
        leftovers.owes("events", "192.0.2.1", debtor)
        copied = leftovers.take("events", "192.0.2.1")
        assert copied is not None
        assert copied is not debtor
        leftovers.giveBack("events", "192.0.2.1", debtor)
        assert [leftovers.take("events", "192.0.2.1") for _ in range(3)] == [debtor, poor, rich]

    def test_noOneBeginsWithADebt(self) -> None:
        clock = Clock()
        leftovers = Leftovers(clock)
        for seconds, expected in ((0, 0), (4, 4), (100, 10)):
            leftovers.giveBack("events", "192.0.2.1", used(15))
            bucket = leftovers.take("events", "192.0.2.1", seconds)
            assert bucket is not None
            assert bucket.take(0, expected) == 0
            assert bucket.take(0, 1) == 1

    def test_ofClientsWithoutAnAddressAreNotKept(self) -> None:
        leftovers = Leftovers(Clock())
        leftovers.giveBack("events", "", used())
        leftovers.owes("events", "", used(12))
        assert leftovers.take("events", "") is None
        assert len(leftovers) == 0

    def test_areFewInAnyCase(self) -> None:
        leftovers = Leftovers(Clock())
        for _ in range(1_200):
            leftovers.giveBack("events", "192.0.2.1", used())
        assert len(leftovers) == 250
        for number in range(21_000):
            leftovers.giveBack("events", f"address {number}", used())
        assert len(leftovers) == 20_000
        for number in range(21_000):
            leftovers.owes("events", f"address {number}", used())
        assert len(leftovers) == 40_000
        assert leftovers.take("events", "192.0.2.1") is None


class TestReconnects:
    """64 KiB a second and 256 KiB at once, for clients that close and come back."""

    @pytest.fixture
    def world(self, makeWorld: WorldFactory, fast: bool) -> World:
        return makeWorld(fast=fast, bytesRate=Rate(64 * KIB, 256 * KIB), pingInterval=100)

    @staticmethod
    def handled(world: World) -> int:
        return sum(len(text) for application in world.applications for text in application.received)

    @staticmethod
    def leave(socket: Socket, way: str) -> None:
        if way == "the client says so":
            socket.send("1")
        elif way == "the server closes":
            socket.session.close()
        else:
            socket.visitor.link.close()

    @pytest.mark.parametrize("way", ["the client says so", "the server closes", "the connection is lost"])
    def test_ofAWebSocketGetNoMoreThanOneThatStays(self, world: World, revision: Revision, way: str) -> None:
        for _ in range(40):
            socket = world.socket(revision)
            socket.send(*[TEN_KIB] * 3)
            self.leave(socket, way)
        assert self.handled(world) < (256 + 64) * KIB

    def test_whatComesWithTheHandshakeWaitsUntilTheDebtIsPaid(self, world: World, revision: Revision) -> None:
        first = world.socket(revision)
        first.send(*[TEN_KIB] * 40)
        first.visitor.link.close()
        visitor = world.visitor()
        target = f"{world.engine.options.path}?EIO={revision}&transport=websocket"
        visitor.send(upgradeBytes(target) + textFrame("4early") * 2)
        socket = Socket(visitor)
        world.clock.advance(0.5)
        visitor.link.turn()
        assert world.applications[-1].received == []
        assert not visitor.transport.reading
        world.clock.pump([0.25] * 40)
        assert world.applications[-1].received == ["early"] * 2
        socket.send("4late")
        assert world.applications[-1].received[-1] == "late"

    def test_ofAPollerGetNoMoreThanOneThatStays(self, world: World, revision: Revision) -> None:
        for _ in range(4):
            poller = world.poller(revision)
            poller.post("4" + "a" * 80 * KIB)
            poller.session.close()
            poller.poll()
        handled = self.handled(world)
        answer = world.handle("GET", {"EIO": str(revision), "transport": "polling"})
        assert not answer.given
        world.clock.pump([0.25] * 16)
        assert answer.status == 200
        assert self.handled(world) == handled == 4 * 80 * KIB

    def test_aPollerThatDoesNotWaitForItsHandshakeLeavesNothing(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        for _ in range(3):
            poller.post("4" + "a" * 120 * KIB)
        poller.session.close()
        poller.poll()
        answer = world.handle("GET", {"EIO": str(revision), "transport": "polling"})
        assert not answer.given
        answer.goAway()
        assert world.sids == []

    def test_anUpgradeDoesNotRefillItEither(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        for _ in range(3):
            poller.post("4" + "a" * 80 * KIB)
        socket = world.openSocket(f"EIO={revision}&transport=websocket&sid={poller.sid}")
        socket.send("2probe")
        socket.send("5")
        socket.send(TEN_KIB, TEN_KIB)
        for _ in range(10):
            socket.send(TEN_KIB)
        assert self.handled(world) < (256 + 128) * KIB

    def test_ofClientsThatSendLittleAreNeverHeldUp(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(bytesRate=EngineOptions().bytesRate)
        for _ in range(300):
            socket = world.socket(revision)
            socket.send("4a")
            assert socket.visitor.transport.reading
            socket.visitor.link.close()
        assert self.handled(world) == 300

    def test_withoutALimitThereIsNone(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(bytesRate=Rate(0, 0))
        for _ in range(20):
            socket = world.socket(revision)
            socket.send(*[TEN_KIB] * 10)
            assert socket.visitor.transport.reading
            socket.visitor.link.close()
        assert len(world.engine.intake.leftovers) == 0


def test_aDebtIsNeverLargerThanABurst() -> None:
    """What a client sends before it may speak is dropped with its connection, and nobody after it waits for ever."""
    intake = Intake(Clock(), Rate(64 * KIB, 256 * KIB), Rate(0, 0))
    for _ in range(3):
        allowance = Allowance(intake, "192.0.2.1")
        allowance.advance(10_000 * KIB)
        allowance.end()
    assert Allowance(intake, "192.0.2.1").wait == 1


def test_aNewcomerHasNoFramesWhileAnotherOfItsAddressOwesSome(makeWorld: WorldFactory, fast: bool) -> None:
    """The end of a connection that is not read is noticed late."""
    world = makeWorld(fast=fast, framesRate=Rate(10, 10))
    socket = world.socket(4)
    socket.visitor.send(frame(PING) * 15)
    assert not socket.visitor.transport.reading
    bucket = world.engine.intake.leftovers.take(FRAMES, socket.session.request.address)
    assert bucket is not None
    assert bucket.left(world.clock.seconds()) == 0
