"""The service: opens the ports, tells the service manager, and ends everything in the right order."""

from __future__ import annotations

import enum
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.defer import TimeoutError as TooLate
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.errors import ConfigError
from rtcsignal.service.config.schema import Config
from rtcsignal.service.notify import notify, watchdogSeconds
from rtcsignal.service.ports import OpenPort, closePorts, openPorts

__all__ = ["CLOSE_SECONDS", "Application", "Build", "RTCSignalService", "logHolds", "logListening", "warnOfTheRest"]

_log = Logger(namespace="rtcsignal.service")

CLOSE_SECONDS = 9.0
"""Clients that have not gone after this many seconds are left behind, so that the process ends within ten seconds."""

_MOST_PROBLEMS = 20


class Application(Protocol):
    """What the service runs."""

    @property
    def factory(self) -> IProtocolFactory:
        """Makes the protocol of each connection, on every port."""

    def start(self) -> Deferred[Any] | None:
        """Called once, before the first connection; a result that fails ends the process."""

    def reload(self, config: Config) -> object:
        """Take over the plugins and the ICE servers of another configuration; never raises."""

    def examine(self) -> tuple[Mapping[str, int], Sequence[str]]:
        """What it holds, and what is wrong with that."""

    def close(self) -> Deferred[Any]:
        """Tell every client that the server is going away; the result fires when all have gone."""


Build = Callable[[Config, Any], Application]
"""Makes the application of a configuration and a reactor; raises ConfigError."""


class _State(enum.Enum):
    IDLE = enum.auto()
    OPENING = enum.auto()
    """The ports are being opened, by the start itself."""
    WAITING = enum.auto()
    """The start has returned, but an endpoint is not open yet."""
    OPEN = enum.auto()
    FAILED = enum.auto()
    STOPPED = enum.auto()


