"""Participants that a room policy makes wait. They are not members, and no room exists for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.rooms.elsewhere import Elsewhere, FarView
from rtcsignal.signaling.rooms.others import byJoining
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.signaling.views import PeerView

__all__ = ["WaitingList"]

_NONE: Mapping[str, Seat] = {}


class WaitingList:
    """Seats that have been asked for, by room and in the order of the first request. Other rooms cost nothing.

    Of those who wait on other nodes it knows what these tell.
    """

    def __init__(self) -> None:
        self._rooms: dict[str, dict[Participant, Seat]] = {}
        self._participants: dict[Participant, dict[str, Seat]] = {}
        self._others: dict[str, dict[str, Elsewhere]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rooms.values()))

    def __contains__(self, roomName: object) -> bool:
        """Whether somebody on this node waits for a room."""
        return roomName in self._rooms

    def __iter__(self) -> Iterator[Seat]:
        return (seat for seats in self._rooms.values() for seat in seats.values())

    @property
    def participants(self) -> Collection[Participant]:
        """Everyone who waits on this node."""
        return self._participants.keys()

    def add(self, seat: Seat) -> bool:
        """A seat waits, unless its participant has gone. One that waits already keeps its place in the order.

        Returns:
            Whether it waits.
        """
        participant, name = seat.participant, seat.room.name
        if not participant.peer.connected:
            return False
        before = self.seatsOf(participant).get(name)
        if before is not None:
            seat.at, seat.isKnown = before.at, before.isKnown
        self._rooms.setdefault(name, {})[participant] = seat
        self._participants.setdefault(participant, {})[name] = seat
        return True

    def remove(self, participant: Participant, roomName: str) -> None:
        """A seat no longer waits, or never did."""
        rooms = self._participants.get(participant)
        if rooms is None or rooms.pop(roomName, None) is None:
            return
        if not rooms:
            del self._participants[participant]
        seats = self._rooms[roomName]
        del seats[participant]
        if not seats:
            del self._rooms[roomName]

    def seatsOf(self, participant: Participant) -> Mapping[str, Seat]:
        """The seats that a participant waits for, by room."""
        return self._participants.get(participant, _NONE)

    def namesOf(self, participant: Participant) -> Collection[str]:
        """The names of these rooms."""
        return self.seatsOf(participant).keys()

    def views(self, roomName: str) -> tuple[PeerView | FarView, ...]:
        """The peers that wait for a room on any node, as plugins see them."""
        seats, others = self._rooms.get(roomName, {}).values(), self._others.get(roomName)
        if others is None:
            return tuple([seat.view for seat in seats])
        everyone: list[Seat | Elsewhere] = [*seats, *others.values()]
        return tuple([each.view for each in sorted(everyone, key=byJoining)])

    def arrive(self, roomName: str, waiter: Elsewhere) -> None:
        """Somebody waits on another node."""
        self._others.setdefault(roomName, {})[waiter.id] = waiter

    def depart(self, roomName: str, waiterId: str) -> Elsewhere | None:
        """Somebody no longer waits there.

        Returns:
            Who; None if there was no one.
        """
        others = self._others.get(roomName, {})
        waiter = others.pop(waiterId, None)
        if not others:
            self._others.pop(roomName, None)
        return waiter

    def forgetOthers(self, roomName: str) -> None:
        """Other nodes do not tell of a room any more."""
        self._others.pop(roomName, None)
