"""Offsets: how events are numbered for clients that come back, so that these can say what they saw last.

An offset is a string, ``"<epoch>.<number>"``. Source: Socket.IO, connection state recovery.
"""

from __future__ import annotations

import re
import secrets
from typing import Any

__all__ = ["STEP", "Numbers"]

_EPOCH_BYTES = 4

STEP = 16
"""How far apart numbers are: those between them are positions that only one client was told."""

_OFFSET = re.compile(r"(?P<epoch>[0-9a-f]{8})\.(?P<number>[0-9]{1,18})", re.ASCII)


class Numbers:
    """The numbers of a server's events, rising, and not to be mixed up with those of another server or another life.

    Attributes:
        last: The last one given.
    """

    def __init__(self) -> None:
        self.last = 0
        self._epoch = secrets.token_hex(_EPOCH_BYTES)

    def next(self) -> int:
        """A number that was not given yet."""
        self.last += STEP
        return self.last

    def write(self, number: int) -> str:
        """The offset of a number."""
        return f"{self._epoch}.{number}"

    def read(self, offset: Any) -> int | None:
        """The number of an offset, 0 for one of another epoch; None if it is not an offset, or was never given."""
        match = _OFFSET.fullmatch(offset) if isinstance(offset, str) else None
        if match is None:
            return None
        if match["epoch"] != self._epoch:
            return 0
        number = int(match["number"])
        return number if number <= self.last else None
