"""A call: a room and two users, with what has happened between them. Bounded, however long it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rtcsignal.calls.facts import digest
from rtcsignal.calls.timeline import Event
from rtcsignal.calls.verdicts import FINE, PROGRESS, Verdict, judge

__all__ = ["MOST_EVENTS", "Call", "listed", "pairOf"]

MOST_EVENTS = 64
"""So many events of a call are kept: those without which it could be judged least of all."""

_KEPT_AT_BOTH_ENDS = 8
_LATEST = frozenset(("answer", "join", "leave", "offer", "state", "turn"))
# What goes first when there is too much; what is not named goes last.
_SHEDDING = (
    frozenset(("candidate", "client-error", "gather-error")),
    frozenset(("state", "turn", "join", "leave")),
    frozenset(("answer", "hangup")),
)


def pairOf(one: str, two: str) -> tuple[str, str]:
    """The pair of two users: who is ``a``, and who is ``b``."""
    return (one, two) if one <= two else (two, one)


class Call:
    """A call.

    Args:
        roomName: Where.
        pair: The two users, sorted.
        began: When, on the clock that measures.
        at: When, in seconds since the epoch.

    Attributes:
        id: What it is called.
        events: What has happened, in order.
        missing: How many events are not among them any more.
        verdict: The last verdict.
        told: The verdict and side that somebody was told last; None if nobody has heard of anything.
        written: The verdict under which it was written to the file last; None if it was not.
        isDirty: Something has happened since it was judged.
        turns: When each side was given ICE servers, as far as this call knows.
    """

    def __init__(self, roomName: str, pair: tuple[str, str], began: float, at: float) -> None:
        self.id = digest(f"{roomName}\0{pair[0]}\0{pair[1]}\0{began}")
        self.roomName = roomName
        self.pair = pair
        self.began = began
        self.at = at
        self.events: list[Event] = []
        self.missing = 0
        self.verdict = Verdict(PROGRESS, None, "")
        self.judgedAt = 0.0
        self.lastAt = began
        self.told: tuple[str, str | None] | None = None
        self.coming: tuple[str, str | None] | None = None
        self.written: str | None = None
        self.isDirty = False
        self.endedAt: float | None = None
        self.turns: dict[str, float] = {}

    @property
    def names(self) -> dict[str, str]:
        """The user ids, by side."""
        return {"a": self.pair[0], "b": self.pair[1]}

    @property
    def sideName(self) -> str | None:
        """The user with whom the cause lies."""
        return self.names[self.verdict.side] if self.verdict.side is not None else None

    @property
    def isOver(self) -> bool:
        """Its last event ended it."""
        last = next((event.ev for event in reversed(self.events) if event.ev not in ("turn", "state")), "")
        return last in ("hangup", "leave")

    def add(self, now: float, userId: str, ev: str, data: Mapping[str, Any]) -> None:
        """Something has happened.

        Args:
            now: When, on the clock that measures.
            userId: Who has done it.
            ev: What.
            data: What else is known of it.
        """
        t = max((now - self.began) * 1000, 0.0)
        who = "a" if userId == self.pair[0] else "b"
        self.lastAt = max(self.lastAt, now)
        self.isDirty = True
        if ev == "candidate" and self._isAnother(who, data, t):
            return
        self.events.append(Event(t, who, ev, dict(data)))
        if len(self.events) > MOST_EVENTS:
            del self.events[self._leastNeeded()]
            self.missing += 1

    def judge(self, now: float) -> Verdict:
        """Judge it.

        Args:
            now: On the clock that measures.
        """
        self.isDirty = False
        self.judgedAt = now
        ordered = sorted(self.events, key=lambda event: event.t)
        self.verdict = judge(ordered, (now - self.began) * 1000, self.at, self.names)
        return self.verdict

    def head(self) -> dict[str, Any]:
        """The first line of its capture."""
        known: dict[str, Any] = {
            "call": self.id,
            "verdict": self.verdict.verdict,
            "now": round((self.judgedAt - self.began) * 1000),
            "room": self.roomName,
            "a": self.pair[0],
            "b": self.pair[1],
            "at": round(self.at, 3),
            "side": self.verdict.side,
        }
        return known | ({"missing": self.missing} if self.missing else {})

    def summary(self) -> dict[str, Any]:
        """What a list says of it."""
        states = (event for event in self.events if event.ev == "state")
        up = next((event.t for event in states if event.data.get("state") == "connected"), None)
        return {
            "id": self.id,
            "room": self.roomName,
            "a": self.pair[0],
            "b": self.pair[1],
            "startedAt": self.at,
            "endedAt": None if self.endedAt is None else self.at + self.endedAt - self.began,
            "verdict": self.verdict.verdict,
            "side": self.sideName,
            "why": self.verdict.why,
            "connectedAfterMs": None if up is None else round(up),
        }

    def details(self) -> dict[str, Any]:
        """The same with all that is known."""
        names = self.names
        also = [
            {"verdict": each.verdict, "side": names.get(each.side or ""), "why": each.why} for each in self.verdict.also
        ]
        events = [{"t": round(event.t), "who": event.who, "ev": event.ev, **event.data} for event in self.events]
        return {**self.summary(), "also": also, "events": events, "missing": self.missing}

    @property
    def isTroubled(self) -> bool:
        """Somebody has heard that it does not come about, and not that it has."""
        return self.told is not None and self.told[0] not in FINE

    def _isAnother(self, who: str, data: Mapping[str, Any], t: float) -> bool:
        """Whether a candidate is one more of those that are known: it is only counted then."""
        for event in reversed(self.events):
            if event.ev in ("offer", "answer") and event.who == who:
                return False
            if event.ev == "candidate" and event.who == who and _isAlike(event.data, data):
                known: Any = event.data
                known["n"] = known.get("n", 1) + 1
                known["last"] = round(t)
                return True
        return False

    def _leastNeeded(self) -> int:
        pinned = set(self._latest())
        middle = range(_KEPT_AT_BOTH_ENDS, len(self.events) - _KEPT_AT_BOTH_ENDS)
        for kinds in _SHEDDING:
            for index in middle:
                if self.events[index].ev in kinds and index not in pinned:
                    return index
        return next((index for index in middle if index not in pinned), _KEPT_AT_BOTH_ENDS)

    def _latest(self) -> Iterator[int]:
        seen: set[tuple[str, str]] = set()
        for index in range(len(self.events) - 1, -1, -1):
            event = self.events[index]
            if event.ev in _LATEST and (event.who, event.ev) not in seen:
                seen.add((event.who, event.ev))
                yield index


def _isAlike(one: Mapping[str, Any], two: Mapping[str, Any]) -> bool:
    return (
        one.get("f") == two.get("f")
        and one.get("fOut") == two.get("fOut")
        and one.get("dropped") == two.get("dropped")
        and bool(one.get("delivered")) == bool(two.get("delivered"))
    )


def listed(
    calls: Iterable[Call], room: str = "", user: str = "", verdict: str = "", since: float = 0.0
) -> list[dict[str, Any]]:
    """Some of many calls, in a few words.

    Args:
        calls: All of them.
        room: Only those in this room.
        user: Only those of this user.
        verdict: Only those with this verdict.
        since: Only those that began at this time or later, in seconds since the epoch.
    """
    return [
        call.summary()
        for call in calls
        if (not room or call.roomName == room)
        and (not user or user in call.pair)
        and (not verdict or call.verdict.verdict == verdict)
        and call.at >= since
    ]
