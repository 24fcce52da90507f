"""What must happen to clients with keys: a model that says who is sent what, in which order, and with which outcome.

It knows nothing of offsets, trails or timers: a position is the index of an event among all that a client was sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["Line", "Model", "Place", "Sent"]

Frame: TypeAlias = tuple[Any, ...]


@dataclass(eq=False)
class Sent:
    """One thing that was sent on a connection.

    Attributes:
        frame: What it is: an event, or ``("<ack>", what)``.
        place: Whose event it is, and `index` the position from then on.
        token: The client knows of this from then on.
    """

    frame: Frame
    place: Place | None = None
    index: int = 0
    token: object = None


@dataclass(eq=False)
class Line:
    """A connection, as the server sees it."""

    number: int
    key: str | None
    isOpen: bool = True
    place: Place | None = None
    sent: list[Sent] = field(default_factory=list)


@dataclass(eq=False)
class Membership:
    """What is still to be told of a membership, and what its client knows if it has been told."""

    owed: str = "joined"
    token: object = None


@dataclass(eq=False)
class Place:
    """What outlives a connection: memberships, and all that was sent to them."""

    key: str | None
    userId: str
    line: Line | None
    opened: int
    rooms: dict[str, Membership] = field(default_factory=dict)
    sent: list[Frame] = field(default_factory=list)
    received: int = 0
    until: float | None = None
    asked: str | None = None
    isGone: bool = False
    waiting: list[tuple[Line, tuple[Any, ...]]] = field(default_factory=list)

    @property
    def isIdle(self) -> bool:
        return not (self.rooms or self.waiting or self.asked)


class Model:
    """All rooms.

    Args:
        window: Seconds for which a place with a key is kept.
        packets: Most events that are kept for one.
    """

    def __init__(self, window: float, packets: int) -> None:
        self.window = window
        self.packets = packets
        self.now = 0.0
        self.rooms: dict[str, list[Place]] = {}
        self.keys: dict[str, Place] = {}
        self.away: list[Place] = []
        self.asking: dict[str, tuple[Place, Line]] = {}

    def lost(self, line: Line) -> None:
        """The server notices that a connection is lost."""
        if not line.isOpen:
            return
        line.isOpen = False
        place, line.place = line.place, None
        if place is None:
            return
        place.line = None
        if place.key is None or place.isIdle:
            self._gone(place, "disconnect")
            return
        place.until = self.now + self.window
        self.away.append(place)
        for room in list(place.rooms):
            self._tell(room, ("user-away", place.userId, {"roomName": room, "window": self.window}), but=place)

    def advance(self, seconds: float) -> None:
        """Time passes; nothing that a client sends comes meanwhile."""
        self.now += seconds
        for place in list(self.away):
            if place.until is not None and place.until <= self.now:
                self._gone(place, "timeout")

    def join(self, line: Line, userId: str, room: str, at: tuple[Place, int] | None, known: frozenset[Any]) -> None:
        """A request to join arrives.

        Args:
            line: Where.
            userId: As whom.
            room: Which room.
            at: What its sender had seen then: a position in a place.
            known: What its sender knew.
        """
        place = line.place
        if place is None and line.key is not None:
            place = self.keys.get(line.key)
            if place is not None and place.opened > line.number:
                line.sent.append(Sent(("<ack>", "stale-resume")))
                return
            if place is not None:
                self._takeOver(place, line, room, at, known)
                return
        if place is None:
            place = line.place = Place(line.key, userId, line, line.number)
            if line.key is not None:
                self.keys[line.key] = place
        place.waiting.append((line, ("join", room)))
        self._go(place)

    def request(self, line: Line, *what: Any) -> None:
        """Another request arrives: ``leave``, or ``say`` with a number."""
        if line.place is None:
            line.sent.append(Sent(("<ack>", "not-in-room")))
            return
        line.place.waiting.append((line, what))
        self._go(line.place)

    def verdict(self, room: str, isYes: bool) -> None:
        """A policy has thought about a room."""
        place, line = self.asking.pop(room)
        place.asked = None
        if place.isGone:
            return
        if isYes:
            self._enter(place, line, room)
        elif line is place.line:
            line.sent.append(Sent(("<ack>", "not-today")))
        self._go(place)

    def kick(self, place: Place, room: str, reason: str = "kicked") -> None:
        """A membership ends."""
        receivers = list(self.rooms[room])
        self._vacate(place, room)
        for each in receivers:
            self._send(each, ("user-left", place.userId, {"roomName": room, "reason": reason}))
        if place.line is None and place.isIdle:
            self._gone(place, reason)

    def emit(self, room: str, frame: Frame) -> None:
        """A plugin tells a room something."""
        self._tell(room, frame)

    def _takeOver(
        self, place: Place, line: Line, room: str, at: tuple[Place, int] | None, known: frozenset[Any]
    ) -> None:
        wasAway = place.line is None
        if place.line is not None:
            place.line.isOpen, place.line.place = False, None
        if wasAway:
            self.away.remove(place)
        place.line, line.place, place.opened, place.until = line, place, line.number, None
        index = at[1] if at is not None and at[0] is place else 0
        missed = place.sent[index:]
        isWhole = len(missed) <= self.packets
        for membership in place.rooms.values():
            if isWhole and membership.token in known:
                membership.owed = ""
                continue
            membership.owed = (membership.owed or "joined") if isWhole else "resync"
            membership.token = None
        replay = [Sent(frame, place, index + 1 + number) for number, frame in enumerate(missed if isWhole else ())]
        if room in place.rooms and not place.asked:
            self._answer(place, line, room, index if isWhole else len(place.sent))
            line.sent += replay
        else:
            line.sent += replay
            place.waiting.append((line, ("join", room)))
            self._go(place)
        if wasAway:
            for each in list(place.rooms):
                self._tell(each, ("user-back", place.userId, {"roomName": each}), but=place)

    def _answer(self, place: Place, line: Line, room: str, index: int) -> None:
        membership = place.rooms[room]
        outcome, membership.owed = membership.owed or "resumed", ""
        if outcome != "resumed" or membership.token is None:
            membership.token = object()
        line.sent.append(Sent(("<ack>", outcome, place.received), place, index, membership.token))

    def _go(self, place: Place) -> None:
        while place.waiting and place.asked is None:
            line, (what, room, *more) = place.waiting.pop(0)
            if what == "join":
                self._join(place, line, room)
            elif what == "leave":
                self._leave(place, line, room)
            else:
                self._say(place, line, room, *more)
        if place.line is None and place.until is not None and place.isIdle:
            self._gone(place, "timeout")

    def _join(self, place: Place, line: Line, room: str) -> None:
        if room in place.rooms:
            if line is place.line:
                self._reply(place, line, room)
        elif room.startswith("slow"):
            place.asked = room
            self.asking[room] = place, line
        else:
            self._enter(place, line, room)

    def _enter(self, place: Place, line: Line, room: str) -> None:
        place.rooms[room] = Membership()
        self.rooms.setdefault(room, []).append(place)
        if line is place.line:
            self._reply(place, line, room)
        self._tell(room, ("user-joined", place.userId, {"roomName": room}))
        if place.line is None:
            self._tell(room, ("user-away", place.userId, {"roomName": room, "window": self.window}), but=place)

    def _reply(self, place: Place, line: Line, room: str) -> None:
        if place.key is None:
            line.sent.append(Sent(("<ack>", "ok")))
        else:
            self._answer(place, line, room, len(place.sent))

    def _leave(self, place: Place, line: Line, room: str) -> None:
        isIn = room in place.rooms
        if line is place.line:
            line.sent.append(Sent(("<ack>", "ok" if isIn else "not-in-room")))
        if isIn:
            self.kick(place, room, "left")

    def _say(self, place: Place, line: Line, room: str, body: dict[str, Any], number: int) -> None:
        answer: Frame
        if place.key is not None and number <= place.received:
            answer = ("<ack>", "duplicate", number)
        else:
            place.received = number
            isIn = room in place.rooms
            answer = ("<ack>", len(self.rooms[room]) if isIn else "not-in-room")
            if isIn:
                self._tell(room, ("broadcast", body))
        if line is place.line:
            line.sent.append(Sent(answer))

    def _tell(self, room: str, frame: Frame, but: Place | None = None) -> None:
        for place in list(self.rooms.get(room, ())):
            if place is not but:
                self._send(place, frame)

    @staticmethod
    def _send(place: Place, frame: Frame) -> None:
        place.sent.append(frame)
        if place.line is not None:
            place.line.sent.append(Sent(frame, place, len(place.sent)))

    def _vacate(self, place: Place, room: str) -> None:
        del place.rooms[room]
        self.rooms[room].remove(place)
        if not self.rooms[room]:
            del self.rooms[room]

    def _gone(self, place: Place, reason: str) -> None:
        if place in self.away:
            self.away.remove(place)
        place.until, place.isGone = None, True
        if place.key is not None and self.keys.get(place.key) is place:
            del self.keys[place.key]
        place.waiting.clear()
        rooms = list(place.rooms)
        for room in rooms:
            self._vacate(place, room)
        for room in rooms:
            self._tell(room, ("user-left", place.userId, {"roomName": room, "reason": reason}))
