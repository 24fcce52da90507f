"""Handlers of events: whatever handles one is asked in the order in which they came, and its answer is acknowledged."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from rtcsignal.errors import Refused
from rtcsignal.signaling.handlers import Answer, answering
from rtcsignal.signaling.participant import Participant
from rtcsignal.socketio.packet import Packet
from tests.signaling.conftest import Log, WorldFactory
from tests.signaling.world import Client


class Desk:
    """Answers events, when the test says what."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.pending: list[Deferred[Answer]] = []

    def now(self, participant: Participant, event: Packet) -> Answer:
        """Answers at once."""
        self.asked.append(event.arguments)
        return {"seats": len(participant.seats)}

    def later(self, participant: Participant, event: Packet) -> Deferred[Answer]:
        """Answers when the test does."""
        self.asked.append(event.arguments)
        self.pending.append(Deferred())
        return self.pending[-1]


@pytest.fixture
def desk() -> Desk:
    """Who answers."""
    return Desk()


@pytest.fixture
def ann(desk: Desk, makeWorld: WorldFactory) -> Client:
    """A client of a server with two events."""
    return makeWorld(handlers={"now": answering(desk.now), "later": answering(desk.later)}).client()


def test_theAnswerIsAcknowledged(ann: Client, desk: Desk) -> None:
    assert ann.ask("now", {"n": 1}).value == {"ok": True, "seats": 0}
    assert desk.asked == [[{"n": 1}]]


def test_nothingIsSaidUnlessItWasAsked(ann: Client, desk: Desk) -> None:
    ann.emit("now", 1)
    assert (ann.take(), desk.asked) == ([], [[1]])


def test_anEventWithoutAHandlerIsIgnored(ann: Client) -> None:
    answer = ann.ask("never heard of")
    assert not answer.given
    assert ann.take() == []


def test_theNextEventWaitsForALateAnswer(ann: Client, desk: Desk) -> None:
    late, next_ = ann.ask("later", 1), ann.ask("now", 2)
    assert (late.given, next_.given, desk.asked) == (False, False, [[1]])
    desk.pending[0].callback({"late": True})
    assert late.value == {"ok": True, "late": True}
    assert next_.ok
    assert desk.asked == [[1], [2]]


def test_aLateAnswerMayBeEmpty(ann: Client, desk: Desk) -> None:
    late = ann.ask("later")
    desk.pending[0].callback(None)
    assert late.value == {"ok": True}


def test_noAnswerSaysThatItWentWrong(ann: Client, desk: Desk) -> None:
    late = ann.ask("later")
    desk.pending[0].callback({"ok": False})
    assert late.value == {"ok": True}


@pytest.mark.parametrize("asks", [True, False])
def test_aLateRefusalNamesTheRoomOfTheEvent(ann: Client, desk: Desk, log: Log, asks: bool) -> None:
    body = {"userId": "ann", "roomName": "kitchen", "more": "x" * 100}
    if asks:
        late = ann.ask("later", body)
        desk.pending[0].errback(Refused("no", "No."))
        assert late.code == "no"
    else:
        ann.emit("later", body)
        desk.pending[0].errback(Refused("no", "No."))
        refusal = {"code": "no", "message": "No.", "event": "later", "roomName": "kitchen"}
        assert ann.take() == [("refused", refusal)]
    assert "refused later in kitchen: no (user ann" in log.lines[-1]
