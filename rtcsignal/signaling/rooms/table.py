"""The table of rooms: those with members on this node, and those of which other nodes tell."""

from __future__ import annotations

from collections import Counter

from twisted.internet.interfaces import IReactorTime

from rtcsignal.signaling.cluster import Member
from rtcsignal.signaling.rooms.elsewhere import Elsewhere
from rtcsignal.signaling.rooms.room import Room
from rtcsignal.signaling.rooms.waiting import WaitingList
from rtcsignal.signaling.station import Station

__all__ = ["RoomTable"]

_MICROSECONDS = 1_000_000


class RoomTable:
    """All rooms that this node knows.

    Of a room without members here it knows what other nodes tell, as long as somebody here waits for it, is about to
    join, or has left and the others do not know that yet. Without other nodes there are none of these.

    Args:
        waiting: Who waits for which room.
        clock: The time.
        station: This node.

    Attributes:
        rooms: Those that have members on this node, by name.
        followed: The others, likewise.
    """

    def __init__(self, waiting: WaitingList, clock: IReactorTime, station: Station) -> None:
        self.rooms: dict[str, Room] = {}
        self.followed: dict[str, Room] = {}
        self._waiting = waiting
        self._clock = clock
        self._station = station
        self._joining: Counter[str] = Counter()
        self._leaving: Counter[str] = Counter()
        self._parting: Counter[str] = Counter()

    def find(self, name: str) -> Room | None:
        """A room that is known."""
        return self.rooms.get(name) or self.followed.get(name)

    def roomFor(self, name: str) -> Room:
        """A room that may not be there yet."""
        room = self.rooms.get(name)
        if room is None:
            room = self.followed.get(name)
            if room is None:
                return Room(name, self._clock.seconds(), self._station)
            if room.isOver:
                room = self.followed[name] = self._after(room)
            room.clear()
        return room

    def opened(self, judged: Room) -> Room:
        """The room to enter: while the policies judged one, its members may have left, or the first one joined."""
        name = judged.name
        room = self.rooms.get(name)
        if room is not None:
            return room
        now = self._clock.seconds()
        room = self.followed.pop(name, None)
        if room is None:
            room = Room(name, now, self._station) if judged.isOpen else judged
        elif room.isOver:
            room = self._after(room)
        self.rooms[name] = room
        if not room.isOpen:
            room.open(now)
        return room

    def emptied(self, room: Room) -> None:
        """Members have left: there may be none any more on this node, or on any."""
        name = room.name
        if not room.seats and self.rooms.get(name) is room:
            del self.rooms[name]
            if self._isFollowed(name):
                self.followed[name] = room

    def joining(self, name: str) -> None:
        """Someone is about to join a room: other nodes are listened to when they tell of it."""
        self._joining[name] += 1

    def judged(self, name: str) -> None:
        """That is over."""
        _less(self._joining, name)
        self.settle(name)

    def leaving(self, name: str, isMember: bool) -> None:
        """Someone leaves a room, or no longer waits for it: other nodes are listened to until they know."""
        self._leaving[name] += 1
        if isMember:
            self._parting[name] += 1

    def partedFrom(self, name: str) -> None:
        """They know that a member has left."""
        _less(self._parting, name)

    def partingFrom(self, name: str) -> int:
        """How many members of this node leave a room, and are there for all others."""
        return self._parting.get(name, 0)

    def left(self, name: str) -> None:
        """They know. If that was the last seat here they do not tell of it any more, and what is known grows old."""
        _less(self._leaving, name)
        if name not in self.rooms and name not in self._leaving and name not in self._waiting:
            self.followed.pop(name, None)
        self.settle(name)

    def settle(self, name: str) -> None:
        """Somebody who has waited for a room may have been the last here whom it concerns."""
        if name not in self.rooms and not self._isFollowed(name):
            self.followed.pop(name, None)
            self._waiting.forgetOthers(name)

    def toldOf(self, name: str) -> Room | None:
        """The room of which other nodes tell; None if it concerns no one here."""
        room = self.find(name)
        if room is None and self._isFollowed(name):
            room = self.followed[name] = Room(name, self._clock.seconds(), self._station)
        return room

    def adopted(self, name: str) -> Room | None:
        """The same, of which is told how it is everywhere. If it has no seat here, what was known is forgotten."""
        if name not in self.rooms and name not in self._waiting:
            self.followed.pop(name, None)
            self._waiting.forgetOthers(name)
        return self.toldOf(name)

    def arrive(self, room: Room, member: Member) -> None:
        """Someone has joined a room on another node."""
        if room.isOver and not self.partingFrom(room.name):  # else it goes on: its last member here is there until then
            room.resume()
        if not room.isOpen:
            room.open(member.at / _MICROSECONDS)
        room.arrive(self.viewOf(room, member))

    def viewOf(self, room: Room, member: Member) -> Elsewhere:
        """Someone on another node, as rooms know them."""
        return Elsewhere(member, room.name, self._station)

    def _after(self, room: Room) -> Room:
        """The next room of the name of one that is over; what observers are still to be told of that is not touched."""
        fresh = Room(room.name, self._clock.seconds(), self._station)
        fresh.leftovers = room.leftovers.union(room.view.shared)
        return fresh

    def _isFollowed(self, name: str) -> bool:
        return name in self._joining or name in self._leaving or name in self._waiting


def _less(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if not counter[name]:
        del counter[name]
