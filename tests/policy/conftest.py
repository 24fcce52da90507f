"""Fixtures for the tests of the plugin system."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.logger import ILogObserver, LogEvent, formatEvent
from zope.interface import implementer

from tests.policy.bench import Bench
from tests.support.logs import observed


@implementer(ILogObserver)
class LogLines:
    """The lines of the log, each with its level in front."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        self.lines.append(f"{event['log_level'].name}: {formatEvent(event)}")

    def about(self, *words: str) -> list[str]:
        """The lines that hold all these words."""
        return [line for line in self.lines if all(word in line for word in words)]


@pytest.fixture
def log() -> Iterator[LogLines]:
    """The log of the test."""
    with observed(LogLines()) as lines:
        yield lines


@pytest.fixture
def bench() -> Bench:
    """A place to put plugins into a chain."""
    return Bench()


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """``folder(name=source, ...)``: a folder of plugins with these files, ``name.py`` each."""

    def write(**files: str) -> Path:
        path = tmp_path / "plugins"
        path.mkdir(exist_ok=True)
        for name, source in files.items():
            (path / f"{name}.py").write_text(source, encoding="utf-8")
        return path

    return write
