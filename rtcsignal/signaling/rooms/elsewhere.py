"""Members on other nodes, as this one knows them, and as plugins see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from rtcsignal.interfaces import IPeer
from rtcsignal.signaling.cluster import Facts, Member
from rtcsignal.signaling.events import checkedReason
from rtcsignal.signaling.station import Station
from rtcsignal.socketio.fanout import OutgoingEvent
from rtcsignal.values import EMPTY

__all__ = ["Elsewhere", "FarView", "memberOf"]


class Elsewhere:
    """A member on another node, or one that waits there.

    Args:
        member: Who.
        roomName: Where.
        station: This node.

    Attributes:
        facts: What is known of it; replaced as a whole.
        home: What the cluster calls its node.
        node: What people call its node.
        at: See `Member`.
        roomName: The same.
        data: For plugins of this node; None until one asks.
    """

    __slots__ = ("_isEnding", "_station", "at", "data", "facts", "home", "node", "roomName")

    def __init__(self, member: Member, roomName: str, station: Station) -> None:
        self.roomName = roomName
        self.data: dict[str, Any] | None = None
        self._station = station
        self.update(member)

    def update(self, member: Member) -> None:
        """What is known of it has changed."""
        self.facts, self.home, self.node, self.at = member
        self._isEnding = False

    @property
    def id(self) -> str:
        """The public id of its peer."""
        return self.facts.id

    @property
    def userId(self) -> str:
        """As whom it is there."""
        return self.facts.userId

    @property
    def view(self) -> FarView:
        """What plugins see of it."""
        return FarView(self)

    def tell(self, event: OutgoingEvent) -> None:
        """Send it an event."""
        self._station.tell(self._member, event)

    def end(self, reason: str, connection: bool = False) -> None:
        """Have it put out of its room, or of the server; or forgotten, if it waits. Nothing happens if that is under
        way.

        Raises:
            TypeError: The reason is not a string.
        """
        told = checkedReason(reason)
        if not self.facts.waits and self._station.holdsBack(self.roomName, self.view, told, connection):
            return
        if not self._isEnding:
            self._isEnding = self._station.end(self.roomName, self._member, told, connection) is not None

    def giveUp(self, reason: str) -> Deferred[None] | None:
        """Have its node give up its connection, because its client is here.

        Returns:
            Fires when that is done; None if its node cannot be reached, or was asked before.
        """
        if self._isEnding:
            return None
        pending = self._station.end(self.roomName, self._member, reason, connection=True)
        self._isEnding = pending is not None
        return pending

    @property
    def _member(self) -> Member:
        return Member(self.facts, self.home, self.node, self.at)


@implementer(IPeer)
class FarView:
    """A member on another node, as plugins see it. Two views of one member are equal.

    Args:
        member: Whom.
    """

    __slots__ = ("_member",)

    def __init__(self, member: Elsewhere) -> None:
        self._member = member

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FarView) and other._member is self._member

    def __hash__(self) -> int:
        return hash(self._member)

    @property
    def _facts(self) -> Facts:
        return self._member.facts

    @property
    def sid(self) -> str:
        return self._member.id

    @property
    def userId(self) -> str:
        return self._member.userId

    @property
    def roles(self) -> frozenset[str]:
        return frozenset(self._facts.roles)

    @property
    def claims(self) -> Mapping[str, Any]:
        return EMPTY

    @property
    def signedIn(self) -> bool:
        return self._facts.signedIn

    @property
    def away(self) -> bool:
        return self._facts.away

    @property
    def awayUntil(self) -> float | None:
        facts = self._facts
        return facts.awayUntil if facts.away else None

    @property
    def hasKey(self) -> bool:
        return bool(self._facts.key)

    @property
    def node(self) -> str:
        return self._member.node

    @property
    def address(self) -> str:
        return self._facts.address

    @property
    def origin(self) -> None:
        return None

    @property
    def conn(self) -> str:
        return ""

    @property
    def namespace(self) -> str:
        return self._facts.namespace

    @property
    def transport(self) -> str:
        return ""

    @property
    def rooms(self) -> frozenset[str]:
        return frozenset((self._member.roomName,))

    @property
    def connectedAt(self) -> float:
        return self._facts.connectedAt

    @property
    def data(self) -> dict[str, Any]:
        member = self._member
        if member.data is None:
            member.data = {}
        return member.data

    @property
    def joinRequest(self) -> Mapping[str, Any]:
        return EMPTY

    def emit(self, event: str, *arguments: Any) -> None:
        self._member.tell(OutgoingEvent.of(event, *arguments))

    def disconnect(self, reason: str = "kicked") -> None:
        self._member.end(reason, connection=True)

    def __repr__(self) -> str:
        return f"<peer {self.userId!r} in {self._member.roomName!r}, on {self.node}>"


def memberOf(view: FarView) -> Elsewhere:
    """Who it is; for the server, not for plugins."""
    return view._member
