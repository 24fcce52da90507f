"""What can go wrong in a measurement."""

from __future__ import annotations

__all__ = ["BenchError", "ConnectionLost"]


class BenchError(Exception):
    """The measurement is not possible; the text says why, for the person who asked for it."""


class ConnectionLost(BenchError):
    """A connection ended, or what came over it made no sense."""
