"""The members of a room on other nodes. The cluster tells which there are."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import attrgetter

from rtcsignal.signaling.cluster import Audience, Member, Reach
from rtcsignal.signaling.rooms.elsewhere import Elsewhere

__all__ = ["Others", "audienceOf", "byJoining"]

_FEW = 8

byJoining = attrgetter("at")
"""By which members are sorted, here and elsewhere."""


class Others:
    """The members of one room on other nodes.

    Args:
        name: The room's name.
        apart: The users whose messages are not for guests of the same name: a container that the room changes.

    Attributes:
        name: The same.
        members: By id. Not to be changed from outside.
    """

    __slots__ = ("_apart", "_reach", "_users", "members", "name")

    def __init__(self, name: str, apart: Container[str]) -> None:
        self.name = name
        self.members: dict[str, Elsewhere] = {}
        self._reach: Reach = ()
        self._apart = apart
        self._users: dict[str, list[Elsewhere]] | None = None

    @property
    def everyone(self) -> Audience:
        """All of them."""
        return Audience((self.name,), self._reach)

    def __contains__(self, memberId: object) -> bool:
        return memberId in self.members

    def __iter__(self) -> Iterator[Elsewhere]:
        return iter(self.members.values())

    def __len__(self) -> int:
        return len(self.members)

    def add(self, member: Elsewhere) -> None:
        """Someone has joined there."""
        self.members[member.id] = member
        if self._users is not None:
            self._users.setdefault(member.userId, []).append(member)
        self._count(member.home, 1)

    def update(self, member: Member) -> None:
        """What is known of one of them has changed, and perhaps what its node is called."""
        known = self.members[member.facts.id]
        if known.home != member.home:
            self._count(known.home, -1)
            self._count(member.home, 1)
        known.update(member)

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
        return [member for member in found if member.facts.signedIn] if userId in self._apart else found

    def _count(self, home: str, change: int) -> None:
        counts = dict(self._reach)
        counts[home] = counts.get(home, 0) + change
        nodes = tuple((name, count) for name, count in counts.items() if count)
        self._reach = _commonReach(*nodes[0]) if len(nodes) == 1 else nodes


@lru_cache(maxsize=1_024)
def _commonReach(home: str, count: int) -> Reach:
    """The reach of a room with members on one other node: the same object for all such rooms."""
    return ((home, count),)


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
    found = {member.id: member.home for room in rooms for member in room.addressees(target)}
    for room, only in without:
        for member in room.addressees(only):
            found.pop(member.id, None)
    counts: dict[str, int] = {}
    for home in found.values():
        counts[home] = counts.get(home, 0) + 1
    names, served = tuple(room.name for room in rooms), tuple((room.name, only) for room, only in without)
    return Audience(names, tuple(counts.items()), target, served)
