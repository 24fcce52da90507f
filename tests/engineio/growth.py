"""Whether a function's cost grows as its input does, without saying how fast it must be."""

from __future__ import annotations

import gc
from collections.abc import Callable
from time import process_time
from typing import TypeVar

__all__ = ["growsLinearly"]

Input = TypeVar("Input")

_FACTOR = 16
_SLACK = 4
_LEAST_SECONDS = 0.0005


def growsLinearly(function: Callable[[Input], object], make: Callable[[int], Input], size: int) -> bool:
    """Whether sixteen times the input takes about sixteen times as long; quadratic cost would be 256 times.

    Args:
        function: What is measured.
        make: Makes an input of a size.
        size: The smaller size; the function should take about a millisecond for it.
    """
    small, large = make(size), make(_FACTOR * size)
    least = max(min(_seconds(function, small) for _ in range(5)), _LEAST_SECONDS)
    return any(_seconds(function, large) < _FACTOR * _SLACK * least for _ in range(3))


def _seconds(function: Callable[[Input], object], value: Input) -> float:
    gc.disable()
    try:
        began = process_time()
        function(value)
        return process_time() - began
    finally:
        gc.enable()
