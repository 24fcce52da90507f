"""Presence: who is in which room, and who no longer waits for one.

A membership is announced in two places only, `Presence.enter` and `Presence._announceEnd`: each one is announced once
and ends once, whatever ends it. (In exact mode asking again to join is announced again.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from rtcsignal.addresses import whereabouts
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import safe
from rtcsignal.signaling.events import USER_AWAY, USER_BACK, USER_JOINED, USER_LEFT, RoomRequest, secondsOf
from rtcsignal.signaling.gates import CurrentGates
from rtcsignal.signaling.participant import Participant, isSame
from rtcsignal.signaling.rooms.room import Room, Seat
from rtcsignal.signaling.rooms.waiting import WaitingList
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.peer import Peer
from rtcsignal.values import EMPTY

__all__ = ["REPLACED", "Presence"]

REPLACED = "replaced"
"""The reason that rooms are told when somebody has taken the place of a member."""

_log = Logger()


class Presence:
    """Begins and ends memberships, and tells of it: the rooms, the observers and the log.

    Args:
        gates: The observers.
        waiting: Who waits for which room.
        clock: The time.
        logRation: How much of it may go to the log.
        exact: As the server that this one replaces: events have no further arguments.

    Attributes:
        rooms: Those that have members, by name. Not to be changed from outside.
    """

    def __init__(
        self, gates: CurrentGates, waiting: WaitingList, clock: IReactorTime, logRation: LogRation, exact: bool
    ) -> None:
        self.rooms: dict[str, Room] = {}
        self._gates = gates
        self._waiting = waiting
        self._clock = clock
        self._logRation = logRation
        self._exact = exact
        self._closing = False

    def seatFor(self, participant: Participant, request: RoomRequest) -> Seat:
        """A seat that is not taken yet, in a room that may not be there yet."""
        room = self.rooms.get(request.roomName) or Room(request.roomName, self._clock.seconds())
        return Seat(participant, room, request)

    def enter(self, seat: Seat, welcome: Callable[[Seat], None]) -> None:
        """Begin a membership. Nothing happens if its participant has gone.

        Args:
            seat: The seat.
            welcome: Called with the seat before the room is told.
        """
        participant, gates = seat.participant, self._gates.now
        if participant.peer.connected:
            self._waiting.remove(participant, seat.room.name)
            gates.entering(seat.view, self.rooms.get(seat.room.name, seat.room).view)
            self._endAbsent(seat)
        if not participant.peer.connected:
            return  # it went, or was kicked, while the policies were busy or because of what the observers did
        room = seat.room = self._openRoom(seat.room)
        room.add(seat)
        participant.seats[room.name] = seat
        participant.arrivedAt = self._clock.seconds()
        if participant.standing is not None:
            participant.standing.begun(room.name)
        welcome(seat)
        room.tell(self._announcement(USER_JOINED, seat, seat.userId))
        if participant.peer.away:
            self._tellAway(seat)
        if self._logRation.allows("joins"):
            peer = participant.peer
            _log.info(
                "{user} joined {room} ({address}, conn {conn})",
                user=safe(seat.userId),
                room=safe(room.name),
                address=whereabouts(peer.address),
                conn=peer.conn,
            )
        gates.joined(seat.view, room.view)

    def tellAgain(self, seat: Seat, userId: str) -> None:
        """A participant has asked again for the seat that it has, as a user: the server that this one replaces tells
        the room again."""
        if self._exact and not self._closing:
            seat.room.tell(self._announcement(USER_JOINED, seat, userId))

    def end(self, seat: Seat, reason: str) -> None:
        """End a membership; its participant is told as well. Nothing happens if it has ended, or not begun.

        Args:
            seat: The seat.
            reason: What is told.
        """
        if seat.isTaken:
            receivers = list(seat.room.seats)
            self._vacate(seat)
            self._announceEnd(seat, reason, receivers)
            seat.participant.peer.release()

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
        if wasAway:
            for seat in list(participant.seats.values()):
                if seat.isTaken and seat.room.isAway(seat.userId, but=participant.peer):
                    self._tellOthers(USER_BACK, seat)

    def withdraw(self, participant: Participant, roomName: str, reason: str) -> None:
        """A participant no longer waits for a room, or never did.

        Args:
            participant: Who.
            roomName: For which one.
            reason: What the observers are told.
        """
        seat = self._waiting.seatsOf(participant).get(roomName)
        if seat is not None:
            self._waiting.remove(participant, roomName)
            self._gates.now.withdrew(seat.view, self.rooms.get(roomName, seat.room).view, reason)

    def gone(self, participant: Participant, reason: str) -> None:
        """A participant's connection is over: end all its memberships.

        Args:
            participant: Who.
            reason: What the rooms are told.
        """
        seats = list(participant.seats.values())
        for name in tuple(self._waiting.namesOf(participant)):
            self.withdraw(participant, name, reason)
        for seat in seats:
            self._vacate(seat)
        for seat in seats:
            self._announceEnd(seat, reason, list(seat.room.seats))

    def close(self) -> None:
        """The server stops: from now on memberships end without being announced to members.

        They all lose their connections now, and come back; a call between two of them goes on meanwhile.
        """
        self._closing = True

    def _tellAway(self, seat: Seat) -> None:
        if seat.isTaken and seat.room.isAway(seat.userId):
            self._tellOthers(USER_AWAY, seat, {"window": secondsOf(seat.participant.absence)})

    def _tellOthers(self, event: str, seat: Seat, more: Mapping[str, Any] = EMPTY) -> None:
        """Tell the members about one whose client is not there, or has just heard it all."""
        if seat.isTaken and not self._exact and not self._closing:
            others = [peer for peer in seat.room.seats if peer is not seat.participant.peer]
            deliver(self._announcement(event, seat, seat.userId, more), others)

    def _endAbsent(self, seat: Seat) -> None:
        """The same user is back without a key: the membership that waited for it ends."""
        room, identity = self.rooms.get(seat.room.name), seat.participant.identity
        for peer in list(room.users.get(seat.userId, ())) if room is not None else ():
            former: Participant = peer.application
            if peer.away and not peer.isKept and isSame(former.identity, identity):
                self.end(former.seats[seat.room.name], REPLACED)

    def _openRoom(self, judged: Room) -> Room:
        """The room to enter: while the policies judged one, its members may have left, or the first one joined."""
        room = self.rooms.get(judged.name)
        if room is None:
            now = self._clock.seconds()
            room = self.rooms[judged.name] = Room(judged.name, now) if judged.isOpen else judged
            room.open(now)
        return room

    def _vacate(self, seat: Seat) -> None:
        room = seat.room
        participant = seat.participant
        del participant.seats[room.name]
        if participant.standing is not None:
            participant.standing.ended(room.name)
        room.remove(seat)
        if not room.seats:
            del self.rooms[room.name]

    def _announceEnd(self, seat: Seat, reason: str, receivers: list[Peer]) -> None:
        if not self._closing:
            deliver(self._announcement(USER_LEFT, seat, seat.userId, {"reason": reason}), receivers)
        if self._logRation.allows("leaves"):
            user, name, conn = safe(seat.userId), safe(seat.room.name), seat.participant.peer.conn
            text = "{user} left {room}: {reason} (conn {conn})"
            _log.info(text, user=user, room=name, reason=safe(reason), conn=conn)
        self._gates.now.left(seat.view, seat.room.view, reason)

    def _announcement(self, event: str, seat: Seat, userId: str, more: Mapping[str, Any] = EMPTY) -> OutgoingEvent:
        arguments: tuple[Any, ...] = (event, userId)
        if not self._exact:
            arguments += ({"roomName": seat.room.name, **more},)
        return OutgoingEvent(jsontext.encode(arguments))  # names are strings: no attachments to look for
