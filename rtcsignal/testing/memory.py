"""A server in memory: the real rooms, namespaces, connections and plugins, without network, on a clock of the test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface import implementer

from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.packet import Revision
from rtcsignal.errors import ConfigError
from rtcsignal.interfaces import IAuthenticator
from rtcsignal.policy.counts import Counters
from rtcsignal.policy.folders import Generation
from rtcsignal.policy.guard import TIMEOUT_SECONDS, Treatment
from rtcsignal.policy.loader import Entry, PluginSet, loadPlugins
from rtcsignal.policy.pluginhost import PluginHost
from rtcsignal.policy.shape import Problem, interfacesOf, problemsOf, shownPlace, takenEvents
from rtcsignal.policy.sources import pluginsOf
from rtcsignal.service.config.schema import Config
from rtcsignal.service.features import featuresOf
from rtcsignal.service.handlers import HANDLERS, namespacesOf
from rtcsignal.signaling.gates import OpenGates
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions, SocketServer
from rtcsignal.testing.client import Answer, MemoryClient
from rtcsignal.testing.drops import forgetsReturn
from rtcsignal.testing.fakes import FakeHttp
from rtcsignal.testing.threads import Threads
from rtcsignal.values import EMPTY, Handshake, Identity

__all__ = ["Answer", "InMemoryServer", "MemoryClient", "loadPlugin"]

_STEP = 0.05
_MOST_STEPS = 400
_IDENTITY = "rtcsignal-testing-identity"
_RECOVERY = RecoveryOptions(window=60, everybody=False)
"""As the server comes: whoever joins with a key, and then loses the connection, is waited for."""


@dataclass(frozen=True)
class _Use:
    name: str
    options: Mapping[str, Any] | None = None
    where: str = ""


@dataclass(frozen=True)
class _Wanted:
    folders: Sequence[str]
    use: Sequence[_Use]


class InMemoryServer:
    """A server with plugins. Use it as a context manager: it starts the plugins, and stops them at the end.

    Args:
        plugins: Plugins as objects.
        use: Plugins by name, behind those: as in the configuration, names or mappings of a name to its options.
        folders: Folders in which they are looked for.
        timeout: Seconds within which the plugins given as objects must answer.
        fail: ``open`` or ``closed``, for those.
        shadow: Whether what those say is not enforced.
        options: Settings of the signalling.
        config: What else is said, of ICE servers for instance.
        dropsAll: It is meant that a message filter drops every message, although it never says ``return None``.

    Attributes:
        clock: The time, a `twisted.internet.task.Clock`. It stands still until the test calls `advance`.
        wallOffset: Seconds by which the system's clock, which ``services.now()`` tells, is ahead of `clock`. A test
            that changes it sets that clock.
        hub: The rooms.
        http: The HTTP client that all plugins get as ``services.http``: the test answers their requests.

    Raises:
        ConfigError: When entered: a plugin cannot be used, or did not start.
        AssertionError: When left: a message filter has dropped every message, and looks as if it had forgotten to
            return them.
    """

    def __init__(
        self,
        *plugins: Any,
        use: Iterable[str | Mapping[str, Any]] = (),
        folders: Iterable[str] = (),
        timeout: float = TIMEOUT_SECONDS,
        fail: str = "closed",
        shadow: bool = False,
        options: SignalingOptions = SignalingOptions(),  # noqa: B008 - frozen
        dropsAll: bool = False,
        config: Config = Config(),  # noqa: B008 - frozen
    ) -> None:
        self.clock = Clock()
        self.wallOffset = 0.0
        self.hub = Hub(options, OpenGates(), self.clock, self._now)
        self._config = config
        self._features = featuresOf(self.hub, config, self._now)
        self.http = FakeHttp()
        self._given = plugins
        self._treatment = Treatment(timeout, fail == "open", shadow)
        self._wanted = _Wanted(tuple(map(str, folders)), tuple(map(_useOf, use)))
        self._sockets = SocketServer(
            namespacesOf(self.hub, self._features),
            self.clock,
            SocketOptions(connectTimeout=0, eventsPerSecond=0, turn=0, recovery=_RECOVERY),
        )
        self._identities = _Identities()
        self._host: PluginHost | None = None
        self._clients: list[MemoryClient] = []
        self._threads = Threads()
        self._dropsAll = dropsAll

    def __enter__(self) -> InMemoryServer:
        self._threads.start()
        try:
            return self._started()
        except BaseException:
            self._threads.stop()
            raise

    def _started(self) -> InMemoryServer:
        plugins = self._load(self._given, self._wanted)
        self._host = PluginHost(plugins, self.hub, self.clock, self._now, lambda _: self.http)
        self._waitFor(self._host.start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self._sockets.close()
            for client in self._clients:
                client.lose()
            forgetful = self._forgetful()
            self._waitFor(self._running.stop())
        finally:
            self._threads.stop()
        if forgetful and kind is None:
            raise AssertionError("; ".join(forgetful))

    def _forgetful(self) -> list[str]:
        """The message filters that have dropped every message, and look as if that were not meant."""
        text = "{} ({}) has dropped every message: return them, or None; or set dropsAll=True if this is intended"
        silent = () if self._dropsAll else self._running.silentFilters()
        return [text.format(name, shownPlace(method)) for name, method in silent if forgetsReturn(method)]

    def connect(
        self,
        identity: Identity | None = None,
        *,
        auth: Mapping[str, Any] = EMPTY,
        query: Mapping[str, str] = EMPTY,
        headers: Mapping[str, str] = EMPTY,
        address: str = "127.0.0.1",
        namespace: str = "/",
        revision: Revision = 4,
        secure: bool = False,
    ) -> MemoryClient:
        """A client connects, and asks for a namespace.

        Args:
            identity: Its identity. By default the authenticators are asked.
            auth: Its auth object.
            query: The query of its request.
            headers: The headers of its request, names in lower case.
            address: Its IP address.
            namespace: The namespace it asks for.
            revision: 4, or 3 for a client of generation 2.
            secure: It came over TLS.

        Returns:
            The client. It may have been refused, or wait for a plugin: see `MemoryClient.connected`.
        """
        headers = dict(headers)
        if identity is not None:
            headers[_IDENTITY] = self._identities.add(identity)
        request = Request("GET", query, headers, b"", address, secure)
        client = MemoryClient(self._sockets, request, revision, namespace, auth, self._threads.settle)
        self._clients.append(client)
        return client

    def _now(self) -> float:
        return self.clock.seconds() + self.wallOffset

    def advance(self, seconds: float) -> None:
        """Let time go by, in steps of at most 50 ms. What threads have found is there then."""
        self._threads.settle()
        whole, rest = divmod(seconds, _STEP)
        for _ in range(int(whole)):
            self.clock.advance(_STEP)
            self._threads.settle()
        self.clock.advance(rest)
        self._threads.settle()

    def reload(self, *plugins: Any, use: Iterable[str | Mapping[str, Any]] | None = None) -> bool:
        """Replace the plugins, as SIGHUP does.

        Args:
            plugins: New plugins as objects.
            use: New plugins by name; by default those from the start, loaded anew.

        Returns:
            Whether they were replaced.
        """
        forgetful = self._forgetful()
        if forgetful:
            raise AssertionError("; ".join(forgetful))
        wanted = self._wanted if use is None else _Wanted(self._wanted.folders, tuple(map(_useOf, use)))
        isReplaced = bool(self._waitFor(self._running.reload(lambda: self._load(plugins, wanted))))
        if isReplaced:
            self._features.reload(self._config)
        return isReplaced

    def members(self, roomName: str) -> list[str]:
        """The user ids of a room's members, in the order in which they joined."""
        room = self.hub.rooms.get(roomName)
        return [seat.userId for seat in room] if room is not None else []

    def counters(self, name: str) -> Counters:
        """What was counted of a plugin."""
        return self._running.counters[name]

    @property
    def _running(self) -> PluginHost:
        if self._host is None:
            raise RuntimeError("the server must be used in a with statement")
        return self._host

    def _load(self, plugins: Sequence[Any], wanted: _Wanted) -> PluginSet:
        problems = [str(problem) for plugin in plugins for problem in self._problemsOf(plugin)]
        problems += [f"{plugin!r} is not a plugin" for plugin in plugins if not interfacesOf(plugin)]
        if problems:
            raise ConfigError(problems)
        loaded = loadPlugins(wanted).following(Entry(plugin, self._treatment) for plugin in plugins)
        self._identities.alone = not any(IAuthenticator.providedBy(entry.plugin) for entry in loaded.entries)
        return loaded.following([Entry(self._identities, Treatment())])

    @staticmethod
    def _problemsOf(plugin: Any) -> Iterator[Problem]:
        where = type(plugin).__name__
        problems = problemsOf(plugin, where)
        yield from problems or takenEvents(plugin, where, HANDLERS)

    def _waitFor(self, pending: Deferred[Any]) -> Any:
        """The result of a Deferred for which time may have to go by."""
        results: list[Any] = []
        failures: list[BaseException | None] = []
        pending.addCallbacks(results.append, lambda failure: failures.append(failure.value))
        for _ in range(_MOST_STEPS):
            self._threads.settle()
            if results or failures:
                break
            self.clock.advance(_STEP)
        for failure in failures:
            raise failure or RuntimeError("it failed")
        return results[0]


