"""Notes: what passes in a room, kept as it is for a short while, because most calls need no more than that.

A note costs next to nothing: no text is read and no fact made before somebody has to know why a call does not come
about.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from rtcsignal.calls.call import Call
from rtcsignal.calls.facts import Facts, candidateIn, descriptionFacts
from rtcsignal.kit import sdp

__all__ = ["MOST_BODY", "MOST_NOTES", "Note", "RoomNotes", "dataOf"]

MOST_NOTES = 256
"""Of a room; older ones are forgotten."""

MOST_BODY = 262_144
"""Characters of a message; of longer ones nothing is looked at."""

_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)


class Note(NamedTuple):
    """Something that has passed.

    Attributes:
        t: When, on the clock that measures.
        kind: ``offer``, ``answer``, ``candidate``, ``hangup``; ``join``, ``leave``; ``state``, ``gather-error``,
            ``client-error``.
        userId: Who has done it.
        target: For whom; None for everyone in the room.
        delivered: How many connections got it.
        text: As it was sent; empty if there is nothing to be read in it.
        after: What filters have made of it; None if they have changed nothing.
        dropped: Who has dropped or refused it; empty if nobody has.
        data: What else is known.
    """

    t: float
    kind: str
    userId: str
    target: str | None
    delivered: int
    text: str = ""
    after: Any = None
    dropped: str = ""
    data: Mapping[str, Any] | None = None


class RoomNotes:
    """What has passed in a room, and the calls that were made of it.

    Args:
        room: The room, as the rooms have it.
        present: The user ids of its members.

    Attributes:
        notes: What nobody has looked at yet.
        size: Characters of that.
        early: Candidates that have come before any offer.
        calls: By the pair of users.
        isWatched: Somebody has offered a call.
        isArmed: It will be looked at.
    """

    __slots__ = ("calls", "deadline", "early", "isArmed", "isWatched", "name", "notes", "present", "room", "size")

    def __init__(self, room: Any, present: set[str]) -> None:
        self.room = room
        self.name: str = room.name
        self.present = present
        self.notes: deque[tuple[Any, ...]] = deque(maxlen=MOST_NOTES)
        self.early: list[tuple[Any, ...]] = []
        self.isWatched = False
        self.calls: dict[tuple[str, str], Call] = {}
        self.isArmed = False
        self.deadline: Any = None
        self.size = 0

    def isElsewhere(self, userId: str) -> bool:
        """Whether a user is a member on another node alone, where what they send is not seen from here."""
        others = self.room.others
        return others is not None and userId not in self.room.users and any(each.userId == userId for each in others)


def dataOf(note: Note, isDelivered: bool) -> tuple[dict[str, Any], bool]:
    """What a timeline keeps of a note.

    Args:
        note: The note.
        isDelivered: Whether the one it is about has got it.

    Returns:
        The data, and whether a description had to be read for it.
    """
    if note.data is not None:
        return dict(note.data), False
    if note.kind not in ("offer", "answer", "candidate"):
        return {}, False
    data: dict[str, Any] = {"delivered": int(isDelivered)}
    if note.dropped:
        data["dropped"] = note.dropped
    body = _bodyIn(note.text)
    facts = _factsOf(note.kind, body)
    data["f"] = facts
    if note.after is not None:
        changed = _factsOf(note.kind, note.after)
        if changed != facts:
            data["fOut"] = changed
    return data, note.kind != "candidate"


def _factsOf(kind: str, body: Any) -> Facts:
    if kind == "candidate":
        return candidateIn(body) or {}
    text = sdp.textIn(body)
    return {} if text is None else descriptionFacts(text)


def _bodyIn(text: str) -> Any:
    """What was sent, of an event as JSON text."""
    if not text or len(text) > MOST_BODY:
        return None
    try:
        event = msgspec.json.decode(text)
    except _UNREADABLE:
        return None
    return event[1]
