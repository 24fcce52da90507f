"""Participants that a room policy makes wait. They are not members, and no room exists for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.signaling.views import PeerView, participantOf, seatAmong

__all__ = ["WaitingList"]

_NONE: Mapping[str, Seat] = {}


class WaitingList:
    """Seats that have been asked for, by room and in the order of the first request. Other rooms cost nothing."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[Participant, Seat]] = {}
        self._participants: dict[Participant, dict[str, Seat]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._rooms.values()))

    @property
    def participants(self) -> Collection[Participant]:
        """Everyone who waits."""
        return self._participants.keys()

    def add(self, seat: Seat) -> None:
        """A seat waits, unless its participant has gone. One that waits already keeps its place in the order."""
        participant, name = seat.participant, seat.room.name
        if not participant.peer.connected:
            return
        self._rooms.setdefault(name, {})[participant] = seat
        self._participants.setdefault(participant, {})[name] = seat

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

    def dismiss(self, peer: Any) -> None:
        """As `remove`, given the `IPeer` that is the seat's view. Nothing happens if it has asked again since."""
        participant = participantOf(peer)
        seat = seatAmong(self.seatsOf(participant), peer)
        if seat is not None:
            self.remove(participant, seat.room.name)

    def seatsOf(self, participant: Participant) -> Mapping[str, Seat]:
        """The seats that a participant waits for, by room."""
        return self._participants.get(participant, _NONE)

    def namesOf(self, participant: Participant) -> Collection[str]:
        """The names of these rooms."""
        return self.seatsOf(participant).keys()

    def views(self, roomName: str) -> tuple[PeerView, ...]:
        """The peers that wait for a room, as plugins see them."""
        return tuple(seat.view for seat in self._rooms.get(roomName, {}).values())
