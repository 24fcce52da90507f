"""Members on other nodes: those of one room, and each as plugins see it. The cluster tells which there are."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from zope.interface import implementer

from rtcsignal.interfaces import IPeer
from rtcsignal.signaling.cluster import Audience, Member
from rtcsignal.signaling.events import checkedReason
from rtcsignal.signaling.station import Station
from rtcsignal.socketio.fanout import OutgoingEvent
from rtcsignal.values import EMPTY

__all__ = ["Elsewhere", "Others", "audienceOf", "byJoining"]

_FEW = 8

byJoining = attrgetter("at")
"""By which members are sorted, here and elsewhere."""


@implementer(IPeer)
class Elsewhere:
    """A member on another node, or one that waits there. Plugins see it as they see those of this node.

    Args:
        member: Who.
        roomName: Where.
        station: This node.

    Attributes:
        facts: What is known of it; replaced as a whole.
        home: What the cluster calls its node.
        node: What people call its node.
        at: See `Member`.
        isEnding: It has been asked for its end, and nothing has been heard of that yet.
    """

    __slots__ = ("_data", "_roomName", "_station", "at", "facts", "home", "isEnding", "node")

    def __init__(self, member: Member, roomName: str, station: Station) -> None:
        self.facts, self.home, self.node, self.at = member
        self.isEnding = False
        self._roomName = roomName
        self._station = station
        self._data: dict[str, Any] | None = None

    @property
    def sid(self) -> str:
        return self.facts.id

    @property
    def userId(self) -> str:
        return self.facts.userId

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self.facts.roles)

    @property
    def claims(self) -> Mapping[str, Any]:
        return EMPTY

    @property
    def signedIn(self) -> bool:
        return self.facts.signedIn

    @property
    def away(self) -> bool:
        return self.facts.away

    @property
    def awayUntil(self) -> float | None:
        return self.facts.awayUntil if self.facts.away else None

    @property
    def hasKey(self) -> bool:
        return bool(self.facts.key)

    @property
    def address(self) -> str:
        return self.facts.address

    @property
    def conn(self) -> str:
        return ""

    @property
    def namespace(self) -> str:
        return self.facts.namespace

    @property
    def transport(self) -> str:
        return ""

    @property
    def rooms(self) -> frozenset[str]:
        return frozenset((self._roomName,))

    @property
    def connectedAt(self) -> float:
        return self.facts.connectedAt

    @property
    def data(self) -> dict[str, Any]:
        if self._data is None:
            self._data = {}
        return self._data

    @property
    def joinRequest(self) -> Mapping[str, Any]:
        return EMPTY

    def emit(self, event: str, *arguments: Any) -> None:
        self._station.tell(self._member, OutgoingEvent.of(event, *arguments))

    def disconnect(self, reason: str = "kicked") -> None:
        self.end(reason, connection=True)

    def end(self, reason: str, connection: bool = False) -> None:
        """Have it put out of its room, or of the server, or forgotten if it waits; for the server, not for plugins.

        Raises:
            TypeError: The reason is not a string.
        """
        told, station = checkedReason(reason), self._station
        if not self.facts.waits and station.holdsBack(self._roomName, self, told, connection):
            return
        if not self.isEnding:
            self.isEnding = station.end(self._roomName, self._member, told, connection)

    @property
    def _member(self) -> Member:
        return Member(self.facts, self.home, self.node, self.at)

    def __repr__(self) -> str:
        return f"<peer {self.userId!r} in {self._roomName!r}, on {self.node}>"


class Others:
    """The members of one room on other nodes.

    Args:
        name: The room's name.
        apart: The users whose messages are not for guests of the same name: a container that the room changes.

    Attributes:
        name: The same.
        members: By id. Not to be changed from outside.
        everyone: All of them.
    """

    __slots__ = ("_apart", "_users", "everyone", "members", "name")

    def __init__(self, name: str, apart: Container[str]) -> None:
        self.name = name
        self.members: dict[str, Elsewhere] = {}
        self.everyone = Audience((name,), ())
        self._apart = apart
        self._users: dict[str, list[Elsewhere]] | None = None

    def __contains__(self, memberId: object) -> bool:
        return memberId in self.members

    def __iter__(self) -> Iterator[Elsewhere]:
        return iter(self.members.values())

    def __len__(self) -> int:
        return len(self.members)

    def add(self, member: Elsewhere) -> None:
        """Someone has joined there."""
        self.members[member.sid] = member
        if self._users is not None:
            self._users.setdefault(member.userId, []).append(member)
        self._count(member.home, 1)

    def remove(self, memberId: str) -> Elsewhere | None:
        """Someone has gone there.

        Returns:
            Who; None if there is no such member.
        """
        member = self.members.pop(memberId, None)
        if member is None:
            return None
        if self._users is not None:
            same = self._users[member.userId]
            same.remove(member)
            if not same:
                del self._users[member.userId]
        self._count(member.home, -1)
        return member

    def of(self, userId: str) -> Sequence[Elsewhere]:
        """Those who have joined as a user."""
        if self._users is None:
            if len(self.members) <= _FEW:
                return [member for member in self.members.values() if member.userId == userId]
            self._users = {}
            for member in self.members.values():
                self._users.setdefault(member.userId, []).append(member)
        return self._users.get(userId, ())

    def addressees(self, userId: str | None) -> Iterable[Elsewhere]:
        """Those whom a message to a user is for; see `Room.addressees`. None: all."""
        if userId is None:
            return self.members.values()
        found = self.of(userId)
        return [member for member in found if member.signedIn] if userId in self._apart else found

    def _count(self, home: str, change: int) -> None:
        counts = dict(self.everyone.reach)
        counts[home] = counts.get(home, 0) + change
        reach = tuple((name, count) for name, count in counts.items() if count)
        self.everyone = self.everyone._replace(reach=reach)


def audienceOf(
    rooms: Sequence[Others], target: str | None = None, without: Sequence[tuple[Others, str | None]] = ()
) -> Audience:
    """The members elsewhere to whom an event is to go.

    Args:
        rooms: Whose members.
        target: The only user who is meant; None for all.
        without: Those to whom it is not to go: rooms, each with the only user who is meant there, or None for all.
    """
    if target is None and not without and len(rooms) == 1:
        return rooms[0].everyone
    found = {member.sid: member.home for room in rooms for member in room.addressees(target)}
    for room, only in without:
        for member in room.addressees(only):
            found.pop(member.sid, None)
    counts: dict[str, int] = {}
    for home in found.values():
        counts[home] = counts.get(home, 0) + 1
    names, served = tuple(room.name for room in rooms), tuple((room.name, only) for room, only in without)
    return Audience(names, tuple(counts.items()), target, served)
