"""``leave-room``: the rules by which participants give up a membership, or no longer wait for one."""

from __future__ import annotations

from rtcsignal.errors import Refused
from rtcsignal.signaling.handlers import acknowledge
from rtcsignal.signaling.joins.roomrequests import checkUser, roomRequestOf
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.rooms.presence import Presence
from rtcsignal.signaling.rooms.waiting import WaitingList
from rtcsignal.socketio.packet import Packet

__all__ = ["Leaving"]


class Leaving:
    """Lets participants leave rooms.

    Args:
        options: Settings.
        presence: Ends the memberships.
        waiting: Who waits for which room.
    """

    def __init__(self, options: SignalingOptions, presence: Presence, waiting: WaitingList) -> None:
        self._options = options
        self._presence = presence
        self._waiting = waiting

    def handle(self, participant: Participant, event: Packet) -> None:
        """Handle ``leave-room``; see `Handler`."""
        request = roomRequestOf(participant, event, self._options)
        seat = participant.seats.get(request.roomName)
        if seat is None:
            seat = self._waiting.seatsOf(participant).get(request.roomName)
        if seat is None:
            raise Refused("not-in-room", "You are not in this room.")
        checkUser(seat, request, self._options)
        acknowledge(participant, event.ackId)
        self._presence.end(seat, "left")
        self._presence.withdraw(participant, request.roomName, "left")
