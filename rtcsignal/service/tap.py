"""``twistd rtcsignal``: its options, and the service that it runs."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from typing import Any, NoReturn

import msgspec
from twisted.application.service import IService, IServiceCollection
from twisted.logger import ILogObserver, Logger
from twisted.python import usage
from twisted.python.components import Componentized

import twisted
from rtcsignal import __version__
from rtcsignal.clocks import measureSteadily
from rtcsignal.engineio.forwarding.directory import mark
from rtcsignal.errors import ConfigError
from rtcsignal.logtext import safe
from rtcsignal.policy.listing import formatPlugins, listPlugins
from rtcsignal.policy.names import LOOKUPS_AT_ONCE, Names
from rtcsignal.service.app import RTCSignalService
from rtcsignal.service.cluster import redisNotes, undertakerOf
from rtcsignal.service.config import checks
from rtcsignal.service.config.endpoints import withAddresses, withPaths
from rtcsignal.service.config.reader import defaultConfig, loadConfig, positionsOfEndpoints
from rtcsignal.service.config.schema import MOST_WORKERS, Config
from rtcsignal.service.config.socketio import Socketio
from rtcsignal.service.logfile import LogFile, discardOutput, tolerateAscii
from rtcsignal.service.logs import LEVELS, logObserver, openLogFile
from rtcsignal.service.signals import handleSignals
from rtcsignal.service.trial import Trial, tryEndpoints
from rtcsignal.service.wiring import build
from rtcsignal.service.workers.nodes import machineOf
from rtcsignal.service.workers.supervisor import Supervisor

__all__ = ["Options", "makeService"]

_log = Logger(namespace="rtcsignal.service")

_PIPE_BYTES = 100
"""What twistd reads of the outcome of a start in the background."""

_EXAMPLES = """
A WebRTC signalling server over Socket.IO. Without --config it listens on port 8080, with all defaults.

In the foreground, as a service manager expects it:
  twistd --nodaemon --pidfile= rtcsignal --config etc/server.conf

As a daemon, with a log file and a pid file:
  twistd --logfile=rtcsignal.log --pidfile=rtcsignal.pid rtcsignal --config etc/server.conf

On another port, for this machine only:
  twistd -n rtcsignal --listen tcp:9000:interface=127.0.0.1

Options of twistd itself, such as --logfile, come before the word rtcsignal; see twistd --help.
SIGTERM ends the server once its clients have been told; a second one ends it at once.
The file etc/server.conf in the sources explains every key of the configuration.
"""


class Options(usage.Options):
    """The command line after ``twistd rtcsignal``.

    Attributes:
        settings: The configuration, complete and checked.
    """

    synopsis = "[--config FILE] [--listen ENDPOINT]... [--workers N] [--log-level LEVEL] [--check | --plugins]"
    optParameters = [
        ["config", "c", None, "The configuration file, YAML or JSON."],
        ["workers", "w", None, "Processes that serve the ports, instead of the number in the configuration."],
        ["log-level", None, "info", f"Log events of this level and above: {', '.join(LEVELS)}."],
    ]
    optFlags = [
        ["check", None, "Say what a start would do, try what can be tried of it, and exit: with 0 or 1."],
        ["plugins", None, "List every plugin that is found, with its options, and exit."],
    ]

    settings: Config

    def __init__(self) -> None:
        tolerateAscii()
        super().__init__()
        self._listen: list[str] = []

    def opt_listen(self, endpoint: str) -> None:
        """Listen on this Twisted endpoint instead of those of the configuration, for example
        tcp:9000:interface=127.0.0.1. May be given several times."""
        self._listen.append(endpoint)

    opt_l = opt_listen

    def opt_version(self) -> NoReturn:
        """Show the version and exit."""
        print(f"rtcsignal {__version__} (Twisted {twisted.__version__}, Python {platform.python_version()})")
        raise SystemExit(0)

    def getUsage(self, width: int | None = None) -> str:
        """The text of ``--help``."""
        return super().getUsage(width).rstrip() + "\n" + _EXAMPLES

    def parseOptions(self, options: Any = None) -> None:
        """Read the arguments; a mistake is one line and the end, not a page of twistd's own options."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            _refuse([f"twistd rtcsignal: {error} (see twistd rtcsignal --help)"])

    def postOptions(self) -> None:
        """Read the configuration, and with ``--check`` say what it would do."""
        if self["log-level"] not in LEVELS:
            raise usage.UsageError(f"the log level must be one of {', '.join(LEVELS)}")
        self._setListen(self._load())
        self._setWorkers()
        if self["plugins"]:
            self._listPlugins()
        if self["check"]:
            self._check()

    @property
    def reread(self) -> Callable[[], Config] | None:
        """Reads the configuration file again; None if there is none."""
        return partial(loadConfig, self["config"]) if self["config"] is not None else None

    def _listPlugins(self) -> NoReturn:
        listing = listPlugins(self.settings.plugins)
        _print(formatPlugins(listing))
        raise SystemExit(1 if listing.problems else 0)

    def _load(self) -> Config:
        if self["config"] is None:
            return defaultConfig()
        try:
            return loadConfig(self["config"])
        except ConfigError as error:
            _refuse(error.problems)

    def _setListen(self, config: Config) -> None:
        for endpoint in self._listen:
            problem = checks.endpoint(endpoint)
            if problem is not None:
                raise usage.UsageError(f"--listen {endpoint}: {problem}")
        # On a command line paths count from where it is given; a daemon changes its folder later.
        listen = tuple(withPaths(withAddresses(endpoint), os.getcwd()) for endpoint in self._listen)
        self.settings = msgspec.structs.replace(config, listen=listen or config.listen)

    def _setWorkers(self) -> None:
        text = self["workers"]
        if text is None:
            return
        if not (text.isascii() and text.isdecimal() and 1 <= int(text[:4]) <= MOST_WORKERS):
            raise usage.UsageError(f"--workers {text}: must be a number from 1 to {MOST_WORKERS}")
        if int(text) > 1 and self.settings.backplane.url is None:
            raise usage.UsageError(f"--workers {text}: more than one requires backplane.url in the configuration")
        self.settings = msgspec.structs.replace(self.settings, workers=int(text))

    def _check(self) -> NoReturn:
        isFromFile = self["config"] is not None and not self._listen
        places = positionsOfEndpoints(self["config"], len(self.settings.listen)) if isFromFile else ()
        trial = _try(self.settings, places)
        if trial.problems:
            _refuse(trial.problems)
        _print([*_summary(self["config"], self.settings), *redisNotes(self.settings.backplane), *trial.notes])
        raise SystemExit(0)


