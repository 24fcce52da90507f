"""How a client takes its place back: the keys of ``join-room``, what it is told, and whom it replaces."""

from __future__ import annotations

from typing import Any

from rtcsignal.errors import Refused
from rtcsignal.signaling.events import RESUMED, RoomRequest, secondsOf
from rtcsignal.signaling.expiry import Expiries
from rtcsignal.signaling.joins.roomrequests import checkUser
from rtcsignal.signaling.joins.welcome import Welcome
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.resume.standing import JOINED, RESYNC, Standing
from rtcsignal.signaling.resume.standing import RESUMED as ALL_IS_WELL
from rtcsignal.signaling.resume.wishes import Wish
from rtcsignal.signaling.rooms.presence import REPLACED, Presence
from rtcsignal.signaling.rooms.room import Room, Seat
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Peer, Return, StaleKey
from rtcsignal.socketio.trail import Missed

__all__ = ["Resuming"]


class Resuming:
    """Gives clients that have a key their peers back.

    Args:
        options: Settings.
        presence: Tells the rooms.
        welcome: Acknowledges joins.
        expiries: When the participants have to go.
    """

    def __init__(
        self, options: SignalingOptions, presence: Presence, welcome: Welcome, expiries: Expiries
    ) -> None:
        self._options = options
        self._expiries = expiries
        self._presence = presence
        self._welcome = welcome

    def isElsewhere(self, participant: Participant, event: Packet, request: RoomRequest, wish: Wish) -> bool:
        """Whether a join is someone else's: that of the participant that the client was on another connection.

        That one has the connection then, and has got the event. If there is none, the client can come back from now on.

        Raises:
            Refused: ``bad-resume-key``, ``stale-resume`` or ``not-your-user-id``; nothing has happened then.
        """
        peer, key = participant.peer, wish.key
        holder = None if key is None else self._holderOf(peer, key)
        if holder is not None:
            seat = holder.application.seats.get(request.roomName)
            if seat is not None:
                checkUser(seat, request, self._options)
        self._replace(peer, wish, holder)
        if key is None or peer.key is not None:
            return False
        if holder is not None:
            participant.heir = holder.application
            back = peer.exchange(holder, wish.seen)
            if back is not None:
                self._handOver(holder.application, event, request, back)
                return True
            participant.heir = None
        peer.keep(key)
        if participant.standing is None:
            participant.standing = Standing()
        self._presence.changed(participant)
        return not peer.connected

    def tell(self, request: RoomRequest, ackId: str | None, asks: bool, seat: Seat) -> None:
        """Acknowledge the join of a client that has a key.

        Args:
            request: What was sent to join.
            ackId: As the event has it.
            asks: The key came with it, and not only with the handshake.
            seat: The seat that has been taken.
        """
        participant, name = seat.participant, seat.room.name
        peer, standing = participant.peer, participant.standing
        if participant.isLate or peer.away or standing is None:
            return  # it has not heard of it yet
        outcome, missed = standing.outcomeOf(name), standing.missed
        further: dict[str, Any] = {"outcome": outcome, "received": standing.received, "window": secondsOf(peer.window)}
        if not peer.isKept:
            further["outcome"] = JOINED
        else:
            at = self._positionOf(peer, outcome, missed)
            standing.answered(name, at)
            further["at"] = peer.offsetOf(at)
        if not asks:
            self._welcome.tell(request, ackId, seat)
        elif ackId is not None:
            self._welcome.answer(request, ackId, seat, _membersOf(seat.room), further)

    def returned(self, participant: Participant, back: Return) -> None:
        """A client has its peer back since it connected: it is told, and gets what it has missed."""
        peer, standing = participant.peer, participant.standing
        self._moved(participant, back)
        if back.asks:
            if standing is None:
                standing = participant.standing = Standing()
            outcome, missed = standing.outcome, back.missed
            if missed.messages is None:
                outcome = RESYNC
            at = self._positionOf(peer, outcome, missed)
            rooms = [{"roomName": name, "userId": seat.userId} for name, seat in participant.seats.items()]
            told = {"outcome": outcome, "at": peer.offsetOf(at), "received": standing.received}
            peer.tell(RESUMED, {**told, "window": secondsOf(peer.window), "rooms": rooms})
        peer.replay(back.missed)
        self._presence.back(participant, back.wasAway)

    def _handOver(self, heir: Participant, event: Packet, request: RoomRequest, back: Return) -> None:
        peer = heir.peer
        self._moved(heir, back)
        standing = heir.standing
        if request.roomName in heir.seats and not heir.isBusy and standing is not None:
            standing.missed = back.missed
            heir.take(event)
            standing.missed = None
            peer.replay(back.missed)
        else:  # the answer takes time, or begins a membership: what is older goes first
            peer.replay(back.missed)
            heir.take(event)
        self._presence.back(heir, back.wasAway)

    def _moved(self, participant: Participant, back: Return) -> None:
        participant.moved()
        participant.identity = participant.peer.identity
        self._expiries.forget(participant)
        self._expiries.watch(participant)
        if participant.standing is not None:
            participant.standing.returned(back.missed, participant.seats)

    def _holderOf(self, peer: Peer, key: str) -> Peer | None:
        if peer.key is not None:
            if not peer.holds(key):
                raise Refused("bad-resume-key", "Your connection has another key already.")
            return None
        try:
            return peer.find(key)
        except StaleKey:
            raise Refused("stale-resume", "The key is in use on a connection that was opened later.") from None

    @staticmethod
    def _replace(peer: Peer, wish: Wish, holder: Peer | None) -> None:
        """End the peer of the page that was there before."""
        if wish.replaces is None or wish.replaces == wish.key:
            return
        try:
            former = peer.find(wish.replaces)
        except StaleKey:
            return  # that page is not an earlier one
        if former is not None and former is not peer and former is not holder:
            former.application.expel(REPLACED)

    @staticmethod
    def _positionOf(peer: Peer, outcome: str, missed: Missed | None) -> int:
        """From where on the client has everything, with what follows: that may be what it has missed.

        That is so also where there was a gap before of which it hears only now.
        """
        if missed is not None and missed.messages is not None and outcome == ALL_IS_WELL:
            return missed.start
        return missed.before if missed is not None and missed.messages else peer.mark()


def _membersOf(room: Room) -> list[dict[str, Any]]:
    return [{"userId": user, "away": True} if room.isAway(user) else {"userId": user} for user in room.connections]
