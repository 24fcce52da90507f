"""``broadcast``: from which seats a peer may send, what the filters make of it, and who receives it.

Once for each message, whatever the number of receivers; nothing waits unless a filter does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.python.failure import Failure

from rtcsignal.errors import Refused
from rtcsignal.signaling.events import BROADCAST, PLAIN, readEnvelope
from rtcsignal.signaling.gates import CurrentGates, Gates
from rtcsignal.signaling.handlers import acknowledge
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.relay.messages import messageOf, plain, relay
from rtcsignal.signaling.resume.silence import OFFER, Silence
from rtcsignal.signaling.resume.standing import Standing
from rtcsignal.signaling.resume.wishes import numberIn
from rtcsignal.signaling.rooms.others import Others, audienceOf
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.signaling.station import Station
from rtcsignal.signaling.watch import OTHER, Watch
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Peer
from rtcsignal.values import EMPTY, Message

__all__ = ["Broadcasts", "numbered"]

# A seat, the message as it came, and what the filters made of it.
_Verdict: TypeAlias = tuple[Seat, Message, Message | None]


class Broadcasts:
    """Hands messages to the members of rooms.

    Args:
        options: Settings.
        gates: The filters.
        silence: Asks those to whom somebody offers a call whether they are there.
        station: This node.

    Attributes:
        watch: Is told what became of each message with which calls are set up; may be set.
    """

    def __init__(self, options: SignalingOptions, gates: CurrentGates, silence: Silence, station: Station) -> None:
        self.watch: Watch | None = None
        self._gates = gates
        self._silence = silence
        self._station = station
        self._routes = not options.exact
        self._echo = options.echo

    def handle(self, participant: Participant, event: Packet) -> Deferred[None] | None:
        """Handle ``broadcast``; see `Handler`."""
        if len(event.data) > 2 and participant.standing is not None:
            return self._handleNumbered(participant, participant.standing, event)
        delivered, ackId = self._hand(participant, event), event.ackId
        if not isinstance(delivered, int):  # a question that is much cheaper than whether it is a Deferred
            return delivered.addCallback(lambda count: acknowledge(participant, ackId, {"delivered": count}))
        if ackId is not None:
            acknowledge(participant, ackId, {"delivered": delivered})
        return None

    def _handleNumbered(
        self, participant: Participant, standing: Standing, event: Packet
    ) -> Deferred[None] | None:
        """The same for a client with a key, which may send a message again of which it does not know the fate."""
        number, ackId = numberIn(event.data[2]), event.ackId
        more: dict[str, Any] = {} if number is None else {"n": number}
        if number is not None:
            if number <= standing.received:
                acknowledge(participant, ackId, {"delivered": 0, **more, "duplicate": True})
                return None
            standing.received = number
        delivered = self._hand(participant, event)
        if isinstance(delivered, Deferred):
            return delivered.addCallback(lambda count: acknowledge(participant, ackId, {"delivered": count, **more}))
        acknowledge(participant, ackId, {"delivered": delivered, **more})
        return None

    def _hand(self, participant: Participant, event: Packet) -> int | Deferred[int]:
        """Hand a message to the members of the sender's rooms.

        Returns:
            To how many it was handed.
        """
        data = event.data
        if len(data) < 2:
            raise Refused("bad-arguments", "There is nothing to broadcast.")
        gates, routes = self._gates.now, self._routes
        isFiltered = gates.judgesMessages
        kind, userId, target, roomName = readEnvelope(data[1], routes) if routes or isFiltered else PLAIN
        seats = self._speaking(participant, userId, roomName)
        if kind == OFFER:
            self._silence.offered(participant, seats, target)
        if isFiltered:
            seat = seats[0]
            message = messageOf(event, kind, target, seat)
            try:
                verdict = gates.filterMessage(seat.view, seat.room.view, message)
            except Refused:
                self._refused(message, seats, event, gates)
                raise
            if verdict is not message or len(seats) > 1 or not seat.isTaken:
                others = [(other, messageOf(event, kind, target, other)) for other in seats[1:]]
                return self._filtered(event, [(seat, message), *others], verdict, gates)
        outgoing = relay(event)
        if (target is None or not routes) and self._echo and len(seats) == 1:
            room = seats[0].room
            delivered = deliver(outgoing, room.seats)
            if room.others is not None:
                delivered += self._station.say(room.others.everyone, outgoing, participant.knownAs)
        else:
            delivered = self._handOut(participant, seats, target if routes else None, outgoing)
            elsewhere = [seat.room.others for seat in seats if seat.room.others is not None]
            if elsewhere:
                audience = audienceOf(elsewhere, target if routes else None)
                delivered += self._station.say(audience, outgoing, participant.knownAs)
        if kind != OTHER and self.watch is not None:
            self.watch.noted(kind, seats, target, delivered, event.text)
        return delivered

    def _refused(self, message: Message, seats: Sequence[Seat], event: Packet, gates: Gates) -> None:
        """A plugin has refused a message."""
        if message.kind != OTHER and self.watch is not None:
            by = gates.culprit or "a filter"
            self.watch.noted(message.kind, seats, message.targetUserId, 0, event.text, None, by)

    def _refusedLate(
        self, failure: Failure, asked: Sequence[tuple[Seat, Message]], event: Packet, gates: Gates
    ) -> Failure:
        if failure.check(Refused):
            self._refused(asked[0][1], [asked[0][0]], event, gates)
        return failure

    def _speaking(self, participant: Participant, userId: str | None, roomName: str | None) -> list[Seat]:
        """The seats from which a message may be sent.

        Args:
            participant: The sender.
            userId: The user it claims to be; None if it does not say.
            roomName: The only room to send to; None for all of its rooms.

        Raises:
            Refused: There is none.
        """
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
            raise Refused("not-your-user-id", "You have joined as someone else.")
        return seats

    def _handOut(
        self, participant: Participant, seats: list[Seat], target: str | None, event: OutgoingEvent
    ) -> int:
        """Deliver once to each peer of this node, also to one that shares several rooms with the sender."""
        sender = participant.peer
        if target is not None:
            if len(seats) == 1:
                return deliver(event, [peer for peer in seats[0].room.addressees(target) if peer is not sender])
            peers = dict.fromkeys(peer for seat in seats for peer in seat.room.addressees(target))
            peers.pop(sender, None)
            return deliver(event, peers)
        receivers: dict[Peer, Any] = {}
        for seat in seats:
            receivers.update(seat.room.seats)
        if not self._echo:
            receivers.pop(sender, None)
        return deliver(event, receivers)

    def _filtered(
        self,
        event: Packet,
        asked: list[tuple[Seat, Message]],
        verdict: Message | Deferred[Message | None] | None,
        gates: Gates,
    ) -> int | Deferred[int]:
        """As `_handOut`, for what the filters make of the message in each room. Waits only if a filter does.

        Args:
            event: What was sent.
            asked: The seats from which it is sent, each with the message that the filters are asked about.
            verdict: What they say of the first.
            gates: What they say of the others.
        """
        verdicts: list[_Verdict] = []
        rest = iter(asked)
        for seat, message in rest:
            if verdicts:
                verdict = gates.filterMessage(seat.view, seat.room.view, message)
            if isinstance(verdict, Deferred):
                late = self._filteredLate(gates, verdicts, (seat, message), verdict, list(rest))
                handed = ensureDeferred(late).addCallback(lambda done: self._handOutFiltered(event, done, gates))
                return handed.addErrback(self._refusedLate, asked, event, gates)
            verdicts.append((seat, message, verdict))
        return self._handOutFiltered(event, verdicts, gates)

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

    def _handOutFiltered(self, event: Packet, verdicts: list[_Verdict], gates: Gates) -> int:
        relayed = relay(event)
        served: dict[Peer, None] = {}
        servedElsewhere: list[tuple[Others, str | None]] = []
        delivered = 0
        for seat, before, after in verdicts:
            if after is None or not seat.isTaken:
                if after is None:
                    self._refused(before, [seat], event, gates)
                continue  # dropped; or the sender left, or was kicked, while the filters were busy
            unchanged = after.body is before.body
            outgoing = relayed if unchanged else OutgoingEvent.of(BROADCAST, plain(after.body))
            receivers = [peer for peer in self._receivers(seat, after.targetUserId) if peer not in served]
            served.update(dict.fromkeys(receivers))
            count = deliver(outgoing, receivers)
            others, target = seat.room.others, after.targetUserId if self._routes else None
            if others is not None:
                audience = audienceOf([others], target, servedElsewhere)
                count += self._station.say(audience, outgoing, seat.participant.knownAs)
                servedElsewhere.append((others, target))
            delivered += count
            if before.kind != OTHER and self.watch is not None:
                body = None if unchanged else after.body
                self.watch.noted(before.kind, [seat], after.targetUserId, count, event.text, body)
        return delivered

    def _receivers(self, seat: Seat, target: str | None) -> list[Peer]:
        sender = seat.participant.peer
        if target is not None and self._routes:
            return [peer for peer in seat.room.addressees(target) if peer is not sender]
        return [peer for peer in seat.room.seats if peer is not sender or self._echo]


def numbered(participant: Participant, event: Packet) -> Mapping[str, Any]:
    """What the answer to a message says of its number, if it has one that counts."""
    if participant.standing is None or event.name != BROADCAST or len(event.data) < 3:
        return EMPTY
    try:
        number = numberIn(event.data[2])
    except Refused:
        return EMPTY
    return EMPTY if number is None else {"n": number}
