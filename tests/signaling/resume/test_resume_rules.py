"""Each rule of coming back is needed: without any one of them the machine finds somebody who is worse off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from rtcsignal.errors import Refused
from rtcsignal.signaling.namespace import SignalingNamespace
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.relay import broadcast
from rtcsignal.signaling.relay.broadcast import Broadcasts
from rtcsignal.signaling.resume.resuming import Resuming
from rtcsignal.signaling.resume.standing import Standing
from rtcsignal.signaling.rooms.presence import Presence
from rtcsignal.socketio.absences import Absences
from rtcsignal.socketio.claims import Claim
from rtcsignal.socketio.connection import Connection
from rtcsignal.socketio.peer import Peer
from rtcsignal.socketio.recovery import Pass, Recovery
from rtcsignal.socketio.returning import Returning
from rtcsignal.socketio.trail import Missed, Trail
from tests.signaling.conftest import Log
from tests.signaling.resume.test_resume_machine import ResumeMachine

Patch = pytest.MonkeyPatch
SEARCH = settings(
    max_examples=2000,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),
    print_blob=False,
)

find, missed, exchange, hold = Recovery.find, Trail.missed, Returning.exchange, Recovery.hold
replay, handOver, back, end = Peer.replay, Resuming._handOver, Presence.back, Absences.end
take, numbered = Participant.take, Broadcasts._handleNumbered


def lateClosesCount(patch: Patch) -> None:
    """A connection that has lost its peer still ends it."""
    patch.setattr(Connection, "surrender", lambda connection, peer: None)


def onlyTheAbsentCanBeTaken(patch: Patch) -> None:
    """A holder that looks alive is left alone."""

    def findAway(recovery: Recovery, claim: Claim, namespace: str, identity: Any) -> Pass | None:
        found = find(recovery, claim, namespace, identity)
        return found if found is not None and found.peer.away else None

    patch.setattr(Recovery, "find", findAway)


def theLastToAskWins(patch: Patch) -> None:
    """Whatever the order in which connections were opened."""
    key = Returning.find

    def findAny(desk: Returning, peer: Peer, name: str) -> Peer | None:
        found = desk._recovery.find(Claim(key=name), peer.namespace, peer.identity)
        if found is not None:
            found.opened = 0
        return key(desk, peer, name)

    patch.setattr(Returning, "find", findAny)


def onlyWhatCameWhileAwayIsReplayed(patch: Patch) -> None:
    """What was written to a dying connection is taken for sent."""

    def holdAndForget(recovery: Recovery, peer: Peer, reason: Any) -> bool:
        held = hold(recovery, peer, reason)
        if isinstance(peer.channel, Trail):
            peer.channel._kept = None
        return held

    patch.setattr(Recovery, "hold", holdAndForget)


def aReplayEmptiesTheTrail(patch: Patch) -> None:
    def replayOnce(peer: Peer, what: Missed) -> None:
        replay(peer, what)
        peer.confirmed(peer.mark())

    patch.setattr(Peer, "replay", replayOnce)


def theReplayComesBeforeTheAnswer(patch: Patch) -> None:
    def handOverFirst(resuming: Resuming, heir: Participant, event: Any, request: Any, found: Any) -> None:
        heir.peer.replay(found.missed)
        handOver(resuming, heir, event, request, found._replace(missed=found.missed._replace(messages=[])))

    patch.setattr(Resuming, "_handOver", handOverFirst)


def theAnswerSaysWhereTheServerIs(patch: Patch) -> None:
    """And not from where on events follow."""
    patch.setattr(Resuming, "_positionOf", staticmethod(lambda peer, outcome, what: peer.mark()))


def whatTheClientHasHeardDoesNotMatter(patch: Patch) -> None:
    """A membership of which its client never heard is resumed."""

    def returned(standing: Standing, what: Missed, names: Iterable[str]) -> None:
        for name in names:
            standing._owed.pop(name, None)

    patch.setattr(Standing, "returned", returned)


def whatIsLeftIsReplayed(patch: Patch) -> None:
    """Without a word about what is missing."""

    def missedInPart(trail: Trail, offsets: Iterable[Any]) -> Missed:
        found = missed(trail, offsets)
        return found if found.messages is not None else found._replace(messages=list(trail.kept))

    patch.setattr(Trail, "missed", missedInPart)


def aTimerOutlivesItsAbsence(patch: Patch) -> None:
    def endWithoutTimer(absences: Absences, peer: Peer) -> bool:
        deadline = absences._away.get(peer)
        if deadline is None:
            return False
        action, argument = deadline._action, deadline._argument
        ended = end(absences, peer)
        if peer.connected and action is not None:
            clock = absences._deadlines.clock
            clock.callLater(max(deadline.at - clock.seconds(), 0), action, argument)
        return ended

    patch.setattr(Absences, "end", endWithoutTimer)


def aKeyCountsFromTheVerdictOn(patch: Patch) -> None:
    """A client that is lost while a policy thinks is not waited for."""

    def waitsFor(namespace: SignalingNamespace, peer: Peer, window: float) -> float:
        return window if peer.application.seats else 0.0

    patch.setattr(SignalingNamespace, "waitsFor", waitsFor)


def anAnswerGoesToWhoeverIsThere(patch: Patch) -> None:
    patch.setattr(Participant, "isLate", False)


def repeatsAreDelivered(patch: Patch) -> None:
    patch.setattr(broadcast, "numberIn", lambda options: None)


def whoIsNowhereIsWaitedFor(patch: Patch) -> None:
    patch.setattr(Recovery, "release", lambda recovery, peer: None)


def takeoversAreTold(patch: Patch) -> None:
    """Although no one has seen a loss."""
    patch.setattr(Presence, "back", lambda presence, who, wasAway: back(presence, who, True))


def aReturnDoesNotWaitForTheVerdict(patch: Patch) -> None:
    def takeAtOnce(participant: Participant, event: Any) -> None:
        if participant.isBusy and participant.isLate:
            participant._handle(participant, event)
        else:
            take(participant, event)

    patch.setattr(Participant, "take", takeAtOnce)


def whatIsRefusedIsNotReceived(patch: Patch) -> None:
    """And is judged again when its sender, who has no answer, repeats it."""

    def judged(broadcasts: Broadcasts, participant: Participant, standing: Standing, event: Any) -> Any:
        before = standing.received
        try:
            return numbered(broadcasts, participant, standing, event)
        except Refused:
            standing.received = before
            raise

    patch.setattr(Broadcasts, "_handleNumbered", judged)


def absencesAreNotTold(patch: Patch) -> None:
    patch.setattr(Presence, "_tellAway", lambda presence, seat: None)


RULES = [
    lateClosesCount,
    onlyTheAbsentCanBeTaken,
    theLastToAskWins,
    onlyWhatCameWhileAwayIsReplayed,
    aReplayEmptiesTheTrail,
    theReplayComesBeforeTheAnswer,
    theAnswerSaysWhereTheServerIs,
    whatTheClientHasHeardDoesNotMatter,
    whatIsLeftIsReplayed,
    aTimerOutlivesItsAbsence,
    aKeyCountsFromTheVerdictOn,
    anAnswerGoesToWhoeverIsThere,
    repeatsAreDelivered,
    whoIsNowhereIsWaitedFor,
    takeoversAreTold,
    aReturnDoesNotWaitForTheVerdict,
    whatIsRefusedIsNotReceived,
    absencesAreNotTold,
]


@pytest.mark.parametrize("broken", RULES, ids=lambda rule: str(rule.__name__))
def test_withoutItTheMachineFindsAFault(
    broken: Callable[[Patch], None], monkeypatch: pytest.MonkeyPatch, log: Log
) -> None:
    broken(monkeypatch)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run_state_machine_as_test(ResumeMachine, settings=SEARCH)
    log.takeFailures()


def test_withAllOfThemItFindsNone() -> None:
    run_state_machine_as_test(ResumeMachine, settings=settings(SEARCH, max_examples=400))
