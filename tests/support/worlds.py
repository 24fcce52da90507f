"""Servers in memory, of which a test may make several."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

__all__ = ["finishing"]


class _Finishes(Protocol):
    def finish(self) -> None:
        """End it, and fail if something is left of it."""


World = TypeVar("World", bound=_Finishes)


@contextmanager
def finishing(make: Callable[..., World]) -> Iterator[Callable[..., World]]:
    """A function that makes what ``make`` makes; at the end of the block each of them is finished."""
    made: list[World] = []

    def kept(*arguments: Any, **options: Any) -> World:
        made.append(make(*arguments, **options))
        return made[-1]

    yield kept
    for each in made:
        each.finish()
    # A failure that nobody handled is logged when its Deferred goes.
    gc.collect(1)
