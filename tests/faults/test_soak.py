"""Connections come and go in every way, and nothing is left of them. For longer: ``python -m tests.faults.soak``."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

from tests.faults.lives import LIVES
from tests.faults.soak import Findings, leaks, left, reload, soak, soaked, warm

SILENT = ("silentSocket", "silentUpgrade", "silentRequest")


def test_nothingIsLeftOfThoseWhoCameAndWent(tmp_path: Path) -> None:
    with soaked(str(tmp_path)) as process:
        before = warm(process, tuple(kind for kind in LIVES if kind not in SILENT))
        lived = soak(process, 6 * len(LIVES))
        reload(process)
        _, found = left(process, before)
        assert found == []
        assert lived == dict.fromkeys(LIVES, 6)
        assert "Traceback" not in process.output()
        assert "Unhandled" not in process.output()


def test_whatIsLeftIsFound() -> None:
    before = Findings({"sessions": 0, "rooms": 0}, [], Counter({"Session": 1, "Room": 2}), 10, 60_000)
    assert leaks(before, before) == []
    for change, found in (
        ({"holds": {"sessions": 1, "rooms": 0}}, "holds 1 sessions"),
        ({"problems": ["a seat of nobody"]}, "inconsistent: a seat of nobody"),
        ({"objects": Counter({"Session": 4, "Room": 1})}, "3 more of Session"),
        ({"descriptors": 11}, "11 descriptors, before 10"),
        ({"kilobytes": 130_000}, "130000 KiB, before 60000"),
    ):
        assert leaks(before, dataclasses.replace(before, **change)) == [found]
