"""What plugins see of peers and rooms: read-only, so that no plugin can break the server's own objects.

Seats and rooms know their views, and no view knows its seat or room. So whatever a plugin keeps of them, in `data` for
instance, makes no cycle that would stay in memory until the garbage collector finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from zope.interface import implementer

from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.events import asShared, checkedReason
from rtcsignal.signaling.rooms.elsewhere import Elsewhere
from rtcsignal.signaling.rooms.others import Others, byJoining
from rtcsignal.signaling.station import Station
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.peer import Peer

if TYPE_CHECKING:  # see `room`
    from rtcsignal.signaling.events import RoomRequest
    from rtcsignal.signaling.participant import Participant
    from rtcsignal.signaling.rooms.room import Seat

__all__ = ["PeerView", "RoomView", "counting", "ended", "learned", "opened", "participantOf", "seatAmong", "seeing"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


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
    def node(self) -> str:
        return self._participant.node

    @property
    def address(self) -> str:
        return self._participant.peer.address

    @property
    def origin(self) -> str | None:
        return self._participant.peer.origin

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
        participant = self._participant
        peer, door = participant.peer, participant.station.door
        if door is None:
            peer.emit(event, *arguments)
        else:
            outgoing = OutgoingEvent.of(event, *arguments)
            door.tell(self.sid, outgoing, partial(peer.deliver, outgoing))

    def disconnect(self, reason: str = "kicked") -> None:
        participant, told = self._participant, checkedReason(reason)
        if seatAmong(participant.seats, self) is None or not participant.station.holdsBack(
            self._request.roomName, self, told, connection=True
        ):
            participant.expel(told)

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
        station: This node.
    """

    __slots__ = ("_createdAt", "_data", "_leaving", "_name", "_others", "_seats", "_shared", "_station", "_users")

    def __init__(
        self,
        name: str,
        createdAt: float,
        seats: Mapping[Peer, Seat],
        users: Mapping[str, list[Peer]],
        station: Station,
    ) -> None:
        self._createdAt = createdAt
        self._name = name
        self._seats = seats
        self._users = users
        self._station = station
        self._others: Others | None = None
        self._leaving = 0
        self._data: dict[str, Any] | None = None
        self._shared: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def size(self) -> int:
        if self._others is None:
            return len(self._seats) + self._leaving
        return len(self._seats) + len(self._others) + self._leaving

    @property
    def userCount(self) -> int:
        if self._others is None:
            return len(self._users)
        return len(self._users) + len({member.userId for member in self._others}.difference(self._users))

    @property
    def createdAt(self) -> float:
        return self._createdAt

    @property
    def data(self) -> dict[str, Any]:
        data = self._data
        if data is None:
            data = self._data = {}
        return data

    @property
    def shared(self) -> Mapping[str, Any]:
        return _NOTHING if self._shared is None else MappingProxyType(self._shared)

    def share(self, key: str, value: Any) -> None:
        known, door = asShared(key, value), self._station.door
        if door is not None and door.roomName == self._name:
            door.shares[key] = known
        elif self.shared.get(key) != known:
            learned(self, key, known)
            self._station.share(self._name, key, known)

    def peers(self) -> tuple[IPeer, ...]:
        seats = self._seats.values()
        if self._others is None:
            return tuple([seat.view for seat in seats])
        return _inOrder([*seats, *self._others])

    def peersOf(self, userId: str) -> tuple[IPeer, ...]:
        seats = [self._seats[peer] for peer in self._users.get(userId, ())]
        if self._others is None:
            return tuple([seat.view for seat in seats])
        return _inOrder([*seats, *self._others.of(userId)])

    def emit(self, event: str, *arguments: Any) -> None:
        outgoing = OutgoingEvent.of(event, *arguments)
        deliver(outgoing, self._seats)
        if self._others is not None:
            self._station.say(self._others.everyone, outgoing)

    def __repr__(self) -> str:
        return f"<room {self._name!r}: {self.size}>"


def opened(view: RoomView, now: float) -> None:
    """The first member is about to come; for the server, not for plugins."""
    view._createdAt = now


def ended(view: RoomView, kept: Mapping[str, Any]) -> None:
    """It has no members any more; for the server, not for plugins.

    Args:
        view: The room.
        kept: What is shared about the next one.
    """
    view._data = None
    view._shared = dict(kept) if kept else None


def seeing(view: RoomView, others: Others | None) -> None:
    """There are members on other nodes, or no more; for the server, not for plugins."""
    view._others = others


def counting(view: RoomView, leaving: int) -> None:
    """Members who have left, and of whom that is not known everywhere, are counted or not; for the server alone.

    Args:
        view: The room.
        leaving: How many.
    """
    view._leaving = leaving


def learned(view: RoomView, key: str, value: Any) -> None:
    """What plugins share about the room has changed; for the server, not for plugins.

    Args:
        view: The room.
        key: Which of it.
        value: The value; None if there is none any more.
    """
    shared = view._shared
    if value is not None:
        if shared is None:
            shared = view._shared = {}
        shared[key] = value
    elif shared is not None:
        shared.pop(key, None)


def _inOrder(members: Iterable[Seat | Elsewhere]) -> tuple[IPeer, ...]:
    return tuple([member.view for member in sorted(members, key=byJoining)])
