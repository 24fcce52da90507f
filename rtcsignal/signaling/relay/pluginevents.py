"""The events of plugins: from which seat one is sent, and what its plugin answers."""

from __future__ import annotations

from types import MappingProxyType

from twisted.internet.defer import Deferred

from rtcsignal.errors import Refused
from rtcsignal.signaling.gates import CurrentGates
from rtcsignal.signaling.handlers import Answer
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.relay.messages import argumentsOf
from rtcsignal.socketio.packet import Packet

__all__ = ["PluginEvents"]


class PluginEvents:
    """Hands events to the plugins that have said which ones they handle.

    Args:
        gates: The plugins.
    """

    def __init__(self, gates: CurrentGates) -> None:
        self._gates = gates

    def answer(self, participant: Participant, event: Packet) -> Answer | Deferred[Answer]:
        """Hand one event to its plugin.

        Args:
            participant: The sender.
            event: What it sent.

        Returns:
            Further members of the acknowledgement.

        Raises:
            Refused: The sender is told; also the way in which the Deferred fails.
        """
        gates = self._gates.now
        if event.name not in gates.events:
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
        return gates.handleEvent(seats[0].view, seats[0].room.view, str(event.name), MappingProxyType(body))
