"""The timeline of a call, read into what the rules ask for: who has sent what, when, and what became of it.

Pure. Events may come from a file that anybody has written: what has no sense in them is as if it were not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["SIDES", "Candidate", "Description", "Error", "Event", "Report", "Side", "Timeline", "other"]

SIDES = ("a", "b")

_SLACK = 1000.0
"""Milliseconds by which an error may come before the description that it belongs to: they travel on different ways."""


def other(side: str) -> str:
    """The other side."""
    return "b" if side == "a" else "a"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened in a call.

    Attributes:
        t: Milliseconds since the call began.
        who: ``a`` or ``b``.
        ev: What.
        data: What else is known of it.
    """

    t: float
    who: str
    ev: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Description:
    """An offer or an answer. One that is sent again is the same.

    Attributes:
        t: When it was sent first.
        last: When it was sent last.
        deliveredAt: When it was delivered first; None if it never was.
        dropped: Who has dropped or refused it, the last time.
        facts: As it was sent.
        out: As it was delivered.
    """

    kind: str
    t: float
    last: float
    deliveredAt: float | None
    dropped: str
    facts: Mapping[str, Any]
    out: Mapping[str, Any]

    @property
    def ufrag(self) -> str:
        """Which generation of ICE it begins."""
        return _text(self.facts.get("ufrag"))

    @property
    def isDelivered(self) -> bool:
        """Somebody has got it."""
        return self.deliveredAt is not None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate, or several that do not differ in what counts; also one inside of a description."""

    t: float
    last: float
    delivered: bool
    dropped: str
    type: str
    addr: str
    net: str
    proto: str
    ufrag: str


@dataclass(frozen=True, slots=True)
class Error:
    """An error of gathering."""

    t: float
    code: int
    scheme: str
    expires: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """A change of state that a client has told."""

    t: float
    state: str
    ice: str
    dtls: str
    relayProtocol: str

    @property
    def isFailed(self) -> bool:
        """It says that the connection has failed, or cannot work."""
        return "failed" in (self.state, self.dtls)

    @property
    def isDown(self) -> bool:
        """It says that the connection does not work any more."""
        return self.isFailed or self.state == "disconnected" or self.ice in ("disconnected", "failed")


class Side:
    """One of the two.

    Attributes:
        name: ``a`` or ``b``.
        offers: What it has offered, each once, in order.
        answers: Likewise.
        descriptions: Both.
        candidates: Those that it has sent by themselves, without ends.
        ends: When it has said that there are no more, and of which generation.
        errors: Its errors of gathering.
        clientErrors: When it could not handle something, what, and how that is called.
        reports: Its states.
        turn: The last issue of ICE servers to it: when, how many of TURN, and until when they are good.
        leftAt: When it left; None if it is there, as far as is known.
        seen: Something of it is known.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.descriptions: list[Description] = []
        self.candidates: list[Candidate] = []
        self.ends: list[tuple[float, str]] = []
        self.errors: list[Error] = []
        self.clientErrors: list[tuple[float, str, str]] = []
        self.reports: list[Report] = []
        self.turn: tuple[float, int, float | None] | None = None
        self.leftAt: float | None = None
        self.joinedAt: float | None = None
        self._known: dict[tuple[str, str, str], Description] = {}

    @property
    def offers(self) -> list[Description]:
        return [each for each in self.descriptions if each.kind == "offer"]

    @property
    def answers(self) -> list[Description]:
        return [each for each in self.descriptions if each.kind == "answer"]

    @property
    def latest(self) -> Report | None:
        """What it has told last."""
        return self.reports[-1] if self.reports else None

    @property
    def ufrag(self) -> str:
        """Its current generation of ICE: that of its newest description."""
        return self.descriptions[-1].ufrag if self.descriptions else ""

    @property
    def began(self) -> float | None:
        """When its current generation began."""
        return min((each.t for each in self.descriptions if each.ufrag == self.ufrag), default=None)

    def describe(self, event: Event) -> None:
        """It has sent a description."""
        data = event.data
        facts = _mapping(data.get("f"))
        out = _mapping(data.get("fOut")) or facts
        sid, version = _text(facts.get("sid")), _text(facts.get("ver"))
        key = (event.ev, sid, version) if sid else (event.ev, "", str(len(self.descriptions)))
        isDelivered = _number(data.get("delivered")) > 0
        dropped = _text(data.get("dropped"))
        known = self._known.get(key)
        if known is None:
            at = event.t if isDelivered else None
            known = self._known[key] = Description(event.ev, event.t, event.t, at, dropped, facts, out)
            self.descriptions.append(known)
            return
        known.last, known.dropped = event.t, dropped
        known.facts = facts
        if isDelivered:
            known.out = out
            known.deliveredAt = event.t if known.deliveredAt is None else known.deliveredAt

    def sent(self) -> list[Candidate]:
        """The candidates of its current generation: those sent by themselves, and those in its descriptions."""
        ufrag, began = self.ufrag, self.began
        own = [
            each
            for each in self.candidates
            if (each.ufrag == ufrag if each.ufrag and ufrag else began is None or each.t >= began - _SLACK)
        ]
        return [*own, *(each for one in self.descriptions if one.ufrag == ufrag for each in _inside(one))]

    def recentErrors(self) -> list[Error]:
        """The errors of its current generation."""
        began = self.began
        return [each for each in self.errors if began is None or each.t >= began - _SLACK]

    def hasEnded(self) -> bool:
        """It has said that its current generation has no more candidates."""
        ufrag, began = self.ufrag, self.began
        inside = any(each.facts.get("eoc") is True for each in self.descriptions if each.ufrag == ufrag)
        return inside or any(
            (named == ufrag if named else began is None or t >= began) for t, named in self.ends
        )


