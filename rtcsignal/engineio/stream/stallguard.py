"""Aborts connections whose clients do not read their answers."""

from __future__ import annotations

from typing import Any

from rtcsignal.deadlines import Deadline, Deadlines

__all__ = ["StallGuard"]


class StallGuard:
    """A part of a connection that carries HTTP: its client may be slow to read, but only for so long.

    Attributes:
        transport: The connection, which is aborted when the time is over.
    """

    transport: Any  # TCP, TLS or UNIX: what we need is common to all, but to no interface
    _stall: Deadline | None = None

    def stallBegins(self, deadlines: Deadlines, seconds: float) -> None:
        """The client does not read; its time begins when this is said first.

        Args:
            deadlines: Where the deadline comes from.
            seconds: How long it may do so; 0 for ever.
        """
        if self._stall is None and seconds:
            self._stall = deadlines.after(seconds).start(StallGuard._stalled, self)

    def stallEnds(self) -> None:
        """The client reads, or the connection is no longer ours to watch."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _stalled(self) -> None:
        self._stall = None
        self.transport.abortConnection()
