"""The hub: every room, and the rules of join, leave and broadcast.

Presence is announced in two places only, `Hub._enter` and `Hub._announceEnd`: each membership is announced
once and ends once, whatever ends it. (In exact mode asking again to join is announced again.) Nothing here knows
packets or sockets; plugins are reached through `Gates`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.clocks import WallClock
from rtcsignal.engineio.refusals import whereabouts
from rtcsignal.errors import Refused, Waiting
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import safe
from rtcsignal.signaling.admission import Admissions
from rtcsignal.signaling.broadcast import Broadcasts
from rtcsignal.signaling.events import USER_JOINED, USER_LEFT, RoomRequest, checkedReason
from rtcsignal.signaling.expiry import Expiries
from rtcsignal.signaling.gates import Gates
from rtcsignal.signaling.messages import argumentsOf
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.room import Room, Seat
from rtcsignal.signaling.views import PeerView, participantOf, seatAmong
from rtcsignal.signaling.waiting import WaitingList
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Peer

__all__ = ["Hub", "SignalingOptions"]

_log = Logger()

class Hub:
    """All rooms of this node.

    Args:
        options: Settings.
        gates: What the plugins say.
        clock: The time.
        wall: The time of day, by which identities expire.

    Attributes:
        rooms: Those that have members, by name. Not to be changed from outside.
        waiting: Who waits for which room; changed only by the hub, except that plugins may dismiss.
        gates: May be replaced at any time; requests under way keep what they began with.
        ration: How much of all this may go to the log.
        expiries: When the participants have to go.
    """

    def __init__(self, options: SignalingOptions, gates: Gates, clock: IReactorTime, wall: WallClock) -> None:
        self.options = options
        self.gates = gates
        self.clock = clock
        self.rooms: dict[str, Room] = {}
        self.waiting = WaitingList()
        self.ration = LogRation(clock.seconds)
        self.expiries = Expiries(clock, wall)
        self._admissions = Admissions()
        self._broadcasts = Broadcasts(options)
        self._closing = False

    def join(
        self, participant: Participant, request: RoomRequest, welcome: Callable[[Seat], None]
    ) -> Deferred[None] | None:
        """Admit a participant to a room, if the rules and the policies allow it.

        Args:
            participant: Who.
            request: Where, and as whom.
            welcome: Called with the seat before the room is told.

        Raises:
            Refused: It may not; also the way in which the Deferred fails.
        """
        self._checkIdentity(participant, request.userId)
        seat = participant.seats.get(request.roomName)
        if seat is not None:
            self._checkUser(seat, request.userId)
            welcome(seat)
            if self.options.exact and not self._closing:
                seat.room.tell(self._presence(USER_JOINED, seat, {}, request.userId))
            return None
        most = self.options.roomsPerPeer
        if most and len({*participant.seats, *self.waiting.namesOf(participant)} - {request.roomName}) >= most:
            raise Refused("too-many-rooms", f"You may be in {most} rooms at most.")
        if not self.gates.judgesJoins:
            self._enter(self._seatFor(participant, request), welcome)
            return None
        admitted: Deferred[None] | None = self._admissions.run(
            request.roomName, lambda: self._judge(participant, request, welcome)
        )
        return admitted

    def leave(self, participant: Participant, request: RoomRequest, farewell: Callable[[], None]) -> None:
        """Let a participant leave a room.

        Args:
            participant: Who.
            request: Where, and as whom.
            farewell: Called before the room is told.

        Raises:
            Refused: It is not in the room, or there as someone else.
        """
        seat = participant.seats.get(request.roomName)
        if seat is None:
            seat = self.waiting.seatsOf(participant).get(request.roomName)
        if seat is None:
            raise Refused("not-in-room", "You are not in this room.")
        self._checkUser(seat, request.userId)
        farewell()
        self._end(seat, "left")
        self._withdraw(participant, request.roomName, "left")

    def gone(self, participant: Participant, reason: str) -> None:
        """A participant's connection is over: end all its memberships.

        Args:
            participant: Who.
            reason: What the rooms are told.
        """
        seats = list(participant.seats.values())
        for name in tuple(self.waiting.namesOf(participant)):
            self._withdraw(participant, name, reason)
        for seat in seats:
            self._vacate(seat)
        for seat in seats:
            self._announceEnd(seat, reason, list(seat.room.seats))

    def kick(self, peer: PeerView, reason: str) -> None:
        """End one membership. Its room is told, and so is the one who has to go; the connection stays.

        Args:
            peer: The membership, as plugins see it. Nothing happens if it has ended.
            reason: What is told.

        Raises:
            TypeError: The reason is not a string.
        """
        told = checkedReason(reason)
        seat = seatAmong(participantOf(peer).seats, peer)
        if seat is not None:
            self._end(seat, told)

    def close(self) -> None:
        """The server stops: from now on memberships end without being announced to members.

        They all lose their connections now, and come back; a call between two of them goes on meanwhile.
        """
        self._closing = True

    def broadcast(self, participant: Participant, event: Packet) -> int | Deferred[int]:
        """Hand a message to the members of the sender's rooms.

        Returns:
            To how many it was handed.

        Raises:
            Refused: It is handed to no one; also the way in which the Deferred fails.
        """
        return self._broadcasts.hand(participant, event, self.gates)

    def handleEvent(
        self, participant: Participant, event: Packet
    ) -> Mapping[str, Any] | Deferred[Mapping[str, Any] | None] | None:
        """Hand one of the plugins' events to them.

        Returns:
            Further members of the acknowledgement.

        Raises:
            Refused: The sender is told; also the way in which the Deferred fails.
        """
        if event.name not in self.gates.events:
            return None  # its plugin is not in use any more
        arguments = argumentsOf(event)
        body = arguments[0] if arguments else {}
        if not isinstance(body, dict):
            raise Refused("bad-arguments", "The argument must be an object.")
        roomName = body.get("roomName")
        seats = [seat for name, seat in participant.seats.items() if roomName is None or name == roomName]
        if not seats:
            raise Refused("not-in-room", "Join the room first.")
        if len(seats) > 1:
            raise Refused("bad-arguments", "You are in several rooms: roomName must say which one is meant.")
        return self.gates.handleEvent(seats[0].view, seats[0].room.view, str(event.name), MappingProxyType(body))

    def _checkIdentity(self, participant: Participant, userId: str) -> None:
        bound = participant.identity.userId
        if bound is not None and bound != userId:
            raise Refused("not-your-user-id", "You are signed in as someone else.")

    def _checkUser(self, seat: Seat, userId: str | None) -> None:
        if userId is not None and userId != seat.userId and not self.options.exact:
            raise Refused("not-your-user-id", "You are in this room as someone else.")

    def _seatFor(self, participant: Participant, request: RoomRequest) -> Seat:
        """A seat that is not taken yet, in a room that may not be there yet."""
        room = self.rooms.get(request.roomName) or Room(request.roomName, self.clock.seconds())
        return Seat(participant, room, request)

    def _judge(
        self, participant: Participant, request: RoomRequest, welcome: Callable[[Seat], None]
    ) -> Deferred[None] | None:
        if not participant.peer.connected:
            return None  # it went while others were judged
        seat = self._seatFor(participant, request)
        try:
            verdict = self.gates.mayJoin(seat.view, seat.room.view)
        except Waiting:
            self.waiting.add(seat)
            raise
        if verdict is None:
            self._enter(seat, welcome)
            return None
        return verdict.addCallbacks(lambda _: self._enter(seat, welcome), self._notAdmitted, errbackArgs=(seat,))

    def _notAdmitted(self, failure: Failure, seat: Seat) -> Failure:
        if failure.check(Waiting):
            self.waiting.add(seat)
        return failure

    def _withdraw(self, participant: Participant, roomName: str, reason: str) -> None:
        """A participant that waited for a room no longer does."""
        seat = self.waiting.seatsOf(participant).get(roomName)
        if seat is not None:
            self.waiting.remove(participant, roomName)
            self.gates.withdrew(seat.view, self.rooms.get(roomName, seat.room).view, reason)

    def _enter(self, seat: Seat, welcome: Callable[[Seat], None]) -> None:
        participant = seat.participant
        if participant.peer.connected:
            self.waiting.remove(participant, seat.room.name)
            self.gates.entering(seat.view, self.rooms.get(seat.room.name, seat.room).view)
        if not participant.peer.connected:
            return  # it went, or was kicked, while the policies were busy or because of what the observers did
        room = seat.room = self._openRoom(seat.room)
        room.add(seat)
        participant.seats[room.name] = seat
        welcome(seat)
        room.tell(self._presence(USER_JOINED, seat, {}))
        if self.ration.allows("joins"):
            session = participant.peer.session
            _log.info(
                "{user} joined {room} ({address}, conn {conn})",
                user=safe(seat.userId),
                room=safe(room.name),
                address=whereabouts(session.request.address),
                conn=session.conn,
            )
        self.gates.joined(seat.view, room.view)

    def _openRoom(self, judged: Room) -> Room:
        """The room to enter: while the policies judged one, its members may have left, or the first one joined."""
        room = self.rooms.get(judged.name)
        if room is None:
            now = self.clock.seconds()
            room = self.rooms[judged.name] = Room(judged.name, now) if judged.isOpen else judged
            room.open(now)
        return room

    def _end(self, seat: Seat, reason: str) -> None:
        """End one membership; its participant is told as well."""
        if seat.isTaken:
            receivers = list(seat.room.seats)
            self._vacate(seat)
            self._announceEnd(seat, reason, receivers)

    def _vacate(self, seat: Seat) -> None:
        room = seat.room
        del seat.participant.seats[room.name]
        room.remove(seat)
        if not room.seats:
            del self.rooms[room.name]

    def _announceEnd(self, seat: Seat, reason: str, receivers: list[Peer]) -> None:
        if not self._closing:
            deliver(self._presence(USER_LEFT, seat, {"reason": reason}), receivers)
        if self.ration.allows("leaves"):
            user, name, conn = safe(seat.userId), safe(seat.room.name), seat.participant.peer.session.conn
            text = "{user} left {room}: {reason} (conn {conn})"
            _log.info(text, user=user, room=name, reason=safe(reason), conn=conn)
        self.gates.left(seat.view, seat.room.view, reason)

    def _presence(self, event: str, seat: Seat, more: dict[str, str], userId: str | None = None) -> OutgoingEvent:
        arguments: tuple[Any, ...] = (event, seat.userId if userId is None else userId)
        if not self.options.exact:
            arguments += ({"roomName": seat.room.name, **more},)
        return OutgoingEvent(jsontext.encode(arguments))  # names are texts: no attachments to look for
