"""Requests to join and to leave a room: read from events, and held to what is known of their senders."""

from __future__ import annotations

from rtcsignal.errors import Refused
from rtcsignal.signaling.events import RoomRequest, readNames, readRoomRequest
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.relay.messages import argumentsOf
from rtcsignal.signaling.resume.wishes import Wish, wishIn
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.socketio.packet import Packet

__all__ = ["checkIdentity", "checkUser", "joinRequestOf", "roomRequestOf"]


def roomRequestOf(participant: Participant, event: Packet, options: SignalingOptions) -> RoomRequest:
    """The request that an event is.

    Raises:
        Refused: ``bad-arguments``.
    """
    return readRoomRequest(argumentsOf(event), options.nameCharacters, participant.identity.userId)


def joinRequestOf(
    participant: Participant, event: Packet, options: SignalingOptions
) -> tuple[RoomRequest, Wish | None]:
    """The request that a ``join-room`` is, and what else its client wishes.

    Raises:
        Refused: ``bad-arguments``, ``bad-resume-key``.
    """
    userId, roomName, body = readNames(argumentsOf(event), options.nameCharacters, participant.identity.userId)
    wish, rest = wishIn(body)
    return RoomRequest.of(userId, roomName, rest), wish


def checkIdentity(participant: Participant, request: RoomRequest) -> None:
    """No one joins as someone else than they have signed in as.

    Raises:
        Refused: ``not-your-user-id``.
    """
    bound = participant.identity.userId
    if bound is not None and bound != request.userId:
        raise Refused("not-your-user-id", "You are signed in as someone else.")


def checkUser(seat: Seat, request: RoomRequest, options: SignalingOptions) -> None:
    """No one asks for a seat that they have as someone else, unless in exact mode.

    Raises:
        Refused: ``not-your-user-id``.
    """
    if request.userId != seat.userId and not options.exact:
        raise Refused("not-your-user-id", "You are in this room as someone else.")
