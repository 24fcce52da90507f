"""Reports: what other nodes are told of the seats of this one. Without other nodes there is nothing to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from rtcsignal.signaling.cluster import End, Entered
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.rooms.room import Room, Seat
from rtcsignal.signaling.rooms.table import RoomTable
from rtcsignal.signaling.station import Station
from rtcsignal.signaling.views import counting

__all__ = ["REPLACED", "Reports"]

REPLACED = "replaced"
"""The reason that rooms are told when somebody has taken the place of a member."""

_MICROSECONDS = 1_000_000


class Reports:
    """Tells the other nodes.

    Args:
        table: The rooms.
        clock: The time.
        station: This node.

    Attributes:
        known: The participants of whom the others know, by their public ids.
        isAlone: There are none.
    """

    def __init__(self, table: RoomTable, clock: IReactorTime, station: Station) -> None:
        self.known: dict[str, Participant] = {}
        self._table = table
        self._clock = clock
        self._cluster = station.cluster
        self.isAlone = station.isAlone

    def joining(self, roomName: str) -> None:
        """Someone is about to join a room."""
        self._table.joining(roomName)

    def judged(self, roomName: str) -> None:
        """That is over."""
        self._table.judged(roomName)

    def look(self, roomName: str) -> Deferred[None] | None:
        """Somebody is about to join a room: have it as it is everywhere."""
        return self._cluster.look(roomName)

    def seen(self, roomName: str) -> int:
        """Which state of a room that is."""
        return self._cluster.seen(roomName)

    def giveUpFormer(self, participant: Participant, roomName: str) -> Deferred[None] | None:
        """Have another node give up the peer that a client with a key was there: it is a member once.

        Returns:
            Fires when it has; None if there was none.
        """
        key, room = participant.key, self._table.find(roomName)
        if not key or room is None or room.others is None:
            return None
        former = next((member for member in room.others if member.facts.key == key), None)
        return None if former is None else former.giveUp(REPLACED)

    def enter(
        self, seat: Seat, seen: int | None, ends: Sequence[End], shares: Mapping[str, Any]
    ) -> Deferred[Entered] | None:
        """A seat is about to be taken; see `Cluster.enter`."""
        participant = self._introduced(seat)
        return self._cluster.enter(seat.room.name, participant.factsAs(seat.userId), seen, ends, shares)

    def wait(self, seat: Seat) -> None:
        """A seat waits."""
        if self.isAlone:
            return
        facts, name = self._introduced(seat).factsAs(seat.userId, waits=True), seat.room.name
        if seat.isKnown:
            self._cluster.changed(name, facts)
            return
        seat.isKnown = True
        seat.at = int(self._clock.seconds() * _MICROSECONDS)  # until the others say when it was
        self._cluster.wait(name, facts).addCallback(_since, seat)

    def changed(self, seat: Seat) -> None:
        """What they are to know of a taken seat has changed."""
        if seat.isKnown:
            self._cluster.changed(seat.room.name, seat.participant.factsAs(seat.userId))

    def leave(self, seat: Seat, reason: str) -> Deferred[None] | None:
        """A seat is about to end, or not to wait any more. Its room is followed until they know.

        Returns:
            Is for `after`: fires when they know; None if they need not be told, or cannot be told now.
        """
        if not seat.isKnown:
            return None
        seat.isKnown = False
        name = seat.room.name
        told = self._cluster.leave(name, seat.participant.knownAs, reason)
        if told is not None:
            self._table.leaving(name, seat.isTaken)
            if seat.isTaken:
                told.addCallback(lambda _: self._table.partedFrom(name))
        return told

    def counted(self, room: Room, act: Callable[[], None]) -> None:
        """Tell the observers, to whom a room has as many members as it has for all others at that moment."""
        leaving = self._table.partingFrom(room.name)
        if not leaving:
            act()
            return
        counting(room.view, leaving)
        try:
            act()
        finally:
            counting(room.view, 0)

    def after(self, told: Deferred[None] | None, roomName: str, act: Callable[[], None]) -> None:
        """Do something when the others know of the end of a seat.

        Args:
            told: What `leave` has returned; at once if that is None.
            roomName: Where the seat was.
            act: Does it.
        """
        if told is None:
            act()
            if not self.isAlone:
                self._table.settle(roomName)
            return

        def known(_: None) -> None:
            act()
            self._table.left(roomName)

        told.addCallback(known)

    def gone(self, participant: Participant) -> None:
        """A participant has gone."""
        if participant.knownAs:
            del self.known[participant.knownAs]

    def _introduced(self, seat: Seat) -> Participant:
        participant = seat.participant
        if not participant.knownAs:
            participant.knownAs = participant.publicId
            self.known[participant.knownAs] = participant
        return participant


def _since(entered: Entered, seat: Seat) -> None:
    if entered.at:
        seat.at = entered.at
