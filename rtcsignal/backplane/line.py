"""What a node needs of Redis: a line to it, and when things happen there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from rtcsignal.backplane.lua import GAP, LEASE, Script

__all__ = ["Connect", "Line", "Timing"]


class Timing(msgspec.Struct, frozen=True):
    """When things happen, in seconds.

    Attributes:
        beat: Between two beats.
        lease: How long a node is believed to be there.
        gap: By how much Redis' logical time goes on at most from one beat to the next.
        missed: Beats without an answer that end a connection.
        doubt: How long members are in doubt whose node is not there.
        retry: Before the first try to connect again; doubled each time.
        most: At most.
    """

    beat: float = 2.0
    lease: float = LEASE
    gap: float = GAP
    missed: int = 2
    doubt: float = 10.0
    retry: float = 0.1
    most: float = 5.0


class Line(Protocol):
    """A connection to Redis that has been greeted, and hears what is published for its incarnation."""

    @property
    def outstanding(self) -> int:
        """Bytes that have not been answered."""

    def run(
        self, script: Script, arguments: Sequence[bytes | str | int], answered: Callable[[Any], None] | None = None
    ) -> None:
        """Run a script, which gets the incarnation before the arguments."""

    def publish(self, incarnation: str, frame: bytes) -> None:
        """Publish to the node that is in an incarnation."""

    def tidy(self, answered: Callable[[], None]) -> None:
        """Remove the data of older generations."""

    def abort(self, why: str) -> None:
        """End it now."""

    def finish(self) -> None:
        """End it when what was sent is on its way."""


Connect = Callable[[str, Callable[[bytes], None], Callable[[Line], None], Callable[[str], None]], Callable[[str], None]]
"""Connects for an incarnation; given what is called with each message, with the line, and with the reason when it has
ended or did not come about. Returns what ends it before there is a line."""
