"""Work: how much a server has done for its clients, counted in the unit in which they take turns."""

from __future__ import annotations

import sys

__all__ = ["Work"]


class Work:
    """What has been done, in units: one for each receiver, and for each 4 KiB that go to it; some for each message, and
    for what is sent to one client alone, each 128 characters of an acknowledgement for instance.

    Attributes:
        done: So much.
        most: When more than this has been done, it may be the turn of others; see `Turns.isOver`.
    """

    __slots__ = ("done", "most")

    def __init__(self, most: int = sys.maxsize) -> None:
        self.done = 0
        self.most = most