class _Observed:
    """Brings its log observer to the application that it becomes a part of."""

    observer: ILogObserver | None = None

    def setServiceParent(self, parent: IServiceCollection) -> None:
        """Become a part of an application; twistd asks it for the observer when the log begins."""
        if self.observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.observer)
        super().setServiceParent(parent)  # type: ignore[misc]


class _Service(_Observed, RTCSignalService):
    """The server as one process."""


class _Supervisor(_Observed, Supervisor):
    """The supervisor of several."""


def makeService(options: Options) -> IService:
    """The service for these options. A configuration that cannot be used ends the process with exit code 1."""
    from twisted.internet import reactor as twistedReactor

    reactor: Any = twistedReactor
    measureSteadily(reactor)
    reactor.installNameResolver(Names(reactor, LOOKUPS_AT_ONCE))
    daemon: Any = options.parent
    try:
        service = _makeServer(options, reactor, daemon)
    except ConfigError as error:
        _refuse(error.problems)
    logFile = None
    if not daemon["logger"]:
        logFile = _openLogFile(daemon)
        # What workers say has been limited where it was said.
        lines = 0 if isinstance(service, Supervisor) else options.settings.limits.logLinesPerSecond
        service.observer = logObserver(daemon, options["log-level"], lines, reactor, logFile)
    reactor.callWhenRunning(
        handleSignals,
        reactor,
        reload=service.reload,
        reopen=partial(_reopen, logFile),
        report=service.report,
        atOnce=partial(_endAtOnce, service, daemon["pidfile"]),
    )
    return service


def _makeServer(options: Options, reactor: Any, daemon: Mapping[str, Any]) -> _Service | _Supervisor:
    """The server, or its supervisor if there are to be several processes.

    Raises:
        ConfigError: A plugin cannot be used, or an endpoint would let anyone pose as anyone.
    """
    settings, fail = options.settings, partial(_fail, reactor, daemon)
    if settings.workers == 1:
        return _Service(settings, reactor, build, fail, reread=options.reread)
    build(settings, reactor)  # what cannot be built in a worker is said here, as with one process
    undertaker = undertakerOf(settings.backplane, reactor)
    level = options["log-level"]
    return _Supervisor(settings, reactor, level, fail, reread=options.reread, undertaker=undertaker)


def _endAtOnce(service: _Service | _Supervisor, pidFile: str | None) -> None:
    if isinstance(service, Supervisor):
        service.kill()
    _removePidFile(pidFile)


def _openLogFile(daemon: Mapping[str, Any]) -> LogFile | None:
    try:
        return openLogFile(daemon)
    except OSError as error:
        _refuse([f"the log file {safe(str(error.filename))} cannot be opened: {error.strerror}"])


