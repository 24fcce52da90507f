"""The service: opens every port or none, says when it is ready, and lets the clients know before it ends."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.defer import fail as failed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, formatEvent

from rtcsignal.errors import ConfigError
from rtcsignal.service.app import CLOSE_SECONDS, RTCSignalService
from rtcsignal.service.config.plugins import Plugins
from rtcsignal.service.config.schema import Config
from rtcsignal.service.config.web import Web
from tests.support.logs import observed


class Reactor(MemoryReactorClock):
    """A reactor in memory that has some ports in use."""

    def __init__(self, taken: int = -1) -> None:
        super().__init__()
        self.taken = taken
        self.open: list[int] = []

    def listenTCP(self, port: int, *arguments: Any, **named: Any) -> Any:
        if port == self.taken:
            raise CannotListenError("", port, OSError(98, "Address already in use"))
        self.open.append(port)
        listening = super().listenTCP(port, *arguments, **named)
        listening.stopListening = lambda: self.open.remove(port)
        return listening

    def begin(self) -> None:
        """Run what waits for the reactor to run."""
        for hook, arguments, named in self.whenRunningHooks:
            hook(*arguments, **named)


class Application:
    """An application that notes what is asked of it, and closes when the test says."""

    def __init__(self, config: Config, reactor: Any) -> None:
        self.factory: IProtocolFactory = Factory()
        self.reactor = reactor
        self.openAtClose: list[int] | None = None
        self.started = 0
        self.starting: Deferred[None] | None = None
        self.reloaded: list[Config] = []
        self.closing: Deferred[None] | None = None
        self.problems: list[str] = []

    def start(self) -> Deferred[None] | None:
        self.started += 1
        return self.starting

    def reload(self, config: Config) -> None:
        self.reloaded.append(config)

    def examine(self) -> tuple[dict[str, int], list[str]]:
        return {"sessions": 2, "rooms": 1}, self.problems

    def close(self) -> Deferred[None]:
        self.closing = Deferred()
        self.openAtClose = list(self.reactor.open)
        return self.closing


class Ended(Exception):
    """The service ended the process."""


def fail(problem: str) -> None:
    raise Ended(problem)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """The lines that are logged."""
    found: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace") == "rtcsignal.service":
            found.append(formatEvent(event))

    with observed(observe):
        yield found


class Started:
    """A service that was started as twistd does it."""

    def __init__(
        self,
        config: Config,
        reactor: Reactor | None = None,
        environ: dict[str, str] | None = None,
        reread: Callable[[], Config] | None = None,
    ) -> None:
        self.reactor = reactor or Reactor()
        self.application: Application

        def build(config: Config, reactor: Any) -> Application:
            self.application = Application(config, reactor)
            return self.application

        self.service = RTCSignalService(config, self.reactor, build, fail, environ or {}, reread)

    def start(self) -> Started:
        self.service.privilegedStartService()
        self.service.startService()
        return self


def received(manager: socket.socket) -> list[str]:
    """What the service manager was told so far."""
    messages = []
    while True:
        try:
            messages.append(manager.recv(4096).decode())
        except BlockingIOError:
            return messages


class TestStart:
    def test_everyEndpointListensWithTheFactoryOfTheApplication(self) -> None:
        started = Started(Config(listen=("tcp:8001", "tcp:8002:interface=127.0.0.1"))).start()
        assert [(port, factory) for port, factory, *_ in started.reactor.tcpServers] == [
            (8001, started.application.factory),
            (8002, started.application.factory),
        ]

    def test_thePortsAreOpenBeforeTheRightsAreGivenUp(self) -> None:
        started = Started(Config(listen=("tcp:80",)))
        started.service.privilegedStartService()
        assert started.reactor.open == [80]
        assert started.application.started == 0

    def test_eachPortIsNamedInTheLogOnlyWhenTheReactorRuns(self, lines: list[str]) -> None:
        started = Started(Config(listen=("tcp:8001",))).start()
        assert lines == []
        started.reactor.begin()
        assert lines == ["listening on tcp:0.0.0.0:8001"]

    def test_thePageToOpenIsNamedWhenTheDemoIsOn(self, lines: list[str]) -> None:
        Started(Config(listen=("tcp:8001",), web=Web(demo=True))).start().reactor.begin()
        page = "open http://localhost:8001/ in a browser for the demo page"
        assert lines == ["listening on tcp:0.0.0.0:8001", page]

    def test_theApplicationIsStartedOnce(self) -> None:
        started = Started(Config()).start()
        started.reactor.begin()
        assert started.application.started == 1

    def test_whatCannotBeBuiltIsAnErrorOfTheConfiguration(self) -> None:
        def build(config: Config, reactor: Any) -> Application:
            raise ConfigError("plugins.use.0: there is no plugin of this name")

        with pytest.raises(ConfigError, match="no plugin of this name"):
            RTCSignalService(Config(), Reactor(), build, fail, {})


class TestAPortInUse:
    def test_endsTheProcessWithOneLineThatSaysWhy(self, lines: list[str]) -> None:
        started = Started(Config(listen=("tcp:8001",)), Reactor(taken=8001))
        with pytest.raises(Ended, match="cannot listen on tcp:8001: Address already in use"):
            started.service.privilegedStartService()
        assert lines == ["cannot listen on tcp:8001: Address already in use"]

    def test_closesThePortsThatWereOpenedBefore(self) -> None:
        started = Started(Config(listen=("tcp:8000", "tcp:8001")), Reactor(taken=8001))
        with pytest.raises(Ended):
            started.service.privilegedStartService()
        assert started.reactor.open == []


class TestServiceManager:
    def test_isToldThatTheServerIsReadyWhenTheReactorRuns(self, manager: socket.socket) -> None:
        started = Started(Config(), environ={"NOTIFY_SOCKET": manager.getsockname()}).start()
        assert received(manager) == []
        started.reactor.begin()
        assert received(manager) == ["READY=1"]

    def test_isToldThatTheServerStops(self, manager: socket.socket) -> None:
        started = Started(Config(), environ={"NOTIFY_SOCKET": manager.getsockname()}).start()
        started.reactor.begin()
        started.service.stopService()
        assert received(manager) == ["READY=1", "STOPPING=1"]

    def test_getsASignOfLifeTwiceInItsInterval(self, manager: socket.socket) -> None:
        environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000"}
        started = Started(Config(), environ=environ).start()
        started.reactor.begin()
        received(manager)
        started.reactor.advance(14)
        assert received(manager) == []
        started.reactor.advance(1)
        assert received(manager) == ["WATCHDOG=1"]

    def test_getsNoMoreSignsOfLifeOnceTheServerStops(self, manager: socket.socket) -> None:
        environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000"}
        started = Started(Config(), environ=environ).start()
        started.reactor.begin()
        started.service.stopService()
        started.application.closing = None
        received(manager)
        started.reactor.advance(5)
        assert received(manager) == []

    def test_thatWatchesAnotherProcessGetsNoSignOfLife(self, manager: socket.socket) -> None:
        other = str(os.getpid() + 1)
        environ = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": "30000000", "WATCHDOG_PID": other}
        started = Started(Config(), environ=environ).start()
        started.reactor.begin()
        started.reactor.advance(60)
        assert received(manager) == ["READY=1"]


class TestStop:
    def test_stopsListeningBeforeTheClientsAreTold(self) -> None:
        started = Started(Config(listen=("tcp:8001",))).start()
        assert started.reactor.open == [8001]
        started.service.stopService()
        assert started.application.openAtClose == []

    def test_waitsUntilTheClientsAreGone(self) -> None:
        started = Started(Config()).start()
        ended: list[None] = []
        started.service.stopService().addCallback(ended.append)
        assert started.application.closing is not None
        assert ended == []
        started.application.closing.callback(None)
        assert ended == [None]

    def test_leavesClientsBehindThatDoNotGo(self, lines: list[str]) -> None:
        started = Started(Config()).start()
        ended: list[None] = []
        started.service.stopService().addCallback(ended.append)
        started.reactor.advance(CLOSE_SECONDS - 1)
        assert ended == []
        started.reactor.advance(1)
        assert ended == [None]
        assert lines == ["not all clients were gone after 9 s"]


class TestReload:
    def test_withoutAFileThereIsNothingToReload(self, lines: list[str]) -> None:
        Started(Config()).start().service.reload()
        assert lines == ["nothing was reloaded: there is no configuration file"]

    def test_theApplicationGetsTheConfigurationAsItIsNow(self, lines: list[str]) -> None:
        changed = Config(plugins=Plugins(folders=("/elsewhere",)))
        started = Started(Config(), reread=lambda: changed).start()
        started.service.reload()
        assert started.application.reloaded == [changed]
        assert lines == []

    def test_whatNeedsARestartIsSaid(self, lines: list[str]) -> None:
        started = Started(Config(), reread=lambda: Config(web=Web(demo=True))).start()
        started.service.reload()
        assert len(started.application.reloaded) == 1
        assert lines == [
            "only the plugins and ice are taken over from the changed configuration; the rest needs a restart"
        ]

    def test_everyMistakeIsALineAndChangesNothing(self, lines: list[str]) -> None:
        def reread() -> Config:
            raise ConfigError(["server.conf:1:1: one", "server.conf:2:1: two"])

        started = Started(Config(), reread=reread).start()
        started.service.reload()
        assert started.application.reloaded == []
        assert lines == ["not reloaded: server.conf:1:1: one", "not reloaded: server.conf:2:1: two"]

    def test_whileTheServerStartsItIsDoneAfterwards(self) -> None:
        started = Started(Config(), reread=Config)
        starting = started.application.starting = Deferred()
        started.start().service.reload()
        assert started.application.reloaded == []
        starting.callback(None)
        assert started.application.reloaded == [Config()]

    def test_whileTheServerStopsNothingIsReloaded(self, lines: list[str]) -> None:
        started = Started(Config(), reread=Config).start()
        started.service.stopService()
        started.service.reload()
        assert started.application.reloaded == []
        assert lines == ["nothing was reloaded: the server is shutting down"]


def test_anApplicationThatDoesNotStartEndsTheProcess(lines: list[str]) -> None:
    started = Started(Config())
    started.application.starting = failed(ConfigError(["the plugin x did not start"]))
    started.start()
    with pytest.raises(Ended, match="the plugin x did not start"):
        started.reactor.begin()
    assert "the plugin x did not start" in lines


class TestReport:
    def test_itSaysWhatThereIsWhenTheTurnIsOver(self, lines: list[str]) -> None:
        started = Started(Config()).start()
        started.service.report()
        assert lines == []
        started.reactor.advance(0)
        assert lines == ["holds sessions 2, rooms 1", "consistent: yes"]

    def test_itNamesWhatIsWrongAndNotAThousandTimes(self, lines: list[str]) -> None:
        started = Started(Config()).start()
        started.application.problems = ["a seat of nobody"] * 30
        started.service.report()
        started.reactor.advance(0)
        assert lines[1:] == ["inconsistent: a seat of nobody"] * 20 + ["consistent: no, 30 problems"]
