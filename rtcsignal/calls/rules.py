"""The rules by which a call is judged, one function each, in the order in which they are asked.

Pure. Each says with whom the cause lies, and a sentence for developers; or None if it does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from rtcsignal.calls.network_rules import (
    findCandidateBeforeDescription,
    findCandidatesNotDelivered,
    findHostsOfDifferentNetworks,
    findNoCandidates,
    findOnlyMdns,
    findTurnExpired,
    findTurnNeverIssued,
    findTurnRefused,
    findTurnUnreachable,
    findUdpBlocked,
)
from rtcsignal.calls.state import ANSWER, CONNECT, HEAL, State
from rtcsignal.calls.timeline import Description, Side

__all__ = ["CONNECT_RULES", "RULES", "STORM", "Finding", "Found", "Rule"]

STORM, STORM_WINDOW, STORM_MEMORY = 10, 10_000.0, 30_000.0
"""More distinct offers than this within the milliseconds are a storm, which is remembered for some time."""

Found: TypeAlias = tuple[str | None, str] | None
"""With whom the cause lies, and why."""


@dataclass(frozen=True)
class Finding:
    """A rule that holds.

    Attributes:
        verdict: Its name.
        side: With whom the cause lies.
        why: A sentence for developers.
    """

    verdict: str
    side: str | None
    why: str


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        verdict: Its name.
        find: Says whether it holds.
    """

    verdict: str
    find: Callable[[State], Found]


def _peerAbsent(state: State) -> Found:
    for side, peer in state.line.both():
        unheard = [each for each in side.offers if not each.isDelivered and not each.dropped]
        isHere = peer.joinedAt is not None and peer.leftAt is None
        if unheard and unheard[-1] is side.offers[-1] and not isHere:
            return peer.name, f"{state.nameOf(peer)} was not there when {state.nameOf(side)} offered a call"
    return None


def _refusedByFilter(state: State) -> Found:
    last = state.lastOffer()
    if last is None or not last[0].dropped:
        return None
    arrived = max((each.last for each, _, _ in state.offers() if each.isDelivered and not each.dropped), default=-1.0)
    lost = [(each, side) for each, side, _ in state.offers() if each.dropped and each.last > arrived]
    whose, names = _sidesOf(state, [side for _, side in lost])
    by = ", ".join(dict.fromkeys(each.dropped for each, _ in lost))
    return whose, f"the offer of {names} was dropped or refused by {by}"


def _answerNotDelivered(state: State) -> Found:
    arrived = max((each.last for each, _, _ in state.answers() if each.isDelivered), default=-1.0)
    lost = [
        (each, side)
        for each, side, peer in state.answers()
        if not each.isDelivered and each.last > arrived and not _isLeftAlone(each, peer)
    ]
    if not lost:
        return None
    whose, names = _sidesOf(state, [side for _, side in lost])
    by = ", ".join(dict.fromkeys(each.dropped for each, _ in lost if each.dropped))
    return whose, f"the answer of {names} was not delivered" + (f" by {by}, which dropped it" if by else "")


def _isLeftAlone(answer: Description, peer: Side) -> bool:
    """Nobody was left to get an answer."""
    return not answer.dropped and peer.leftAt is not None and peer.leftAt <= answer.last


def _sidesOf(state: State, sides: Iterable[Side]) -> tuple[str | None, str]:
    """With whom a cause lies of which several sides have their part, and their names."""
    found = sorted({side.name: side for side in sides}.items())
    whose = found[0][0] if len(found) == 1 else None
    return whose, " and ".join(state.nameOf(side) for _, side in found)


def _peerLeft(state: State) -> Found:
    if state.line.hungUpAt is not None:
        return None
    for side, _ in state.line.both():
        if side.leftAt is not None:
            when = "after the call had come about" if state.lastUpAt is not None else "before the call came about"
            return side.name, f"{state.nameOf(side)} left {when}"
    return None


