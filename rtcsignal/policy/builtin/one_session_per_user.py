"""What happens when a user joins a room in which the same user is already."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from zope.interface import implementer

from rtcsignal.api import (
    Configurable,
    IDoorObserver,
    IPeer,
    IRoom,
    IRoomObserver,
    IRoomPolicy,
    IServices,
    Option,
    Refused,
    firstFit,
)

_MOST_TABS = 32
_MOST_CHARACTERS = 128
_REPLACED = "replaced"
_Mode: TypeAlias = Literal["refuse", "replace", "many"]


@implementer(IRoomPolicy, IDoorObserver, IRoomObserver)
class OneSessionPerUser(Configurable):
    """Refuses the second session of a user in a room, lets it replace the first one, or allows many."""

    name = "one-session-per-user"
    rooms: Option[dict[str, _Mode]] = Option(
        dict[str, _Mode],
        {"*": "replace"},
        "What becomes of a second session, by pattern of room names; the first that fits counts, many if none does.",
    )
    ends = Option(
        str,
        "connection",
        "What ends for the one who is replaced: its connection, with its other rooms, or this membership only.",
        choices=("connection", "membership"),
    )
    most = Option(int, 3, "Times that a user may be replaced within `seconds`, if the clients tell no `tab`.", least=1)
    seconds = Option(float, 10, "The time for `most`.", least=1)

    def start(self, services: IServices) -> None:
        self._services = services

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        mode = self._modeOf(room)
        same = room.peersOf(peer.userId) if mode != "many" else ()
        if not peer.signedIn and any(other.signedIn for other in same):
            raise Refused("already-here", "The user of this name has signed in, and is in this room already.")
        others = _equals(peer, same)
        tab = _tabOf(peer)
        if not others or (tab and tab in map(_tabOf, others)):
            return  # a client that comes back before the end of its old connection was noticed
        if mode == "refuse":
            raise Refused("already-here", "You are in this room already, on another page or device.")
        tabs, times = self._memoryOf(others, room)
        if tab and tab in tabs:
            raise Refused(_REPLACED, "You have joined from another page or device since.")
        if len(times) >= self.most:
            left = math.ceil(times[-self.most] + self.seconds - self._services.clock.seconds())
            text = "You are joining from several pages or devices in turn."
            raise Refused(_REPLACED, text, {"retry_after": max(left, 1)})

    def entering(self, peer: IPeer, room: IRoom) -> None:
        others = room.peersOf(peer.userId) if self._modeOf(room) != "many" else ()
        if not others:
            return
        equals = _equals(peer, others)
        tabs, times = self._memoryOf(equals, room)
        own = _tabOf(peer)
        for other in equals:
            tab = _tabOf(other)
            if not own or tab != own:
                times = [*times, self._services.clock.seconds()]
                tabs = [*tabs, tab] if tab else tabs
        peer.data.setdefault(self.name, {})[room.name] = (tabs[-_MOST_TABS:], times[-self.most :])
        for other in others:
            self._end(other, room)

    def withdrew(self, peer: IPeer, room: IRoom, reason: str) -> None:
        """Those who wait have no session yet."""

    def joined(self, peer: IPeer, room: IRoom) -> None:
        """It has been seen to before."""

    def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
        peer.data.get(self.name, {}).pop(room.name, None)

    def _modeOf(self, room: IRoom) -> _Mode:
        return firstFit(self.rooms, room.name, "many")

    def _memoryOf(self, others: Iterable[IPeer], room: IRoom) -> tuple[list[str], list[float]]:
        """The tabs that those who are there have replaced, and when they did it lately. It ends with them."""
        tabs: list[str] = []
        times: list[float] = []
        for other in others:
            theirs = other.data.get(self.name, {}).get(room.name, ((), ()))
            tabs += theirs[0]
            times += theirs[1]
        since = self._services.clock.seconds() - self.seconds
        return tabs, sorted(time for time in times if time > since)

    def _end(self, peer: IPeer, room: IRoom) -> None:
        peer.emit(_REPLACED, {"roomName": room.name, "userId": peer.userId})
        if self.ends == "connection":
            peer.disconnect(_REPLACED)
        else:
            self._services.kick(peer, _REPLACED)


def _equals(peer: IPeer, others: Iterable[IPeer]) -> list[IPeer]:
    """Those who are the same user as a peer: to one who has signed in, guests under the same name are not."""
    return [other for other in others if other.signedIn or not peer.signedIn]


def _tabOf(peer: IPeer) -> str:
    """What a page calls itself, so that its own return is told from another page's. Empty if it does not."""
    tab: Any = peer.joinRequest.get("tab")
    return tab if isinstance(tab, str) and len(tab) <= _MOST_CHARACTERS else ""


oneSessionPerUser = OneSessionPerUser()
