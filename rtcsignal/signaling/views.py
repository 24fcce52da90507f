"""What plugins see of peers and rooms: read-only, so that no plugin can break the server's own objects.

Seats and rooms know their views, and no view knows its seat or room. So whatever a plugin keeps of them, in `data` for
instance, makes no cycle that would stay in memory until the garbage collector finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zope.interface import implementer

from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.peer import Peer

if TYPE_CHECKING:  # see `room`
    from rtcsignal.signaling.events import RoomRequest
    from rtcsignal.signaling.participant import Participant
    from rtcsignal.signaling.rooms.room import Seat

__all__ = ["PeerView", "RoomView", "opened", "participantOf", "seatAmong"]


@implementer(IPeer)
class PeerView:
    """A seat, as plugins see it.

    Args:
        participant: Whose seat it is.
        request: What was sent to join.
    """

    __slots__ = ("_participant", "_request")

    def __init__(self, participant: Participant, request: RoomRequest) -> None:
        self._participant = participant
        self._request = request

    @property
    def sid(self) -> str:
        return self._participant.publicId

    @property
    def userId(self) -> str:
        return self._request.userId

    @property
    def roles(self) -> frozenset[str]:
        return self._participant.identity.roles

    @property
    def claims(self) -> Mapping[str, Any]:
        return self._participant.identity.claims

    @property
    def signedIn(self) -> bool:
        return self._participant.isSignedIn

    @property
    def away(self) -> bool:
        return self._participant.peer.away

    @property
    def awayUntil(self) -> float | None:
        return self._participant.awayUntil if self._participant.peer.away else None

    @property
    def hasKey(self) -> bool:
        peer = self._participant.peer
        return peer.key is not None and peer.isKept

    @property
    def address(self) -> str:
        return self._participant.peer.address

    @property
    def conn(self) -> str:
        return self._participant.peer.conn

    @property
    def namespace(self) -> str:
        return self._participant.peer.namespace

    @property
    def transport(self) -> str:
        return self._participant.peer.transportName

    @property
    def rooms(self) -> frozenset[str]:
        return frozenset(self._participant.seats)

    @property
    def connectedAt(self) -> float:
        return self._participant.connectedAt

    @property
    def data(self) -> dict[str, Any]:
        data = self._participant.data
        if data is None:
            data = self._participant.data = {}
        return data

    @property
    def joinRequest(self) -> Mapping[str, Any]:
        return self._request.body

    def emit(self, event: str, *arguments: Any) -> None:
        self._participant.peer.emit(event, *arguments)

    def disconnect(self, reason: str = "kicked") -> None:
        self._participant.expel(reason)

    def __repr__(self) -> str:
        return f"<peer {self.userId!r} in {self._request.roomName!r}, conn {self.conn}>"


def seatAmong(seats: Mapping[str, Seat], view: PeerView) -> Seat | None:
    """The seat itself; for the server, not for plugins.

    Args:
        seats: Seats of its participant, by room.
        view: As plugins see it.

    Returns:
        The seat, or None if it is not among these any more.
    """
    seat = seats.get(view._request.roomName)
    return seat if seat is not None and seat.view is view else None


def participantOf(view: PeerView) -> Participant:
    """Whose seat it is; for the server, not for plugins."""
    return view._participant


@implementer(IRoom)
class RoomView:
    """A room, as plugins see it.

    Args:
        name: Its name.
        createdAt: Seconds since the epoch.
        seats: Its seats, by peer: the room's own dict.
        users: The peers of each user, likewise.
    """

    __slots__ = ("_createdAt", "_data", "_name", "_seats", "_users")

    def __init__(
        self, name: str, createdAt: float, seats: Mapping[Peer, Seat], users: Mapping[str, list[Peer]]
    ) -> None:
        self._createdAt = createdAt
        self._name = name
        self._seats = seats
        self._users = users
        self._data: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def size(self) -> int:
        return len(self._seats)

    @property
    def userCount(self) -> int:
        return len(self._users)

    @property
    def createdAt(self) -> float:
        return self._createdAt

    @property
    def data(self) -> dict[str, Any]:
        data = self._data
        if data is None:
            data = self._data = {}
        return data

    def peers(self) -> tuple[PeerView, ...]:
        return tuple(seat.view for seat in self._seats.values())

    def peersOf(self, userId: str) -> tuple[PeerView, ...]:
        return tuple(self._seats[peer].view for peer in self._users.get(userId, ()))

    def emit(self, event: str, *arguments: Any) -> None:
        deliver(OutgoingEvent.of(event, *arguments), self._seats)

    def __repr__(self) -> str:
        return f"<room {self._name!r}: {self.size}>"


def opened(view: RoomView, now: float) -> None:
    """The first member is about to come; for the server, not for plugins."""
    view._createdAt = now
