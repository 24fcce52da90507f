"""Frames that cost more than their bytes: how they are shared out among turns, and that nothing is lost by waiting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import Clock

from rtcsignal.engineio.allowances.frameturns import FrameTurns, Turn
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.rates import Rate
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Socket, World
from tests.wire.rawws import BINARY, PING, PONG, frame, textFrame

BOTH_WAYS = True


class Stepper:
    """A reader with so many steps to take, who tells of each."""

    def __init__(self, name: str, turns: FrameTurns, steps: int, told: list[str]) -> None:
        self.name = name
        self.steps = steps
        self._turns = turns
        self._told = told

    def takeTurn(self) -> None:
        while self.steps:
            if not self._turns.step():
                self._turns.wait(self, self.name[0])
                return
            self.steps -= 1
            self._told.append(self.name)


class TurningClock(Clock):
    """Each second is a turn, for which calls without a delay are meant."""

    def callLater(self, delay: float, callable: Callable[..., object], *args: object, **kw: object) -> IDelayedCall:  # noqa: A002
        return super().callLater(delay or 1, callable, *args, **kw)


class TestTurns:
    @pytest.fixture
    def clock(self) -> Clock:
        return TurningClock()

    @pytest.fixture
    def turns(self, clock: Clock) -> FrameTurns:
        return FrameTurns(clock, 600)

    def test_aTurnHasSoManySteps(self, turns: FrameTurns, clock: Clock) -> None:
        for _ in range(3):
            assert [turns.step() for _ in range(602)] == [True] * 600 + [False] * 2
            clock.advance(1)

    def test_nothingIsDueWhenNothingIsDone(self, turns: FrameTurns, clock: Clock) -> None:
        turns.step()
        clock.advance(1)
        assert clock.getDelayedCalls() == []

    def test_whoeverWaitsGetsHalfATurnAtMost(self, turns: FrameTurns, clock: Clock) -> None:
        told: list[str] = []
        turns.wait(Stepper("a", turns, 1_000, told), "a")
        clock.advance(1)
        assert 290 < len(told) <= 300  # asking in vain counts as well
        assert sum(turns.step() for _ in range(600)) >= 299
        while len(turns):
            clock.advance(1)
        assert len(told) == 1_000

    def test_addressesTakeTurnsAndSoDoTheirConnections(self, turns: FrameTurns, clock: Clock) -> None:
        told: list[str] = []
        for name in ("a1", "a2", "a3", "b1"):
            turns.wait(Stepper(name, turns, 150, told), name[0])
        assert len(turns) == 4
        while len(turns):
            clock.advance(1)
        assert sorted(set(told)) == ["a1", "a2", "a3", "b1"]
        assert len(told) == 600
        order = list(dict.fromkeys(told))
        assert order == ["a1", "b1", "a2", "a3"]
        assert told.index("b1") == 100, "as soon as the one before had its slice"

    def test_oneThatIsGivenUpIsPassedOver(self, turns: FrameTurns, clock: Clock) -> None:
        turn = Turn()
        turns.wait(turn, "a")
        turn.taken.addErrback(lambda _: None)
        turn.taken.cancel()
        clock.advance(1)
        assert len(turns) == 0


@pytest.fixture
def world(makeWorld: WorldFactory, fast: bool) -> World:
    return makeWorld(fast=fast, framesRate=Rate(0, 0))


def exhaust(world: World) -> None:
    """This turn has no steps left."""
    while world.engine.intake.turns.step():
        pass


class TestConnections:
    def test_onesThatWaitAreNotReadAndThenGetEverythingInOrder(self, world: World, socket: Socket) -> None:
        exhaust(world)
        transport = socket.visitor.transport
        one = frame(BINARY, b"one" if socket.revision == 4 else b"\4one")
        transport.protocol.dataReceived(one + textFrame("4two") + frame(PING, b"a") + textFrame("4three"))
        assert not transport.reading
        assert socket.application.received == []
        pongs = socket.frames()
        assert socket.application.received[-2:] == ["two", "three"]
        assert len(socket.application.received) == 3
        assert [each.payload for each in pongs if each.opcode == PONG] == [b"a"]
        assert transport.reading

    def test_oneThatGoesWhileItWaitsIsForgotten(self, world: World, socket: Socket) -> None:
        application = socket.application
        exhaust(world)
        socket.visitor.transport.protocol.dataReceived(frame(PING, b"a") * 3)
        socket.visitor.link.close()
        assert application.closed == [CloseReason.TRANSPORT_CLOSE]
        world.clock.advance(0)
        assert len(world.engine.intake.turns) == 0

    def test_aPauseGoesOnWhileItWaitsAndAfterwards(self, world: World, socket: Socket) -> None:
        exhaust(world)
        transport = socket.visitor.transport
        transport.protocol.dataReceived(frame(PING, b"a"))
        socket.session.transport.pauseReading(1.0)
        assert [each.opcode for each in socket.frames()] == [PONG], "what has been read is handled"
        assert not transport.reading
        world.clock.advance(1.0)
        assert transport.reading

    def test_aPauseThatEndsWhileItWaitsChangesNothing(self, world: World, socket: Socket) -> None:
        transport = socket.visitor.transport
        socket.session.transport.pauseReading(0)
        exhaust(world)
        transport.protocol.dataReceived(frame(PING, b"a"))
        transport.protocol._endPause()
        assert not transport.reading
        assert [each.opcode for each in socket.frames()] == [PONG]
        assert transport.reading

    def test_heartbeatsCountWhicheverWayTheyTake(self, world: World, socket: Socket) -> None:
        exhaust(world)
        transport = socket.visitor.transport
        ping = "2" if socket.revision == 3 else "3"
        transport.protocol.dataReceived(textFrame(ping) + textFrame("4a"))
        assert not transport.reading
        assert socket.application.received == []
        socket.frames()
        assert socket.application.received == ["a"]
        assert transport.reading


class TestPosts:
    def test_onesThatWaitAreAnsweredWhenTheyHaveHadTheirTurn(self, world: World) -> None:
        poller = world.poller(4)
        exhaust(world)
        answer = poller.post("4a", "4b")
        assert not answer.given
        assert poller.application.received == []
        world.clock.advance(0)
        assert answer.status == 200
        assert poller.application.received == ["a", "b"]

    def test_onesWhoseClientHasGoneAreNotHandled(self, world: World) -> None:
        poller = world.poller(4)
        exhaust(world)
        answer = poller.post("4a")
        answer.goAway()
        world.clock.advance(0)
        assert len(world.engine.intake.turns) == 0
        assert poller.application.received == []

    def test_whatIsPostedCountsByItsPackets(self, world: World) -> None:
        turns = world.engine.intake.turns
        poller = world.poller(4)
        poller.post(*["4a"] * 700)
        assert not [turns.step() for _ in range(1_301)][-1]
