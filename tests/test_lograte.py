"""A flood of events is a few lines in the log, and one that says how many were left out."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.task import Clock
from twisted.logger import LogEvent, capturedLogs, eventAsText

from rtcsignal.lograte import LogRation


def written(events: Sequence[LogEvent]) -> list[str]:
    """The lines that were written to the log."""
    return [eventAsText(event, includeTimestamp=False, includeSystem=False) for event in events]


def test_aBurstIsWrittenAndThenAsManyAsTheRateAllows() -> None:
    clock = Clock()
    ration = LogRation(clock.seconds, rate=2, burst=3)
    assert [ration.allows("refusals") for _ in range(5)] == [True, True, True, False, False]
    clock.advance(0.5)
    with capturedLogs() as events:
        assert [ration.allows("refusals") for _ in range(2)] == [True, False]
    assert written(events) == ["2 lines about refusals were left out"]


def test_eachKindHasItsOwn() -> None:
    ration = LogRation(Clock().seconds, rate=1, burst=1)
    assert [ration.allows(kind) for kind in ("refusals", "ends", "refusals")] == [True, True, False]


def test_whatWasLeftOutIsToldAtTheEndOnce() -> None:
    ration = LogRation(Clock().seconds, rate=1, burst=1)
    for _ in range(3):
        ration.allows("ends")
    with capturedLogs() as events:
        ration.tell()
        ration.tell()
    assert written(events) == ["2 lines about ends were left out"]


def test_withoutARateEverythingIsWritten() -> None:
    ration = LogRation(Clock().seconds, rate=0, burst=1)
    assert all(ration.allows("ends") for _ in range(1_000))
