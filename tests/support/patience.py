"""How long tests wait for what has to come, however busy the machine is.

Nothing is judged by these: only a test that fails waits for so long. How soon something comes is judged by the order of
events, or by the processor time of the server (`tests.support.processor`).
"""

from __future__ import annotations

from typing import Final

__all__ = ["PATIENCE", "START_PATIENCE"]

PATIENCE: Final = 30.0
"""Seconds for one thing to come. Less than the 45 that a server with the defaults gives a silent client, so that what
comes only when a client is given up does not count as an answer."""

START_PATIENCE: Final = 180.0
"""Seconds for a process to start, or to end: a second of work may take forty where twenty others want a processor."""
