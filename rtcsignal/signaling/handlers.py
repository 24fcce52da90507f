"""Handlers: each takes the events of one name, beside what it is about; the table of all is in the service.

A handler refuses with `Refused`, at once or later. It acknowledges an event itself if the room hears of it too, because
the one who asked must be told first. For all others there is `answering`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from twisted.internet.defer import Deferred

from rtcsignal.signaling.participant import Participant
from rtcsignal.socketio.packet import Packet

__all__ = ["Answer", "Handler", "acknowledge", "answering"]

_OK = {"ok": True}

Answer: TypeAlias = Mapping[str, Any] | None
"""Further members of an acknowledgement, besides that it went well."""


class Handler(Protocol):
    """Handles the events of one name."""

    def __call__(self, participant: Participant, event: Packet, /) -> Deferred[None] | None:
        """Handle an event. A participant's next one comes when this one has been handled.

        Args:
            participant: Who has sent it.
            event: What was sent. It is not to be kept while something takes time.

        Returns:
            A Deferred if it takes time.

        Raises:
            Refused: The sender is told; also the way in which the Deferred fails.
        """


def acknowledge(participant: Participant, ackId: str | None, more: Answer = None) -> None:
    """Tell the sender of an event that it went well, if an acknowledgement was asked for.

    Args:
        participant: The sender.
        ackId: As the event has it.
        more: What else it is told.
    """
    if ackId is not None and not participant.isLate:
        participant.peer.acknowledge(ackId, {**_OK, **(more or {}), **_OK})


def answering(answer: Callable[[Participant, Packet], Answer | Deferred[Answer]]) -> Handler:
    """A handler that acknowledges each event with what a function returns.

    Args:
        answer: Called with the sender and the event.
    """

    def handle(participant: Participant, event: Packet) -> Deferred[None] | None:
        ackId, found = event.ackId, answer(participant, event)
        if isinstance(found, Deferred):
            return found.addCallback(lambda late: acknowledge(participant, ackId, late))
        acknowledge(participant, ackId, found)
        return None

    return handle
