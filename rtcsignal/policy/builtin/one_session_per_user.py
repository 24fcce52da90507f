"""What happens when a user joins a room in which the same user is already."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Iterable
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
    Throttle,
    firstFit,
    networkOf,
)

_NAME = "one-session-per-user"
_MOST_TABS = 32
_MOST_CHARACTERS = 128
_WAITS, _PAUSE = 20, 15  # pings that nobody answers, for each address
_REPLACED = "replaced"
_Mode: TypeAlias = Literal["refuse", "replace", "many"]


@implementer(IRoomPolicy, IDoorObserver, IRoomObserver)
class OneSessionPerUser(Configurable):
    """Refuses the second session of a user in a room, lets it replace the first one, or allows many."""

    name = _NAME
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
    probe = Option(
        float,
        3,
        "Seconds in which the one who is there must answer a ping, before another one is refused; 0 for no ping.",
        least=0,
        most=30,
    )

    def start(self, services: IServices) -> None:
        self._services = services
        self._waits = Throttle(_WAITS, _PAUSE, services.data.setdefault("waits", {}))

    def mayJoin(self, peer: IPeer, room: IRoom) -> Awaitable[None] | None:
        if not self._inTheWay(peer, room):
            self._checkPace(peer, room)
            return None
        return self._askThem(peer, room)

    async def _askThem(self, peer: IPeer, room: IRoom) -> None:
        """Those who are in the way may be gone without a word."""
        asked: set[IPeer] = set()
        while others := self._inTheWay(peer, room):
            away = [other.awayUntil for other in others if other.awayUntil is not None]
            if away:
                left = math.ceil(max(away) - self._services.clock.seconds())
                text = "The user of this name lost the connection, and may come back."
                raise Refused("already-here", text, {"retry_after": max(left, 1)})
            if not self.probe or asked.issuperset(others):
                raise Refused("already-here", _whyNot(peer, others))
            answers = [self._services.probe(other, self.probe) for other in others if other not in asked]
            asked.update(others)
            await self._hear(answers, peer)
        self._checkPace(peer, room)

    async def _hear(self, answers: Iterable[Awaitable[bool]], peer: IPeer) -> None:
        """Wait for the answers to pings, and the room's other joins with it, but not for ever for one address."""
        clock, origin = self._services.clock, networkOf(peer.address)
        if self._waits.wait(origin, clock.seconds()):
            text = "You are in this room already, perhaps by a connection that is dead. Try again."
            raise Refused("already-here", text, {"retry_after": math.ceil(self.probe)})
        for answer in answers:
            if not await answer:
                self._waits.count(origin, clock.seconds())

    def _inTheWay(self, peer: IPeer, room: IRoom) -> list[IPeer]:
        """The members whose places a peer would have to take, and may not."""
        mode = self._modeOf(room)
        others = room.peersOf(peer.userId) if mode != "many" else ()
        evenLive = mode == "replace" or _hasTabOf(peer, _equals(peer, others), room)
        return [other for other in others if not _mayTake(peer, other, evenLive)]

    def _checkPace(self, peer: IPeer, room: IRoom) -> None:
        """Two pages must not take turns in replacing each other."""
        others = room.peersOf(peer.userId) if self._modeOf(room) != "many" else ()
        live = [other for other in _equals(peer, others) if not other.away]
        if not live or _hasTabOf(peer, live, room):
            return  # a client that comes back before the end of its old connection was noticed
        tabs, times = self._memoryOf(live, room)
        if _tabOf(peer) in tabs:
            raise Refused(_REPLACED, "You have joined from another page or device since.")
        if len(times) >= self.most:
            left = math.ceil(times[-self.most] + self.seconds - self._services.now())
            text = "You are joining from several pages or devices in turn."
            raise Refused(_REPLACED, text, {"retry_after": max(left, 1)})

    def entering(self, peer: IPeer, room: IRoom) -> None:
        others = room.peersOf(peer.userId) if self._modeOf(room) != "many" else ()
        replaced = [other for other in others if _mayTake(peer, other, evenLive=True)]
        equals = _equals(peer, replaced)
        tabs, times = self._memoryOf(equals, room)
        own = _tabOf(peer)
        for other in equals:
            tab = _tabIn(other, room)
            if not own or tab != own:
                times = [*times, self._services.now()]
                tabs = [*tabs, tab] if tab else tabs
        if own or tabs or times:
            room.share(_keyOf(peer), {"tab": own, "tabs": tabs[-_MOST_TABS:], "times": times[-self.most :]})
        for other in replaced:
            self._end(other, room)

    def withdrew(self, peer: IPeer, room: IRoom, reason: str) -> None:
        """Those who wait have no session yet."""

    def joined(self, peer: IPeer, room: IRoom) -> None:
        """It has been seen to before."""

    def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
        if _keyOf(peer) in room.shared:
            room.share(_keyOf(peer), None)

    def _modeOf(self, room: IRoom) -> _Mode:
        return firstFit(self.rooms, room.name, "many")

    def _memoryOf(self, others: Iterable[IPeer], room: IRoom) -> tuple[list[str], list[float]]:
        """The tabs that those who are there have replaced, and when they did it lately. It ends with them."""
        tabs: list[str] = []
        times: list[float] = []
        for other in others:
            theirs = room.shared.get(_keyOf(other), {})
            tabs += theirs.get("tabs", ())
            times += theirs.get("times", ())
        since = self._services.now() - self.seconds
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


def _mayTake(peer: IPeer, other: IPeer, evenLive: bool) -> bool:
    """Whether a peer may take the place of another one that says the same name.

    A place belongs to whoever has signed in, or else to whoever has a key. The client that has it is not judged here.

    Args:
        peer: The one that joins.
        other: The one that is there.
        evenLive: Also if the connection of that one was not lost.
    """
    if peer.signedIn != other.signedIn:
        return peer.signedIn
    if other.hasKey and not other.signedIn:
        return False
    return evenLive or other.away


def _whyNot(peer: IPeer, others: Iterable[IPeer]) -> str:
    if not peer.signedIn and any(other.signedIn for other in others):
        return "The user of this name has signed in, and is in this room already."
    if any(other.hasKey for other in others):
        return "Somebody of this name is in this room already."
    return "You are in this room already, on another page or device."


def _hasTabOf(peer: IPeer, others: Iterable[IPeer], room: IRoom) -> bool:
    """Whether a peer is on the same page as one of the others, who are members."""
    tab = _tabOf(peer)
    return tab != "" and any(tab == _tabIn(other, room) for other in others)


def _keyOf(peer: IPeer) -> str:
    """Under which key is shared what all nodes have to know of a member."""
    return f"{_NAME}.{peer.sid}"


def _tabIn(member: IPeer, room: IRoom) -> str:
    """What the page of a member calls itself, which may be one of another node."""
    tab: str = room.shared.get(_keyOf(member), {}).get("tab") or _tabOf(member)
    return tab


def _tabOf(peer: IPeer) -> str:
    """What a page calls itself, so that its own return is told from another page's. Empty if it does not."""
    tab: Any = peer.joinRequest.get("tab")
    return tab if isinstance(tab, str) and len(tab) <= _MOST_CHARACTERS else ""


oneSessionPerUser = OneSessionPerUser()
