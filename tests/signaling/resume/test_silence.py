"""Members who are gone without a word, and a newcomer who offers them a call."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.rates import Rate
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions
from tests.signaling.conftest import WorldFactory
from tests.signaling.resume.resumer import Resumer
from tests.signaling.world import Client, World

QUIET, PATIENCE, PROBE = 5.0, 2.0, 3.0
LATE = 0.1
SOCKETS = SocketOptions(turn=0, recovery=RecoveryOptions(window=60, everybody=False))


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    """Events are counted, as in a real server: so it is known when a client was heard."""
    return makeWorld(sockets=SOCKETS)


@pytest.fixture
def ann(world: World, revision: Revision) -> Client:
    """A member who was there before."""
    return world.member("kitchen", "ann", revision=revision)


def offer(target: str | None = "ann", **more: Any) -> dict[str, Any]:
    return {"msgType": 1, **({} if target is None else {"targetUserId": target}), **more}


def newcomer(world: World) -> Client:
    client = world.member("kitchen", "ben")
    client.take()
    return client


def left(user: str) -> tuple[Any, ...]:
    return "user-left", user, {"roomName": "kitchen", "reason": "timeout"}


class TestOneWhoWasQuiet:
    @pytest.fixture
    def ben(self, world: World, ann: Client) -> Client:
        world.clock.advance(QUIET)
        return newcomer(world)

    def test_isAskedAtOnce(self, world: World, ann: Client, ben: Client) -> None:
        ann.link.answers = True
        assert ann.link.wsPings == 0
        ben.emit("broadcast", offer())
        assert ann.link.wsPings == 1
        world.clock.advance(PROBE + LATE)
        assert world.rosters() == {"kitchen": ["ann", "ben"]}

    @pytest.mark.parametrize("target", ["ann", None], ids=["to her", "to all"])
    def test_andIsGoneUnlessItAnswers(self, world: World, ann: Client, ben: Client, target: str | None) -> None:
        ben.emit("broadcast", offer(target))
        ben.take()
        world.clock.advance(PROBE + LATE)
        assert ben.take() == [left("ann")]
        assert ben.link.wsPings == 0

    def test_orAwayIfItCanComeBack(self, world: World, ben: Client, revision: Revision) -> None:
        cas = Resumer(world, "cas", revision)
        cas.joins()
        world.clock.advance(QUIET)
        ben.take()
        ben.emit("broadcast", offer("cas"))
        world.clock.advance(PROBE + LATE)
        assert ben.take() == [("user-away", "cas", {"roomName": "kitchen", "window": 60})]
        ben.emit("broadcast", offer("cas"))
        assert cas.client.link.wsPings == 1, "nobody asks who is away"

    def test_notByOtherMessages(self, ann: Client, ben: Client) -> None:
        for kind in (2, 3, 4, "chat"):
            ben.emit("broadcast", {"msgType": kind, "targetUserId": "ann"})
        assert ann.link.wsPings == 0

    def test_norByOneWhoIsNotNew(self, world: World, ann: Client, ben: Client) -> None:
        world.clock.advance(25)
        for client in (ann, ben):
            client.link.keepAlive()
        world.clock.advance(6)
        asked = ann.link.wsPings  # by the heartbeat
        ben.emit("broadcast", offer())
        assert ann.link.wsPings == asked

    def test_norIfItCannotBeAsked(self, world: World, ann: Client, ben: Client) -> None:
        ann.link.mark = None
        ben.emit("broadcast", offer())
        assert ann.link.wsPings == 0
        world.clock.advance(PROBE + LATE)
        assert world.rosters() == {"kitchen": ["ann", "ben"]}


class TestOneWhoWasHeardAMomentAgo:
    @pytest.fixture
    def ben(self, world: World, ann: Client) -> Client:
        world.clock.advance(QUIET - 1)
        return newcomer(world)

    def test_isNotAskedIfItAnswersTheOffer(self, world: World, ann: Client, ben: Client) -> None:
        ben.emit("broadcast", offer())
        world.clock.advance(PATIENCE / 2)
        ann.emit("broadcast", {"msgType": 2, "targetUserId": "ben"})
        world.clock.advance(PATIENCE + PROBE + LATE)
        assert ann.link.wsPings == 0
        assert world.rosters() == {"kitchen": ["ann", "ben"]}

    def test_isAskedIfItSaysNothing(self, world: World, ann: Client, ben: Client) -> None:
        for _ in range(5):
            ben.emit("broadcast", offer())
        assert ann.link.wsPings == 0
        world.clock.advance(PATIENCE + LATE)
        assert ann.link.wsPings == 1
        ben.take()
        world.clock.advance(PROBE + LATE)
        assert ben.take() == [left("ann")]

    def test_aHeartbeatIsHeardToo(self, world: World, ann: Client, ben: Client) -> None:
        world.clock.advance(2)
        ann.link.session.bucket = Rate(1, 1).bucket(world.clock.seconds())  # as the engine counts what is no message
        ben.emit("broadcast", offer())
        assert ann.link.wsPings == 0
        world.clock.advance(PATIENCE + LATE)
        assert ann.link.wsPings == 1


def test_inExactModeNobodyReadsWhatAMessageIs(makeWorld: WorldFactory) -> None:
    world = makeWorld(SignalingOptions(exact=True), sockets=SOCKETS)
    ann = world.member("kitchen", "ann")
    world.clock.advance(QUIET)
    newcomer(world).emit("broadcast", offer())
    assert ann.link.wsPings == 0


def test_whereEventsAreNotCountedEveryoneIsQuiet(makeWorld: WorldFactory) -> None:
    world = makeWorld()
    ann, ben = world.members("kitchen", "ann", "ben")
    ben.emit("broadcast", offer())
    assert ann.link.wsPings == 0  # at the beginning of the clock nobody can have been quiet for long
    world.clock.advance(QUIET)
    cas = world.member("kitchen", "cas")
    cas.emit("broadcast", offer())
    assert ann.link.wsPings == 1
