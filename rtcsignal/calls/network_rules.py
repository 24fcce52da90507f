"""The rules about relays and candidates: what a side's current generation of ICE has gathered, and what came of it.

Pure. With counters over the whole call, a relay of yesterday would hide the expired credential of today.
"""

from __future__ import annotations

from collections.abc import Callable

from rtcsignal.calls.state import ANSWER, GATHER, State
from rtcsignal.calls.timeline import Candidate, Error, Side

__all__ = [
    "findCandidateBeforeDescription",
    "findCandidatesNotDelivered",
    "findHostsOfDifferentNetworks",
    "findNoCandidates",
    "findOnlyMdns",
    "findTurnExpired",
    "findTurnNeverIssued",
    "findTurnRefused",
    "findTurnUnreachable",
    "findUdpBlocked",
]

_REFUSALS = frozenset((401, 403, 438, 441))
_UNREACHABLE = 701
_SINCE_EPOCH = 1e9
_CANDIDATE_OPERATIONS = frozenset(("candidate", "msg3", "addIceCandidate"))
_STEADY = 16_000.0
_NEARLY = 1_500.0


def findTurnExpired(state: State) -> tuple[str | None, str] | None:
    """TURN refuses a credential that has run out."""

    def isSo(side: Side) -> bool:
        error = _refusal(state, side)
        return error is not None and _isExpired(state, side, error)

    return _whose(state, isSo, "TURN refused the credential of {}, which had expired")


def findTurnRefused(state: State) -> tuple[str | None, str] | None:
    """TURN refuses a credential that is good."""

    def isSo(side: Side) -> bool:
        error = _refusal(state, side)
        return error is not None and not _isExpired(state, side, error)

    return _whose(state, isSo, "TURN refused the credential of {}, which had not expired")


def findTurnUnreachable(state: State) -> tuple[str | None, str] | None:
    """TURN does not answer; browsers say so of TCP, and of UDP nothing at all."""

    def isSo(side: Side, early: float = 0.0) -> bool:
        if side.turn is None or side.turn[1] <= 0 or not side.descriptions or state.relays(side):
            return False
        errors = side.recentErrors()
        if any(each.code == _UNREACHABLE and each.scheme in ("", "turn", "turns") for each in errors):
            return True
        if errors or side.hasEnded():
            return False
        return state.silenceOf(side) >= GATHER - early or _neverGathers(state, side)

    return _whose(state, isSo, "no TURN server answered {}")


def findTurnNeverIssued(state: State) -> tuple[str | None, str] | None:
    """There is no relay to use, and it does not work without."""

    def isSo(side: Side, early: float = 0.0) -> bool:
        if side.turn is not None and side.turn[1] > 0:
            return False
        latest = side.latest
        isFailed = latest is not None and (
            latest.ice == "failed" or (latest.state == "failed" and latest.ice not in ("connected", "completed"))
        )
        if isFailed and state.lastUpAt is None and latest is not None and latest.dtls != "failed":
            return True
        return _hasNothingToOffer(state, side, early)

    return _whose(state, isSo, "no TURN server was given to {}, and without one there is no connection")


def findCandidatesNotDelivered(state: State) -> tuple[str | None, str] | None:
    """A side's candidates arrive nowhere."""
    by: list[str] = []

    def isSo(side: Side) -> bool:
        sent = side.sent()
        if not sent or any(each.delivered for each in sent):
            return False
        by.extend(each.dropped for each in sent if each.dropped)
        return True

    found = _whose(state, isSo, "no candidate of {} was delivered")
    if found is None or not by:
        return found
    return found[0], f"{found[1]}; they were dropped by {', '.join(dict.fromkeys(by))}"


