"""docs/security.md gives a reason for every limit, with the default that it has, and every promise has its test."""

from __future__ import annotations

import math
import re

from rtcsignal.service.config.keydocs import keyDocs
from tests.docs.pages import DOCS
from tests.support.processes import ROOT

TEXT = (DOCS / "security.md").read_text(encoding="utf-8")


def page(name: str) -> str:
    """The text of another page."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def test_everyLimitHasItsRowWithItsDefault() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| `([^`]+)` \| [^|]+\. \|$", TEXT, re.MULTILINE)
    limits = [doc for doc in keyDocs() if doc.path.startswith("limits.")]
    assert rows == [(doc.path.removeprefix("limits."), doc.default) for doc in limits]


def found(pattern: str, text: str) -> str:
    """What the only group of a pattern stands for in a text."""
    match = re.search(pattern, text, re.MULTILINE)
    assert match is not None
    return match[1]


def test_thePagesHaveOneFigureForAQuietClient() -> None:
    measured = found(r"^\| memory of a quiet client \| KB, less is better \| ([\d.]+) ", page("performance"))
    planned = found(r"and (\d+) KB for each quiet client in a room", page("deploy"))
    bounded = found(r"^\| a quiet member of a room on WebSocket \| (\d+) KiB \|$", TEXT)
    assert planned == bounded == str(math.ceil(float(measured)))


def test_everyPromiseIsKeptByATest() -> None:
    promises = re.findall(r"^\d+\. \*\*([^*]+?)\.?\*\*", TEXT, re.MULTILINE)
    tests = (ROOT / "tests" / "faults" / "test_promises.py").read_text(encoding="utf-8")
    kept = {
        "Order": "class TestOrder",
        "At most once": "def test_atMostOnce",
        "No leak": "def test_noLeak",
        "Exactly one `user-left`": "def test_exactlyOneUserLeft",
        "Bounded memory": "class TestBoundedMemory",
        "Isolation in time": "def test_aHostileClientDelaysNobody",
        "Drain": "def test_drain",
        "No crash from the network": "def test_noBytesFromTheNetwork",
    }
    assert promises == list(kept)
    assert [promise for promise, test in kept.items() if test not in tests] == []
