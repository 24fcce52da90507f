"""Removes the members of incarnations that are over, some at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rtcsignal.backplane.line import Line
from rtcsignal.backplane.nodescripts import SWEEP

__all__ = ["Sweeper"]

_AT_ONCE = 50
"""Members that are removed at once: a millisecond of Redis."""


class Sweeper:
    """Sweeps each incarnation once at a time.

    Args:
        swept: Called with what has been removed; see `SWEEP`.
    """

    def __init__(self, swept: Callable[[Sequence[Sequence[Any]]], None]) -> None:
        self._swept = swept
        self._line: Line | None = None
        self._under: dict[str, None] = {}
        self._done: Callable[[], None] | None = None

    def use(self, line: Line) -> None:
        """There is another line; what was under way is over."""
        self._line = line
        self._under.clear()

    def sweep(self, incarnations: Sequence[str], done: Callable[[], None] | None = None) -> None:
        """Remove what is left of incarnations.

        Args:
            incarnations: Which.
            done: Called when nothing is under way any more.
        """
        self._done = done or self._done
        for dead in incarnations:
            if dead not in self._under:
                self._under[dead] = None
                self._go(dead)
        self._finish()

    def _go(self, dead: str) -> None:
        if self._line is not None:
            self._line.run(SWEEP, (dead, _AT_ONCE), lambda answer: self._answered(dead, answer))

    def _answered(self, dead: str, answer: Any) -> None:
        left = 0
        if isinstance(answer, list):
            left = answer[0]
            self._swept(answer[1])
        if left:
            self._go(dead)
            return
        self._under.pop(dead, None)
        self._finish()

    def _finish(self) -> None:
        if not self._under and self._done is not None:
            done, self._done = self._done, None
            done()