def findCandidateBeforeDescription(state: State) -> tuple[str | None, str] | None:
    """Candidates overtake the description that they belong to, and whoever gets them cannot keep them."""
    for side, peer in state.line.both():
        arrived = {
            each.ufrag: each.deliveredAt for each in side.descriptions if each.deliveredAt is not None and each.ufrag
        }
        early = [
            each
            for each in side.candidates
            if each.delivered and each.ufrag == side.ufrag != "" and arrived.get(each.ufrag, each.t + 1) > each.t
        ]
        isLost = any(operation in _CANDIDATE_OPERATIONS for _, operation, _ in peer.clientErrors)
        if early and isLost and state.now - early[-1].t >= ANSWER:
            text = "candidates of {} arrived before its description, and {} has to keep them until that comes"
            return peer.name, text.format(state.nameOf(side), state.nameOf(peer))
    return None


def findNoCandidates(state: State) -> tuple[str | None, str] | None:
    """A side does not find a single way in which it could be reached."""

    def isSo(side: Side, early: float = 0.0) -> bool:
        isKnown = any(each.isDelivered for each in side.descriptions)
        return isKnown and _hasNothingToOffer(state, side, early)

    return _whose(state, isSo, "{} has not sent a single candidate")


def findOnlyMdns(state: State) -> tuple[str | None, str] | None:
    """A side's addresses are hidden behind names that mean something in its own network alone."""

    def isSo(side: Side) -> bool:
        sent = side.sent()
        return bool(sent) and all(each.type == "host" and each.addr == "mdns" for each in sent)

    return _whose(state, isSo, "all candidates of {} are names of mDNS, which nobody outside of its network knows") if (
        state.isSlow
    ) else None


def findHostsOfDifferentNetworks(state: State) -> tuple[str | None, str] | None:
    """Both know only their own addresses, in networks that have nothing in common."""
    one, two = (side.sent() for side, _ in state.line.both())
    if not state.isSlow or not one or not two or not _areHosts(one) or not _areHosts(two):
        return None
    if {each.net for each in one} & {each.net for each in two}:
        return None
    return None, "both have only addresses of their own networks, which have nothing in common"


def findUdpBlocked(state: State) -> tuple[str | None, str] | None:
    """A side cannot send UDP."""

    def isSo(side: Side) -> bool:
        hasUdp = any(each.type == "host" and each.proto != "tcp" for each in side.sent())
        return not hasUdp and any(each.relayProtocol in ("tcp", "tls") for each in side.reports)

    return _whose(state, isSo, "{} reaches its relay over TCP alone")


def _whose(state: State, isSo: Callable[..., bool], text: str) -> tuple[str | None, str] | None:
    """With whom something is so, and a sentence about it.

    What takes time counts for the other side a little earlier: the two do not begin at the same moment.
    """
    found = [side for side, _ in state.line.both() if isSo(side)]
    if not found:
        return None
    if isSo.__defaults__:
        found = [side for side, _ in state.line.both() if isSo(side, _NEARLY)]
    names = " and ".join(map(state.nameOf, found))
    return (found[0].name if len(found) == 1 else None), text.format(names)


def _refusal(state: State, side: Side) -> Error | None:
    """The last time that TURN has refused a side, which has no relay."""
    if state.relays(side):
        return None
    return next((each for each in reversed(side.recentErrors()) if each.code in _REFUSALS), None)


def _isExpired(state: State, side: Side, error: Error) -> bool:
    """Whether the credential had run out: that which was used, if it is known, otherwise the one given last."""
    if error.expires is not None:
        if error.expires < _SINCE_EPOCH:
            return error.t >= error.expires
        if state.line.at is not None:
            return state.line.at + error.t / 1000 >= error.expires
    expires = side.turn[2] if side.turn is not None else None
    return expires is not None and error.t >= expires


def _hasNothingToOffer(state: State, side: Side, early: float) -> bool:
    """Not one candidate, although there was time enough since its first description."""
    if side.candidates or side.sent() or not side.descriptions:
        return False
    return state.now - side.descriptions[0].t >= GATHER - early


def _neverGathers(state: State, side: Side) -> bool:
    """A client that reports has never come to the end of gathering, however often it began."""
    if not side.reports or side.ends or side.errors:
        return False
    isLong = state.now - side.descriptions[0].t >= _STEADY
    return isLong and len({each.ufrag for each in side.descriptions}) > 1


def _areHosts(candidates: list[Candidate]) -> bool:
    return all(each.type == "host" and each.addr != "mdns" for each in candidates)
