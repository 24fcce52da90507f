"""Coroutines of plugins, of which every step is measured."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from rtcsignal.policy.steps import measured


class Diary:
    """A coroutine that waits twice and writes down what happens, and what is told of its steps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[Any] = []
        self.pending: list[Deferred[Any]] = [Deferred(), Deferred()]

    async def run(self) -> str:
        try:
            for each in self.pending:
                self.now += 1
                self.lines.append(await each)
            self.now += 3
        finally:
            self.lines.append("end")
        return "done"

    def begin(self) -> Any:
        return measured(self.run(), lambda: self.now, self.lines.append)


def test_eachStepAfterTheFirstIsTold() -> None:
    diary = Diary()
    results: list[str] = []
    Deferred.fromCoroutine(diary.begin()).addCallback(results.append)
    diary.pending[0].callback("one")
    assert diary.lines == ["one", 1.0]
    diary.pending[1].callback("two")
    assert diary.lines == ["one", 1.0, "two", "end", 3.0]
    assert results == ["done"]


def test_oneThatIsGivenUpIsClosed() -> None:
    diary = Diary()
    steps = diary.begin()
    assert next(steps) is diary.pending[0]
    steps.close()
    assert diary.lines == ["end"]
