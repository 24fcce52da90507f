"""Rooms and seats: who is where. No rules, no plugins; what changes a room is decided in the hub."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from rtcsignal.signaling.events import RoomRequest
from rtcsignal.signaling.rooms.elsewhere import Elsewhere
from rtcsignal.signaling.rooms.others import Others, byJoining
from rtcsignal.signaling.station import Station
from rtcsignal.signaling.views import PeerView, RoomView, ended, opened, seeing
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.peer import Peer

if TYPE_CHECKING:  # a seat ties a participant, a room and what plugins see of it together: each knows the others
    from rtcsignal.signaling.participant import Participant

__all__ = ["Room", "Seat"]

_NONE: frozenset[str] = frozenset()

class Seat:
    """A membership: a participant in a room, as a user.

    Args:
        participant: Who sits here.
        room: Where.
        request: What was sent to join.

    Attributes:
        userId: As whom.
        leftovers: The keys of what was shared about a room of this name that is over, which other nodes still have.
        view: What plugins see of it.
        at: When it was taken or began to wait; see `rtcsignal.signaling.cluster.Member`. 0 without other nodes.
        isKnown: Other nodes know of it, and have to be told of its end.
    """

    __slots__ = ("at", "isKnown", "participant", "room", "userId", "view")

    def __init__(self, participant: Participant, room: Room, request: RoomRequest) -> None:
        self.participant = participant
        self.room = room
        self.userId = request.userId
        self.view = PeerView(participant, request)
        self.at = 0
        self.isKnown = False

    @property
    def isTaken(self) -> bool:
        """The membership has begun, and not ended."""
        return self.participant.seats.get(self.room.name) is self


class Room:
    """A room with its seats, in the order in which they were taken.

    Args:
        name: Its name.
        createdAt: When, in seconds on the clock of the hub.
        station: This node.

    Attributes:
        seats: Those of this node, by peer. Not to be changed from outside.
        others: The members on other nodes; None while there are none.
        isOpen: It has, or had, members; one that they have all left is not used again.
        leftovers: The keys of what was shared about a room of this name that is over, which other nodes still have.
        view: What plugins see of it; their data is gone with it.
    """

    __slots__ = ("_apart", "_users", "isOpen", "leftovers", "name", "others", "seats", "view")

    def __init__(self, name: str, createdAt: float, station: Station) -> None:
        self.name = name
        self.isOpen = False
        self.seats: dict[Peer, Seat] = {}
        self.others: Others | None = None
        self._users: dict[str, list[Peer]] = {}
        self._apart: dict[str, list[Peer]] = {}
        self.leftovers: frozenset[str] = _NONE
        self.view = RoomView(name, createdAt, self.seats, self._users, station)

    @property
    def users(self) -> Mapping[str, list[Peer]]:
        """The peers of each user who is on this node, in the order in which the users came."""
        return MappingProxyType(self._users)

    @property
    def isEmpty(self) -> bool:
        """It has no members on any node."""
        return not self.seats and self.others is None

    @property
    def connections(self) -> Mapping[str, int]:
        """How many members each user is, on all nodes, in the order in which the users came."""
        if self.others is None:
            return {userId: len(peers) for userId, peers in self._users.items()}
        counts: dict[str, int] = {}
        for member in self.everyone():
            counts[member.userId] = counts.get(member.userId, 0) + 1
        return counts

    def everyone(self) -> Sequence[Seat | Elsewhere]:
        """All members, on all nodes, in the order in which they joined."""
        seats = self.seats.values()
        return list(seats) if self.others is None else sorted([*seats, *self.others], key=byJoining)

    def addressees(self, userId: str) -> list[Peer]:
        """The peers that a message to a user is for: those that have signed in as this user, if there are any.

        A guest may have joined under the same user id, and is someone else.
        """
        if userId in self._apart:
            return self._apart[userId]
        return self._users.get(userId, [])

    def isAway(self, userId: str, but: Peer | None = None) -> bool:
        """Whether the last connection of a user who is here was lost, or would be if one did not count."""
        if self.others is not None and not all(member.facts.away for member in self.others.of(userId)):
            return False
        return all(peer.away for peer in self._users.get(userId, ()) if peer is not but)

    def open(self, now: float) -> None:
        """The first member is about to come."""
        opened(self.view, now)
        self.isOpen = True
        self.leftovers = _NONE

    def clear(self) -> None:
        """If there are no members, whatever is shared is of a room that is over: others wait for the next one."""
        if self.isEmpty:
            self.leftovers = self.leftovers.union(self.view.shared)
            ended(self.view, {})

    @property
    def isOver(self) -> bool:
        """All members have left, on all nodes: what is known by its name from now on is another one."""
        return self.isOpen and self.isEmpty

    def resume(self) -> None:
        """That one begins on another node: what is shared about it is told as far as it is new."""
        self.isOpen = False
        ended(self.view, self.view.shared)

    def add(self, seat: Seat) -> None:
        """A peer takes a seat."""
        peer = seat.participant.peer
        self.seats[peer] = seat
        peers = self._users.setdefault(seat.userId, [])
        peers.append(peer)
        if len(peers) > 1 or self.others is not None:
            self._tellGuestsApart(seat.userId)

    def remove(self, seat: Seat) -> None:
        """A peer gives up a seat."""
        peer = seat.participant.peer
        del self.seats[peer]
        peers = self._users[seat.userId]
        peers.remove(peer)
        if not peers:
            del self._users[seat.userId]
        if seat.userId in self._apart:
            self._tellGuestsApart(seat.userId)

    def arrive(self, member: Elsewhere) -> None:
        """Someone joins on another node."""
        if self.others is None:
            self.others = Others(self.name, self._apart)
            seeing(self.view, self.others)
        self.others.add(member)
        self._tellGuestsApart(member.userId)

    def depart(self, memberId: str) -> Elsewhere | None:
        """Someone leaves on another node.

        Returns:
            Who; None if there is no such member.
        """
        member = None if self.others is None else self.others.remove(memberId)
        if member is not None:
            self._tellGuestsApart(member.userId)
            if not self.others:
                self.others = None
                seeing(self.view, None)
        return member

    def _tellGuestsApart(self, userId: str) -> None:
        """Note who of those with this user id has signed in, if others have not. Few rooms have such a user."""
        peers = self._users.get(userId, [])
        signedIn = [peer for peer in peers if self.seats[peer].participant.isSignedIn]
        proven, count = len(signedIn), len(peers)
        if self.others is not None:
            elsewhere = self.others.of(userId)
            proven, count = proven + sum(member.facts.signedIn for member in elsewhere), count + len(elsewhere)
        if 0 < proven < count:
            self._apart[userId] = signedIn
        else:
            self._apart.pop(userId, None)

    def tell(self, event: OutgoingEvent) -> int:
        """Send an event to everyone on this node.

        Returns:
            To how many.
        """
        return deliver(event, self.seats)

    def __iter__(self) -> Iterator[Seat]:
        return iter(self.seats.values())
