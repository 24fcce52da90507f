"""Members that are away, and whose clients cannot come back: the same user takes their places."""

from __future__ import annotations

from typing import Any

from rtcsignal.signaling.participant import Participant, isSame
from rtcsignal.signaling.rooms.room import Room, Seat

__all__ = ["absentIn"]


def absentIn(room: Room, seat: Seat) -> list[Any]:
    """The memberships that wait for a user, who is back without a key.

    Args:
        room: Where.
        seat: The seat that this user is about to take.

    Returns:
        Each as its `IPeer`.
    """
    identity = seat.participant.identity
    absent: list[Any] = []
    for peer in room.users.get(seat.userId, ()):
        former: Participant = peer.application
        if peer.away and not peer.isKept and isSame(former.identity, identity):
            absent.append(former.seats[room.name].view)
    for member in room.others.of(seat.userId) if room.others is not None else ():
        facts = member.facts
        isOne = (facts.signedIn, frozenset(facts.roles)) == (seat.participant.isSignedIn, identity.roles)
        if facts.away and not facts.key and isOne:
            absent.append(member.view)
    return absent
