"""Hearing: what other nodes tell of their members and of ours becomes what the rooms of this node know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rtcsignal.signaling.cluster import Facts, Member, Served, Snapshot
from rtcsignal.signaling.gates import CurrentGates
from rtcsignal.signaling.rooms.elsewhere import Elsewhere
from rtcsignal.signaling.rooms.presence import Presence
from rtcsignal.signaling.rooms.room import Room, Seat
from rtcsignal.signaling.rooms.waiting import WaitingList
from rtcsignal.signaling.views import learned
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.peer import Peer
from rtcsignal.values import EMPTY

__all__ = ["Hearing"]


class Hearing:
    """The ear of the hub; see `rtcsignal.signaling.cluster.Ear`.

    Args:
        gates: The observers.
        presence: Begins and ends memberships.
        waiting: Who waits for which room.
    """

    def __init__(self, gates: CurrentGates, presence: Presence, waiting: WaitingList) -> None:
        self._gates = gates
        self._presence = presence
        self._table = presence.table
        self._reports = presence.reports
        self._waiting = waiting

    def adopt(self, roomName: str, snapshot: Snapshot) -> None:
        room = self._table.adopted(roomName)
        if room is None:
            return
        for member in sorted(snapshot.members, key=lambda each: each.at):
            self._meet(room, member)
        for key, value in snapshot.shared.items():
            learned(room.view, key, value)

    def arrived(self, roomName: str, member: Member) -> None:
        room = self._table.toldOf(roomName)
        if room is not None:
            self._meet(room, member)

    def departed(
        self, roomName: str, memberId: str, reason: str, connection: bool = False, orphaned: bool = False
    ) -> None:
        participant = self._reports.known.get(memberId)
        if participant is not None:
            seat = participant.seats.get(roomName)
            waits = self._waiting.seatsOf(participant).get(roomName)
            if seat is not None:
                self._presence.endFor(seat, reason, connection)
            elif waits is not None:
                self._presence.turnAway(waits, reason, connection)
            return
        room = self._table.find(roomName)
        if room is None:
            return
        waiter = self._waiting.depart(roomName, memberId)
        member = None if waiter is not None else self._presence.partWith(room, memberId, reason)
        gone = waiter or member
        if gone is not None and orphaned and self._isOldestHere(room):
            self._tellObservers(gone, room, reason)

    def swept(self, roomName: str, member: Member, reason: str) -> None:
        room = self._table.roomFor(roomName)
        self._tellObservers(self._table.viewOf(room, member), room, reason)

    def heard(
        self,
        rooms: Sequence[str],
        without: Sequence[Served],
        target: str | None,
        event: OutgoingEvent,
        sender: str = "",
    ) -> bool:
        known = [room for room in map(self._table.find, rooms) if room is not None and _mayBeHeard(sender, room)]
        if len(known) == 1 and not without:
            deliver(event, _receivers(known[0], target))
            return True
        peers: dict[Peer, Any] = {}
        for room in known:
            peers.update(dict.fromkeys(_receivers(room, target)))
        for name, only in without:
            served = self._table.find(name)
            for peer in _receivers(served, only) if served is not None else ():
                peers.pop(peer, None)
        deliver(event, peers)
        return bool(known)

    def told(self, memberId: str, event: OutgoingEvent) -> None:
        participant = self._reports.known.get(memberId)
        if participant is not None:
            participant.peer.deliver(event)

    def shared(self, roomName: str, key: str, value: Any) -> None:
        room = self._table.find(roomName)
        if room is not None:
            learned(room.view, key, value)

    def seats(self) -> Iterator[tuple[str, str, int]]:
        for room in self._table.rooms.values():
            for seat in room:
                yield room.name, seat.participant.knownAs, seat.at
        for seat in self._waiting:
            yield seat.room.name, seat.participant.knownAs, seat.at

    def factsOf(self, roomName: str, memberId: str) -> Facts | None:
        participant = self._reports.known.get(memberId)
        if participant is None:
            return None
        if roomName in participant.seats:
            return participant.factsAs(participant.seats[roomName].userId)
        waits = self._waiting.seatsOf(participant).get(roomName)
        return None if waits is None else participant.factsAs(waits.userId, waits=True)

    def sharedIn(self, roomName: str) -> Mapping[str, Any]:
        room = self._table.find(roomName)
        return EMPTY if room is None else room.view.shared

    def _meet(self, room: Room, member: Member) -> None:
        """A member is there, or waits; it is told to the members here unless they know."""
        name, facts = room.name, member.facts
        if facts.id in self._reports.known:
            return
        if facts.waits:
            self._waiting.arrive(name, self._table.viewOf(room, member))
            return
        self._waiting.depart(name, facts.id)
        if room.others is not None and facts.id in room.others:
            room.others.update(member)
        else:
            self._table.arrive(room, member)
            self._presence.met(room, facts.userId)

    @staticmethod
    def _isOldestHere(room: Room) -> bool:
        """The one of the members who has been there longest is on this node."""
        return isinstance(next(iter(room.everyone()), None), Seat)

    def _tellObservers(self, gone: Elsewhere, room: Room, reason: str) -> None:
        gates = self._gates.now
        if gone.facts.waits:
            gates.withdrew(gone.view, room.view, reason)
        else:
            gates.left(gone.view, room.view, reason)


def _mayBeHeard(sender: str, room: Room) -> bool:
    """Whether words are the server's, or those of a member."""
    return not sender or (room.others is not None and sender in room.others)


def _receivers(room: Room, target: str | None) -> Any:
    return room.seats if target is None else room.addressees(target)
