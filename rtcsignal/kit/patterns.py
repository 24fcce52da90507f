"""Patterns of room names, as in options of plugins: ``*`` is any string, ``?`` any character, ``[ab]`` a or b."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import TypeVar

__all__ = ["firstFit", "fitsAny"]

T = TypeVar("T")


def firstFit(table: Mapping[str, T], name: str, default: T) -> T:
    """The value of the first pattern of a table that fits a name.

    Args:
        table: Values by pattern; the order counts.
        name: The name, usually of a room.
        default: The value if none fits.
    """
    for pattern, value in table.items():
        if fnmatchcase(name, pattern):
            return value
    return default


def fitsAny(patterns: Iterable[str], name: str) -> bool:
    """Whether one of the patterns fits a name."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)
