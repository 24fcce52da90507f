"""``ice-servers``: a member asks for its ICE servers, because it is about to use them and has not many left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred

from rtcsignal.errors import Refused
from rtcsignal.ice.issuer import Issuer
from rtcsignal.signaling.events import ICE_SERVERS
from rtcsignal.signaling.handlers import acknowledge
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.relay.messages import argumentsOf
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Peer

__all__ = ["IceRequests", "seatNamed"]


class IceRequests:
    """Answers requests for ICE servers.

    Args:
        issuer: Gives them.
        hasPace: Whether a peer may ask now: the pace is that of joins.
    """

    def __init__(self, issuer: Issuer, hasPace: Callable[[Peer], bool]) -> None:
        self._issuer = issuer
        self._hasPace = hasPace

    def handle(self, participant: Participant, event: Packet) -> Deferred[None] | None:
        """Handle ``ice-servers``; see `rtcsignal.signaling.handlers.Handler`."""
        if not self._hasPace(participant.peer):
            raise Refused("rate-limited", "You are asking too often.")
        arguments, ackId = argumentsOf(event), event.ackId
        body = arguments[0] if arguments else None
        if body is not None and not isinstance(body, dict):
            raise Refused("bad-arguments", "The argument must be an object.")
        seat = seatNamed(participant, body or {})
        waiting = self._issuer.prepare(seat)
        if waiting is not None:
            return waiting.addCallback(lambda _: self._answer(participant, ackId, seat))
        self._answer(participant, ackId, seat)
        return None

    def _answer(self, participant: Participant, ackId: str | None, seat: Seat) -> None:
        peer = participant.peer
        if not peer.connected or participant.isLate:
            return
        shape = self._issuer.give(seat)
        if ackId is None:
            peer.tell(ICE_SERVERS, shape)
        else:
            acknowledge(participant, ackId, shape)


def seatNamed(participant: Participant, body: Mapping[str, Any]) -> Seat:
    """The seat that a request is about: that in the room which it names, or the first one.

    Raises:
        Refused: ``bad-arguments``; or ``not-in-room``: there is none.
    """
    roomName = body.get("roomName")
    if roomName is not None and not isinstance(roomName, str):
        raise Refused("bad-arguments", "roomName is not a string.")
    for name, seat in participant.seats.items():
        if roomName is None or name == roomName:
            return seat
    raise Refused("not-in-room", "Join the room first.")
