"""What came of a load: counts, durations, and every delivery that is missing, doubled or damaged."""

from __future__ import annotations

from dataclasses import dataclass, field

from bench.histogram import Histogram
from bench.script import MARK_SIZE, Script

__all__ = ["Checker", "Tally"]


@dataclass
class Tally:
    """Counts of one load. Those that are for the time that is measured say so; the others are for all of it.

    Attributes:
        sent: Broadcasts.
        expected: Deliveries that these should have become.
        received: Deliveries that came undamaged, each counted once.
        late: Those among them that a later one of the same sender had overtaken.
        doubled: Deliveries that had come before.
        damaged: Deliveries with other text than was sent, or to the wrong room.
        closed: Connections that were lost.
        deliveries: Received while it was measured.
        rounds: Calls, or cycles, completed while it was measured.
        heartbeats: Seen while it was measured.
        latency: From a message's time of sending, or when it was due, to each delivery; measured.
        roundTime: From joining to the last delivery of a call; measured.
        trouble: The first thing that was wrong, for people.
    """

    sent: int = 0
    expected: int = 0
    received: int = 0
    late: int = 0
    doubled: int = 0
    damaged: int = 0
    closed: int = 0
    deliveries: int = 0
    rounds: int = 0
    heartbeats: int = 0
    latency: Histogram = field(default_factory=Histogram)
    roundTime: Histogram = field(default_factory=Histogram)
    trouble: str = ""

    @property
    def lost(self) -> int:
        """Deliveries that never came."""
        return max(self.expected - self.received - self.damaged, 0)

    @property
    def faulty(self) -> bool:
        """Whether any delivery or connection was not as it must be."""
        return bool(self.lost or self.late or self.doubled or self.damaged or self.closed)

    def complain(self, what: str) -> None:
        """Keep it if it is the first."""
        self.trouble = self.trouble or what


class Checker:
    """Compares what arrives with what was sent.

    Args:
        script: What is said.
        connections: How many there are.
        tally: Where it is counted.
    """

    def __init__(self, script: Script, connections: int, tally: Tally) -> None:
        self._moves = script.moves
        self._members = script.members
        self._next = [[0] * script.members for _ in range(connections)]
        self._missing: set[tuple[int, int, int]] = set()
        self._tally = tally

    def check(self, connection: int, text: bytes) -> tuple[int, int] | None:
        """Look at a broadcast.

        Args:
            connection: The number of the one that got it.
            text: Engine.IO's text.

        Returns:
            The number of the move, and the time in the mark; None if it was not right.
        """
        at = text.find(b"~")
        try:
            sender, number = int(text[at + 1 : at + 9], 16), int(text[at + 9 : at + 17], 16)
            sentAt, move = int(text[at + 17 : at + 33], 16), int(text[at + 33 : at + 37], 16)
            body = self._moves[move].body
        except (ValueError, IndexError):
            self._damaged(connection, "has no mark")
            return None
        members = self._members
        if sender // members != connection // members:
            self._damaged(connection, f"is from connection {sender}, in another room")
            return None
        expected, member = self._next[connection], sender % members
        if text[at + 37 : at + 38] != b"~" or not text.startswith(body + b'"', at + MARK_SIZE):
            expected[member] += number == expected[member]
            self._damaged(connection, f"is number {number} of connection {sender}, with other text")
            return None
        if number < expected[member]:
            if not self._cameLate(connection, sender, number):
                return None
        else:
            self._missed(connection, sender, range(expected[member], number))
            expected[member] = number + 1
        self._tally.received += 1
        return move, sentAt

    def _cameLate(self, connection: int, sender: int, number: int) -> bool:
        """Whether a delivery that is not new was missing until now; it is a double otherwise."""
        late = (connection, sender, number) in self._missing
        self._missing.discard((connection, sender, number))
        self._tally.late += late
        self._tally.doubled += not late
        how = "late" if late else "again"
        self._tally.complain(f"connection {connection} got number {number} of connection {sender} {how}")
        return late

    def _missed(self, connection: int, sender: int, numbers: range) -> None:
        for number in numbers:
            self._missing.add((connection, sender, number))
            self._tally.complain(
                f"connection {connection} got number {numbers.stop} of connection {sender} before {number}"
            )

    def _damaged(self, connection: int, what: str) -> None:
        self._tally.damaged += 1
        self._tally.complain(f"a broadcast to connection {connection} {what}")
