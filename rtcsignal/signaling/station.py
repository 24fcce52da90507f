"""This node, as participants and views know it: how they reach the others, and what is held back at the door."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred

from rtcsignal.signaling.cluster import Audience, Cluster, End, Member
from rtcsignal.socketio.fanout import OutgoingEvent

__all__ = ["UNWATCHED", "Door", "Station"]


class _Said(NamedTuple):
    sid: str
    event: OutgoingEvent
    send: Callable[[], object]


class Door:
    """What plugins do while somebody is about to join a room: it happens as the join does, and not if there is none.

    In a cluster a join may be judged several times before it is certain.

    Args:
        roomName: The room.

    Attributes:
        roomName: The same.
        shares: What they share about the room.
    """

    __slots__ = ("_ended", "_said", "roomName", "shares")

    def __init__(self, roomName: str) -> None:
        self.roomName = roomName
        self.shares: dict[str, Any] = {}
        self._ended: dict[str, tuple[Any, str, bool]] = {}
        self._said: list[_Said] = []

    def end(self, peer: Any, reason: str, connection: bool) -> None:
        """A member of the room has to make way.

        Args:
            peer: The `IPeer`.
            reason: What is told.
            connection: Its connection ends.
        """
        _, first, before = self._ended.get(peer.sid, (peer, reason, False))
        self._ended[peer.sid] = (peer, first, before or connection)

    def tell(self, sid: str, event: OutgoingEvent, send: Callable[[], object]) -> None:
        """A client is told something: before its end, if it has to make way.

        Args:
            sid: Its public id.
            event: What.
            send: Sends it.
        """
        self._said.append(_Said(sid, event, send))

    @property
    def ends(self) -> Sequence[tuple[Any, End]]:
        """Who has to make way, as `IPeer` and as the others are told."""
        if not self._ended:
            return ()
        return [
            (peer, End(sid, reason, connection, tuple(said.event for said in self._said if said.sid == sid)))
            for sid, (peer, reason, connection) in self._ended.items()
        ]

    def carryOut(self) -> None:
        """The join is certain: do everything but the ends."""
        for said in self._said:
            if said.sid not in self._ended:
                said.send()


UNWATCHED = Door("")
"""Nobody does anything."""


class Station:
    """This node.

    Args:
        cluster: The other nodes.

    Attributes:
        cluster: The same.
        node: What people call it; empty if it is alone.
        isAlone: There are no other nodes.
        door: Where plugins are asked at the moment what a join changes; None if they are not.
    """

    __slots__ = ("cluster", "door", "isAlone", "node")

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.node = cluster.node
        self.isAlone = not cluster.node
        self.door: Door | None = None

    def say(self, audience: Audience, event: OutgoingEvent, sender: str = "") -> int:
        """Hand an event to members on other nodes; see `Cluster.say`."""
        return self.cluster.say(audience, event, sender)

    def share(self, roomName: str, key: str, value: Any) -> None:
        """Change what plugins share about a room; see `Cluster.share`."""
        self.cluster.share(roomName, key, value)

    def tell(self, member: Member, event: OutgoingEvent) -> None:
        """Hand an event to a client of another node."""
        send = partial(self.cluster.tell, member, event)
        if self.door is None:
            send()
        else:
            self.door.tell(member.facts.id, event, send)

    def end(self, roomName: str, member: Member, reason: str, connection: bool) -> Deferred[None] | None:
        """Put out a member of another node; see `Cluster.end`."""
        return self.cluster.end(roomName, member, reason, connection)

    def holdsBack(self, roomName: str, peer: Any, reason: str, connection: bool) -> bool:
        """Whether the end of a membership happens with the join that plugins are asked about at the moment.

        Args:
            roomName: Where.
            peer: The `IPeer`.
            reason: What is told.
            connection: Its connection ends.
        """
        door = self.door
        if door is None or door.roomName != roomName:
            return False
        door.end(peer, reason, connection)
        return True
