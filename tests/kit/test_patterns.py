"""Patterns of room names."""

from __future__ import annotations

import pytest

from rtcsignal.api import firstFit, fitsAny


@pytest.mark.parametrize(
    ("name", "value"), [("staff-1", 1), ("staff-", 1), ("Staff-1", 3), ("room 1", 2), ("room 12", 3)]
)
def test_theFirstThatFitsCounts(name: str, value: int) -> None:
    assert firstFit({"staff-*": 1, "room ?": 2, "*": 3}, name, 4) == value


def test_theDefaultIsForWhatFitsNone() -> None:
    assert firstFit({"staff-*": 1}, "kitchen", 4) == 4


def test_anyOfSeveralMayFit() -> None:
    assert fitsAny(["staff-*", "kitchen"], "kitchen")
    assert not fitsAny(["staff-*", "kitchen"], "kitchen 2")
    assert not fitsAny([], "kitchen")
