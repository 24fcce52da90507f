"""Standings: what a client has heard of its memberships."""

from __future__ import annotations

from rtcsignal.signaling.resume.standing import JOINED, RESUMED, RESYNC, Standing
from rtcsignal.socketio.trail import Missed

GAP = Missed(0, 0, 0, None)


def seen(number: int) -> Missed:
    return Missed(number, number, number, [])


def test_aMembershipIsJoinedUntilItsClientHasBeenTold() -> None:
    standing = Standing()
    standing.begun("kitchen")
    assert (standing.outcomeOf("kitchen"), standing.outcome) == (JOINED, JOINED)
    standing.answered("kitchen", 16)
    assert (standing.outcomeOf("kitchen"), standing.outcome) == (RESUMED, RESUMED)


def test_whoHasNotSeenTheAnswerIsToldAgain() -> None:
    standing = Standing()
    standing.begun("kitchen")
    standing.answered("kitchen", 16)
    standing.returned(seen(15), ["kitchen"])
    assert standing.outcomeOf("kitchen") == JOINED
    standing.returned(seen(99), ["kitchen"])
    assert standing.outcomeOf("kitchen") == JOINED, "what came since was replayed without an answer"


def test_whoHasSeenItIsNot() -> None:
    standing = Standing()
    standing.begun("kitchen")
    standing.answered("kitchen", 16)
    standing.returned(seen(16), ["kitchen", "cellar"])
    assert standing.outcome == RESUMED


def test_aGapIsToldOfInEachRoom() -> None:
    standing = Standing()
    for name in ("kitchen", "cellar"):
        standing.begun(name)
        standing.answered(name, 16)
    standing.returned(GAP, ["kitchen", "cellar"])
    assert standing.outcome == RESYNC
    standing.answered("kitchen", 32)
    standing.returned(seen(32), ["kitchen", "cellar"])
    assert [standing.outcomeOf(name) for name in ("kitchen", "cellar")] == [RESUMED, RESYNC]


def test_anAnswerBeforeAReplayCountsOnlyWithWhatFollows() -> None:
    standing = Standing()
    standing.begun("kitchen")
    standing.missed = Missed(20, 20, 20, [])
    standing.answered("kitchen", 20)
    standing.missed = None
    standing.returned(seen(20), ["kitchen"])
    assert standing.outcomeOf("kitchen") == JOINED


def test_anEndIsForgotten() -> None:
    standing = Standing()
    standing.begun("kitchen")
    standing.ended("kitchen")
    standing.ended("never there")
    assert standing.outcome == RESUMED
