"""What is done for a worker that has died, so that others need not wait until its lease ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["Announce", "Undertaker"]

Announce = Callable[[str], None]
"""Given to the backplane of a worker, which calls it with each new incarnation of the node."""


class Undertaker(Protocol):
    """Buries incarnations. The supervisor has it, and it lasts as long as that."""

    def bury(self, incarnation: str) -> object:
        """End a node's incarnation in Redis: its process is gone. Members hear ``timeout`` within a second.

        It may be called for one that has been swept already, or while Redis is away: whatever then cannot be done
        is left to the ends of leases. It never raises.

        Args:
            incarnation: What the worker announced last.
        """

    def close(self) -> object:
        """The supervisor ends, and buries no more."""
