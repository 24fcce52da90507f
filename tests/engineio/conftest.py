"""Fixtures of the tests in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from txaio import tx
from zope.interface import implementer

from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from tests.engineio.memory import SelectingClock
from tests.engineio.world import Poller, Socket, Visitor, World
from tests.support.lanes import FAST
from tests.support.logs import observed
from tests.support.worlds import finishing

WorldFactory = Callable[..., World]


@implementer(ILogObserver)
class Log:
    """What the server has logged at level info or above in this test."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        if event["log_level"] >= LogLevel.info and event["log_namespace"].startswith("rtcsignal"):
            self.lines.append(formatEvent(event))


@pytest.fixture
def log() -> Iterator[Log]:
    """The log."""
    with observed(Log()) as found:
        yield found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SelectingClock:
    """The time, for Autobahn too, which has its own way of finding a reactor."""
    clock = SelectingClock()
    autobahns: Any = tx.config
    monkeypatch.setattr(autobahns, "loop", clock)
    return clock


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Modules with ``BOTH_WAYS = True`` try everything with and without the fast path: nobody may notice."""
    if getattr(metafunc.module, "BOTH_WAYS", False) and "fast" in metafunc.fixturenames:
        metafunc.parametrize("fast", [True, False], ids=["fast", "plain"])


@pytest.fixture
def fast() -> bool:
    """Whether servers take the fast path, unless a module says otherwise."""
    return FAST


@pytest.fixture
def makeWorld(clock: SelectingClock, fast: bool) -> Iterator[WorldFactory]:
    """``makeWorld(limits=..., connect=..., makeSid=..., **options)``: a `World`, of which nothing may be left."""

    def make(**options: Any) -> World:
        limits = options.pop("limits", HttpLimits())
        parts = {name: options.pop(name) for name in ("connect", "admit", "makeSid") if name in options}
        return World(clock, EngineOptions(**{"fast": fast, **options}), limits, **parts)

    with finishing(make) as makeOne:
        yield makeOne


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    """A server as it comes."""
    return makeWorld()


@pytest.fixture(params=[3, 4], ids=["revision3", "revision4"])
def revision(request: pytest.FixtureRequest) -> Revision:
    """Both revisions of Engine.IO."""
    revision: Revision = request.param
    return revision


@pytest.fixture
def poller(world: World, revision: Revision) -> Poller:
    """A client on polling."""
    return world.poller(revision)


@pytest.fixture
def socket(world: World, revision: Revision) -> Socket:
    """A client on a WebSocket."""
    return world.socket(revision)


@pytest.fixture
def visitor(world: World) -> Visitor:
    """A connection on which nothing has been sent."""
    return world.visitor()
