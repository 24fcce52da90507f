"""Where signalling meets the other nodes. The code that builds the server supplies them; most servers are alone.

What crosses here are values: a seat is the name of its room and the public id of its peer, which has one there at most.

All that a cluster tells the hub (`Ear`) comes in one order, the same on every node, each as a plain call. An answer
that is a Deferred has its place in that order too: it fires there, and what follows has not been told yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec
from twisted.internet.defer import Deferred, succeed

from rtcsignal.socketio.fanout import OutgoingEvent
from rtcsignal.values import EMPTY

__all__ = [
    "DISMISSED",
    "UNSEEN",
    "Alone",
    "Audience",
    "Cluster",
    "Ear",
    "End",
    "Entered",
    "Facts",
    "Member",
    "Outcome",
    "Reach",
    "Served",
    "Snapshot",
]

DISMISSED = "dismissed"
"""Why a seat no longer waits that a plugin has had forgotten."""


class Facts(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What other nodes know of a seat. No secret is among it.

    Attributes:
        id: The public id of its peer.
        userId: As whom it joined.
        signedIn: Its authenticator has found that user id.
        waits: It waits for the room, and is no member.
        away: Its connection was lost, and it is waited for.
        awayUntil: Until when, on the clock of its node.
        connectedAt: When it connected, likewise.
        namespace: The namespace that it uses.
        address: Its IP address.
        key: What the key of its client is looked up by; empty if it has none.
        roles: From its authenticator.
    """

    id: str
    userId: str
    signedIn: bool = False
    waits: bool = False
    away: bool = False
    awayUntil: float = 0.0
    connectedAt: float = 0.0
    namespace: str = "/"
    address: str = ""
    key: bytes = b""
    roles: tuple[str, ...] = ()


class Member(NamedTuple):
    """A member on another node, or one that waits there.

    Attributes:
        facts: What is known of it.
        home: What the cluster calls its node; of the signalling's use only to tell nodes apart.
        node: What people call its node.
        at: When it joined, or while it waits, when it began to; in microseconds since the epoch. The same on all nodes,
            and kept through repairs and changes. Members are in the order of this.
    """

    facts: Facts
    home: str
    node: str
    at: int


class Snapshot(NamedTuple):
    """A room as it is everywhere else.

    Attributes:
        members: Those on other nodes, in any order.
        shared: What plugins share about the room.
    """

    members: Sequence[Member] = ()
    shared: Mapping[str, Any] = EMPTY


class End(NamedTuple):
    """A membership that ends as another one begins: everyone hears of it before they hear of that.

    Attributes:
        id: The public id of its peer.
        reason: What is told.
        connection: Its connection ends, with its other rooms.
        events: What its client is told before.
    """

    id: str
    reason: str
    connection: bool
    events: tuple[OutgoingEvent, ...] = ()


UNSEEN = -1
"""See `Cluster.enter`."""


class Outcome(Enum):
    """What became of a seat that was to be taken everywhere."""

    TAKEN = "taken"
    CHANGED = "changed"  # the room is not as it was seen; the ear has been told how it is
    LOCAL = "local"  # the others will be told later: it is taken on this node
    UNAVAILABLE = "unavailable"  # and is not to be taken on this node alone


class Entered(NamedTuple):
    """See `Outcome`.

    Attributes:
        outcome: Which it is.
        at: As `Member.at`, if the seat is taken.
    """

    outcome: Outcome
    at: int = 0


Served: TypeAlias = tuple[str, str | None]
"""A room's name, and the only user in it who is meant; None for all members."""

Reach: TypeAlias = Sequence[tuple[str, int]]
"""Nodes, as `Member.home` calls them, each with how many members it has there."""


class Audience(NamedTuple):
    """Members on other nodes to whom an event is to go, once to each.

    Attributes:
        rooms: The names of the rooms whose members they are.
        reach: Which nodes have how many of them.
        target: The only user who is meant; None for all.
        without: Those to whom it is not to go, as they have got another form of it.
    """

    rooms: tuple[str, ...]
    reach: Reach
    target: str | None = None
    without: tuple[Served, ...] = ()