def _fingerprintChanged(state: State) -> Found:
    for side, _ in state.line.both():
        known: dict[str, object] = {}
        for each in side.descriptions:
            sent, delivered, sid = each.facts.get("fpr"), each.out.get("fpr"), str(each.facts.get("sid", ""))
            if sent and delivered and sent != delivered:
                return side.name, f"somebody on the way has changed the fingerprint of {state.nameOf(side)}"
            if sid and sent and known.setdefault(sid, sent) != sent:
                return side.name, f"the same session of {state.nameOf(side)} shows another fingerprint"
    return None


def _glare(state: State) -> Found:
    collisions = sorted(_collisions(state), key=lambda each: each[1].t)
    if not collisions:
        return None
    first, second = collisions[-1]
    one, two = (side for side, _ in state.line.both())
    answers = [state.answerTo(first, one, two), state.answerTo(second, two, one)]
    answered = sum(answer is not None for answer in answers)
    end = max(first.t, second.t)
    if answered == 1 or (not answered and state.now - end < ANSWER) or _hasAnswered(state, end):
        return None
    how = "each answered the other" if answered else "neither was answered"
    return None, f"both offered a call at once, and {how}: they have no roles to settle it"


def _collisions(state: State) -> Iterable[tuple[Description, Description]]:
    one, two = (side for side, _ in state.line.both())
    for first in one.offers:
        for second in two.offers:
            earlier, later = min(first.t, second.t), max(first.t, second.t)
            answering = two if first.t <= second.t else one
            isAnswered = any(earlier <= each.t <= later for each in answering.answers)
            areDelivered = first.isDelivered and second.isDelivered
            if areDelivered and later - earlier < ANSWER and not isAnswered:
                yield first, second


def _hasAnswered(state: State, after: float) -> bool:
    """Whether an offer after some time was answered."""
    return any(
        offer.t > after and state.answerTo(offer, side, peer) is not None
        for side, peer in state.line.both()
        for offer in side.offers
    )


_DESCRIPTION_OPERATIONS = frozenset(
    ("offer", "answer", "msg1", "msg2", "setRemoteDescription", "setLocalDescription", "createOffer", "createAnswer")
)


def _descriptionError(state: State) -> Found:
    for side, _ in state.line.both():
        for t, operation, name in reversed(side.clientErrors):
            if operation in _DESCRIPTION_OPERATIONS and not _hasAnswered(state, t):
                return side.name, f"the client of {state.nameOf(side)} failed at {operation}: {name}"
    return None


def _noAnswer(state: State) -> Found:
    for side, peer in state.line.both():
        if peer.leftAt is not None:
            continue
        said = max((each.last for each in peer.descriptions), default=-1.0)
        waiting = [each for each in side.offers if each.deliveredAt is not None and each.last > said]
        since = min((each.deliveredAt for each in waiting if each.deliveredAt is not None), default=None)
        if since is not None and state.now - max(since, said) >= ANSWER:
            return peer.name, f"{state.nameOf(peer)} has not answered the offer of {state.nameOf(side)}"
    return None


def _codecMismatch(state: State) -> Found:
    for side, peer in state.line.both():
        for offer in reversed(side.offers):
            answer = state.answerTo(offer, side, peer, delivered=True)
            if answer is not None:
                why = _unlike(offer, answer)
                if why is not None:
                    return None, why
                break
    return None


def _unlike(offer: Description, answer: Description) -> str | None:
    """A section that both have, and in which they have nothing in common."""
    offered, answered = _sections(offer), _sections(answer)
    for index, (mine, theirs) in enumerate(zip(offered, answered, strict=False)):
        kind = str(mine.get("kind", "other"))
        if kind not in ("audio", "video") or mine.get("off") is True:
            continue
        ours, yours = _codecs(mine), _codecs(theirs)
        if theirs.get("off") is True or (ours and yours and not ours & yours):
            lists = f"offered {', '.join(sorted(ours)) or 'none'}; answered {', '.join(sorted(yours)) or 'none'}"
            how = "was rejected" if theirs.get("off") is True else "has no codec in common"
            return f"{kind} (mid {mine.get('mid', index)}) {how}: {lists}"
    return None


