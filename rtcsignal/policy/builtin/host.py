"""Gives rooms a host, who can kick members, lock the room, and close it.

All of it is shared about the room, so that it holds on all nodes and outlives a reload. ``room.shared["host"]`` is for
other plugins to read: ``owner`` is the sid of the room's host.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from zope.interface import implementer

from rtcsignal.api import (
    Configurable,
    IEventHandler,
    IPeer,
    IRoom,
    IRoomObserver,
    IRoomPolicy,
    IServices,
    Option,
    Refused,
    fitsAny,
)

_NAME = "host"
_KEPT_OUT = "host.kept-out."
_SETTLE_SECONDS = 1.0
_NOBODY: Mapping[str, Any] = {
    "owner": None,  # its sid
    "ownerUserId": None,
    "ownerSignedIn": False,
    "locked": False,
    "closing": False,
}
_MOST_KEPT_OUT = 1_000
_MOST_SENDS = 5_000


@implementer(IRoomPolicy, IRoomObserver, IEventHandler)
class Host(Configurable):
    """Gives rooms a host, who can kick members, lock the room, and close it."""

    name = _NAME
    events = ("kick", "lock", "unlock", "close")
    rooms = Option(list[str], ["*"], "Patterns of the names of rooms that have a host.")
    first = Option(bool, True, "The first member is the host, and when it leaves the one who is there longest.")
    roles = Option(list[str], ["host"], "Roles that may do all that a host may, in every room, and become it first.")
    keepOut = Option(float, 300, "Seconds for which those who were kicked cannot come back.", least=0)

    def start(self, services: IServices) -> None:
        self._services = services
        for room in services.rooms():
            if self._concerns(room):
                self._takeOver(room)

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        state = room.shared.get(_NAME)
        if state is None or not self._concerns(room):
            return
        if state["closing"]:
            raise Refused("room-closing", "This room is being closed.")
        left = self._keptOut(room, peer)
        if left > 0:
            raise Refused("kicked", "You were kicked out of this room.", {"retry_after": math.ceil(left)})
        if state["locked"] and not self._hasRole(peer):
            raise Refused("room-locked", "This room is locked.")

    def joined(self, peer: IPeer, room: IRoom) -> None:
        if not self._concerns(room):
            return
        state = _stateOf(room)
        if _isVacant(room, state):
            self._succeed(room, state)
        elif state["owner"] is None and (self.first or self._hasRole(peer)):
            self._appoint(peer, room)
        else:
            peer.emit("host", _described(room, state))
        if state["locked"]:
            peer.emit("locked", {"roomName": room.name, "locked": True, "userId": None})

    def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
        state = room.shared.get(_NAME)
        if state is None or state["owner"] != peer.sid or not room.size or state["closing"]:
            return
        if reason == "replaced":
            # The same user may come in on another connection in this very turn, or has on another node, whose part it
            # is then to say so.
            self._services.callLater(_SETTLE_SECONDS if peer.node else 0, self._fill, room.name)
        else:
            self._succeed(room, state)

    def handleEvent(self, peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if not self._concerns(room) or not self._isHost(peer, room):
            raise Refused("not-the-host", "Only the host of this room can do this.")
        state = _stateOf(room)
        if event == "kick":
            return self._kick(peer, room, body.get("targetUserId"))
        if event == "close":
            _change(room, closing=True)
            self._close(room)
        elif state["locked"] is not (event == "lock"):
            _change(room, locked=event == "lock")
            room.emit("locked", {"roomName": room.name, "locked": event == "lock", "userId": peer.userId})
        return None

    def _concerns(self, room: IRoom) -> bool:
        return fitsAny(self.rooms, room.name)

    def _hasRole(self, peer: IPeer) -> bool:
        return not peer.roles.isdisjoint(self.roles)

    def _isHost(self, peer: IPeer, room: IRoom) -> bool:
        return self._hasRole(peer) or bool(_stateOf(room)["owner"] == peer.sid)

    def _takeOver(self, room: IRoom) -> None:
        """A room that was there before the plugin was."""
        state = _stateOf(room)
        if state["closing"]:
            self._close(room)
        elif state["owner"] is None or _isVacant(room, state):
            self._succeed(room, state)

    def _fill(self, roomName: str) -> None:
        """A host was replaced: if no one came in its place, it was in another room."""
        room = self._services.room(roomName)
        if room is not None:
            state = _stateOf(room)
            if _isVacant(room, state) and not state["closing"]:
                self._succeed(room, state)

    def _succeed(self, room: IRoom, state: Mapping[str, Any]) -> None:
        """The host has gone."""
        self._appoint(self._successor(room, state["ownerUserId"] or "", state["ownerSignedIn"]), room)

    def _successor(self, room: IRoom, userId: str = "", signedIn: bool = False) -> IPeer | None:
        """Who is the host next: the same user on another connection, one with a role, the one who is there longest.

        Args:
            room: The room.
            userId: Who was the host.
            signedIn: That one had signed in, so no one else is the same user.
        """
        peers = room.peers()
        same = [peer for peer in room.peersOf(userId) if peer.signedIn or not signedIn]
        able = [peer for peer in same if self.first or self._hasRole(peer)]
        able += [peer for peer in peers if self._hasRole(peer)]
        if self.first:
            able += peers
        return able[0] if able else None

    def _appoint(self, peer: IPeer | None, room: IRoom) -> None:
        """Make someone the host, and tell all members."""
        if peer is None:
            state = _change(room, owner=None, ownerUserId=None, ownerSignedIn=False)
        else:
            state = _change(room, owner=peer.sid, ownerUserId=peer.userId, ownerSignedIn=peer.signedIn)
        room.emit("host", _described(room, state))

    def _kick(self, peer: IPeer, room: IRoom, userId: Any) -> Mapping[str, Any]:
        if not isinstance(userId, str):
            raise Refused("bad-arguments", "targetUserId must say who is meant.")
        others = room.peersOf(userId)
        if not others:
            raise Refused("no-such-member", "There is no such user in this room.")
        if any(other.sid == peer.sid for other in others):
            others = _guestsAmong(others, peer.signedIn)
            if not others:
                raise Refused("bad-arguments", "To leave yourself, use leave-room.")
        if not self._hasRole(peer) and any(self._hasRole(other) for other in others):
            others = _guestsAmong(others, all(other.signedIn for other in others if self._hasRole(other)))
            if not others:
                raise Refused("not-allowed", "You cannot kick this member.")
        for other in others:
            self._remember(room, other)
            self._services.kick(other, "kicked")
        return {"kicked": len(others)}

    def _remember(self, room: IRoom, peer: IPeer) -> None:
        until = self._services.now() + self.keepOut
        for key in (_keptOutKey("user" if peer.signedIn else "guest", peer.userId), _keptOutKey("peer", peer.sid)):
            room.share(key, until)
        known = {key: room.shared[key] for key in room.shared if key.startswith(_KEPT_OUT)}
        for key in sorted(known, key=lambda each: known[each])[: max(len(known) - _MOST_KEPT_OUT, 0)]:
            room.share(key, None)

    def _keptOut(self, room: IRoom, peer: IPeer) -> float:
        """For how many seconds a peer cannot come back."""
        keys = [_keptOutKey("user", peer.userId), _keptOutKey("peer", peer.sid)]
        if not peer.signedIn:
            keys.append(_keptOutKey("guest", peer.userId))
        until: float = max(room.shared.get(key, 0.0) for key in keys)
        return until - self._services.now()

    def _close(self, room: IRoom) -> None:
        """Put everyone out, who came last first. Each is told of all others, so large rooms take several turns."""
        self._putOut(room.name, room.createdAt, list(room.peers()))

    def _putOut(self, name: str, createdAt: float, peers: list[IPeer]) -> None:
        room = self._services.room(name)
        if room is None or room.createdAt != createdAt:
            return
        for _ in range(min(max(_MOST_SENDS // room.size, 1), len(peers))):
            self._services.kick(peers.pop(), "closed")
        if peers:
            self._services.callLater(0, self._putOut, name, createdAt, peers)
        elif room.size:  # there are some on other nodes, from which nothing has been heard yet
            self._services.callLater(_SETTLE_SECONDS, self._closeAgain, name, createdAt)

    def _closeAgain(self, name: str, createdAt: float) -> None:
        """A room should be empty by now."""
        room = self._services.room(name)
        if room is not None and room.createdAt == createdAt:
            self._close(room)


def _guestsAmong(others: tuple[IPeer, ...], strangers: bool) -> tuple[IPeer, ...]:
    """Who is meant by the name of one who cannot be kicked: guests who have taken it, if they are `strangers` to it."""
    return tuple(other for other in others if strangers and not other.signedIn)


def _stateOf(room: IRoom) -> Mapping[str, Any]:
    state: Mapping[str, Any] = room.shared.get(_NAME, _NOBODY)
    return state


def _change(room: IRoom, **changes: Any) -> Mapping[str, Any]:
    """Change what is known of a room, on all nodes."""
    state = {**_stateOf(room), **changes}
    room.share(_NAME, state)
    room.data[_NAME] = dict(state)  # where plugins may look for it that do not know what is shared
    return state


def _isVacant(room: IRoom, state: Mapping[str, Any]) -> bool:
    """The host is no longer there."""
    owner = state["owner"]
    return owner is not None and all(peer.sid != owner for peer in room.peersOf(state["ownerUserId"]))


def _keptOutKey(kind: str, who: str) -> str:
    return f"{_KEPT_OUT}{kind}.{who}"


def _described(room: IRoom, state: Mapping[str, Any]) -> dict[str, Any]:
    return {"roomName": room.name, "userId": state["ownerUserId"]}


host = Host()
