"""The host of the plugins in a running server: starts them, replaces them while the server works, and stops them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, DeferredLock
from twisted.logger import Logger

from rtcsignal.clocks import WallClock
from rtcsignal.errors import ConfigError, Refused
from rtcsignal.logtext import safe
from rtcsignal.policy.counts import Counters
from rtcsignal.policy.httpclient import HttpClient
from rtcsignal.policy.loader import PluginSet
from rtcsignal.policy.logs import describe, placeOf
from rtcsignal.policy.running import RunningPlugins
from rtcsignal.policy.services import Rooms
from rtcsignal.signaling.gates import OpenGates
from rtcsignal.values import Handshake

__all__ = ["PluginHost"]


class _State(enum.Enum):
    IDLE = enum.auto()
    RUNNING = enum.auto()
    STOPPED = enum.auto()


class PluginHost:
    """Keeps the plugins of one server.

    Until the plugins have started no one is admitted; anyone who asks meanwhile waits.

    Args:
        plugins: The plugins to begin with.
        rooms: The hub; its gates are replaced whenever the plugins are.
        reactor: The time and the network.
        wall: The time of day.
        makeHttp: Makes the HTTP client of a plugin, of the reactor.

    Attributes:
        forget: Called some time after a reload, when code has come out of use; may be set.
    """

    _log = Logger()
    forget: Callable[[], None] | None = None

    def __init__(
        self,
        plugins: PluginSet,
        rooms: Rooms,
        reactor: Any,
        wall: WallClock,
        makeHttp: Callable[[Any], Any] = HttpClient,
    ) -> None:
        self._rooms = rooms
        self._reactor = reactor
        self._wall = wall
        self._counters: dict[str, Counters] = {}
        self._data: dict[str, dict[str, Any]] = {}
        self._makeHttp = makeHttp
        self._running = self._prepare(plugins)
        self._retiring: set[RunningPlugins] = set()
        self._reloading = DeferredLock()
        self._asked: list[Deferred[bool]] = []
        self._load: Callable[[], PluginSet] = PluginSet
        self._state = _State.IDLE
        self._startingGates = _StartingGates()
        rooms.gates = self._startingGates

    @property
    def counters(self) -> Mapping[str, Counters]:
        """What was counted, by plugin: also of those that are not used any more."""
        return self._counters

    def silentFilters(self) -> list[tuple[str, Callable[..., Any]]]:
        """The message filters that have dropped messages and passed none, by name, with their methods."""
        return self._running.silentFilters()

    def start(self) -> Deferred[None]:
        """Start the plugins, and let clients in.

        Returns:
            Fires when all run, at once if none takes time; fails with `ConfigError` if one did not start.
        """
        return Deferred.fromCoroutine(self._start())

    def tryStart(self) -> tuple[list[tuple[str, str]], list[str]]:
        """Try what can be tried of `start`; see `RunningPlugins.tryStart`."""
        return self._running.tryStart()

    def reload(self, load: Callable[[], PluginSet]) -> Deferred[bool]:
        """Replace the plugins by others, while the server works. No one is disconnected.

        Requests under way end with the plugins with which they began; those are stopped afterwards. If anything is
        wrong with the new ones, everything stays as it is, and the log says why.

        While one reload is under way, any number of further ones become a single one, with the last `load`.

        Args:
            load: Gives the new plugins; may raise `ConfigError`.

        Returns:
            Fires with whether they were replaced. It never fails.
        """
        answer: Deferred[bool] = Deferred()
        self._load = load
        self._asked.append(answer)
        if len(self._asked) == 1:
            self._reloading.run(lambda: Deferred.fromCoroutine(self._reloadOnce()))
        return answer

    def stop(self) -> Deferred[None]:
        """Stop the plugins. To be called when all clients are gone.

        Returns:
            Fires when they have stopped, at the latest after some seconds.
        """
        return Deferred.fromCoroutine(self._stop())

    async def _start(self) -> None:
        await self._running.start()
        if self._state is _State.STOPPED:
            await self._running.stop()
            return
        self._state = _State.RUNNING
        self._log.info("plugins: {order}", order=self._running.order)
        self._rooms.gates = self._running.chain
        self._startingGates.open(self._running.chain)

    async def _reloadOnce(self) -> None:
        """Do what was asked until now."""
        asked, self._asked = self._asked, []
        try:
            replaced = await self._reload(self._load)
        except BaseException as error:  # what is loaded may raise anything
            place = placeOf(error.__traceback__)
            self._log.error("not reloaded: {error} at {place}", error=describe(error), place=place)
            self._log.error("the plugins stay as they were")
            replaced = False
        for answer in asked:
            answer.callback(replaced)
        if not replaced:
            self._forgetSoon()

    async def _reload(self, load: Callable[[], PluginSet]) -> bool:
        if not self._isRunning():
            return False
        try:
            plugins = load()
            for file, seconds in plugins.slow:
                text = "importing {file} blocked the server for {milliseconds:.0f} ms"
                self._log.warn(text, file=safe(file, 1000), milliseconds=seconds * 1000)
            fresh = self._prepare(plugins)
            await fresh.start(self._running)
        except ConfigError as error:
            for problem in error.problems:
                self._log.error("not reloaded: {problem}", problem=problem)
            self._log.error("the plugins stay as they were")
            return False
        if not self._isRunning():
            await fresh.stop()
            return False
        self._replace(fresh)
        return True

    def _prepare(self, plugins: PluginSet) -> RunningPlugins:
        return RunningPlugins(
            plugins, self._rooms, self._reactor, self._wall, self._counters, self._makeHttp, self._data
        )

    def _isRunning(self) -> bool:
        return self._state is _State.RUNNING

    def _replace(self, fresh: RunningPlugins) -> None:
        before, self._running = self._running, fresh
        self._rooms.gates = fresh.chain
        fresh.adopt(before)
        self._log.info("reloaded, plugins: {order}", order=fresh.order)
        if fresh.kept:
            self._log.info("the code of {plugins} is not read again without a restart", plugins=", ".join(fresh.kept))
        self._retiring.add(before)
        retired = Deferred.fromCoroutine(before.retire())
        retired.addErrback(lambda failure: self._log.failure("plugins could not be stopped", failure))
        retired.addBoth(self._retired, before)

    def _retired(self, result: object, before: RunningPlugins) -> None:
        self._retiring.discard(before)
        self._forgetSoon()

    def _forgetSoon(self) -> None:
        if self.forget is not None:
            self._reactor.callLater(0, self.forget)  # what runs now still knows that code

    async def _stop(self) -> None:
        self._state = _State.STOPPED
        # Side by side: the end of the process does not wait longer for several sets than for one.
        for stopping in [Deferred.fromCoroutine(each.stop()) for each in (*self._retiring, self._running)]:
            await stopping


class _StartingGates(OpenGates):
    """The gates while the plugins start: anyone who asks to be let in waits until they can be asked."""

    judgesJoins = True
    watchesDoors = True
    judgesMessages = True

    def __init__(self) -> None:
        self._waiting: list[Deferred[Any]] = []

    def authenticate(self, handshake: Handshake) -> Any:
        waiting: Deferred[Any] = Deferred()
        self._waiting.append(waiting)
        return waiting.addCallback(lambda gates: gates.authenticate(handshake))

    def open(self, gates: Any) -> None:
        """The plugins run."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:
                each.callback(gates)

    def mayJoin(self, peer: Any, room: Any) -> None:
        raise Refused("unavailable", "The server is starting.")

    def filterMessage(self, peer: Any, room: Any, message: Any) -> Any:
        raise Refused("unavailable", "The server is starting.")
