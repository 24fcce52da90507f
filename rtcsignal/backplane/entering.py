"""Seats that are being entered in Redis, and what becomes of those that it does not answer for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from rtcsignal.backplane.facts import writeFacts
from rtcsignal.backplane.line import Line
from rtcsignal.backplane.rosters import Rosters
from rtcsignal.backplane.scripts import ENTER
from rtcsignal.clocks import WallClock
from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.signaling.cluster import Entered, Facts, Outcome

__all__ = ["PATIENCE", "Entering", "Entry"]

PATIENCE = 4.5
"""Seconds for which a join waits for Redis: it is answered within five."""


class Entry:
    """A seat that is being entered.

    Attributes:
        roomName: Where.
        id: Who.
        data: What others are to know.
        rest: The ends and what is shared, as arguments of `ENTER`.
        ends: Who ends with it.
        keys: What is shared with it.
        done: Fires with what became of it.
        deadline: When that is due.
    """

    __slots__ = ("data", "deadline", "done", "ends", "id", "keys", "rest", "roomName")

    def __init__(
        self,
        roomName: str,
        facts: Facts,
        rest: tuple[Any, ...],
        ends: Sequence[str] = (),
        keys: Sequence[str] = (),
    ) -> None:
        self.roomName = roomName
        self.id = facts.id
        self.data = writeFacts(facts)
        self.rest = rest
        self.ends = ends
        self.keys = keys
        self.done: Deferred[Entered] = Deferred()
        self.deadline: Deadline | None = None


class Entering:
    """Enters seats.

    Args:
        rosters: The rooms of this node.
        deadlines: The time.
        isLocal: Without Redis they are taken on this node; if not, they are not taken.
        wall: The time of day.
        fenced: Called when the lease of this node is gone.
        silent: Called when Redis does not answer.

    Attributes:
        shown: The room that has just been shown, to a join that finds it changed: it need not look again.
    """

    def __init__(
        self,
        rosters: Rosters,
        deadlines: Deadlines,
        isLocal: bool,
        wall: WallClock,
        fenced: Callable[[], None],
        silent: Callable[[], None],
    ) -> None:
        self.shown: str | None = None
        self._rosters = rosters
        self._deadlines = deadlines
        self._isLocal = isLocal
        self._wall = wall
        self._fenced = fenced
        self._silent = silent
        self._line: Line | None = None
        self._entries: dict[Entry, None] = {}

    def __len__(self) -> int:
        """How many are on their way."""
        return len(self._entries)

    def use(self, line: Line) -> None:
        """There is another line."""
        self._line = line

    def enter(self, entry: Entry, seen: int | None) -> Deferred[Entered]:
        """Enter a seat; see `Cluster.enter`."""
        entry.deadline = self._deadlines.after(PATIENCE).start(self._late, entry)
        self._send(entry, seen)
        return entry.done

    def enterAgain(self, entry: Entry, at: int, done: Callable[[], None]) -> None:
        """Enter a seat that is taken.

        Args:
            entry: The seat.
            at: Since when, in microseconds; 0 for now.
            done: Called when it is there.
        """
        entry.done.addCallback(lambda _: done())
        self._send(entry, None, at)

    def end(self) -> Sequence[Entry]:
        """There is no line any more.

        Returns:
            The seats whose fate in Redis is not known. They have not been answered for: see `giveUp`.
        """
        self._line = None
        entries, self._entries = self._entries, {}
        return tuple(entries)

    def giveUp(self, entries: Sequence[Entry]) -> None:
        """Answer for seats without Redis."""
        for entry in entries:
            self._tell(entry, self.alone(entry.roomName, entry.id))

    def _send(self, entry: Entry, seen: int | None, at: int = 0) -> None:
        self._entries[entry] = None
        if self._line is not None:
            arguments = (entry.roomName, entry.id, entry.data, "" if seen is None else seen, at or "", *entry.rest)
            self._line.run(ENTER, arguments, partial(self._entered, entry))

    def _entered(self, entry: Entry, answer: Any) -> None:
        if not isinstance(answer, list) or not answer[0]:
            self._fenced()
            return
        outcome, state, *rest = answer
        if outcome == 2:
            at, members, shared = rest
            self._rosters.took(entry.roomName, entry.id, state, members, shared)
            for memberId in entry.ends:
                self._rosters.replaced(entry.roomName, memberId)
            self._settle(entry, Entered(Outcome.TAKEN, at))
            return
        self._rosters.looked(entry.roomName, state, rest[0], rest[1])
        self.shown = entry.roomName if rest[0] is not None else None
        self._settle(entry, Entered(Outcome.CHANGED))
        self.shown = None

    def _settle(self, entry: Entry, entered: Entered) -> None:
        self._entries.pop(entry, None)
        self._tell(entry, entered)

    def _late(self, entry: Entry) -> None:
        self._silent()

    @staticmethod
    def _tell(entry: Entry, entered: Entered) -> None:
        if entry.deadline is not None:
            entry.deadline.cancel()
        entry.done.callback(entered)

    def alone(self, roomName: str, memberId: str) -> Entered:
        """What becomes of a seat without Redis."""
        if self._isLocal:
            self._rosters.kept(roomName, memberId)
            return Entered(Outcome.LOCAL, round(self._wall() * 1_000_000))
        return Entered(Outcome.UNAVAILABLE)