def _sections(description: Description) -> list[dict[str, object]]:
    found = description.out.get("m")
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _codecs(section: dict[str, object]) -> set[str]:
    found = section.get("codecs")
    return {each for each in found if isinstance(each, str)} if isinstance(found, list) else set()


def _dtlsFailed(state: State) -> Found:
    for side, _ in state.line.both():
        latest = side.latest
        if latest is not None and latest.dtls == "failed" and latest.ice in ("connected", "completed"):
            return None, f"ICE works, and DTLS does not, as {state.nameOf(side)} reports"
    return None


def _iceRestartNeeded(state: State) -> Found:
    down = state.downSince
    if down is None or state.now - down < HEAL or _restartAfter(state, down) is not None:
        return None
    return None, "the connection was lost, and nobody has restarted ICE"


def _restartAfter(state: State, t: float) -> float | None:
    """When an offer with another generation came after some time."""
    times = [
        offer.t
        for side, _ in state.line.both()
        for offer in side.offers
        if offer.t > t and all(each.ufrag != offer.ufrag for each in side.descriptions if each.t <= t)
    ]
    return min(times, default=None)


def _iceFailed(state: State) -> Found:
    down = state.downSince
    if down is not None:
        restart = _restartAfter(state, down)
        if restart is None:
            return None
        if state.now - restart < CONNECT:
            return None
        return None, "ICE was restarted, and the connection did not come back"
    failed = [side.latest.t for side, _ in state.line.both() if side.latest is not None and side.latest.isFailed]
    if failed:
        return None, "ICE found no path between the two"
    return None


def _renegotiationStorm(state: State) -> Found:
    times = sorted((offer.t, side.name) for side, _ in state.line.both() for offer in side.offers)
    for index in range(len(times) - STORM - 1, -1, -1):
        (first, _), (last, _) = times[index], times[index + STORM]
        if last - first <= STORM_WINDOW:
            if state.now - last > STORM_MEMORY:
                return None
            whose = {name for _, name in times[index : index + STORM + 1]}
            side = whose.pop() if len(whose) == 1 else None
            return side, f"more than {STORM} different offers within {STORM_WINDOW / 1000:g} s"
    return None


_PEER_LEFT = Rule("peer-left", _peerLeft)
_FINGERPRINT_CHANGED = Rule("fingerprint-changed", _fingerprintChanged)
_CODEC_MISMATCH = Rule("codec-mismatch", _codecMismatch)
_RENEGOTIATION_STORM = Rule("renegotiation-storm", _renegotiationStorm)

RULES: tuple[Rule, ...] = (
    Rule("peer-absent", _peerAbsent),
    Rule("refused-by-filter", _refusedByFilter),
    Rule("answer-not-delivered", _answerNotDelivered),
    _PEER_LEFT,
    _FINGERPRINT_CHANGED,
    Rule("glare", _glare),
    Rule("description-error", _descriptionError),
    Rule("no-answer", _noAnswer),
    _CODEC_MISMATCH,
    Rule("dtls-failed", _dtlsFailed),
    Rule("turn-expired", findTurnExpired),
    Rule("turn-refused", findTurnRefused),
    Rule("turn-unreachable", findTurnUnreachable),
    Rule("turn-never-issued", findTurnNeverIssued),
    Rule("candidates-not-delivered", findCandidatesNotDelivered),
    Rule("candidate-before-description", findCandidateBeforeDescription),
    Rule("no-candidates", findNoCandidates),
    Rule("only-mdns", findOnlyMdns),
    Rule("only-host-different-networks", findHostsOfDifferentNetworks),
    Rule("udp-blocked", findUdpBlocked),
    Rule("ice-restart-needed", _iceRestartNeeded),
    Rule("ice-failed", _iceFailed),
    _RENEGOTIATION_STORM,
)
"""For calls that have not come about, in their order."""

CONNECT_RULES: tuple[Rule, ...] = (_PEER_LEFT, _FINGERPRINT_CHANGED, _CODEC_MISMATCH, _RENEGOTIATION_STORM)
"""For those that have, and for those that were hung up."""
