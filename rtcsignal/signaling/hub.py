"""The hub: every room, and the rules of join, leave and broadcast.

Presence is announced in two places only, `Hub._enter` and `Hub._announceEnd`: each membership is announced
once and ends once, whatever ends it. Nothing here knows packets or sockets; plugins are reached through `Gates`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.bucket import Rate
from rtcsignal.errors import Refused, Waiting
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import safe
from rtcsignal.signaling.admission import Admissions
from rtcsignal.signaling.events import (
    BROADCAST,
    PLAIN,
    USER_JOINED,
    USER_LEFT,
    Envelope,
    RoomRequest,
    readEnvelope,
)
from rtcsignal.signaling.expiry import Expiries
from rtcsignal.signaling.gates import Gates
from rtcsignal.signaling.messages import messageOf, plain, relay
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.room import Room, Seat
from rtcsignal.signaling.views import PeerView, seatOf
from rtcsignal.signaling.waiting import WaitingList
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.peer import Event, Peer
from rtcsignal.values import Message

__all__ = ["Hub", "SignalingOptions"]

_log = Logger()

# A seat, the message as it came, and what the filters made of it.
_Verdict: TypeAlias = tuple[Seat, Message, Message | None]


@dataclass(frozen=True)
class SignalingOptions:
    """Settings of the signalling. 0 switches a limit off.

    Attributes:
        echo: Senders get their own broadcasts, unless these are for one user.
        exact: As the server that this one replaces: no routing by target or room, no binding of user ids, no further
            arguments of events.
        roomsPerPeer: Most rooms of one peer.
        nameCharacters: Longest name of a user or a room.
        joinsRate: Requests to join of one connection.
    """

    echo: bool = True
    exact: bool = False
    roomsPerPeer: int = 32
    nameCharacters: int = 256
    joinsRate: Rate = field(default_factory=lambda: Rate(10, 100))


class Hub:
    """All rooms of this node.

    Args:
        options: Settings.
        gates: What the plugins say.
        clock: The time.

    Attributes:
        rooms: Those that have members, by name. Not to be changed from outside.
        waiting: Who waits for which room; changed by the hub alone, but that plugins may dismiss.
        gates: May be replaced at any time; requests under way keep what they began with.
        ration: How much of all this may go to the log.
        expiries: When the participants have to go.
    """

    def __init__(self, options: SignalingOptions, gates: Gates, clock: IReactorTime) -> None:
        self.options = options
        self.gates = gates
        self.clock = clock
        self.rooms: dict[str, Room] = {}
        self.waiting = WaitingList()
        self.ration = LogRation(clock.seconds)
        self.expiries = Expiries(clock)
        self._admissions = Admissions()
        self._closing = False

    def join(
        self, participant: Participant, request: RoomRequest, welcome: Callable[[Seat], None]
    ) -> Deferred[None] | None:
        """Let a participant into a room, if the rules and the policies allow it.

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
            return None
        most = self.options.roomsPerPeer
        if most and len({*participant.seats, *self.waiting.namesOf(participant)} - {request.roomName}) >= most:
            raise Refused("too-many-rooms", f"No more than {most} rooms at once.")
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
            Refused: It is not in the room, or there as somebody else.
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
        """
        self._end(seatOf(peer), reason)

    def close(self) -> None:
        """The server stops: from now on memberships end without being announced to members.

        They all lose their connections now, and come back; a call between two of them goes on meanwhile.
        """
        self._closing = True

    def broadcast(self, participant: Participant, event: Event) -> int | Deferred[int]:
        """Hand a message to the members of the sender's rooms.

        Returns:
            To how many it was handed.

        Raises:
            Refused: It is not handed to anybody; also the way in which the Deferred fails.
        """
        if not event.arguments:
            raise Refused("bad-arguments", "There is nothing to broadcast.")
        isFiltered, exact = self.gates.judgesMessages, self.options.exact
        routes = isFiltered or not exact
        envelope = readEnvelope(event.arguments[0], routed=not exact) if routes else PLAIN
        seats = self._speaking(participant, envelope)
        if isFiltered:
            return self._filtered(participant, event, envelope, seats)
        return self._handOut(participant, seats, envelope.targetUserId, relay(event))

    def handleEvent(
        self, participant: Participant, event: Event
    ) -> Mapping[str, Any] | Deferred[Mapping[str, Any] | None] | None:
        """Hand one of the plugins' events to them.

        Returns:
            Further members of the acknowledgement.

        Raises:
            Refused: The sender is told; also the way in which the Deferred fails.
        """
        if event.name not in self.gates.events:
            return None  # its plugin is not in use any more
        body = event.arguments[0] if event.arguments else {}
        if not isinstance(body, dict):
            raise Refused("bad-arguments", "An object is needed.")
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
            raise Refused("not-your-user-id", "You are signed in as somebody else.")

    def _checkUser(self, seat: Seat, userId: str | None) -> None:
        if userId is not None and userId != seat.userId and not self.options.exact:
            raise Refused("not-your-user-id", "You are in this room as somebody else.")

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
        """Somebody who waited for a room does not any more."""
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
            return  # it went, or was put out, while the policies thought or because of what the observers did
        room = seat.room = self._openRoom(seat.room)
        room.add(seat)
        participant.seats[room.name] = seat
        welcome(seat)
        room.tell(self._presence(USER_JOINED, seat, {}))
        if self.ration.allows("joins"):
            _log.info("{user} joined {room}", user=safe(seat.userId), room=safe(room.name))
        self.gates.joined(seat.view, room.view)

    def _openRoom(self, judged: Room) -> Room:
        """The room to enter: while the policies thought of one, its members may have left, or the first one come."""
        room = self.rooms.get(judged.name)
        if room is None:
            now = self.clock.seconds()
            room = self.rooms[judged.name] = Room(judged.name, now) if judged.isOpen else judged
            room.open(now)
        return room

    def _end(self, seat: Seat, reason: str) -> None:
        """End one membership; who loses it is told as well."""
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
            user, name = safe(seat.userId), safe(seat.room.name)
            _log.info("{user} left {room}: {reason}", user=user, room=name, reason=safe(reason))
        self.gates.left(seat.view, seat.room.view, reason)

    def _presence(self, event: str, seat: Seat, more: dict[str, str]) -> OutgoingEvent:
        if self.options.exact:
            return OutgoingEvent.of(event, seat.userId)
        return OutgoingEvent.of(event, seat.userId, {"roomName": seat.room.name, **more})

    def _speaking(self, participant: Participant, envelope: Envelope) -> list[Seat]:
        """The seats from which a message may be spoken.

        Raises:
            Refused: There is none.
        """
        _, userId, _, roomName = envelope
        held = participant.seats
        if roomName is None:
            seats = list(held.values())
        else:
            seats = [held[roomName]] if roomName in held else []
        if not seats:
            raise Refused("not-in-room", "Join the room first.")
        if userId is None or (len(seats) == 1 and seats[0].userId == userId):
            return seats
        seats = [seat for seat in seats if seat.userId == userId]
        if not seats:
            raise Refused("not-your-user-id", "You have joined as somebody else.")
        return seats

    def _handOut(
        self, participant: Participant, seats: list[Seat], target: str | None, event: OutgoingEvent
    ) -> int:
        """Deliver once to each peer, also to one that shares several rooms with the sender."""
        sender = participant.peer
        if target is not None and not self.options.exact:
            if len(seats) == 1:
                return deliver(event, [peer for peer in seats[0].room.peersOf(target) if peer is not sender])
            peers = dict.fromkeys(peer for seat in seats for peer in seat.room.peersOf(target))
            peers.pop(sender, None)
            return deliver(event, peers)
        if len(seats) == 1 and self.options.echo:
            return deliver(event, seats[0].room.seats)
        everybody: dict[Peer, Any] = {}
        for seat in seats:
            everybody.update(seat.room.seats)
        if not self.options.echo:
            everybody.pop(sender, None)
        return deliver(event, everybody)

    def _filtered(
        self, participant: Participant, event: Event, envelope: Envelope, seats: list[Seat]
    ) -> int | Deferred[int]:
        """As `_handOut`, for what the filters make of the message in each room. Waits only if a filter does."""
        gates = self.gates
        verdicts: list[_Verdict] = []
        for index, seat in enumerate(seats):
            message = messageOf(event, envelope, seat)
            result = gates.filterMessage(seat.view, seat.room.view, message)
            if isinstance(result, Deferred):
                rest = [(other, messageOf(event, envelope, other)) for other in seats[index + 1 :]]
                late = self._filteredLate(gates, verdicts, (seat, message), result, rest)
                return ensureDeferred(late).addCallback(lambda done: self._handOutFiltered(event, done))
            if result is message and len(seats) == 1 and seat.isTaken:
                return self._handOut(participant, seats, message.targetUserId, relay(event))
            verdicts.append((seat, message, result))
        return self._handOutFiltered(event, verdicts)

    @staticmethod
    async def _filteredLate(
        gates: Gates,
        verdicts: list[_Verdict],
        current: tuple[Seat, Message],
        pending: Deferred[Message | None],
        rest: list[tuple[Seat, Message]],
    ) -> list[_Verdict]:
        verdicts.append((*current, await pending))
        for seat, message in rest:
            result = gates.filterMessage(seat.view, seat.room.view, message)
            verdicts.append((seat, message, await result if isinstance(result, Deferred) else result))
        return verdicts

    def _handOutFiltered(self, event: Event, verdicts: list[_Verdict]) -> int:
        relayed = relay(event)
        served: dict[Peer, None] = {}
        for seat, before, after in verdicts:
            if after is None or not seat.isTaken:
                continue  # dropped; or the sender left, or was put out, while the filters thought
            unchanged = after.body is before.body
            outgoing = relayed if unchanged else OutgoingEvent.of(BROADCAST, plain(after.body))
            receivers = [peer for peer in self._receivers(seat, after.targetUserId) if peer not in served]
            served.update(dict.fromkeys(receivers))
            deliver(outgoing, receivers)
        return len(served)

    def _receivers(self, seat: Seat, target: str | None) -> list[Peer]:
        sender = seat.participant.peer
        if target is not None and not self.options.exact:
            return [peer for peer in seat.room.peersOf(target) if peer is not sender]
        return [peer for peer in seat.room.seats if peer is not sender or self.options.echo]
