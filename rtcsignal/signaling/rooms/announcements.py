"""Announcements: what members are told of members."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rtcsignal.signaling.events import USER_JOINED, USER_LEFT
from rtcsignal.signaling.rooms.room import Room, Seat
from rtcsignal.signaling.station import Station
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.peer import Peer
from rtcsignal.values import EMPTY

__all__ = ["Announcements"]


class Announcements:
    """Tells the members of rooms. Each node tells its own of all who join and leave, and everyone of all else.

    Args:
        exact: As the server that this one replaces: events have no further arguments.
        station: This node.
    """

    def __init__(self, exact: bool, station: Station) -> None:
        self._exact = exact
        self._station = station
        self._closing = False

    def close(self) -> None:
        """The server stops: from now on members are not told who leaves."""
        self._closing = True

    def joined(self, room: Room, userId: str) -> None:
        """Tell the members on this node that someone has joined."""
        if room.seats:
            room.tell(self._event(USER_JOINED, room.name, userId))

    def joinedAgain(self, room: Room, userId: str) -> None:
        """Tell all members, as the server that this one replaces does, that someone has asked to join who is there."""
        if self._exact and not self._closing:
            event = self._event(USER_JOINED, room.name, userId)
            room.tell(event)
            self._tellElsewhere(room, event)

    def left(self, room: Room, userId: str, reason: str, receivers: Collection[Peer]) -> None:
        """Tell members on this node that someone has left."""
        if receivers and not self._closing:
            deliver(self._event(USER_LEFT, room.name, userId, {"reason": reason}), receivers)

    def changed(self, name: str, seat: Seat, more: Mapping[str, Any] = EMPTY) -> None:
        """Tell all members about one whose client is not there, or has just heard it all."""
        if seat.isTaken and not self._exact and not self._closing:
            room = seat.room
            event = self._event(name, room.name, seat.userId, more)
            deliver(event, [peer for peer in room.seats if peer is not seat.participant.peer])
            self._tellElsewhere(room, event)

    def _tellElsewhere(self, room: Room, event: OutgoingEvent) -> None:
        if room.others is not None:
            self._station.say(room.others.everyone, event)

    def _event(self, name: str, roomName: str, userId: str, more: Mapping[str, Any] = EMPTY) -> OutgoingEvent:
        arguments: tuple[Any, ...] = (name, userId)
        if not self._exact:
            arguments += ({"roomName": roomName, **more},)
        return OutgoingEvent(jsontext.encode(arguments))  # names are strings: no attachments to look for
