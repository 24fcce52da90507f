"""Standings: what a client with a key has heard of its memberships, and what the server has heard of its messages.

All positions are numbers of events. A membership has a number from which on a client that has seen it shows that it has
heard of the membership: nothing reaches a client before what was sent before. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable

from rtcsignal.socketio.trail import Missed

__all__ = ["JOINED", "RESUMED", "RESYNC", "Standing"]

JOINED = "joined"
"""The client hears of the membership for the first time."""

RESUMED = "resumed"
"""The same membership, and nothing is lost."""

RESYNC = "resync"
"""The same membership, and something is missing."""

_NEVER = 2**63


class Standing:
    """What is known of one client.

    Attributes:
        received: The highest number of its messages.
        missed: What follows the answer that is about to be given; None if nothing does.
    """

    __slots__ = ("_owed", "_told", "missed", "received")

    def __init__(self) -> None:
        self.received = 0
        self.missed: Missed | None = None
        self._told: dict[str, int] = {}
        self._owed: dict[str, str] = {}

    def begun(self, roomName: str) -> None:
        """A membership has begun, of which the client has not heard."""
        self._told[roomName] = _NEVER
        self._owed[roomName] = JOINED

    def ended(self, roomName: str) -> None:
        """A membership has ended."""
        self._told.pop(roomName, None)
        self._owed.pop(roomName, None)

    def returned(self, missed: Missed, roomNames: Iterable[str]) -> None:
        """The client is on another connection.

        Args:
            missed: What it has missed.
            roomNames: Where it is a member. One that is not known here was there before the client had a key.
        """
        for name in roomNames:
            if missed.messages is None:
                self._owed[name] = RESYNC
            elif missed.seen < self._told.get(name, 0):
                self._owed.setdefault(name, JOINED)
            else:
                self._owed.pop(name, None)
                continue
            self._told[name] = _NEVER

    def outcomeOf(self, roomName: str) -> str:
        """What the client is to be told of a membership."""
        return self._owed.get(roomName, RESUMED)

    @property
    def outcome(self) -> str:
        """What it is to be told of all of them."""
        owed = self._owed.values()
        return RESYNC if RESYNC in owed else JOINED if owed else RESUMED

    def answered(self, roomName: str, at: int) -> None:
        """The client has been told of a membership; from `at` on it has what follows."""
        if self._owed.pop(roomName, None) is not None:
            # A client that has not got the answer may have seen as much as it said that it has, and no more.
            self._told[roomName] = at if self.missed is None else max(at, self.missed.seen + 1)
