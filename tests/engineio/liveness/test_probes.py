"""Probes: clients that are asked for a sign of life at once."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.rates import Rate
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Socket, World
from tests.wire.rawws import PING, PONG, TEXT, frame

SECONDS, PATIENCE = 0.5, 0.25
NEARLY = 1 / 64


@pytest.fixture(params=[True, False], ids=["fast", "plain"])
def fast(request: pytest.FixtureRequest) -> bool:
    """Both ways: what has come from a client is counted before they part."""
    isFast: bool = request.param
    return isFast


@pytest.fixture
def world(makeWorld: WorldFactory, fast: bool) -> World:
    return makeWorld(pingInterval=25, pingTimeout=20, fast=fast)


@pytest.fixture
def socket(world: World, revision: Revision) -> Socket:
    return world.socket(revision)


class Question:
    """A probe under way.

    Attributes:
        answers: What came of it, as often as it came.
    """

    def __init__(self, socket: Socket, patience: float = 0.0) -> None:
        self.answers: list[Any] = []
        socket.session.probe(SECONDS, patience).addBoth(self.answers.append)


def pings(socket: Socket) -> int:
    """How many pings of the WebSocket protocol came since the last time."""
    return sum(each.opcode == PING for each in socket.frames())


def test_aClientThatAnswersIsThere(world: World, socket: Socket) -> None:
    question = Question(socket)
    world.turn()
    assert (pings(socket), question.answers) == (1, [])
    socket.sendFrame(PONG)
    assert question.answers == [True]
    world.clock.advance(5 * SECONDS)
    assert socket.connected


def test_oneThatDoesNotIsGone(world: World, socket: Socket) -> None:
    question, application = Question(socket), socket.application
    world.clock.advance(SECONDS - NEARLY)
    assert (question.answers, application.closed) == ([], [])
    world.clock.advance(2 * NEARLY)
    assert (question.answers, application.closed) == ([False], [CloseReason.PING_TIMEOUT])
    assert not socket.connected


def test_theApplicationKnowsOfTheEndBefore(world: World, socket: Socket) -> None:
    application = socket.application
    order: list[Any] = []
    application.reactToEnd = order.append
    socket.session.probe(SECONDS).addCallback(order.append)
    world.clock.advance(SECONDS + NEARLY)
    assert order == [CloseReason.PING_TIMEOUT, False]


@pytest.mark.parametrize("data", [frame(TEXT, b"4hello"), frame(TEXT, b"4hello")[:7]], ids=["a message", "a part"])
def test_whateverItSaysIsAsGood(world: World, socket: Socket, data: bytes) -> None:
    question = Question(socket)
    socket.visitor.send(data)
    world.clock.advance(SECONDS + NEARLY)
    assert question.answers == [True]
    assert socket.connected


def test_allWhoWantToKnowShareOnePing(world: World, socket: Socket) -> None:
    questions = [Question(socket), Question(socket), Question(socket, PATIENCE)]
    world.turn()
    assert pings(socket) == 1
    socket.sendFrame(PONG)
    assert [question.answers for question in questions] == [[True]] * 3


def test_anAnswerHoldsGoodForASecond(world: World, socket: Socket) -> None:
    Question(socket)
    socket.sendFrame(PONG)
    world.clock.advance(1 - NEARLY)
    assert Question(socket).answers == [True]
    assert pings(socket) == 1
    world.clock.advance(2 * NEARLY)
    assert Question(socket).answers == []
    world.turn()
    assert pings(socket) == 1
    socket.sendFrame(PONG)


class TestPatience:
    def test_whoSaysSomethingByItselfIsNotAsked(self, world: World, socket: Socket) -> None:
        question = Question(socket, PATIENCE)
        socket.send("4hello")
        world.clock.advance(PATIENCE + NEARLY)
        assert (question.answers, pings(socket)) == ([True], 0)

    def test_whoDoesNotIs(self, world: World, socket: Socket) -> None:
        question = Question(socket, PATIENCE)
        world.clock.pump([PATIENCE, NEARLY])
        assert pings(socket) == 1
        world.clock.advance(SECONDS + NEARLY)
        assert question.answers == [False]

    def test_anyoneInAHurryDoesNotWaitForIt(self, world: World, socket: Socket) -> None:
        patient, hasty = Question(socket, PATIENCE), Question(socket)
        world.turn()
        assert pings(socket) == 1
        world.clock.advance(SECONDS + NEARLY)
        assert patient.answers == hasty.answers == [False]


def test_theEndOfTheSessionIsAnAnswer(socket: Socket) -> None:
    question = Question(socket)
    session = socket.session
    socket.hangUp()
    assert question.answers == [False]
    answers: list[bool] = []
    session.probe(SECONDS).addCallback(answers.append)
    assert answers == [False]


def test_theEndOfOneThatHasAnsweredIsNone(socket: Socket) -> None:
    question = Question(socket)
    socket.sendFrame(PONG)
    socket.hangUp()
    assert question.answers == [True]


def test_whoeverIsOnPollingCannotBeAsked(world: World, revision: Revision) -> None:
    answers: list[bool] = []
    world.poller(revision).application.session.probe(SECONDS).addCallback(answers.append)
    assert answers == [True]


class TestAClientThatIsNotRead:
    @pytest.fixture
    def world(self, makeWorld: WorldFactory) -> World:
        return makeWorld(bytesRate=Rate(1_000, 1_000))

    def test_cannotBeAskedEither(self, world: World, socket: Socket) -> None:
        socket.send("4" + "a" * 70_000)
        assert Question(socket).answers == [True]

    def test_norIsItGivenUp(self, world: World, socket: Socket) -> None:
        question = Question(socket, PATIENCE)
        socket.session.transport.pauseReading(10)
        world.clock.advance(PATIENCE + NEARLY)
        assert question.answers == [True]


def test_aPongThatNobodyAskedForIsNoAnswer(world: World, socket: Socket) -> None:
    socket.sendFrame(PONG)
    question = Question(socket)
    assert question.answers == []
    socket.sendFrame(PONG)