def _reopen(file: LogFile | None) -> None:
    """Reopen the log file, as it may have been moved."""
    if file is None:
        _log.info("SIGUSR1: there is no log file to reopen")
        return
    try:
        file.reopen()
    except OSError as error:
        text = "{path} cannot be reopened, and the log stays where it was: {reason}"
        _log.error(text, path=safe(file.path, 1000), reason=error.strerror)


def _fail(reactor: Any, daemon: Mapping[str, Any], problem: str) -> None:
    """End the process with exit code 1. An exception would do it with a traceback, or not at all."""
    if reactor.running:
        reactor.addSystemEventTrigger("after", "shutdown", _exit, daemon["pidfile"])
        reactor.stop()
        return
    if daemon.get("statusPipe") is not None:
        # At its other end the process that was called waits for the outcome, and shows what follows the number.
        os.write(daemon["statusPipe"], f"1 {problem}".encode("ascii", "backslashreplace")[:_PIPE_BYTES])
    _removePidFile(daemon["pidfile"])
    raise SystemExit(1)


def _exit(pidFile: str | None) -> None:
    _removePidFile(pidFile)
    os._exit(1)


def _removePidFile(path: str | None) -> None:
    if path:
        with suppress(OSError):
            os.unlink(path)


def _print(lines: Iterable[str]) -> None:
    try:
        print("\n".join(lines), flush=True)
    except BrokenPipeError:  # its reader has seen enough
        discardOutput(sys.stdout)


def _refuse(problems: Sequence[str]) -> NoReturn:
    print("\n".join(problems), file=sys.stderr)
    raise SystemExit(1)


def _try(config: Config, places: Sequence[str]) -> Trial:
    """What only building everything shows, short of opening the ports and starting the plugins.

    Args:
        config: The configuration.
        places: Where its endpoints stand; empty if they are not from a file.
    """
    from twisted.internet import reactor

    endpoints = tryEndpoints(reactor, config.listen, places)
    try:
        found, untried = build(config, reactor).plugins.tryStart()
    except ConfigError as error:
        return Trial((*endpoints.problems, *error.problems))
    uses = {use.name: f"{use.where}: " if use.where else "" for use in config.plugins.use}
    problems = [f"{uses.get(name, '')}plugin {name}: {problem}" for name, problem in found]
    notes = [f"plugin {name}: not tried: only a start shows whether it starts" for name in untried]
    if notes and find_spec("treq") is None:
        notes.append("treq is not installed: a plugin that uses services.http will not start")
    return Trial((*endpoints.problems, *problems), (*endpoints.notes, *notes))


def _summary(source: str | None, config: Config) -> list[str]:
    socketio, plugins = config.socketio, config.plugins
    return [
        f"{source or 'the default configuration'}: no mistakes",
        f"listens on {', '.join(config.listen)}",
        *([f"{config.workers} workers"] if config.workers > 1 else []),
        *([f"session ids of this machine begin with {mark(machineOf(config))}"] if config.backplane.url else []),
        f"Socket.IO at {socketio.path} over {' and '.join(socketio.transports)}",
        _recoverySummary(socketio),
        f"namespaces {', '.join(config.signaling.namespaces)}",
        f"pages may come from {', '.join(['the same host', *config.origins])}",
        f"plugin folders: {', '.join(plugins.folders) or 'none'}",
        f"plugins: {', '.join(use.name for use in plugins.use) or 'none'}",
        f"demo page: {'at /' if config.web.demo else 'off'}",
        *_iceSummary(config),
    ]


def _iceSummary(config: Config) -> list[str]:
    ice = config.ice
    if config.signaling.compat == "exact" or not (ice.servers or ice.relayOnly):
        return ["ICE servers: none" + (", as compat is exact" if ice.servers else "")]
    relays = sum(server.hasRelay for server in ice.servers)
    gates = [
        f"for members with the role {' or '.join(ice.roles)}" if ice.roles else "",
        f"for pages of {', '.join(ice.origins)}" if ice.origins else "",
        "clients are asked to use relays alone" if ice.relayOnly else "",
    ]
    said = f"ICE servers: {len(ice.servers)}, {relays} of them TURN, with credentials good for {ice.ttl} s"
    notes = [f"{path} holds a secret, and every user of this machine may read it" for path in ice.openFiles]
    return ["; ".join([said, *filter(None, gates)]), *notes]


def _recoverySummary(socketio: Socketio) -> str:
    window = socketio.recovery.window
    if not window:
        return "lost connections are not recovered"
    # Clients may notice a loss a heartbeat later than the server, and wait up to five seconds before they try again.
    needed = socketio.pingInterval + 6
    warning = f", which is short: clients may need {needed:g} s to come back" if window <= needed else ""
    return f"lost connections can be recovered for {window:g} s{warning}"
