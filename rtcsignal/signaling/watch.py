"""Where whoever watches how calls are set up is told what happens in the rooms of this node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rtcsignal.signaling.rooms.room import Seat

__all__ = ["OTHER", "Watch"]

OTHER = "other"
"""The kind of all messages with which no call is set up."""


class Watch(Protocol):
    """Watches how calls are set up."""

    def joined(self, seat: Seat) -> None:
        """A membership has begun."""

    def left(self, seat: Seat, reason: str) -> None:
        """A membership has ended."""

    def noted(
        self,
        kind: str,
        seats: Sequence[Seat],
        target: str | None,
        delivered: int,
        text: str,
        after: Any = None,
        dropped: str = "",
    ) -> None:
        """A message was handed out, or dropped by a plugin; called after that, once for each room."""
