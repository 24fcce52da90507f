"""Fixtures for all tests, and what every test keeps to: no logged failure, no timer and no socket left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from twisted.internet import reactor as twistedReactor
from twisted.logger import ILogObserver, LogEvent, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from tests.support.lanes import FAST, writeConfig
from tests.support.logs import observed
from tests.support.processes import ROOT, Process, startProcess, twistdCommand

# How long an example takes says more about the machine than about the code.
settings.register_profile(
    "unhurried", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

ServerFactory = Callable[..., Process]

_TROUBLE = ("Traceback (most recent call last)", "Unhandled error")


@implementer(ILogObserver)
class LoggedFailures:
    """The failures that were logged during a test."""

    def __init__(self) -> None:
        self._events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        if event.get("log_failure") is not None or event.get("isError"):
            self._events.append(event)

    def expect(self, *kinds: type[BaseException]) -> list[BaseException]:
        """Take out the logged exceptions of these kinds, which the test wanted to happen."""
        failures = [event["log_failure"] for event in self._events if _isOf(event, kinds)]
        self._events = [event for event in self._events if not _isOf(event, kinds)]
        return [failure.value for failure in failures]

    def describe(self) -> str:
        """What is left, for the message of a failed test; empty when there is nothing."""
        return "\n".join(_described(event) for event in self._events)


def _isOf(event: LogEvent, kinds: tuple[type[BaseException], ...]) -> bool:
    failure = event.get("log_failure")
    return isinstance(failure, Failure) and failure.check(*kinds) is not None


def _described(event: LogEvent) -> str:
    failure = event.get("log_failure")
    trace = failure.getTraceback() if isinstance(failure, Failure) else ""
    return f"{formatEvent(event)}\n{trace}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several processes (``-n``): which of them runs what."""
    from tests.support.scheduling import ByServers

    return ByServers(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without the fast path: only what is not the same with it."""
    if not FAST:
        config.hook.pytest_deselected(items=[item for item in items if not _takesALane(item)])
        items[:] = filter(_takesALane, items)


def _takesALane(item: pytest.Item) -> bool:
    """Whether a test depends on the switch between both ways: it has a server in it, and does not try both itself."""
    if item.path.relative_to(ROOT).parts[1] not in ("engineio", "socketio"):
        return True
    parameters: Any = getattr(item, "callspec", None)
    tries = parameters is not None and "fast" in parameters.params
    return "makeWorld" in getattr(item, "fixturenames", ()) and not tries


@pytest.fixture(autouse=True)
def loggedFailures() -> Iterator[LoggedFailures]:
    """Fails the test when a failure was logged that it did not take out with ``loggedFailures.expect(kind)``."""
    with observed(LoggedFailures()) as failures:
        yield failures
    described = failures.describe()
    if described:
        pytest.fail(f"logged during the test:\n{described}", pytrace=False)


@pytest.fixture(autouse=True)
def nothingLeft() -> Iterator[None]:
    """Fails the test when it leaves a timer or an open socket in the global reactor."""
    reactor: Any = twistedReactor
    sockets = set(map(id, _readers(reactor)))
    timers = set(map(id, reactor.getDelayedCalls()))
    yield
    # Those that were cancelled in the last turn are still in its list.
    leftTimers = [timer for timer in reactor.getDelayedCalls() if timer.active() and id(timer) not in timers]
    leftSockets = [reader for reader in _readers(reactor) if id(reader) not in sockets]
    for timer in leftTimers:
        timer.cancel()
    if leftTimers or leftSockets:
        pytest.fail(f"left behind by the test: {[*map(str, leftTimers), *map(str, leftSockets)]}", pytrace=False)


def _readers(reactor: Any) -> list[object]:
    """What the reactor reads from, but for the pipes that wake it, which it opens when it likes."""
    return [
        each for each in reactor.getReaders() if not type(each).__module__.startswith("twisted.internet._signals")
    ]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerFactory]:
    """``server(config=None, *arguments)``: a real ``twistd rtcsignal`` on a free port of 127.0.0.1.

    The config is a dict of the keys to set; the result has ``url``, ``port``, ``pid``, ``output()``,
    ``signal(number)`` and ``waitExit(seconds)``. Every server is ended after the test, and must not have logged a
    traceback.
    """
    started: list[Process] = []
    with ExitStack() as stack:

        def start(config: dict[str, Any] | None = None, *arguments: str) -> Process:
            path = tmp_path / f"server-{len(started)}.conf"
            writeConfig(path, config or {})
            listen = ("--listen", "tcp:0:interface=127.0.0.1")
            command = twistdCommand("--config", str(path), *listen, *arguments)
            started.append(stack.enter_context(startProcess(command, cwd=str(tmp_path))))
            return started[-1]

        yield start
    for process in started:
        output = process.output()
        if any(word in output for word in _TROUBLE):
            pytest.fail(f"the server logged:\n{output}", pytrace=False)
