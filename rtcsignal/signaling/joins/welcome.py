"""The acknowledgement of a join: what the one who has joined is told of the room, and what others add to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from rtcsignal.signaling.events import RoomRequest
from rtcsignal.signaling.handlers import acknowledge
from rtcsignal.signaling.rooms.room import Seat
from rtcsignal.values import EMPTY

__all__ = ["Addition", "Welcome"]

Addition: TypeAlias = Callable[[Seat], Mapping[str, Any]]
"""Called with a seat that has just been taken: what else is told to the one who sits there."""


class Welcome:
    """Makes the acknowledgements of joins."""

    def __init__(self) -> None:
        self._additions: list[Addition] = []

    def add(self, addition: Addition) -> None:
        """From now on every acknowledgement has what this returns as well."""
        self._additions.append(addition)

    def tell(self, request: RoomRequest, ackId: str | None, seat: Seat) -> None:
        """Acknowledge a join, if that was asked for.

        Args:
            request: What was sent to join.
            ackId: As the event has it.
            seat: The seat that has been taken.
        """
        if ackId is not None:
            self.answer(request, ackId, seat, [{"userId": user} for user in seat.room.connections])

    def answer(
        self,
        request: RoomRequest,
        ackId: str,
        seat: Seat,
        members: list[dict[str, Any]],
        further: Mapping[str, Any] = EMPTY,
    ) -> None:
        """Acknowledge a join.

        Args:
            request: What was sent to join.
            ackId: As the event has it.
            seat: The seat that has been taken.
            members: Those of the room.
            further: What else this client is told.
        """
        room = seat.room
        answer: dict[str, Any] = {"roomName": room.name, "userId": seat.userId, "members": members, **further}
        # Clients that count connections have to know where to start.
        if room.view.size > len(members) and request.body.get("connections") is True:
            answer["connections"] = {user: count for user, count in room.connections.items() if count > 1}
        more: dict[str, Any] = {}
        for addition in self._additions:
            more.update(addition(seat))
        acknowledge(seat.participant, ackId, {**answer, **more, **answer})
