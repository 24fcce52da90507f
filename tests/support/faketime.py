"""A process whose wall clock the test sets while it runs; its other clocks are those of the machine."""

from __future__ import annotations

from glob import glob
from pathlib import Path

from tests.support.tools import missing

__all__ = ["FakeTime"]

_PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")


class FakeTime:
    """Sets the wall clock of processes that were started with its environment.

    Args:
        folder: Where it says what the time is.

    Attributes:
        environment: What the process needs to find there.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "faketime"
        self.set(0)
        self.environment = {
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, ahead: int) -> None:
        """Set the clock, so many seconds ahead of the right time."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{ahead:+d}\n", "ascii")
        fresh.replace(self._file)


def _library() -> str:
    """Debian's libfaketime; without it the test is skipped, and in CI it fails."""
    found = [path for place in _PLACES for path in glob(place)]
    if not found:
        missing("libfaketime is not installed")
    return found[0]
