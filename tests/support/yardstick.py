"""What time is measured in where a machine's speed, or what else it does, must not matter."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import process_time

__all__ = ["iterationSeconds", "leastSeconds"]

_ITERATIONS = 100_000


def leastSeconds(step: Callable[[], object], times: int = 5) -> float:
    """The least processor time that a step takes, of so many times."""
    found = []
    gc.disable()
    try:
        for _ in range(times):
            began = process_time()
            step()
            found.append(process_time() - began)
    finally:
        gc.enable()
    return min(found)


def iterationSeconds() -> float:
    """How long one iteration of the shortest loop takes, traced as all else is."""
    return leastSeconds(_count) / _ITERATIONS


def _count() -> list[int]:
    numbers = []
    for number in range(_ITERATIONS):
        numbers.append(number)
    return numbers
