"""Fixtures: servers in memory, and a log in which no failure may be left."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from rtcsignal.engineio.packet import Revision
from tests.signaling.world import World
from tests.support.logs import observed
from tests.support.worlds import finishing

WorldFactory = Callable[..., World]


@implementer(ILogObserver)
class Log:
    """What has been logged in this test.

    Attributes:
        lines: At level info or above.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._failures: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        level = event["log_level"]
        if level >= LogLevel.info:
            self.lines.append(formatEvent(event))
        if level >= LogLevel.error or "log_failure" in event:
            failure = event.get("log_failure")
            self._failures.append(f"{formatEvent(event)} {failure.value!r}" if failure else formatEvent(event))

    def takeFailures(self) -> list[str]:
        """The failures, which the test expected."""
        failures, self._failures = self._failures, []
        return failures


@pytest.fixture(autouse=True)
def log() -> Iterator[Log]:
    """The log. A failure in it that the test did not take fails the test."""
    with observed(Log()) as found:
        yield found
        gc.collect(1)
    assert found.takeFailures() == []


@pytest.fixture
def makeWorld(log: Log) -> Iterator[WorldFactory]:
    """``makeWorld(options, gates, sockets)``: a `World`, of which nothing may be left after the test."""
    with finishing(World) as makeOne:
        yield makeOne


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    """A server as it comes: no plugins, default settings."""
    return makeWorld()


@pytest.fixture(params=[3, 4], ids=["protocol4", "protocol5"])
def revision(request: pytest.FixtureRequest) -> Revision:
    """Both protocols: Engine.IO 3 carries Socket.IO protocol 4, Engine.IO 4 protocol 5."""
    revision: Revision = request.param
    return revision