@implementer(IAuthenticator)
class _Identities:
    """Admits clients that have been given an identity; and all others, if there is no other authenticator.

    Attributes:
        alone: There is no other one.
    """

    name = "rtcsignal-testing"

    def __init__(self) -> None:
        self.alone = True
        self._known: dict[str, Identity] = {}

    def add(self, identity: Identity) -> str:
        """The word that stands for an identity."""
        word = str(len(self._known))
        self._known[word] = identity
        return word

    def authenticate(self, handshake: Handshake) -> Identity | None:
        known = self._known.get(handshake.headers.get(_IDENTITY, ""))
        return Identity() if known is None and self.alone else known


def loadPlugin(path: str | Path, name: str = "") -> Any:
    """The plugin in a file, checked as the server does it.

    Args:
        path: The file.
        name: The plugin's name, if the file has several.

    Raises:
        ConfigError: The file cannot be loaded, the plugin has mistakes, or there is none.
    """
    module = Generation().loadFile(str(Path(path).absolute()))
    if isinstance(module, Problem):
        raise ConfigError(str(module))
    plugins = [plugin for plugin in pluginsOf(module) if name in ("", getattr(plugin, "name", None))]
    if len(plugins) != 1:
        raise ConfigError(f"{path}: there are {len(plugins)} plugins {name}".rstrip())
    problems = problemsOf(plugins[0], str(path))
    if problems:
        raise ConfigError([str(problem) for problem in problems])
    return plugins[0]


def _useOf(entry: str | Mapping[str, Any]) -> _Use:
    if isinstance(entry, str):
        return _Use(entry)
    ((name, options),) = entry.items()
    return _Use(name, options)