class Timeline:
    """All that the rules ask for.

    Args:
        events: What has happened, in order.
        now: The time of the verdict, in milliseconds since the call began.
        at: When the call began, in seconds since the epoch; None if that is not known.

    Attributes:
        sides: By name.
        hungUpAt: When one of them hung up last; None if nobody has, or somebody has called again.
    """

    def __init__(self, events: Iterable[Event], now: float, at: float | None = None) -> None:
        self.now = now
        self.at = at
        self.sides = {name: Side(name) for name in SIDES}
        self.hungUpAt: float | None = None
        for event in events:
            self._take(event)

    def both(self) -> Iterator[tuple[Side, Side]]:
        """Each side, with the other one."""
        for name in SIDES:
            yield self.sides[name], self.sides[other(name)]

    def reports(self) -> list[Report]:
        """The reports of both, in order."""
        return sorted((each for side in self.sides.values() for each in side.reports), key=lambda each: each.t)

    def _take(self, event: Event) -> None:
        side, data, t = self.sides[event.who], event.data, event.t
        if event.ev in ("offer", "answer"):
            side.describe(event)
            self.hungUpAt = None
        elif event.ev == "candidate":
            self._candidate(side, event)
        elif event.ev == "state":
            selected = _mapping(data.get("sel"))
            state, ice, dtls = (_text(data.get(name)) for name in ("state", "ice", "dtls"))
            side.reports.append(Report(t, state, ice, dtls, _text(selected.get("relayProtocol"))))
        elif event.ev == "gather-error":
            side.errors.append(Error(t, int(_number(data.get("code"))), _text(data.get("scheme")), _time(data)))
        elif event.ev == "client-error":
            side.clientErrors.append((t, _text(data.get("op")), _text(data.get("name"))))
        elif event.ev == "turn":
            side.turn = (t, int(_number(data.get("turn"))), _time(data))
        elif event.ev == "join":
            side.leftAt, side.joinedAt = None, t
        elif event.ev == "leave":
            side.leftAt = t
        elif event.ev == "hangup":
            self.hungUpAt = t

    @staticmethod
    def _candidate(side: Side, event: Event) -> None:
        # What a filter has made of it is what the other side knows.
        facts = {**_mapping(event.data.get("f")), **_mapping(event.data.get("fOut"))}
        if facts.get("eoc") is True:
            side.ends.append((event.t, _text(facts.get("ufrag"))))
        elif facts:
            last = max(event.t, _number(event.data.get("last")))
            isDelivered = _number(event.data.get("delivered")) > 0
            dropped = _text(event.data.get("dropped"))
            side.candidates.append(_candidateOf(facts, event.t, last, isDelivered, dropped))


def _inside(description: Description) -> Iterator[Candidate]:
    """The candidates inside of a description."""
    facts = description.out if description.isDelivered else description.facts
    found: Any = facts.get("cands")
    for each in found if isinstance(found, Sequence) and not isinstance(found, str) else ():
        if isinstance(each, Mapping):
            yield _candidateOf(
                {**each, "ufrag": description.ufrag},
                description.t,
                description.last,
                description.isDelivered,
                description.dropped,
            )


def _candidateOf(facts: Mapping[str, Any], t: float, last: float, isDelivered: bool, dropped: str) -> Candidate:
    words = (_text(facts.get(name)) for name in ("type", "addr", "net", "proto", "ufrag"))
    return Candidate(t, last, isDelivered, dropped, *words)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float:
    isNumber = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if isNumber and abs(value) < 1e15 else 0.0


def _time(data: Mapping[str, Any]) -> float | None:
    value = data.get("expires")
    return _number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
