"""Silence: members to whom somebody offers a call, and who may be gone without a word.

A newcomer would wait for them until the heartbeat. They are asked for a sign of life at once; one that has said
something a moment ago is asked only if it says nothing to the offer.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.interfaces import IReactorTime

from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.rooms.room import Seat

__all__ = ["OFFER", "PROBE_SECONDS", "Silence", "checkPatience"]

OFFER = "offer"
"""The kind of a message with which a call begins."""


PROBE_SECONDS = 3.0
"""How long a client has to answer, unless a plugin wants it otherwise."""

_NEW_SECONDS = 30.0
_QUIET_SECONDS = 5.0
_PATIENCE_SECONDS = 2.0


def checkPatience(seconds: float) -> None:
    """Check how long a client shall have to answer: with no time at all every client would be lost.

    Raises:
        ValueError: It is not above 0.
    """
    if not seconds > 0:
        raise ValueError(f"seconds must be above 0, not {seconds!r}")


class Silence:
    """Asks members for a sign of life.

    Args:
        clock: The time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock

    def offered(self, participant: Participant, seats: Iterable[Seat], target: str | None) -> None:
        """A participant offers a call. Nothing happens unless it is new in one of its rooms.

        Args:
            participant: Who.
            seats: From where.
            target: To which user; None if to all.
        """
        now = self._clock.seconds()
        if now - participant.arrivedAt > _NEW_SECONDS:
            return
        for seat in seats:
            for peer in seat.room.seats if target is None else seat.room.addressees(target):
                if peer is not participant.peer and not peer.away:
                    isQuiet = now - peer.heardAt >= _QUIET_SECONDS
                    peer.probe(PROBE_SECONDS, 0.0 if isQuiet else _PATIENCE_SECONDS)
