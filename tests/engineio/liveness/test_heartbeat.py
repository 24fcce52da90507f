"""Heartbeats of both revisions, with a clock: who pings, who answers, and when a client is given up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.rates import Rate
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Socket, World
from tests.wire.rawws import PING, PONG

INTERVAL, TIMEOUT = 0.5, 0.25
NEARLY = 1 / 64
"""Times are fractions of powers of two, so that sums of them are exact."""


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    return makeWorld(pingInterval=INTERVAL, pingTimeout=TIMEOUT)


def upgraded(world: World, revision: Revision) -> Socket:
    """A WebSocket that took over from polling."""
    return world.poller(revision).upgraded()


def born(world: World, revision: Revision) -> Socket:
    """A WebSocket from the beginning."""
    return world.socket(revision)


@pytest.fixture(params=[born, upgraded])
def makeSocket(request: pytest.FixtureRequest) -> Callable[[World, Revision], Socket]:
    """How the session came to its WebSocket: the heartbeat must be the same."""
    make: Callable[[World, Revision], Socket] = request.param
    return make


class TestRevision4:
    @pytest.fixture
    def socket(self, world: World, makeSocket: Callable[[World, Revision], Socket]) -> Socket:
        socket = makeSocket(world, 4)
        # Opening took a little of the interval.
        world.clock.advance(INTERVAL - world.clock.seconds())
        assert socket.take() == ["2"]
        return socket

    def test_theServerPingsOneIntervalAfterTheHandshake(self, world: World) -> None:
        poller = world.poller(4)
        answer = poller.poll()
        world.clock.advance(INTERVAL - NEARLY)
        assert not answer.given
        world.clock.advance(NEARLY)
        assert answer.packets == ["2"]

    def test_andOneIntervalAfterEachPong(self, world: World, socket: Socket) -> None:
        for _ in range(3):
            world.clock.advance(TIMEOUT / 2)
            socket.send("3")
            world.clock.advance(INTERVAL - NEARLY)
            assert socket.take() == []
            world.clock.advance(NEARLY)
            assert socket.take() == ["2"]
        assert socket.connected

    def test_withoutAPongInTimeTheSessionEnds(self, world: World, socket: Socket) -> None:
        application = socket.application
        world.clock.advance(TIMEOUT - NEARLY)
        assert application.closed == []
        world.clock.advance(NEARLY)
        assert application.closed == [CloseReason.PING_TIMEOUT]
        assert not socket.connected
        assert world.sids == []

    def test_pongsThatNobodyAskedForChangeNothing(self, world: World, socket: Socket) -> None:
        socket.send("3", "3", "3")
        world.clock.advance(INTERVAL / 2)
        socket.send("3")
        world.clock.advance(INTERVAL / 2 - NEARLY)
        assert socket.take() == []
        world.clock.advance(NEARLY)
        assert socket.take() == ["2"]
        assert len(world.engine.deadlines) == 1

    def test_aMessageWhileAPongIsDuePutsTheEndOff(self, world: World, socket: Socket) -> None:
        application = socket.application
        world.clock.advance(TIMEOUT / 2)
        socket.send("4a large upload holds up the pong")
        world.clock.advance(TIMEOUT / 2)
        assert application.closed == []
        world.clock.advance(TIMEOUT / 2)
        socket.send("3")
        world.clock.advance(INTERVAL)
        assert socket.take() == ["2"]

    def test_butSilenceAfterwardsIsTheEnd(self, world: World, socket: Socket) -> None:
        application = socket.application
        socket.send("4one")
        world.clock.advance(TIMEOUT)
        assert application.closed == []
        world.clock.advance(TIMEOUT)
        assert application.closed == [CloseReason.PING_TIMEOUT]

    def test_aMessageBeforeThePingCountsForNothing(self, world: World, socket: Socket) -> None:
        socket.send("3", "4message")
        application = socket.application
        world.clock.advance(INTERVAL)
        world.clock.advance(TIMEOUT)
        assert application.closed == [CloseReason.PING_TIMEOUT]

    @pytest.mark.parametrize("data", ["", "probe", "€"])
    def test_aClientThatPingsByItselfIsAnsweredAndAlive(self, world: World, socket: Socket, data: str) -> None:
        world.clock.advance(TIMEOUT - NEARLY)
        for _ in range(5):
            socket.send("2" + data)
            assert socket.take() == ["3" + data]
            world.clock.advance(INTERVAL - NEARLY)
        world.clock.advance(NEARLY)
        assert socket.take() == ["2"]
        world.clock.advance(TIMEOUT)
        assert not socket.connected

    def test_soIsAPoller(self, world: World) -> None:
        poller = world.poller(4)
        assert poller.post("2").status == 200
        assert poller.poll().packets == ["3"]

    def test_itsPingsAreCounted(self, makeWorld: WorldFactory) -> None:
        socket = makeWorld(framesRate=Rate(10, 20)).socket(4)
        application = socket.application
        socket.send(*["2"] * 50)
        assert application.closed == [CloseReason.FLOOD]

    def test_aPongOfTheWebSocketIsNoAnswer(self, world: World, socket: Socket) -> None:
        socket.sendFrame(PONG)
        world.clock.advance(TIMEOUT)
        assert not socket.connected

    def test_aPollerMayAnswerByAPost(self, world: World) -> None:
        poller = world.poller(4)
        answer = poller.poll()
        world.clock.advance(INTERVAL)
        assert answer.packets == ["2"]
        assert poller.post("3").status == 200
        answer = poller.poll()
        world.clock.advance(INTERVAL)
        assert answer.packets == ["2"]

    def test_aPollerThatDoesNotAnswerIsToldThatItIsOver(self, world: World) -> None:
        poller = world.poller(4)
        poller.poll()
        world.clock.advance(INTERVAL)
        waiting = poller.poll()
        world.clock.advance(TIMEOUT)
        assert waiting.packets == ["1"]
        assert poller.application.closed == [CloseReason.PING_TIMEOUT]
        assert poller.poll().error == (400, 1)


class TestRevision3:
    @pytest.fixture
    def socket(self, world: World, makeSocket: Callable[[World, Revision], Socket]) -> Socket:
        socket = makeSocket(world, 3)
        socket.send("2")
        assert socket.take() == ["3"]
        return socket

    def test_theServerAnswersPingsWithTheirData(self, socket: Socket) -> None:
        socket.send("2", "2probe", "2€")
        assert socket.take() == ["3", "3probe", "3€"]

    def test_aPollersPingIsAnsweredByThePoll(self, world: World) -> None:
        poller = world.poller(3)
        assert poller.post("2").status == 200
        assert poller.poll().packets == ["3"]

    def test_theServerNeverPings(self, world: World, socket: Socket) -> None:
        for _ in range(5):
            world.clock.advance(INTERVAL)
            assert socket.take() == []
            socket.send("2")
            assert socket.take() == ["3"]

    def test_withoutAPingInIntervalAndTimeoutTheSessionEnds(self, world: World, socket: Socket) -> None:
        application = socket.application
        world.clock.advance(INTERVAL + TIMEOUT - NEARLY)
        assert application.closed == []
        world.clock.advance(NEARLY)
        assert application.closed == [CloseReason.PING_TIMEOUT]
        assert not socket.connected

    def test_theWatchBeginsWithTheHandshake(self, world: World) -> None:
        poller = world.poller(3)
        waiting = poller.poll()
        world.clock.advance(INTERVAL + TIMEOUT)
        assert waiting.packets == ["1"]
        assert poller.application.closed == [CloseReason.PING_TIMEOUT]

    def test_aMessageWhileAPingIsDuePutsTheEndOffOnce(self, world: World, socket: Socket) -> None:
        application = socket.application
        world.clock.advance(INTERVAL)
        socket.send("4message")
        world.clock.advance(TIMEOUT)
        assert application.closed == []
        socket.send("4message")
        world.clock.advance(TIMEOUT)
        assert application.closed == [CloseReason.PING_TIMEOUT]

    def test_aMessageBeforeItIsDueCountsForNothing(self, world: World, socket: Socket) -> None:
        application = socket.application
        socket.send("4message")
        world.clock.advance(INTERVAL)
        world.clock.advance(TIMEOUT)
        assert application.closed == [CloseReason.PING_TIMEOUT]

    def test_aClientWhosePingIsLateIsAskedBelow(self, world: World, socket: Socket) -> None:
        """As the timers of a hidden page are, which its browser lets fire once a minute."""
        for _ in range(5):
            world.clock.advance(INTERVAL)
            assert socket.frames() == []
            world.clock.advance(TIMEOUT / 8)
            assert [each.opcode for each in socket.frames()] == [PING]
            world.clock.advance(TIMEOUT / 8)
            socket.sendFrame(PONG)
        socket.send("2")
        assert socket.take() == ["3"]

    def test_whoIsNotLateIsNotAsked(self, world: World, socket: Socket) -> None:
        for _ in range(5):
            world.clock.advance(INTERVAL + TIMEOUT / 8 - NEARLY / 2)
            socket.send("2")
            assert socket.take() == ["3"]

    def test_whoDoesNotAnswerThatEitherIsGivenUpInTime(self, world: World, socket: Socket) -> None:
        application = socket.application
        world.clock.pump([INTERVAL, TIMEOUT / 2, TIMEOUT / 2 - NEARLY])
        assert application.closed == []
        world.clock.advance(NEARLY)
        assert application.closed == [CloseReason.PING_TIMEOUT]

    def test_itIsAskedHalfAMinuteBefore(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(pingInterval=32, pingTimeout=64)
        socket = world.socket(3)
        world.clock.advance(32 + 64 - 30 - 1)
        assert socket.frames() == []
        world.clock.advance(1.25)
        assert [each.opcode for each in socket.frames()] == [PING]

    def test_anAnswerThatComesLateIsStillOne(self, world: World, socket: Socket) -> None:
        world.clock.advance(INTERVAL)
        socket.send("4message")
        world.clock.pump([TIMEOUT, TIMEOUT / 2])
        socket.sendFrame(PONG)
        world.clock.advance(INTERVAL + TIMEOUT / 2)
        assert socket.connected

    @pytest.mark.parametrize(("interval", "timeout"), [(30, 60), (25, 25), (4, 32), (1, 40), (28, 32), (10, 5)])
    def test_itLivesWhateverTheTimesAre(self, makeWorld: WorldFactory, interval: int, timeout: int) -> None:
        """Deadlines that last equally long share a queue, and must not be taken for each other."""
        world = makeWorld(pingInterval=interval, pingTimeout=timeout)
        socket = world.socket(3)
        asked = 0
        for _ in range(4 * (interval + timeout)):
            world.clock.advance(1)
            for each in socket.frames():
                asked += 1
                assert each.opcode == PING
                socket.sendFrame(PONG)
        assert socket.connected
        assert asked >= 3

    def test_nobodyIsAskedOnPolling(self, world: World) -> None:
        poller = world.poller(3)
        waiting = poller.poll()
        world.clock.pump([INTERVAL, TIMEOUT / 2])
        assert not waiting.given

    def test_aPongFromTheClientEndsTheSession(self, socket: Socket) -> None:
        application = socket.application
        socket.send("3")
        assert application.closed == [CloseReason.PARSE_ERROR]


def test_aSessionHasOneDeadlineHoweverMuchItSends(world: World, revision: Revision) -> None:
    socket = world.socket(revision)
    for _ in range(20):
        socket.send("4one", *(["2"] if revision == 3 else ["3", "3"]))
        world.clock.advance(INTERVAL / 4)
        if revision == 4:
            socket.send("3")
        assert len(world.engine.deadlines) == 1


def test_theEndOfASessionEndsItsHeartbeat(world: World, revision: Revision) -> None:
    poller, socket = world.poller(revision), world.socket(revision)
    poller.session.lost(CloseReason.TRANSPORT_CLOSE)
    socket.session.close()
    assert len(world.engine.deadlines) == 0


def test_aSessionThatIsClosingIsNotPinged(world: World) -> None:
    poller = world.poller(4)
    poller.session.close()
    world.clock.advance(INTERVAL)
    assert poller.poll().packets == ["1"]


def test_whoeverAsksFindsDeadSessionsGone(makeWorld: WorldFactory, revision: Revision) -> None:
    """Deadlines of seconds may come a little late; a request must not notice."""
    world = makeWorld(pingInterval=25, pingTimeout=20)
    poller = world.poller(revision)
    if revision == 4:
        world.clock.advance(25)
        world.engine.deadlines.catchUp()
        world.clock.advance(20)
    else:
        world.clock.advance(45)
    assert poller.poll().error == (400, 1)
    assert poller.application.closed == [CloseReason.PING_TIMEOUT]
