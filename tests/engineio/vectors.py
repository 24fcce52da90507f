"""The tables of protocol vectors in tests/vectors, as parameters for tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

__all__ = ["Vector", "bytesOf", "vectors"]

Vector = dict[str, Any]

_FOLDER = Path(__file__).resolve().parents[1] / "vectors"


def vectors(name: str) -> Callable[[Any], Any]:
    """A decorator: the test gets each row of the table as its argument `vector`."""
    rows: list[Vector] = json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
    ids = [f"{row['revision']}: {row['what']}" if "revision" in row else str(row["what"]) for row in rows]
    return pytest.mark.parametrize("vector", rows, ids=ids)


def bytesOf(hexadecimal: str) -> bytes:
    """The bytes that a table writes in hexadecimal."""
    return bytes.fromhex(hexadecimal)
