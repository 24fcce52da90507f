"""Signals that come before the server runs: they are noted, and what they ask for is done once it does.

This is imported and called before the rest of the server, which takes longer to load than all else takes.
"""

from __future__ import annotations

import signal
from types import FrameType

__all__ = ["HELD", "heldSignals", "holdSignals"]

HELD = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""The signals that ask something of a running server, and would end a process that does not handle them."""

_noted: set[int] = set()


def holdSignals() -> None:
    """From now on these signals end nothing. Only the main thread can call this."""
    for number in HELD:
        signal.signal(number, _note)


def heldSignals() -> frozenset[int]:
    """The signals that have come since they were held; they are forgotten here."""
    held = frozenset(_noted)
    _noted.difference_update(held)
    return held


def _note(number: int, frame: FrameType | None) -> None:
    _noted.add(number)
