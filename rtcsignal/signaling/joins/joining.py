"""``join-room``: the rules by which participants become members."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from rtcsignal.errors import Refused, Waiting
from rtcsignal.signaling.cluster import UNSEEN
from rtcsignal.signaling.events import RoomRequest
from rtcsignal.signaling.gates import CurrentGates
from rtcsignal.signaling.joins.admission import Admissions
from rtcsignal.signaling.joins.roomrequests import checkIdentity, checkUser, joinRequestOf
from rtcsignal.signaling.joins.welcome import Welcome
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.resume.resuming import Resuming
from rtcsignal.signaling.rooms.presence import Presence
from rtcsignal.signaling.rooms.reports import Reports
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.signaling.rooms.waiting import WaitingList
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Peer

__all__ = ["Joining"]

_MOST_ROUNDS = 100


class Joining:
    """Admits participants to rooms, if the rules and the policies allow it.

    Args:
        options: Settings.
        gates: The policies.
        presence: Begins the memberships.
        waiting: Where those are put whom a policy makes wait.
        clock: The time.
        welcome: Acknowledges the joins.
        resuming: Gives those who have a key their places back.
        reports: What other nodes are told.

    Attributes:
        welcome: The same as was given; others may add to what it tells.
        prepare: Called with a seat that somebody asks for: what takes time of what they will be told, if they get it.
            Returns a Deferred that never fails, or None; may be set.
    """

    def __init__(
        self,
        options: SignalingOptions,
        gates: CurrentGates,
        presence: Presence,
        waiting: WaitingList,
        clock: IReactorTime,
        welcome: Welcome,
        resuming: Resuming,
        reports: Reports,
    ) -> None:
        self.welcome = welcome
        self.prepare: Callable[[Seat], Deferred[None] | None] | None = None
        self._resuming = resuming
        self._options = options
        self._gates = gates
        self._presence = presence
        self._waiting = waiting
        self._clock = clock
        self._admissions = Admissions()
        self._reports = reports

    def handle(self, participant: Participant, event: Packet) -> Deferred[None] | None:
        """Handle ``join-room``; see `Handler`."""
        if not self.keepsPace(participant.peer):
            raise Refused("too-many-joins", "You are joining rooms too fast.")
        self._checkSize(event)
        request, wish = joinRequestOf(participant, event, self._options)
        checkIdentity(participant, request)
        if wish is not None and self._resuming.isElsewhere(participant, event, request, wish):
            return None
        welcome = partial(self.welcome.tell, request, event.ackId)
        if participant.standing is not None:
            asks = wish is not None and wish.key is not None
            welcome = partial(self._resuming.tell, request, event.ackId, asks)
        return self._join(participant, request, welcome, again=wish is None)

    def _join(
        self, participant: Participant, request: RoomRequest, welcome: Callable[[Seat], None], again: bool
    ) -> Deferred[None] | None:
        seat = participant.seats.get(request.roomName)
        if seat is not None:
            checkUser(seat, request, self._options)
            welcome(seat)
            if again:
                self._presence.tellAgain(seat, request.userId)
            return None
        self._checkNumber(participant, request)
        if self.prepare is not None:
            preparing = self.prepare(self._presence.seatFor(participant, request))
            if preparing is not None:
                return preparing.addCallback(lambda _: self._admit(participant, request, welcome))
        return self._admit(participant, request, welcome)

    def _admit(
        self, participant: Participant, request: RoomRequest, welcome: Callable[[Seat], None]
    ) -> Deferred[None] | None:
        if self._reports.isAlone and not self._gates.now.judgesJoins:
            self._presence.enter(self._presence.seatFor(participant, request), welcome)
            return None
        judge = self._judge if self._reports.isAlone else self._judgeInCluster
        admitted: Deferred[None] | None = self._admissions.run(
            request.roomName, lambda: judge(participant, request, welcome)
        )
        return admitted

    def _judgeInCluster(
        self, participant: Participant, request: RoomRequest, welcome: Callable[[Seat], None]
    ) -> Deferred[None]:
        self._reports.joining(request.roomName)
        judged = Deferred.fromCoroutine(self._judgeEverywhere(participant, request, welcome))
        return judged.addBoth(self._judged, request.roomName)

    async def _judgeEverywhere(
        self, participant: Participant, request: RoomRequest, welcome: Callable[[Seat], None]
    ) -> None:
        """Judge the room as it is on all nodes, again and again until it has not changed meanwhile."""
        name, presence, reports = request.roomName, self._presence, self._reports
        for number in range(_MOST_ROUNDS):
            isBlind = not number and self._isOpen and not reports.seen(name)
            look = None if isBlind else reports.look(name)
            if look is not None:
                await look
            former = reports.giveUpFormer(participant, name)
            if former is not None:
                await former
                continue  # the room has changed
            if not participant.peer.connected:
                return
            seat, seen = presence.seatFor(participant, request), UNSEEN if isBlind else None
            if self._gates.now.judgesJoins:
                seen = reports.seen(name)
                verdict = self._verdictOn(seat)
                if verdict is not None:
                    await verdict.addErrback(self._notAdmitted, seat)
            entered = presence.enter(seat, welcome, seen)
            if entered is None or await entered:
                return
        raise Refused("unavailable", "Too many are joining this room. Try again.")

    @property
    def _isOpen(self) -> bool:
        """No plugin looks at rooms when somebody joins: then one that is not here need not be looked at, unless its
        user is there already."""
        gates = self._gates.now
        return not gates.judgesJoins and not gates.watchesDoors

    def _judged(self, result: Any, roomName: str) -> Any:
        self._reports.judged(roomName)
        return result

    def _judge(
        self, participant: Participant, request: RoomRequest, welcome: Callable[[Seat], None]
    ) -> Deferred[None] | None:
        if not participant.peer.connected:
            return None  # it went while others were judged
        seat = self._presence.seatFor(participant, request)
        verdict = self._verdictOn(seat)
        if verdict is None:
            self._presence.enter(seat, welcome)
            return None
        return verdict.addCallbacks(
            lambda _: self._admitted(seat, welcome), self._notAdmitted, errbackArgs=(seat,)
        )

    def _admitted(self, seat: Seat, welcome: Callable[[Seat], None]) -> None:
        self._presence.enter(seat, welcome)

    def _verdictOn(self, seat: Seat) -> Deferred[None] | None:
        try:
            return self._gates.now.mayJoin(seat.view, seat.room.view)
        except Waiting:
            self._presence.wait(seat)
            raise

    def _notAdmitted(self, failure: Failure, seat: Seat) -> Failure:
        if failure.check(Waiting):
            self._presence.wait(seat)
        return failure

    def keepsPace(self, peer: Peer) -> bool:
        """Whether a peer may make a request now that costs as much as a join; it has made one less then."""
        rate = self._options.joinsRate
        if not rate.perSecond:
            return True
        now = self._clock.seconds()
        allowance = peer.allowance
        if allowance is None:
            allowance = peer.allowance = rate.bucket(now)
        return allowance.tryTake(now)

    def _checkSize(self, event: Packet) -> None:
        most, size = self._options.joinBytes, len(event.text.encode()) + sum(map(len, event.attachments))
        if 0 < most < size:
            raise Refused("too-large", "The join request is too long.", {"most": most, "size": size})

    def _checkNumber(self, participant: Participant, request: RoomRequest) -> None:
        most = self._options.roomsPerPeer
        if most and len({*participant.seats, *self._waiting.namesOf(participant)} - {request.roomName}) >= most:
            raise Refused("too-many-rooms", f"You may be in {most} rooms at most.")
