"""Gives rooms a host, who can kick members, lock the room, and close it.

``room.data["host"]`` has it all, so that it outlives a reload: ``owner`` is the sid of the room's host, for other
plugins to read.
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
        state = room.data.get(_NAME)
        if state is None or not self._concerns(room):
            return
        if state["closing"]:
            raise Refused("room-closing", "This room is being closed.")
        left = self._keptOut(state, peer)
        if left > 0:
            raise Refused("kicked", "You were kicked out of this room.", {"retry_after": math.ceil(left)})
        if state["locked"] and not self._hasRole(peer):
            raise Refused("room-locked", "This room is locked.")

    def joined(self, peer: IPeer, room: IRoom) -> None:
        if not self._concerns(room):
            return
        state = _stateOf(room)
        heir, state["heir"] = state["heir"], None
        if state["owner"] is None and heir is not None:
            self._appoint(self._successor(room, *heir), room, state)
        elif state["owner"] is None and (self.first or self._hasRole(peer)):
            self._appoint(peer, room, state)
        else:
            peer.emit("host", _described(room, state))
        if state["locked"]:
            peer.emit("locked", {"roomName": room.name, "locked": True, "userId": None})

    def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
        state = room.data.get(_NAME)
        if state is None or state["owner"] != peer.sid or not room.size or state["closing"]:
            return
        if reason == "replaced":
            # The same user may come in on another connection in this very turn, and goes on as the host then.
            state["owner"], state["heir"] = None, (peer.userId, peer.signedIn)
            self._services.callLater(0, self._fill, room.name)
        else:
            self._appoint(self._successor(room, peer.userId, peer.signedIn), room, state)

    def handleEvent(self, peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if not self._concerns(room) or not self._isHost(peer, room):
            raise Refused("not-the-host", "Only the host of this room can do this.")
        state = _stateOf(room)
        if event == "kick":
            return self._kick(peer, room, state, body.get("targetUserId"))
        if event == "close":
            state["closing"] = True
            self._close(room.name, room.createdAt)
        elif state["locked"] is not (event == "lock"):
            state["locked"] = event == "lock"
            room.emit("locked", {"roomName": room.name, "locked": state["locked"], "userId": peer.userId})
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
            self._close(room.name, room.createdAt)
        elif all(peer.sid != state["owner"] for peer in room.peers()):
            self._appoint(self._successor(room), room, state)

    def _fill(self, roomName: str) -> None:
        """A host was replaced: if no one came in its place, it was in another room."""
        room = self._services.room(roomName)
        state = room.data.get(_NAME) if room is not None else None
        if room is not None and state is not None and state["heir"] is not None:
            heir, state["heir"] = state["heir"], None
            self._appoint(self._successor(room, *heir), room, state)

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

    def _appoint(self, peer: IPeer | None, room: IRoom, state: dict[str, Any]) -> None:
        """Make someone the host, and tell all members."""
        state["owner"] = peer.sid if peer is not None else None
        state["ownerUserId"] = peer.userId if peer is not None else None
        room.emit("host", _described(room, state))

    def _kick(self, peer: IPeer, room: IRoom, state: dict[str, Any], userId: Any) -> Mapping[str, Any]:
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
            self._remember(state, other)
            self._services.kick(other, "kicked")
        return {"kicked": len(others)}

    def _remember(self, state: dict[str, Any], peer: IPeer) -> None:
        keptOut = state["keptOut"]
        until = self._services.clock.seconds() + self.keepOut
        for key in (("user" if peer.signedIn else "guest", peer.userId), ("peer", peer.sid)):
            keptOut.pop(key, None)
            keptOut[key] = until
        while len(keptOut) > _MOST_KEPT_OUT:
            del keptOut[next(iter(keptOut))]

    def _keptOut(self, state: dict[str, Any], peer: IPeer) -> float:
        """For how many seconds a peer cannot come back."""
        keys = [("user", peer.userId), ("peer", peer.sid)]
        if not peer.signedIn:
            keys.append(("guest", peer.userId))
        until: float = max(state["keptOut"].get(key, 0.0) for key in keys)
        return until - self._services.clock.seconds()

    def _close(self, name: str, createdAt: float) -> None:
        """Put everyone out, who came last first. Each is told of all others, so large rooms take several turns."""
        room = self._services.room(name)
        if room is None or room.createdAt != createdAt:
            return
        for peer in room.peers()[: -max(_MOST_SENDS // room.size, 1) - 1 : -1]:
            self._services.kick(peer, "closed")
        if room.size:
            self._services.callLater(0, self._close, name, createdAt)


def _guestsAmong(others: tuple[IPeer, ...], strangers: bool) -> tuple[IPeer, ...]:
    """Who is meant by the name of one who cannot be kicked: guests who have taken it, if they are `strangers` to it."""
    return tuple(other for other in others if strangers and not other.signedIn)


def _stateOf(room: IRoom) -> dict[str, Any]:
    if _NAME not in room.data:
        room.data[_NAME] = {
            "owner": None,  # its sid
            "ownerUserId": None,
            "heir": None,  # the user whose next connection is the host, and whether it must have signed in
            "locked": False,
            "closing": False,
            "keptOut": {},  # until when, by user and by connection
        }
    state: dict[str, Any] = room.data[_NAME]
    return state


def _described(room: IRoom, state: dict[str, Any]) -> dict[str, Any]:
    return {"roomName": room.name, "userId": state["ownerUserId"]}


host = Host()
