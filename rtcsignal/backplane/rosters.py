"""The rooms of this node as Redis has them: who is there, in which state each room is, and what has become doubtful.

What is told comes in the order in which Redis did it, so there is nothing to compare and to wait for. When a history
ends and another one begins, with the next connection, the members of other nodes are *stale* until that one has shown
them; those whom it does not show have gone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec

from rtcsignal.backplane.facts import readFacts
from rtcsignal.backplane.nodes import Nodes, nodeOf
from rtcsignal.signaling.cluster import Ear, Member, Snapshot

__all__ = ["Rosters"]

_Items: TypeAlias = Sequence[bytes] | None

_MOST_LOOKS = 1_000
TIMEOUT = "timeout"
"""The reason that rooms are told of a member whose node is gone."""


class _Roster:
    """A room in which this node has entered somebody.

    Attributes:
        homes: The node of each member.
        own: How many are of this node.
        state: The room's version.
        pending: How many changes of this node are on their way.
        stale: Members that the history has not shown yet, each with its node; None if there are none.
        isShown: The history has shown the room.
    """

    __slots__ = ("homes", "isShown", "own", "pending", "stale", "state")

    def __init__(self) -> None:
        self.homes: dict[str, str] = {}
        self.own = 0
        self.state = 0
        self.pending = 0
        self.stale: dict[str, str] | None = None
        self.isShown = True


class Rosters:
    """The rooms of this node.

    Args:
        nodes: Which nodes there are.
    """

    def __init__(self, nodes: Nodes) -> None:
        self.ear: Ear | None = None
        self._nodes = nodes
        self._rooms: dict[str, _Roster] = {}
        self._looked: dict[str, int] = {}
        self._stale: dict[str, None] = {}
        self._kept: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self._rooms)

    def __contains__(self, roomName: object) -> bool:
        """Whether this node hears of a room."""
        return roomName in self._rooms

    def __iter__(self) -> Iterator[tuple[str, str, str]]:
        """Each member of each of them: the room, the member, and its node."""
        for roomName, roster in self._rooms.items():
            for memberId, home in roster.homes.items():
                yield roomName, memberId, home

    @property
    def shared(self) -> int:
        """In how many of them others have members."""
        return sum(len(roster.homes) > roster.own for roster in self._rooms.values())

    @property
    def stale(self) -> int:
        """How many members are in doubt."""
        return sum(len(self._rooms[name].stale or ()) for name in self._stale)

    def seen(self, roomName: str) -> int:
        """The state of a room as far as it is known, with the changes of this node that are on their way."""
        roster = self._rooms.get(roomName)
        return self._looked.pop(roomName, 0) if roster is None else roster.state + roster.pending

    def pending(self, roomName: str, change: int) -> None:
        """A change of this node is on its way, or has been answered."""
        roster = self._rooms.get(roomName)
        if roster is not None:
            roster.pending += change

    def state(self, roomName: str, state: int) -> None:
        """A change of this node has made the room what it is."""
        roster = self._rooms.get(roomName)
        if roster is not None and state > 0:
            roster.state = state

    def looked(self, roomName: str, state: int, members: _Items, shared: _Items) -> None:
        """A room is in this state. If this node does not hear of it, there is a snapshot: two lists of keys and values.
        """
        if roomName in self._rooms:
            self.state(roomName, state)
        else:
            if len(self._looked) > _MOST_LOOKS:
                self._looked.clear()
            self._looked[roomName] = state
        if members is not None and shared is not None:
            self._hub.adopt(roomName, self._snapshot(members, shared))

    def took(self, roomName: str, memberId: str, state: int, members: _Items, shared: _Items) -> None:
        """This node has a seat; see `looked`."""
        roster = self._rooms.get(roomName)
        if roster is None:
            roster = self._rooms[roomName] = _Roster()
        self._looked.pop(roomName, None)
        roster.state = state
        if roster.homes.get(memberId) != self._nodes.own:
            roster.homes[memberId] = self._nodes.own
            roster.own += 1
        if members is not None and shared is not None:
            snapshot = self._snapshot(members, shared)
            for member in snapshot.members:
                roster.homes[member.facts.id] = member.home
                self._show(roomName, roster, member.facts.id)
            roster.isShown = True
            self._hub.adopt(roomName, snapshot)
            self.judge(roomName)

    def kept(self, roomName: str, memberId: str) -> None:
        """This node has a seat of which Redis does not know."""
        roster = self._rooms.get(roomName)
        if roster is not None and memberId not in roster.homes:
            roster.homes[memberId] = self._nodes.own
            roster.own += 1
            self._kept.add((roomName, memberId))

    def gave(self, roomName: str, memberId: str) -> bool:
        """A seat of this node has ended; whether Redis knew it."""
        roster = self._rooms.get(roomName)
        if roster is None or roster.homes.pop(memberId, None) is None:
            return False
        roster.own -= 1
        if not roster.own:
            self._drop(roomName)
        isKept = (roomName, memberId) in self._kept
        self._kept.discard((roomName, memberId))
        return not isKept

    def replaced(self, roomName: str, memberId: str) -> None:
        """A membership has ended as one of this node has begun; the hub knows."""
        roster = self._rooms.get(roomName)
        home = None if roster is None else roster.homes.pop(memberId, None)
        if roster is not None and home is not None:
            self._show(roomName, roster, memberId)
            if home == self._nodes.own:
                roster.own -= 1

    def joined(self, roomName: str, state: int, memberId: str, home: str, at: int, facts: str) -> None:
        """A member of another node has come, or is told anew.

        Raises:
            msgspec.MsgspecError: That is not what is known of a member.
        """
        member = Member(readFacts(memberId, facts), home, self._nodes.nameOf(home), at)
        roster = self._rooms.get(roomName)
        if roster is None:
            return
        roster.state = state
        roster.homes[memberId] = home
        self._show(roomName, roster, memberId)
        self._hub.arrived(roomName, member)

    def left(self, roomName: str, state: int, memberId: str, reason: str, flags: str) -> None:
        """A membership has ended, perhaps one of this node."""
        roster = self._rooms.get(roomName)
        if roster is None:
            return
        roster.state = state or roster.state
        self._gone(roomName, roster, memberId, reason, "c" in flags, "o" in flags)

    def shares(self, roomName: str, state: int, key: str, value: str) -> None:
        """What is shared has changed."""
        roster = self._rooms.get(roomName)
        if roster is not None:
            roster.state = state
            self._hub.shared(roomName, key, msgspec.json.decode(value) if value else None)

    def swept(self, roomName: str, state: int, memberId: str, value: bytes, reason: str) -> None:
        """This node has ended a membership of one that is gone."""
        member = self._member(memberId.encode(), value)
        isOrphaned = reason == TIMEOUT and member is not None and member.home != self._nodes.own
        if roomName in self._rooms:
            self.left(roomName, state, memberId, reason, "o" if isOrphaned else "")
        elif not state and isOrphaned and member is not None:
            self._hub.swept(roomName, member, reason)

    def begin(self) -> None:
        """Another history begins: what is known of other nodes is in doubt."""
        own = self._nodes.own
        self._kept.clear()
        self._looked.clear()
        self._stale.clear()
        for name, roster in self._rooms.items():
            roster.pending = 0
            roster.isShown = False
            roster.stale = {memberId: home for memberId, home in roster.homes.items() if home != own} or None
            if roster.stale is not None:
                self._stale[name] = None

    def inDoubt(self) -> Iterator[str]:
        """The rooms with members that are in doubt."""
        return iter(tuple(self._stale))

    def judge(self, roomName: str, isLate: bool = False) -> None:
        """Who is in doubt has gone if its node is ready without it; or if it is late, and its node is not there.

        Args:
            roomName: Where.
            isLate: The history has gone on for a while.
        """
        roster = self._rooms.get(roomName)
        if roster is None or roster.stale is None or not roster.isShown:
            return
        nodes = self._nodes
        for memberId, home in list(roster.stale.items()):
            if nodes.isReady(home) or (isLate and nodes.incarnationOf(home) is None):
                self._gone(roomName, roster, memberId, TIMEOUT, False, True)

    def _gone(
        self, roomName: str, roster: _Roster, memberId: str, reason: str, connection: bool, orphaned: bool
    ) -> None:
        home = roster.homes.pop(memberId, None)
        if home is None:
            return
        self._show(roomName, roster, memberId)
        self._hub.departed(roomName, memberId, reason, connection, orphaned)
        if home == self._nodes.own:
            roster.own -= 1
            if not roster.own:
                self._drop(roomName)

    def _show(self, roomName: str, roster: _Roster, memberId: str) -> None:
        if roster.stale is not None and roster.stale.pop(memberId, None) is not None and not roster.stale:
            roster.stale = None
            self._stale.pop(roomName, None)

    def _drop(self, roomName: str) -> None:
        self._rooms.pop(roomName, None)
        self._stale.pop(roomName, None)

    def _snapshot(self, members: Sequence[bytes], shared: Sequence[bytes]) -> Snapshot:
        pairs = zip(members[::2], members[1::2], strict=True)
        found = (self._member(memberId, value) for memberId, value in pairs if memberId)  # without the head of the room
        others = [member for member in found if member is not None and member.home != self._nodes.own]
        keys = (key.decode() for key in shared[::2])
        values: dict[str, Any] = dict(zip(keys, map(msgspec.json.decode, shared[1::2]), strict=True))
        return Snapshot(others, values)

    def _member(self, memberId: bytes, value: bytes) -> Member | None:
        """A member as it is written in Redis; None if it is not to be read."""
        incarnation, _, rest = value.decode("utf-8", "replace").partition(" ")
        at, _, facts = rest.partition(" ")
        home = nodeOf(incarnation)
        try:
            return Member(readFacts(memberId.decode(), facts), home, self._nodes.nameOf(home), int(at))
        except (ValueError, msgspec.MsgspecError):
            return None

    @property
    def _hub(self) -> Ear:
        if self.ear is None:
            raise RuntimeError("the cluster has no one to tell")
        return self.ear
