"""What plugins see of peers and rooms: read-only, and none of it ours to break."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from zope.interface import implementer

from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.socketio.fanout import OutgoingEvent

if TYPE_CHECKING:
    from rtcsignal.signaling.room import Room, Seat

__all__ = ["PeerView", "RoomView", "seatOf"]


@implementer(IPeer)
class PeerView:
    """A seat, as plugins see it."""

    __slots__ = ("_seat",)

    def __init__(self, seat: Seat) -> None:
        self._seat = seat

    @property
    def sid(self) -> str:
        return self._seat.participant.publicId

    @property
    def userId(self) -> str:
        return self._seat.userId

    @property
    def roles(self) -> frozenset[str]:
        return self._seat.participant.identity.roles

    @property
    def claims(self) -> Mapping[str, Any]:
        return self._seat.participant.identity.claims

    @property
    def signedIn(self) -> bool:
        identity = self._seat.participant.identity
        return identity.signedIn and identity.userId is not None

    @property
    def address(self) -> str:
        return self._seat.participant.peer.session.request.address

    @property
    def namespace(self) -> str:
        return self._seat.participant.peer.namespace

    @property
    def transport(self) -> str:
        return self._seat.participant.peer.session.transportName

    @property
    def rooms(self) -> frozenset[str]:
        return frozenset(self._seat.participant.seats)

    @property
    def connectedAt(self) -> float:
        return self._seat.participant.connectedAt

    @property
    def data(self) -> dict[str, Any]:
        participant = self._seat.participant
        data = participant.data
        if data is None:
            data = participant.data = {}
        return data

    @property
    def joinRequest(self) -> Mapping[str, Any]:
        return self._seat.joinRequest

    def emit(self, event: str, *arguments: Any) -> None:
        self._seat.participant.peer.emit(event, *arguments)

    def disconnect(self, reason: str = "kicked") -> None:
        self._seat.participant.expel(reason)

    def __repr__(self) -> str:
        conn = self._seat.participant.peer.session.conn
        return f"<peer {self.userId!r} in {self._seat.room.name!r}, conn {conn}>"


def seatOf(view: PeerView) -> Seat:
    """The seat itself; for the server, not for plugins."""
    return view._seat


@implementer(IRoom)
class RoomView:
    """A room, as plugins see it."""

    __slots__ = ("_room",)

    def __init__(self, room: Room) -> None:
        self._room = room

    @property
    def name(self) -> str:
        return self._room.name

    @property
    def size(self) -> int:
        return len(self._room.seats)

    @property
    def userCount(self) -> int:
        return len(self._room.users)

    @property
    def createdAt(self) -> float:
        return self._room.createdAt

    @property
    def data(self) -> dict[str, Any]:
        data = self._room.data
        if data is None:
            data = self._room.data = {}
        return data

    def peers(self) -> tuple[PeerView, ...]:
        return tuple(seat.view for seat in self._room)

    def peersOf(self, userId: str) -> tuple[PeerView, ...]:
        seats = self._room.seats
        return tuple(seats[peer].view for peer in self._room.peersOf(userId))

    def emit(self, event: str, *arguments: Any) -> None:
        self._room.tell(OutgoingEvent.of(event, *arguments))

    def __repr__(self) -> str:
        return f"<room {self.name!r}: {self.size}>"
