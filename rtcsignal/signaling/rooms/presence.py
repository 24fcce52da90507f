"""Presence: who is in which room, and who no longer waits for one.

A membership of this node is announced in two places only, `Presence._begin` and `Presence._announceEnd`: each one is
announced once and ends once, whatever ends it. (In exact mode asking again to join is announced again.) Those of other
nodes are announced to the members here by `rtcsignal.signaling.rooms.hearing`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from rtcsignal.errors import Refused
from rtcsignal.lograte import LogRation
from rtcsignal.signaling.cluster import DISMISSED, End, Entered, Outcome
from rtcsignal.signaling.events import USER_AWAY, USER_BACK, RoomRequest, secondsOf
from rtcsignal.signaling.gates import CurrentGates
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.rooms.absent import absentIn
from rtcsignal.signaling.rooms.announcements import Announcements
from rtcsignal.signaling.rooms.elsewhere import Elsewhere, FarView
from rtcsignal.signaling.rooms.journal import Journal
from rtcsignal.signaling.rooms.reports import REPLACED, Reports
from rtcsignal.signaling.rooms.room import Room, Seat
from rtcsignal.signaling.rooms.table import RoomTable
from rtcsignal.signaling.rooms.waiting import WaitingList
from rtcsignal.signaling.station import UNWATCHED, Door, Station
from rtcsignal.signaling.views import PeerView, learned, participantOf, seatAmong
from rtcsignal.signaling.watch import Watch
from rtcsignal.socketio.peer import Peer
from rtcsignal.values import EMPTY

__all__ = ["REPLACED", "Presence"]


class Presence:
    """Begins and ends memberships, and tells of it: the rooms, the observers and the log.

    Args:
        gates: The observers.
        waiting: Who waits for which room.
        clock: The time.
        logRation: How much of it may go to the log.
        exact: As the server that this one replaces: events have no further arguments.

    Attributes:
        table: The rooms.
        reports: What other nodes are told.
    """

    def __init__(
        self,
        gates: CurrentGates,
        waiting: WaitingList,
        clock: IReactorTime,
        logRation: LogRation,
        exact: bool,
        station: Station,
    ) -> None:
        self.table = RoomTable(waiting, clock, station)
        self.reports = Reports(self.table, clock, station)
        self._gates = gates
        self._waiting = waiting
        self._clock = clock
        self._journal = Journal(logRation)
        self._announcements = Announcements(exact, station)
        self._station = station

    def watchedBy(self, watch: Watch) -> None:
        """Have somebody told who comes and goes here."""
        self._journal.watch = watch

    def seatFor(self, participant: Participant, request: RoomRequest) -> Seat:
        """A seat that is not taken yet, in a room that may not be there yet."""
        return Seat(participant, self.table.roomFor(request.roomName), request)

    def enter(self, seat: Seat, welcome: Callable[[Seat], None], seen: int | None = None) -> Deferred[bool] | None:
        """Begin a membership. Nothing happens if its participant has gone.

        Args:
            seat: The seat.
            welcome: Called with the seat before the room is told.
            seen: Which state of the room the policies have judged; None if there are none.

        Returns:
            None if it takes no time: there are no other nodes. Otherwise whether it is settled: if not, the room has
            changed, and nothing has happened.

        Raises:
            Refused: ``unavailable``; also the way in which the Deferred fails.
        """
        if not seat.participant.peer.connected:
            return None
        door = self._askTheDoor(seat)
        ends = door.ends
        if not self._isThere(seat):
            return None  # it was kicked because of what the observers did
        entered = None if self.reports.isAlone else self._enterEverywhere(seat, seen, door)
        if entered is None:
            self._begin(seat, welcome, door, ends)
            return None
        return entered.addCallback(self._entered, seat, welcome, door, ends)

    def wait(self, seat: Seat) -> None:
        """A policy makes a participant wait, unless it has gone."""
        if self._waiting.add(seat):
            self.reports.wait(seat)

    def dismiss(self, peer: PeerView) -> None:
        """A participant of this node no longer waits, and is not told. Nothing happens if it has asked again since."""
        participant = participantOf(peer)
        seat = seatAmong(self._waiting.seatsOf(participant), peer)
        if seat is not None:
            self.forget(seat, DISMISSED)

    def forget(self, seat: Seat, reason: str) -> None:
        """A seat no longer waits."""
        told = self.reports.leave(seat, reason)
        self._waiting.remove(seat.participant, seat.room.name)
        self.reports.after(told, seat.room.name, lambda: None)

    def tellAgain(self, seat: Seat, userId: str) -> None:
        """A participant has asked again for the seat that it has, as a user: the server that this one replaces tells
        the room again."""
        self._announcements.joinedAgain(seat.room, userId)

    def end(self, seat: Seat, reason: str) -> None:
        """End a membership; its participant is told as well. Nothing happens if it has ended, or not begun.

        Args:
            seat: The seat.
            reason: What is told.
        """
        if seat.isTaken:
            receivers = list(seat.room.seats)
            told = self.reports.leave(seat, reason)
            self._vacate(seat)
            self._announceEnd(seat, reason, receivers, told)
            seat.participant.peer.release()

    def endFor(self, seat: Seat, reason: str, connection: bool) -> None:
        """The others have ended a membership of this node.

        Args:
            seat: The seat.
            reason: What is told.
            connection: Its connection ends, too.
        """
        seat.isKnown = False
        self._endWith(seat, reason, connection)

    def turnAway(self, seat: Seat, reason: str, connection: bool) -> None:
        """The others have had one forgotten that waits on this node, or ended its connection."""
        seat.isKnown = False
        if connection:
            seat.participant.expel(reason)
        else:
            self.forget(seat, reason)

    def changed(self, participant: Participant) -> None:
        """What other nodes are to know of a participant has changed."""
        for seat in participant.seats.values():
            self.reports.changed(seat)

    def lost(self, participant: Participant, seconds: float) -> None:
        """The connection of a participant was lost, and its client is waited for.

        Args:
            participant: Who.
            seconds: How long.
        """
        participant.absence = seconds
        participant.awayUntil = self._clock.seconds() + seconds
        for seat in list(participant.seats.values()):
            self._tellAway(seat)

    def back(self, participant: Participant, wasAway: bool) -> None:
        """A client has its participant back. The rooms are told if they were told that it was away."""
        for seat in list(participant.seats.values()) if wasAway else ():
            self.reports.changed(seat)
            if seat.isTaken and seat.room.isAway(seat.userId, but=participant.peer):
                self._announcements.changed(USER_BACK, seat)

    def withdraw(self, participant: Participant, roomName: str, reason: str) -> None:
        """A participant no longer waits for a room, or never did.

        Args:
            participant: Who.
            roomName: For which one.
            reason: What the observers are told.
        """
        seat = self._waiting.seatsOf(participant).get(roomName)
        if seat is not None:
            room = self.table.find(roomName) or seat.room
            self.forget(seat, reason)
            self._gates.now.withdrew(seat.view, room.view, reason)

    def gone(self, participant: Participant, reason: str) -> None:
        """A participant's connection is over: end all its memberships.

        Args:
            participant: Who.
            reason: What the rooms are told.
        """
        seats = list(participant.seats.values())
        for name in tuple(self._waiting.namesOf(participant)):
            self.withdraw(participant, name, reason)
        told = [self.reports.leave(seat, reason) for seat in seats]
        for seat in seats:
            self._vacate(seat)
        for seat, each in zip(seats, told, strict=True):
            self._announceEnd(seat, reason, list(seat.room.seats), each)
        self.reports.gone(participant)

    def close(self) -> None:
        """The server stops: from now on memberships end without being announced to members.

        They all lose their connections now, and come back; a call between two of them goes on meanwhile.
        """
        self._announcements.close()

    def met(self, room: Room, userId: str) -> None:
        """Someone has joined on another node: tell the members here."""
        self._announcements.joined(room, userId)

    def partWith(self, room: Room, memberId: str, reason: str) -> Elsewhere | None:
        """A membership has ended on another node: tell the members here.

        Returns:
            Whose; None if there was none.
        """
        member = room.depart(memberId)
        if member is not None:
            self._announcements.left(room, member.userId, reason, room.seats)
            self.table.emptied(room)
        return member

    def _askTheDoor(self, seat: Seat) -> Door:
        """What the observers do before a membership begins, and whom it replaces without them."""
        name, station, gates = seat.room.name, self._station, self._gates.now
        room = self.table.find(name) or seat.room
        formers = () if room.isEmpty else absentIn(room, seat)
        if not formers and not gates.watchesDoors:
            return UNWATCHED
        door = station.door = Door(name)
        try:
            gates.entering(seat.view, room.view)
        finally:
            station.door = None
        for former in formers:
            door.end(former, REPLACED, connection=False)
        return door

    def _enterEverywhere(self, seat: Seat, seen: int | None, door: Door) -> Deferred[Entered] | None:
        room = self.table.find(seat.room.name) or seat.room
        shares = {**dict.fromkeys(room.leftovers), **door.shares}
        return self.reports.enter(seat, seen, [end for _, end in door.ends], shares)

    def _entered(
        self,
        entered: Entered,
        seat: Seat,
        welcome: Callable[[Seat], None],
        door: Door,
        ends: Collection[tuple[Any, End]],
    ) -> bool:
        if entered.outcome is Outcome.CHANGED:
            return False
        if entered.outcome is Outcome.UNAVAILABLE:
            raise Refused("unavailable", "Rooms cannot be joined at the moment. Try again.")
        seat.at, seat.isKnown = entered.at, True
        self._begin(seat, welcome, door, ends, isEverywhere=entered.outcome is Outcome.TAKEN)
        return True

    def _begin(
        self,
        seat: Seat,
        welcome: Callable[[Seat], None],
        door: Door,
        ends: Collection[tuple[Any, End]],
        isEverywhere: bool = False,
    ) -> None:
        """A membership begins, unless its participant has gone meanwhile, or goes because of what is done for it."""
        participant, gates, name = seat.participant, self._gates.now, seat.room.name
        door.carryOut()
        shared = self._endAll(seat, ends, isEverywhere) if ends else EMPTY
        if not participant.peer.connected:
            self._neverCame(seat)
            return
        self._waiting.remove(participant, name)
        room = seat.room = self.table.opened(seat.room)
        if shared or door.shares:
            kept = shared if room.isEmpty else EMPTY  # it has taken the place of the last one, and goes on
            for key, value in {**kept, **door.shares}.items():
                learned(room.view, key, value)
        room.add(seat)
        participant.seats[name] = seat
        participant.arrivedAt = self._clock.seconds()
        if participant.standing is not None:
            participant.standing.begun(name)
        welcome(seat)
        self._announcements.joined(room, seat.userId)
        if participant.peer.away:
            self._tellAway(seat)
        self._journal.joined(seat)
        self.reports.counted(room, lambda: gates.joined(seat.view, room.view))

    def _neverCame(self, seat: Seat) -> None:
        """A participant has gone before its membership began here; the others may know of it."""
        told = self.reports.leave(seat, seat.participant.endReason or "disconnect")
        self.reports.after(told, seat.room.name, lambda: None)

    def _endAll(
        self, seat: Seat, ends: Collection[tuple[Any, End]], isEverywhere: bool
    ) -> Mapping[str, Any]:
        """Memberships end because that of a seat begins.

        Returns:
            What is shared about the room.
        """
        room = self.table.find(seat.room.name) or seat.room
        for peer, end in ends:
            self._makeWay(room, peer, end, isEverywhere)
        return dict(room.view.shared)

    @staticmethod
    def _isThere(seat: Seat) -> bool:
        return seat.participant.peer.connected

    def _makeWay(self, room: Room, peer: Any, end: End, isEverywhere: bool) -> None:
        """A membership ends because another one begins. The others know if that has begun everywhere."""
        if isinstance(peer, FarView):
            self.partWith(room, end.id, end.reason)
            return
        participant = participantOf(peer)
        seat = seatAmong(participant.seats, peer)
        if seat is not None:
            for event in end.events:
                participant.peer.deliver(event)
            seat.isKnown = seat.isKnown and not isEverywhere
            self._endWith(seat, end.reason, end.connection)

    def _endWith(self, seat: Seat, reason: str, connection: bool) -> None:
        if connection:
            seat.participant.expel(reason)
        self.end(seat, reason)

    def _tellAway(self, seat: Seat) -> None:
        self.reports.changed(seat)
        if seat.isTaken and seat.room.isAway(seat.userId):
            self._announcements.changed(USER_AWAY, seat, {"window": secondsOf(seat.participant.absence)})

    def _vacate(self, seat: Seat) -> None:
        room = seat.room
        participant = seat.participant
        del participant.seats[room.name]
        if participant.standing is not None:
            participant.standing.ended(room.name)
        room.remove(seat)
        self.table.emptied(room)

    def _announceEnd(self, seat: Seat, reason: str, receivers: list[Peer], told: Deferred[None] | None) -> None:
        """Announce the end of a membership.

        Args:
            seat: The seat.
            reason: What is told.
            receivers: The members here who are told.
            told: See `Reports.leave`: the observers are told when the other nodes are.
        """
        name = seat.room.name
        self._announcements.left(seat.room, seat.userId, reason, receivers)
        self._journal.left(seat, reason)
        self.reports.after(told, name, partial(self._left, seat, reason))

    def _left(self, seat: Seat, reason: str) -> None:
        gates = self._gates.now
        self.reports.counted(seat.room, lambda: gates.left(seat.view, seat.room.view, reason))
