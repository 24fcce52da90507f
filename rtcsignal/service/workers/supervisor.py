"""The supervisor: opens the ports, starts the workers that serve them, and replaces those that end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory, ProcessProtocol
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.backplane.undertaker import Undertaker
from rtcsignal.errors import ConfigError
from rtcsignal.service.app import CLOSE_SECONDS, logHolds, logListening, warnOfTheRest
from rtcsignal.service.config.schema import Config
from rtcsignal.service.notify import notify, watchdogSeconds
from rtcsignal.service.ports import OpenPort, closePorts, openPorts
from rtcsignal.service.workers.messages import Reload, Start
from rtcsignal.service.workers.nodes import ofWorker
from rtcsignal.service.workers.post import Post, State
from rtcsignal.service.workers.rescue import Rescue
from rtcsignal.service.workers.sockets import Opener, ReservedPort, inheritance
from rtcsignal.service.workers.sums import total

__all__ = ["Supervisor"]

_log = Logger(namespace="rtcsignal.service")

_PING_SECONDS = 1.0
_LAST_SECONDS = 0.5
_NOT_FOR_WORKERS = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS"}


class Supervisor(Service):
    """Runs one server of several processes.

    Args:
        config: The configuration.
        reactor: Starts processes.
        level: Of the workers' log, see `rtcsignal.service.logs.LEVELS`.
        fail: Ends the process with exit code 1, and is given the reason.
        environ: The environment, in which the service manager says how to reach it.
        reread: Reads the configuration again; may raise ConfigError. None if it does not come from a file.
        undertaker: Is told of the incarnations of workers that have ended.
    """

    def __init__(
        self,
        config: Config,
        reactor: Any,
        level: str,
        fail: Callable[[str], None],
        environ: Mapping[str, str] = os.environ,
        reread: Callable[[], Config] | None = None,
        undertaker: Undertaker | None = None,
    ) -> None:
        self._config = config
        self._reactor = reactor
        self._level = level
        self._fail = fail
        self._environ = environ
        self._reread = reread
        self._undertaker = undertaker
        self._ports: tuple[OpenPort, ...] = ()
        self._rescue = Rescue()
        self._posts = [Post(number, reactor, self._spawn, self) for number in range(1, config.workers + 1)]
        self._isRunning = self._isReady = self._isClosing = False
        self._problem = ""
        self._closed: Deferred[None] = Deferred()
        self._impatience: IDelayedCall | None = None
        self._reloads: Deferred[None] | None = None
        self._isReloadWanted = False
        self._pings = self._every(self._ping)
        self._watchdog = self._every(self._watch)

    def privilegedStartService(self) -> None:
        """Open the ports, which may need rights that the process gives up afterwards."""
        super().privilegedStartService()
        opener = Opener(self._reactor, len(self._posts))
        opening = Deferred.fromCoroutine(openPorts(opener, self._config.listen, Factory()))
        opening.addCallbacks(self._opened, self._notOpened)
        if self._problem:
            self._fail(self._problem)

    def startService(self) -> None:
        """Start the workers, once the ports are open and the reactor runs, and so hears of their ends."""
        super().startService()
        self._reactor.callWhenRunning(self._runs)

    def stopService(self) -> Deferred[None]:
        """Have all workers tell their clients, and end.

        Returns:
            Fires when they have ended; those that have not by then are killed half a second after `CLOSE_SECONDS`.
        """
        super().stopService()
        self._isClosing = True
        notify("STOPPING=1", self._environ)
        for call in (self._pings, self._watchdog):
            if call.running:
                call.stop()
        for post in self._posts:
            post.close()
        self._impatience = self._reactor.callLater(CLOSE_SECONDS + _LAST_SECONDS, self.kill)
        self._checkClosed()
        return self._closed

    def kill(self) -> None:
        """End all workers at once."""
        for post in self._posts:
            post.kill()

    def reload(self) -> None:
        """Read the configuration again, and take over its plugins: in one worker, and if that can, in all.

        Mistakes are logged, and then everything stays as it was.
        """
        self._isReloadWanted = True
        if self._reloads is None and self._isReady:
            self._reloads = Deferred.fromCoroutine(self._reloadAll()).addErrback(self._reloadFailed)

    def report(self) -> None:
        """Log which workers there are, and what each of them holds."""
        for post in self._posts:
            _log.info("worker {worker} {does} (process {pid})", worker=post.number, does=post.state.value, pid=post.pid)
        reports = [report for post in self._posts if (report := post.report()) is not None]
        if reports:
            gatherResults(reports).addCallback(lambda _: self._reported())

    def ready(self, post: Post) -> None:
        """A worker serves."""
        if self._isClosing:
            return
        if self._isReady:
            _log.info("worker {worker} serves (process {pid})", worker=post.number, pid=post.pid)
            if post.started.config != self._configOf(post.number):
                self._refresh(post)
        elif all(each.state is State.SERVING for each in self._posts):
            self._isReady = True
            logListening(self._ports, self._config)
            _log.info("{count} workers serve", count=len(self._posts))
            notify("READY=1", self._environ)
            if self._isReloadWanted:
                self.reload()

    def failed(self, post: Post, problem: str) -> None:
        """A worker cannot start. At the start of the server that is the end of it, as with one process."""
        if self._isReady or self._isClosing or self._problem:
            return
        self._problem = problem
        _log.critical("worker {worker} cannot start: {problem}", worker=post.number, problem=problem)
        self._fail(problem)

    def ended(self, post: Post, incarnation: str) -> None:
        """A worker has ended."""
        if self._undertaker is not None and incarnation:
            self._undertaker.bury(incarnation)
        if self._isClosing:
            self._checkClosed()
            return
        if post.hasFailedAgain and any(each.state is State.SERVING for each in self._posts):
            for index, port in enumerate(self.ports):
                self._rescue.send(index, port.rest(post.number))
        post.refill()

    @property
    def ports(self) -> list[ReservedPort]:
        """What the workers listen on."""
        return [port.port for port in self._ports if isinstance(port.port, ReservedPort)]

    def _every(self, call: Callable[[], None]) -> LoopingCall:
        looping = LoopingCall(call)
        looping.clock = self._reactor
        return looping

    def _opened(self, ports: tuple[OpenPort, ...]) -> None:
        self._ports = ports
        self._start()

    def _notOpened(self, failure: Failure) -> None:
        self._problem = failure.getErrorMessage()
        _log.critical("{problem}", problem=self._problem)
        if self._isRunning:
            self._fail(self._problem)

    def _runs(self) -> None:
        self._isRunning = True
        self._start()

    def _start(self) -> None:
        if not (self._isRunning and self._ports) or self._isClosing:
            return
        for post in self._posts:
            post.fill()
        self._pings.start(_PING_SECONDS, now=False)
        seconds = watchdogSeconds(self._environ)
        if seconds is not None:
            self._watchdog.start(seconds / 2)

    def _spawn(self, post: Post, protocol: ProcessProtocol) -> Start:
        """Start the process of a worker. Its standard input brings what it is told."""
        descriptors, sockets, free = inheritance(self.ports, post.number)
        # The path of the interpreter has to be whole: from it Python tells in which environment it is.
        command = [sys.executable, "-m", "rtcsignal.service.workers"]
        self._reactor.spawnProcess(
            protocol,
            sys.executable,
            [*command, str(free), type(self._reactor).__module__, f"worker-{post.number}"],
            env=self._environOfWorkers(),
            childFDs={0: "w", 1: "r", 2: "r", **descriptors, free: "r", free + 1: self._rescue.descriptor},
        )
        return Start(post.number, self._configOf(post.number), self._level, sockets, free + 1)

    def _environOfWorkers(self) -> dict[str, str]:
        environ = {name: value for name, value in self._environ.items() if name not in _NOT_FOR_WORKERS}
        if any(port.systemd is not None for port in self.ports):
            # Twisted has removed it, so that no one uses these sockets twice.
            environ["LISTEN_FDS"] = str(len(environ.get("LISTEN_FDNAMES", "").split(":")))
        return environ

    def _configOf(self, number: int) -> Config:
        return ofWorker(self._config, number)

    def _reported(self) -> None:
        logHolds("all workers hold", total(post.numbers for post in self._posts))

    def _ping(self) -> None:
        for post in self._posts:
            post.ping()

    def _watch(self) -> None:
        if all(post.answers for post in self._posts) and any(post.pid for post in self._posts):
            notify("WATCHDOG=1", self._environ)

    async def _reloadAll(self) -> None:
        while self._isReloadWanted and not self._isClosing:
            self._isReloadWanted = False
            config = self._readAgain()
            if config is not None:
                await self._takeOver(config)
        self._reloads = None

    def _reloadFailed(self, failure: Failure) -> None:
        self._reloads = None
        _log.failure("the reload failed", failure)

    def _readAgain(self) -> Config | None:
        """The configuration with the plugins that the file names now; None if nothing is to be reloaded."""
        if self._reread is None:
            _log.info("nothing was reloaded: there is no configuration file")
            return None
        try:
            config = self._reread()
        except ConfigError as error:
            for problem in error.problems:
                _log.error("not reloaded: {problem}", problem=problem)
            return None
        warnOfTheRest(config, self._config)
        return msgspec.structs.replace(self._config, plugins=config.plugins)

    async def _takeOver(self, config: Config) -> None:
        """Try the plugins in one worker; then have the others take them over, or be replaced by such as do."""
        serving = [post for post in self._posts if post.state is State.SERVING]
        if not serving:
            _log.error("not reloaded: no worker serves at the moment")
            return
        first, *others = serving
        if not await first.reload(Reload(ofWorker(config, first.number))):
            _log.error("not reloaded: worker {worker} could not take it over", worker=first.number)
            first.started = msgspec.structs.replace(first.started, config=self._configOf(first.number))
            return
        self._config = config
        for post in others:
            if post.state is State.SERVING:
                await self._refreshed(post)
        _log.info("all workers have the plugins of the configuration as it is now")

    def _refresh(self, post: Post) -> None:
        Deferred.fromCoroutine(self._refreshed(post)).addErrback(self._reloadFailed)

    async def _refreshed(self, post: Post) -> None:
        """Have a worker take over what others have already; one that cannot is replaced."""
        if not await post.reload(Reload(self._configOf(post.number))):
            _log.error("worker {worker} could not reload what another one could: it is replaced", worker=post.number)
            post.replace()

    def _checkClosed(self) -> None:
        if any(post.pid for post in self._posts) or self._closed.called:
            return
        if self._impatience is not None and self._impatience.active():
            self._impatience.cancel()
        if self._undertaker is not None:
            self._undertaker.close()
        self._rescue.close()
        closing = Deferred.fromCoroutine(closePorts(self._ports))
        closing.addCallback(lambda _: self._closed.callback(None))
