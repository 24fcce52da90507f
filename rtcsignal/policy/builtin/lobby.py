"""Lets people wait outside a room until someone in the room admits them.

A join is refused with ``waiting``, and those who may admit hear ``knock``. Those who are admitted hear ``admitted`` and
join again; the pass that they were given lets them in, and back in after a lost connection. What has to be known on all
nodes, and outlives a reload, is shared about the room; the server knows who waits.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from zope.interface import implementer

from rtcsignal.api import (
    Configurable,
    IDoorObserver,
    IEventHandler,
    IPeer,
    IRoom,
    IRoomObserver,
    IRoomPolicy,
    IServices,
    Option,
    Refused,
    Throttle,
    Waiting,
    fitsAny,
    networkOf,
)

_NAME = "lobby"
_TOLD, _PASS, _DENIED = "lobby.told", "lobby.pass.", "lobby.denied."
_MOST_PASSES = 10_000
_MOST_DENIED = 1_000
_KNOCKS, _PAUSE = 10, 10.0
_KEEP_THE_PASS = frozenset(
    {"left", "disconnect", "timeout", "slow-consumer", "flood", "shutdown", "replaced", "expired", "closed"}
)


@implementer(IRoomPolicy, IDoorObserver, IRoomObserver, IEventHandler)
class Lobby(Configurable):
    """Lets people wait outside a room until someone in the room admits them."""

    name = _NAME
    events = ("admit", "deny", "who-waits")
    rooms = Option(list[str], ["*"], "Patterns of the names of rooms that have a lobby.")
    roles = Option(list[str], ["host"], "Roles that come in without waiting, and may admit.")
    first = Option(bool, False, "Those who come into an empty room need not wait.")
    members = Option(bool, False, "Every member may admit; else those with a role, and the host of the plugin `host`.")
    most = Option(int, 50, "Most who wait for one room.", least=1)
    mostPerAddress = Option(int, 5, "Most of them from one address.", least=1)
    again = Option(float, 30, "Seconds after which those who were denied may knock again.", least=0)

    def prepare(self) -> None:
        self._knocks = Throttle(_KNOCKS, _PAUSE)

    def start(self, services: IServices) -> None:
        self._services = services
        self._knocks = Throttle(_KNOCKS, _PAUSE, services.data.setdefault("knocks", {}))
        for room in services.rooms():
            self._look(room)

    def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        if not fitsAny(self.rooms, room.name) or self._hasRole(peer) or (self.first and not room.size):
            return
        if _isAdmitted(peer, room):
            return
        waiting = self._services.waiting(room.name)
        if all((each.sid, each.userId) != (peer.sid, peer.userId) for each in waiting):
            self._checkKnock(peer, room, waiting)
            hosts = self._hostsOf(room)
            _tell(hosts, "knock", room.name, peer)
            self._note(room, (host.sid for host in hosts))
        raise Waiting("Someone in the room has to let you in.", {"hosts": len(_toldIn(room))})

    def entering(self, peer: IPeer, room: IRoom) -> None:
        """Those who come in have been admitted, or need not be."""

    def withdrew(self, peer: IPeer, room: IRoom, reason: str) -> None:
        if fitsAny(self.rooms, room.name):
            self._tellEnd(room, peer, reason)

    def joined(self, peer: IPeer, room: IRoom) -> None:
        if not fitsAny(self.rooms, room.name):
            return
        if not self._hasRole(peer) and not _isAdmitted(peer, room):
            peer.emit("pass", {"roomName": room.name, "pass": _givePass(room, peer)})
        self._look(room)

    def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
        if not fitsAny(self.rooms, room.name):
            return
        self._note(room, _toldIn(room) - {peer.sid})
        if reason not in _KEEP_THE_PASS:
            for key, user in dict(room.shared).items():
                if key.startswith(_PASS) and user == _userOf(peer):
                    room.share(key, None)
        if reason == "closed" and not room.size:
            for each in self._services.waiting(room.name):
                self._turnAway(each, room, reason)
        self._look(room)

    def handleEvent(self, peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if not fitsAny(self.rooms, room.name) or not self._mayAdmit(peer, room):
            raise Refused("not-the-host", "Only those who may admit others may do this.")
        waiting = self._services.waiting(room.name)
        if event == "who-waits":
            return {"waiting": [{"userId": each.userId, "sid": each.sid} for each in waiting]}
        chosen = _chosen(waiting, body)
        if not chosen:
            raise Refused("not-waiting", "No such user is waiting.")
        for each in chosen:
            if event == "admit":
                self._admit(each, room)
            else:
                _keep(room, f"{_DENIED}{each.sid}", self._services.now() + self.again, _DENIED, _MOST_DENIED)
                self._turnAway(each, room, "denied")
        return {"admitted" if event == "admit" else "denied": len(chosen)}

    def _hasRole(self, peer: IPeer) -> bool:
        return not peer.roles.isdisjoint(self.roles)

    def _mayAdmit(self, peer: IPeer, room: IRoom) -> bool:
        return self.members or self._hasRole(peer) or room.shared.get("host", {}).get("owner") == peer.sid

    def _hostsOf(self, room: IRoom) -> list[IPeer]:
        return [peer for peer in room.peers() if self._mayAdmit(peer, room)]

    def _checkKnock(self, peer: IPeer, room: IRoom, waiting: tuple[IPeer, ...]) -> None:
        """Someone wants to wait, who does not yet under this name."""
        left = room.shared.get(f"{_DENIED}{peer.sid}", 0.0) - self._services.now()
        if left > 0:
            raise Refused("denied", "You have not been let in.", {"retry_after": math.ceil(left)})
        now = self._services.clock.seconds()
        network = networkOf(peer.address)
        others = [each for each in waiting if each.sid != peer.sid]
        same = sum(networkOf(each.address) == network for each in others)
        if len(others) >= self.most or same >= self.mostPerAddress:
            raise Refused("lobby-full", "Too many are waiting already.")
        wait = self._knocks.wait((network, room.name), now)
        if wait:
            raise Refused("too-many-attempts", "Do not knock so often.", {"retry_after": math.ceil(wait)})
        self._knocks.count((network, room.name), now)

    def _admit(self, peer: IPeer, room: IRoom) -> None:
        self._services.dismiss(peer)
        peer.emit("admitted", {"roomName": room.name, "pass": _givePass(room, peer)})
        self._tellEnd(room, peer, "admitted")

    def _turnAway(self, peer: IPeer, room: IRoom, reason: str) -> None:
        self._services.dismiss(peer)
        peer.emit("denied", {"roomName": room.name, "reason": reason})
        self._tellEnd(room, peer, reason)

    def _tellEnd(self, room: IRoom, peer: IPeer, reason: str) -> None:
        _tell(self._hostsOf(room), "knock-ended", room.name, peer, reason=reason)

    @staticmethod
    def _note(room: IRoom, told: Iterable[str]) -> None:
        """These are the hosts who know of all who wait."""
        room.share(_TOLD, sorted(told) or None)

    def _look(self, room: IRoom) -> None:
        """Someone may have become a host. It is seen in the next turn, when all plugins have done their part."""
        if room.size and self._services.waiting(room.name):
            self._services.callLater(0, self._tellNewHosts, room)

    def _tellNewHosts(self, room: IRoom) -> None:
        # What was handed in, as there may be members on other nodes alone by now.
        if not room.size:
            return
        told = _toldIn(room)
        fresh = [each for each in self._hostsOf(room) if each.sid not in told]
        self._note(room, told.union(each.sid for each in fresh))
        for each in self._services.waiting(room.name):
            _tell(fresh, "knock", room.name, each)


def _toldIn(room: IRoom) -> frozenset[str]:
    return frozenset(room.shared.get(_TOLD, ()))


def _keysOf(peer: IPeer) -> Iterable[str]:
    """What may prove that a peer was admitted: its connection, or a pass that it shows."""
    yield _keyOf("peer", peer.sid)
    shown = peer.joinRequest.get("pass")
    if isinstance(shown, str):
        yield _keyOf("pass", shown)


def _keyOf(kind: str, proof: str) -> str:
    """Under which key is shared whom something lets in. It does not reveal a pass."""
    return f"{_PASS}{kind}.{hashlib.blake2b(proof.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def _userOf(peer: IPeer) -> list[Any]:
    """Who it is: a guest is not the one who has signed in under the same name."""
    return [peer.userId, peer.signedIn]


def _isAdmitted(peer: IPeer, room: IRoom) -> bool:
    return any(room.shared.get(key) == _userOf(peer) for key in _keysOf(peer))


def _givePass(room: IRoom, peer: IPeer) -> str:
    """Let a peer in from now on: from its connection, and from any other that shows the pass."""
    text = secrets.token_urlsafe(16)
    for key in (_keyOf("peer", peer.sid), _keyOf("pass", text)):
        _keep(room, key, _userOf(peer), _PASS, _MOST_PASSES)
    return text


def _keep(room: IRoom, key: str, value: Any, prefix: str, most: int) -> None:
    """Share something, of which the oldest is forgotten when there are too many of its kind."""
    room.share(key, None)
    room.share(key, value)
    if len(room.shared) > most:
        known = [each for each in room.shared if each.startswith(prefix)]
        for each in known[: max(len(known) - most, 0)]:
            room.share(each, None)


def _chosen(waiting: Iterable[IPeer], body: Mapping[str, Any]) -> list[IPeer]:
    """Those of them who are meant. By name it is the one who has signed in, if there is one, and no guest."""
    if body.get("all") is True:
        return list(waiting)
    sid, userId = body.get("sid"), body.get("targetUserId")
    named = [each for each in waiting if each.userId == userId]
    meant = [each for each in named if each.signedIn] or named
    return [each for each in waiting if each.sid == sid or each in meant]


def _tell(hosts: Iterable[IPeer], event: str, roomName: str, peer: IPeer, **more: str) -> None:
    for host in hosts:
        host.emit(event, {"roomName": roomName, "userId": peer.userId, "sid": peer.sid, **more})


lobby = Lobby()