class Cluster(Protocol):
    """The other nodes.

    Attributes:
        node: What people call this node; empty if it is alone.
    """

    node: str

    def look(self, roomName: str) -> Deferred[None] | None:
        """Have the room as it is everywhere, before policies judge. The ear has been told (`Ear.adopt`) when it fires.

        It fires within five seconds, also while the others cannot be reached, and never fails.

        Returns:
            None if the room is here already: this node has a seat in it, and hears of every change.
        """

    def seen(self, roomName: str) -> int:
        """Which state of the room the ear has been told, for `enter`. 0 if none."""

    def enter(
        self, roomName: str, facts: Facts, seen: int | None, ends: Sequence[End], shares: Mapping[str, Any]
    ) -> Deferred[Entered] | None:
        """Take a seat everywhere, which may have waited until now. If it goes meanwhile, it is left (`leave`) then.

        It fires within five seconds, and never fails. The others hear of the ends, then of what is shared, then of the
        seat; the ear of this node hears of none of these, but of the room (`Ear.adopt`) before it fires, if it was not
        here.

        Args:
            roomName: Where.
            facts: What others are to know of it.
            seen: What `seen` said before the policies judged; None if there are none: any state will do. `UNSEEN`: the
                room has not been looked at, and any state will do in which no one is this user, or has its key.
            ends: Memberships that end as this one begins, on any node.
            shares: What plugins share about the room from then on, by key; None removes a key.

        Returns:
            None if it is taken: there are no others.
        """

    def wait(self, roomName: str, facts: Facts) -> Deferred[Entered]:
        """A seat waits: the others know of it, and it is no member. Again for the same peer: only its facts change.

        Returns:
            As of `enter`; any state will do.
        """

    def changed(self, roomName: str, facts: Facts) -> None:
        """What others are to know of a seat, taken or waiting, has changed. Not waited for."""

    def leave(self, roomName: str, memberId: str, reason: str) -> Deferred[None] | None:
        """A seat has ended here, or no longer waits. Nothing waits for it but the observers.

        Returns:
            Fires when the others know: until then, and no longer, the ear of this node is told of the room if this was
            its last seat here. None if there are no others, or none that can be reached now.
        """

    def end(self, roomName: str, member: Member, reason: str, connection: bool) -> Deferred[None] | None:
        """Put a member of another node out of its room, or its connection out of the server; or have one that waits
        there forgotten.

        Returns:
            Fires when it is done, and the ear of this node has been told (`Ear.departed`). None if it cannot be done:
            its node cannot be reached now.
        """

    def say(self, audience: Audience, event: OutgoingEvent, sender: str = "") -> int:
        """Hand an event to members on other nodes.

        Args:
            audience: Which.
            event: The event.
            sender: The public id of the member whose words these are; empty for the server's own.

        Returns:
            To how many it was handed: those whose node could be reached.
        """

    def tell(self, member: Member, event: OutgoingEvent) -> None:
        """Hand an event to one member of another node, one that waits there, or one that did."""

    def share(self, roomName: str, key: str, value: Any) -> None:
        """Change what plugins share about a room that has a seat here. Every node is told (`Ear.shared`), this one too:
        there the last of several counts.

        Args:
            roomName: The room.
            key: Which of it.
            value: A JSON value; None removes it.
        """


class Ear(Protocol):
    """What the hub is told of the others. What is about rooms that it does not have is ignored."""

    def adopt(self, roomName: str, snapshot: Snapshot) -> None:
        """A room as it is everywhere else.

        If there are seats of it here, members that are missing in the snapshot stay (until `departed`), as does what
        is shared under keys that it does not have.
        """

    def arrived(self, roomName: str, member: Member) -> None:
        """A member has joined on another node, or begun to wait there; or what is known of it has changed."""

    def departed(
        self, roomName: str, memberId: str, reason: str, connection: bool = False, orphaned: bool = False
    ) -> None:
        """A membership has ended on another node; or another node has ended one of this node.

        Args:
            roomName: Where.
            memberId: The public id of its peer.
            reason: Why.
            connection: One of this node: its connection ends, too.
            orphaned: Its node is gone, and tells no observers: that is for the node of the longest-standing member.
        """

    def swept(self, roomName: str, member: Member, reason: str) -> None:
        """This node has ended a membership of a node that is gone, and the room has no members left anywhere: the
        observers are told here."""

    def heard(
        self,
        rooms: Sequence[str],
        without: Sequence[Served],
        target: str | None,
        event: OutgoingEvent,
        sender: str = "",
    ) -> bool:
        """An event from another node; see `Audience`. It is not delivered in rooms that do not know its sender.

        Returns:
            Whether one of the rooms is here and knows its sender.
        """

    def told(self, memberId: str, event: OutgoingEvent) -> None:
        """An event for one client of this node; see `Cluster.tell`."""

    def shared(self, roomName: str, key: str, value: Any) -> None:
        """What plugins share about a room has changed; None: it is removed."""

    def seats(self) -> Iterator[tuple[str, str, int]]:
        """All seats of this node, those that wait too: the room's name, the public id, and `Member.at` (0 if it has
        none yet). What a repair enters again."""

    def factsOf(self, roomName: str, memberId: str) -> Facts | None:
        """What others are to know of one of these seats now; None if it has ended meanwhile."""

    def sharedIn(self, roomName: str) -> Mapping[str, Any]:
        """What plugins share about a room, as it is known here; for a repair as well."""


class Alone:
    """No other nodes: everything is here, and nothing is waited for."""

    node = ""

    def look(self, roomName: str) -> None:
        return None

    def seen(self, roomName: str) -> int:
        return 0

    def enter(
        self, roomName: str, facts: Facts, seen: int | None, ends: Sequence[End], shares: Mapping[str, Any]
    ) -> None:
        return None

    def wait(self, roomName: str, facts: Facts) -> Deferred[Entered]:
        return succeed(Entered(Outcome.TAKEN))

    def changed(self, roomName: str, facts: Facts) -> None:
        pass

    def leave(self, roomName: str, memberId: str, reason: str) -> None:
        return None

    def end(self, roomName: str, member: Member, reason: str, connection: bool) -> None:
        return None

    def say(self, audience: Audience, event: OutgoingEvent, sender: str = "") -> int:
        return 0

    def tell(self, member: Member, event: OutgoingEvent) -> None:
        pass

    def share(self, roomName: str, key: str, value: Any) -> None:
        pass
