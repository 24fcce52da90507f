"""The digester: makes events of calls out of notes, where somebody may want to know why a call does not come about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rtcsignal.calls.call import Call, pairOf
from rtcsignal.calls.notes import Note, RoomNotes, dataOf
from rtcsignal.rates import TokenBucket

__all__ = ["Digester"]

# Reading descriptions takes at most some hundredths of the time, whoever sends how many.
_READS_PER_SECOND, _READS_AT_ONCE, _READS_PER_LOOK = 50.0, 50.0, 20
_BEGINNINGS = frozenset(("offer", "candidate", "client-error", "gather-error", "state"))


class Digester:
    """Makes events out of notes.

    Args:
        begin: Makes a call of a room's name, a pair of users, and when it began.
        now: The time.
        mostCalls: Most calls of a room.
        everything: Also of calls that are hung up before anybody has looked at them.
    """

    def __init__(
        self, begin: Callable[[str, tuple[str, str], float], Call], now: float, mostCalls: int, everything: bool
    ) -> None:
        self._begin = begin
        self._mostCalls = mostCalls
        self._everything = everything
        self._reads = TokenBucket(_READS_PER_SECOND, _READS_AT_ONCE, now)

    def digest(self, notes: RoomNotes, now: float) -> bool:
        """Make events of what was noted in a room.

        Args:
            notes: The room; what was done is no longer among its notes.
            now: The time.

        Returns:
            Whether that is all; the rest has to wait for its turn.
        """
        pending = [Note(*each) for each in notes.notes]
        wanted = self._wanted(notes, pending)
        reads = 0
        for note in pending:
            if reads >= _READS_PER_LOOK or self._reads.left(now) < 0:
                return False
            notes.notes.popleft()
            if self._digestOne(notes, note, wanted):
                reads += 1
                self._reads.take(now)
        return True

    def _wanted(self, notes: RoomNotes, pending: Sequence[Note]) -> dict[tuple[str, str], bool]:
        """The pairs that are worth it: those of whom somebody offers, and nobody hangs up at once."""
        wanted = dict.fromkeys(notes.calls, True)
        present = set(notes.present)
        for note in pending:
            if note.kind == "join":
                present.add(note.userId)
            elif note.kind == "offer":
                for peer in [note.target] if note.target is not None else sorted(present):
                    isOurs = peer != note.userId and not notes.isElsewhere(peer)
                    if isOurs and len(wanted) < self._mostCalls:
                        wanted.setdefault(pairOf(note.userId, peer), True)
            elif note.kind == "hangup" and not self._everything:
                for pair in list(wanted):
                    if note.userId in pair and (note.target is None or note.target in pair) and pair not in notes.calls:
                        del wanted[pair]
        return wanted

    def _digestOne(self, notes: RoomNotes, note: Note, wanted: Mapping[tuple[str, str], bool]) -> bool:
        """Make events of one note.

        Returns:
            Whether a description was read for it.
        """
        if note.kind == "join":
            notes.present.add(note.userId)
        elif note.kind == "leave":
            notes.present.discard(note.userId)
        pairs = [pair for pair in wanted if note.userId in pair]
        peers = [each for pair in pairs for each in pair] if note.target is None else [note.target]
        data: dict[str, Any] | None = None
        hasRead = False
        for peer in peers:
            pair = pairOf(note.userId, peer)
            if peer == note.userId or pair not in wanted:
                continue
            call = notes.calls.get(pair)
            if call is None:
                if note.kind not in _BEGINNINGS:
                    continue
                call = notes.calls[pair] = self._begin(notes.name, pair, note.t)
            if data is None:
                data, hasRead = dataOf(note, note.delivered > 0)
            if note.target is None and "delivered" in data:
                data = {**data, "delivered": int(note.delivered > 0 and peer in notes.present)}
            call.add(note.t, note.userId, note.kind, data)
        return hasRead