class RTCSignalService(Service):
    """Runs one server.

    Args:
        config: The configuration.
        reactor: Listens and waits.
        build: Makes what is run.
        fail: Ends the process with exit code 1, and is given the reason; called when a port cannot be opened.
        environ: The environment, in which the service manager says how to reach it.
        reread: Reads the configuration again; may raise ConfigError. None if it does not come from a file.
        opener: Stands in for the reactor where ports are opened; None for the reactor.

    Raises:
        ConfigError: The application cannot be built.
    """

    def __init__(
        self,
        config: Config,
        reactor: Any,
        build: Build,
        fail: Callable[[str], None],
        environ: Mapping[str, str] = os.environ,
        reread: Callable[[], Config] | None = None,
        opener: Any = None,
    ) -> None:
        self._opener = reactor if opener is None else opener
        self._config = config
        self._reactor = reactor
        self._fail = fail
        self._environ = environ
        self._reread = reread
        self._started: Deferred[Any] = Deferred()
        self._state = _State.IDLE
        self._ports: tuple[OpenPort, ...] = ()
        self._problem = ""
        self._opening: Deferred[None] | None = None
        self._watchdog: LoopingCall | None = None
        self._application = build(config, reactor)

    def privilegedStartService(self) -> None:
        """Open the ports, which may need rights that the process gives up afterwards."""
        super().privilegedStartService()
        self._state = _State.OPENING
        unconfirmed = self._config.socketio.pingTimeout
        opening = openPorts(self._opener, self._config.listen, self._application.factory, unconfirmed)
        self._opening = Deferred.fromCoroutine(opening).addCallbacks(self._opened, self._notOpened)
        if self._state is _State.FAILED:
            self._fail(self._problem)
        elif self._state is _State.OPENING:
            self._state = _State.WAITING

    def startService(self) -> None:
        """Start the application, and say that it is ready as soon as it really is."""
        super().startService()
        self._started = maybeDeferred(self._application.start)
        self._started.addErrback(self._notStarted)
        self._reactor.callWhenRunning(self._runs)

    def stopService(self) -> Deferred[None]:
        """Stop listening, then tell the clients.

        Returns:
            Fires when all clients are gone, at the latest after `CLOSE_SECONDS`.
        """
        super().stopService()
        self._state = _State.STOPPED
        notify("STOPPING=1", self._environ)
        if self._watchdog is not None:
            self._watchdog.stop()
        if self._opening is not None:
            self._opening.cancel()
        return Deferred.fromCoroutine(self._close())

    @property
    def ports(self) -> tuple[OpenPort, ...]:
        """The ports that are open, in the order of their endpoints."""
        return self._ports

    def reload(self) -> None:
        """Read the configuration again, and take over what can be taken over without a restart: the plugins, and ICE.

        Mistakes are logged, and then everything stays as it was. If the server is still starting, it does so first.
        """
        if self._started.called:
            self._reload()
        else:
            self._started.addCallback(lambda _: self._reload())

    def _reload(self) -> None:
        if self._state in (_State.FAILED, _State.STOPPED):
            _log.info("nothing was reloaded: the server is shutting down")
            return
        if self._reread is None:
            _log.info("nothing was reloaded: there is no configuration file")
            return
        try:
            config = self._reread()
        except ConfigError as error:
            for problem in error.problems:
                _log.error("not reloaded: {problem}", problem=problem)
            return
        warnOfTheRest(config, self._config)
        self._application.reload(config)

    def takeOver(self, config: Config) -> Deferred[Any]:
        """Take over the plugins of a configuration, once the server has started.

        Returns:
            Fires with whether they could be; if not, the log says why, and everything stays as it was.
        """
        taken: Deferred[Any] = Deferred()

        def takeOver(_: object) -> None:
            maybeDeferred(self._application.reload, config).chainDeferred(taken)

        self._started.addCallback(takeOver)
        return taken

    def report(self) -> None:
        """Log what the server holds, and whether all of it fits together, when what is under way has been done."""
        self._reactor.callLater(0, self._report)

    def _report(self) -> None:
        holds, problems = self._application.examine()
        self.held(holds)
        for problem in problems[:_MOST_PROBLEMS]:
            _log.error("inconsistent: {problem}", problem=problem)
        _log.info("consistent: {answer}", answer=f"no, {len(problems)} problems" if problems else "yes")

    def _opened(self, ports: tuple[OpenPort, ...]) -> None:
        waited, self._state = self._state is _State.WAITING, _State.OPEN
        self._ports = ports
        if waited:
            self._ready()

    def _notOpened(self, failure: Failure) -> None:
        if self._state is _State.STOPPED:
            return
        waited, self._state = self._state is _State.WAITING, _State.FAILED
        self._problem = failure.getErrorMessage()
        _log.critical("{problem}", problem=self._problem)
        if waited:
            self._fail(self._problem)

    def _runs(self) -> None:
        seconds = watchdogSeconds(self._environ)
        if seconds is not None:
            self._watchdog = LoopingCall(notify, "WATCHDOG=1", self._environ)
            self._watchdog.clock = self._reactor
            self._watchdog.start(seconds / 2)
        if self._state is _State.OPEN:
            self._ready()

    def _notStarted(self, failure: Failure) -> None:
        if self._state is _State.STOPPED:
            return
        self._state = _State.FAILED
        for problem in getattr(failure.value, "problems", None) or [failure.getErrorMessage()]:
            self._problem = str(problem)
            _log.critical("{problem}", problem=self._problem)
        self._reactor.callWhenRunning(self._fail, self._problem)

    def _ready(self) -> None:
        self._started.addCallback(lambda _: self._announce())

    def _announce(self) -> None:
        if self._state is _State.OPEN:
            self.serves()

    def held(self, holds: Mapping[str, int]) -> None:
        """Say what the server holds; called for each report."""
        logHolds("holds", holds)

    def serves(self) -> None:
        """Say that the server serves; called once."""
        logListening(self._ports, self._config)
        notify("READY=1", self._environ)

    async def _close(self) -> None:
        ports, self._ports = self._ports, ()
        await closePorts(ports)
        closed = self._application.close()
        try:
            await closed.addTimeout(CLOSE_SECONDS, self._reactor)
        except TooLate:
            _log.warn("not all clients were gone after {seconds:g} s", seconds=CLOSE_SECONDS)


def logListening(ports: Sequence[OpenPort], config: Config) -> None:
    """Log where a server listens.

    Args:
        ports: Its ports.
        config: Its configuration.
    """
    for port in ports:
        _log.info("listening on {name}", name=port.name)
    url = next((port.url for port in ports if port.url is not None), None)
    if config.web.demo and url is not None:
        _log.info("open {url} in a browser for the demo page", url=url)


def logHolds(who: str, holds: Mapping[str, int]) -> None:
    """Log what is held.

    Args:
        who: By whom, with the verb.
        holds: How many, by name.
    """
    _log.info("{who} {what}", who=who, what=", ".join(f"{name} {count}" for name, count in holds.items()))


def warnOfTheRest(new: Config, old: Config) -> None:
    """Log that something else than plugins and ICE servers has changed, if it has. What a command line says instead is
    left out."""
    rest = msgspec.structs.replace(new, plugins=old.plugins, ice=old.ice, listen=old.listen, workers=old.workers)
    if rest != old:
        text = "only the plugins and ice are taken over from the changed configuration; the rest needs a restart"
        _log.warn(text)
