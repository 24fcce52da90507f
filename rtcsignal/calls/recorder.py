"""The recorder: notes what passes between those who call each other, and looks into it when a call takes too long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime

from rtcsignal.calls.call import Call, listed, pairOf
from rtcsignal.calls.capture import writeCapture
from rtcsignal.calls.digester import Digester
from rtcsignal.calls.notes import MOST_NOTES, RoomNotes
from rtcsignal.calls.verdicts import CONNECTED, FINE, PROGRESS
from rtcsignal.clocks import WallClock
from rtcsignal.deadlines import Deadlines
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.rooms.room import Room, Seat

__all__ = ["FIRST_SECONDS", "MOST_BYTES", "MOST_CALLS", "Recorder"]

FIRST_SECONDS = 6.0
"""A call is looked at when it is so old, unless somebody reports before that it has failed."""

MOST_BYTES = 8_388_608
"""Characters of messages that are kept for all rooms together."""

MOST_CALLS, MOST_ROOM_CALLS, KEPT_SECONDS = 2_000, 100, 3600.0
"""Calls that are kept, of all rooms and of one, and for how long they are once they are over."""

_AGAIN_SECONDS, _OVER_SECONDS, _STEADY_SECONDS = 1.0, 60.0, 120.0
_NOTE_SECONDS = 30.0
_MOST_EARLY, _EARLY_CHARACTERS = 32, 4_096

Tell = Callable[[Any, Call], None]
"""Tells those who should know of the verdict of a call, in a room."""


class Recorder:
    """Watches how calls are set up.

    Args:
        clock: The time.
        wall: The time of day.
        tell: Called when somebody should hear of a verdict, with the room and the call.
        write: Writes a capture to the file; None if there is none.
    """

    def __init__(
        self,
        clock: IReactorTime,
        wall: WallClock,
        tell: Tell,
        write: Callable[[str], object] | None = None,
    ) -> None:
        self._clock = clock
        self._seconds = clock.seconds
        self._wall = wall
        self._tell = tell
        self._write = write
        self._deadlines = Deadlines(clock)
        self._rooms: dict[str, RoomNotes] = {}
        self._ended: deque[Call] = deque()
        self._turns: dict[Participant, tuple[float, int, float | None]] = {}
        self._size = 0
        self._digester = Digester(self._begin, clock.seconds(), MOST_ROOM_CALLS, everything=write is not None)

    # What passes. Called for each message, so nothing more is done here than has to be.

    def noted(
        self,
        kind: str,
        seats: Sequence[Seat],
        target: str | None,
        delivered: int,
        text: str,
        after: Any = None,
        dropped: str = "",
    ) -> None:
        """A message was handed out, or dropped.

        Args:
            kind: ``offer``, ``answer``, ``candidate`` or ``hangup``.
            seats: From where it was sent.
            target: For whom; None for everyone in the room.
            delivered: How many connections got it.
            text: As it was sent: an event as JSON.
            after: What filters have made of its body; None if they have changed nothing.
            dropped: The plugin that has dropped or refused it; empty if none has.
        """
        for seat in seats:
            notes = self._rooms.get(seat.room.name) or self._opened(seat.room)
            if not notes.isWatched:
                if kind == "offer":
                    self._begun(notes)
                elif kind != "candidate" or len(notes.early) >= _MOST_EARLY:
                    continue
            note = (self._seconds(), kind, seat.userId, target, delivered, text, after, dropped)
            if not notes.isWatched:
                self._early(notes, note)
                continue
            size, queue = len(text), notes.notes
            if len(queue) == MOST_NOTES:
                size -= len(queue[0][5])
            queue.append(note)
            notes.size += size
            self._size += size
            if not notes.isArmed:
                self._arm(notes, FIRST_SECONDS)
            if self._size > MOST_BYTES:
                self._shrink()

    def joined(self, seat: Seat) -> None:
        """Somebody has become a member."""
        self._presence(seat, "join", {})

    def left(self, seat: Seat, reason: str) -> None:
        """Somebody is a member no longer."""
        notes = self._rooms.get(seat.room.name)
        if notes is None:
            return
        if not seat.room.seats:
            self._emptied(notes)
        elif seat.userId not in seat.room.users:
            self._presence(seat, "leave", {"reason": reason})

    def issued(self, participant: Participant, relays: int, expiresAt: float | None) -> None:
        """Somebody was given ICE servers.

        Args:
            participant: Who.
            relays: How many URLs of TURN are among them.
            expiresAt: When they run out, in seconds since the epoch.
        """
        self._turns[participant] = (self._clock.seconds(), relays, expiresAt)

    def gone(self, participant: Participant) -> None:
        """A participant's connection is over."""
        self._turns.pop(participant, None)

    def reported(self, seat: Seat, peer: str, ev: str, data: Mapping[str, Any]) -> None:
        """A client tells how its connection to another member is.

        Args:
            seat: Whose client.
            peer: The user id of the other one.
            ev: ``state``, ``gather-error`` or ``client-error``.
            data: What it tells.
        """
        notes = self._rooms.get(seat.room.name) or self._opened(seat.room)
        self._add(notes, (self._clock.seconds(), ev, seat.userId, peer, 0, "", None, "", data))
        if data.get("state") == "failed":
            self._arm(notes, 0.05)
        elif not notes.isArmed:
            isKnown = pairOf(seat.userId, peer) in notes.calls
            self._arm(notes, _AGAIN_SECONDS if isKnown else FIRST_SECONDS)

    def knows(self, roomName: str, one: str, two: str) -> bool:
        """Whether two users have, or had, to do with each other in a room."""
        notes = self._rooms.get(roomName)
        return notes is not None and (two in notes.present or pairOf(one, two) in notes.calls)

    # For those who ask.

    def calls(self) -> Iterator[Call]:
        """All calls that are known, those under way first."""
        for notes in list(self._rooms.values()):
            self._look(notes)
            yield from list(notes.calls.values())
        yield from reversed(self._ended)

    def list(
        self, room: str = "", user: str = "", verdict: str = "", since: float = 0.0, limit: int = 100
    ) -> list[dict[str, Any]]:
        """Calls, in a few words; see `listed`."""
        return listed(self.calls(), room, user, verdict, since)[:limit]

    def find(self, callId: str) -> dict[str, Any] | None:
        """All that is known of a call; None if there is none of this id."""
        return next((call.details() for call in self.calls() if call.id == callId), None)

    def stop(self) -> None:
        """The server stops."""
        if self._write is not None:
            for notes in list(self._rooms.values()):
                self._emptied(notes)
        self._deadlines.stop()
        self._rooms.clear()
        self._turns.clear()

    def __len__(self) -> int:
        """How many calls are under way."""
        return sum(len(notes.calls) for notes in self._rooms.values())

    @property
    def size(self) -> int:
        """How many characters of messages are kept."""
        return self._size

    # From here on nobody waits.

    def _begun(self, notes: RoomNotes) -> None:
        """The first offer of a room comes; candidates may have overtaken it."""
        notes.isWatched = True
        for note in notes.early:
            self._add(notes, note)
        notes.early.clear()

    def _early(self, notes: RoomNotes, note: tuple[Any, ...]) -> None:
        """A candidate comes before any offer. It is kept for a moment, if it is no longer than those usually are."""
        if len(note[5]) < _EARLY_CHARACTERS:
            notes.early.append(note)
            if not notes.isArmed:
                self._arm(notes, FIRST_SECONDS)

    def _add(self, notes: RoomNotes, note: tuple[Any, ...]) -> None:
        size, queue = len(note[5]), notes.notes
        if len(queue) == MOST_NOTES:
            size -= len(queue[0][5])
        queue.append(note)
        notes.size += size
        self._size += size

    def _opened(self, room: Room) -> RoomNotes:
        notes = self._rooms[room.name] = RoomNotes(room, set(room.users))
        return notes

    def _presence(self, seat: Seat, kind: str, data: Mapping[str, Any]) -> None:
        notes = self._rooms.get(seat.room.name)
        if notes is None:
            return
        if not notes.isWatched:
            (notes.present.add if kind == "join" else notes.present.discard)(seat.userId)
            return
        self._add(notes, (self._clock.seconds(), kind, seat.userId, None, 0, "", None, "", data))
        if not notes.isArmed and notes.calls:
            self._arm(notes, _AGAIN_SECONDS)

    def _arm(self, notes: RoomNotes, seconds: float) -> None:
        if notes.deadline is not None:
            notes.deadline.cancel()
        notes.isArmed = True
        notes.deadline = self._deadlines.after(seconds).start(self._looked, notes)

    def _looked(self, notes: RoomNotes) -> None:
        notes.isArmed, notes.deadline = False, None
        if self._rooms.get(notes.name) is notes:
            self._look(notes)

    def _look(self, notes: RoomNotes) -> None:
        notes.early.clear()
        isComplete = self._digest(notes)
        now = self._clock.seconds()
        isUnsettled = False
        for pair, call in list(notes.calls.items()):
            if call.isDirty or now - call.lastAt < _STEADY_SECONDS:
                self._judge(notes, call, now)
            if call.isOver and now - call.lastAt >= _OVER_SECONDS:
                self._end(notes, pair, call.lastAt)
            elif call.verdict.verdict == PROGRESS or call.isTroubled or call.coming is not None or call.isOver:
                isUnsettled = isUnsettled or now - call.lastAt < _STEADY_SECONDS
        if not notes.isArmed and (isUnsettled or not isComplete):
            self._arm(notes, _AGAIN_SECONDS)

    def _judge(self, notes: RoomNotes, call: Call, now: float) -> None:
        self._noteTurns(notes, call)
        verdict = call.judge(now)
        key = (verdict.verdict, verdict.side)
        if verdict.verdict in FINE or not verdict.isTrouble:
            call.coming = None
            if call.isTroubled and verdict.verdict == CONNECTED:
                self._say(notes, call)
            return
        isOld = now - call.began >= FIRST_SECONDS or any(event.data.get("state") == "failed" for event in call.events)
        if not isOld or key == call.told:
            call.coming = None
        elif call.told is not None and call.isTroubled and call.coming != key:
            call.coming = key  # a restart changes for a moment what is seen; it is said if it stays
        else:
            call.coming = None
            self._say(notes, call)

    def _say(self, notes: RoomNotes, call: Call) -> None:
        call.told = (call.verdict.verdict, call.verdict.side)
        self._tell(notes.room, call)
        self._toFile(call)

    def _toFile(self, call: Call) -> None:
        if self._write is not None and call.written != call.verdict.verdict:
            call.written = call.verdict.verdict
            self._write(writeCapture(call.head(), sorted(call.events, key=lambda event: event.t)))

    def _noteTurns(self, notes: RoomNotes, call: Call) -> None:
        """What the two were given last, if that is news."""
        for who, userId in call.names.items():
            peers = notes.room.users.get(userId, ())
            known = [self._turns[peer.application] for peer in peers if peer.application in self._turns]
            if not known:
                continue
            at, relays, expiresAt = max(known)
            if call.turns.get(who) != at:
                call.turns[who] = at
                expires = {} if expiresAt is None else {"expires": round((expiresAt - call.at) * 1000)}
                call.add(max(at, call.began), userId, "turn", {"turn": relays, **expires})

    def _emptied(self, notes: RoomNotes) -> None:
        """Nobody is there any more: what has not been looked at is of no use, unless all calls are written down."""
        if notes.calls or self._write is not None:
            self._digest(notes)
            now = self._clock.seconds()
            for call in notes.calls.values():
                if not call.isOver:
                    call.add(now, call.pair[0], "leave", {})
                    call.add(now, call.pair[1], "leave", {})
                call.judge(now)
            for pair in list(notes.calls):
                self._end(notes, pair, now)
        self._size -= notes.size
        if notes.deadline is not None:
            notes.deadline.cancel()
        self._rooms.pop(notes.name, None)

    def _end(self, notes: RoomNotes, pair: tuple[str, str], at: float) -> None:
        call = notes.calls.pop(pair)
        call.endedAt = at
        self._toFile(call)
        self._ended.append(call)
        now = self._clock.seconds()
        while self._ended and (len(self._ended) > MOST_CALLS or now - (self._ended[0].endedAt or 0.0) > KEPT_SECONDS):
            self._ended.popleft()

    def _digest(self, notes: RoomNotes) -> bool:
        """Make events of the notes of a room.

        Returns:
            Whether that is all; the rest has to wait for its turn.
        """
        now = self._clock.seconds()
        while notes.notes and now - notes.notes[0][0] > _NOTE_SECONDS:
            notes.notes.popleft()
        isComplete = self._digester.digest(notes, now)
        self._size -= notes.size
        notes.size = sum(len(note[5]) for note in notes.notes)
        self._size += notes.size
        notes.isWatched = bool(notes.calls or notes.notes)
        return isComplete

    def _begin(self, roomName: str, pair: tuple[str, str], t: float) -> Call:
        return Call(roomName, pair, t, self._wall() - (self._clock.seconds() - t))

    def _shrink(self) -> None:
        """There is too much of it: whoever has waited longest is not looked at so closely."""
        for notes in list(self._rooms.values()):
            if self._size <= MOST_BYTES * 0.9:
                break
            self._size -= notes.size
            notes.size = 0
            notes.notes.clear()
