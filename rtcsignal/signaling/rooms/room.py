"""Rooms and seats: who is where. No rules, no plugins; what changes a room is decided in the hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from rtcsignal.signaling.events import RoomRequest
from rtcsignal.signaling.views import PeerView, RoomView, opened
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.peer import Peer

if TYPE_CHECKING:  # a seat ties a participant, a room and what plugins see of it together: each knows the others
    from rtcsignal.signaling.participant import Participant

__all__ = ["Room", "Seat"]

class Seat:
    """A membership: a participant in a room, as a user.

    Args:
        participant: Who sits here.
        room: Where.
        request: What was sent to join.

    Attributes:
        userId: As whom.
        view: What plugins see of it.
    """

    __slots__ = ("participant", "room", "userId", "view")

    def __init__(self, participant: Participant, room: Room, request: RoomRequest) -> None:
        self.participant = participant
        self.room = room
        self.userId = request.userId
        self.view = PeerView(participant, request)

    @property
    def isTaken(self) -> bool:
        """The membership has begun, and not ended."""
        return self.participant.seats.get(self.room.name) is self


class Room:
    """A room with its seats, in the order in which they were taken.

    Args:
        name: Its name.
        createdAt: When, in seconds on the clock of the hub.

    Attributes:
        seats: By peer. Not to be changed from outside.
        isOpen: It has, or had, members; one that they have all left is not used again.
        view: What plugins see of it; their data is gone with it.
    """

    __slots__ = ("_shared", "_users", "isOpen", "name", "seats", "view")

    def __init__(self, name: str, createdAt: float) -> None:
        self.name = name
        self.isOpen = False
        self.seats: dict[Peer, Seat] = {}
        self._users: dict[str, list[Peer]] = {}
        self._shared: dict[str, list[Peer]] = {}
        self.view = RoomView(name, createdAt, self.seats, self._users)

    @property
    def users(self) -> Mapping[str, list[Peer]]:
        """The peers of each user, in the order in which the users came."""
        return MappingProxyType(self._users)

    def addressees(self, userId: str) -> list[Peer]:
        """The peers that a message to a user is for: those that have signed in as this user, if there are any.

        A guest may have joined under the same user id, and is someone else.
        """
        if userId in self._shared:
            return self._shared[userId]
        return self._users.get(userId, [])

    def isAway(self, userId: str, but: Peer | None = None) -> bool:
        """Whether the last connection of a user who is here was lost, or would be if one did not count."""
        return all(peer.away for peer in self._users[userId] if peer is not but)

    def open(self, now: float) -> None:
        """The first member is about to come."""
        opened(self.view, now)
        self.isOpen = True

    def add(self, seat: Seat) -> None:
        """A peer takes a seat."""
        peer = seat.participant.peer
        self.seats[peer] = seat
        peers = self._users.setdefault(seat.userId, [])
        peers.append(peer)
        if len(peers) > 1:
            self._tellGuestsApart(seat.userId, peers)

    def remove(self, seat: Seat) -> None:
        """A peer gives up a seat."""
        peer = seat.participant.peer
        del self.seats[peer]
        peers = self._users[seat.userId]
        peers.remove(peer)
        if not peers:
            del self._users[seat.userId]
        if seat.userId in self._shared:
            self._tellGuestsApart(seat.userId, peers)

    def _tellGuestsApart(self, userId: str, peers: list[Peer]) -> None:
        """Note who of the peers with this user id has signed in, if others have not. Few rooms have such a user."""
        signedIn = [peer for peer in peers if self.seats[peer].participant.isSignedIn]
        if 0 < len(signedIn) < len(peers):
            self._shared[userId] = signedIn
        else:
            self._shared.pop(userId, None)

    def tell(self, event: OutgoingEvent) -> int:
        """Send an event to everyone here.

        Returns:
            To how many.
        """
        return deliver(event, self.seats)

    def __iter__(self) -> Iterator[Seat]:
        return iter(self.seats.values())
