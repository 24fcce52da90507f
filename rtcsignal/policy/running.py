"""Plugins at work: started, asked through their chain, and stopped when no one waits for them any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from rtcsignal.clocks import WallClock
from rtcsignal.deadlines import Deadlines
from rtcsignal.errors import ConfigError
from rtcsignal.interfaces import ICheckable
from rtcsignal.policy.chain import ActivePlugin, Chain
from rtcsignal.policy.counts import Counters
from rtcsignal.policy.guard import Guard
from rtcsignal.policy.loader import Entry, PluginSet
from rtcsignal.policy.logs import describe, placeOf
from rtcsignal.policy.services import Rooms, Services
from rtcsignal.policy.shape import INTERFACES
from rtcsignal.policy.sources import BUILT_IN

__all__ = ["START_SECONDS", "STOP_SECONDS", "RunningPlugins"]

START_SECONDS = 10.0
"""How long a plugin may take to start."""

STOP_SECONDS = 3.0
"""How long a plugin may take to stop."""

_TITLES = {
    "IAuthenticator": "authenticators",
    "IRoomPolicy": "room policies",
    "IMessageFilter": "message filters",
    "IRoomObserver": "observers",
    "IDoorObserver": "observers of doors",
    "IEventHandler": "event handlers",
    "IIceServers": "providers of ICE servers",
}


class _TooLong(Exception):
    """It has not ended in time."""


@dataclass(frozen=True)
class _Started:
    active: ActivePlugin
    services: Services


class RunningPlugins:
    """A set of plugins at work.

    Args:
        plugins: The set.
        rooms: The rooms.
        reactor: The time and the network.
        wall: The time of day.
        counters: Where to count, by plugin; those missing are made.
        makeHttp: Makes the HTTP client of a plugin.
        data: What plugins keep from one load to the next, by plugin; those missing are made.

    Attributes:
        chain: Asks the plugins.
    """

    _log = Logger()

    def __init__(
        self,
        plugins: PluginSet,
        rooms: Rooms,
        reactor: Any,
        wall: WallClock,
        counters: dict[str, Counters],
        makeHttp: Callable[[Any], Any],
        data: dict[str, dict[str, Any]],
    ) -> None:
        self._plugins = plugins
        self._rooms = rooms
        self._reactor = reactor
        self._wall = wall
        self._makeHttp = makeHttp
        self._data = data
        self._deadlines = Deadlines(reactor)
        self._active: list[ActivePlugin] = []
        for entry in plugins.entries:
            counting = counters.setdefault(entry.name, Counters())
            guard = Guard(entry.name, entry.treatment, counting, self._deadlines)
            self._active.append(ActivePlugin(entry.plugin, guard))
        self.chain = Chain(self._active)
        self._started: list[_Started] = []
        self._idle: Deferred[None] | None = None

    @property
    def order(self) -> str:
        """Which plugins are asked for what, in which order; for the log."""
        parts = []
        for interface in INTERFACES:
            names = [active.guard.name for active in self._active if interface.providedBy(active.plugin)]
            if names:
                parts.append(f"{_TITLES[interface.__name__]}: {', '.join(names)}")
        return "; ".join(parts) or "none"

    @property
    def kept(self) -> tuple[str, ...]:
        """The plugins whose code a reload does not read again."""
        return tuple(entry.name for entry in self._plugins.entries if not entry.fresh)

    def silentFilters(self) -> list[tuple[str, Callable[..., Any]]]:
        """The message filters that have dropped messages and passed none, by name, with their methods."""
        silent = [active for active in self._active if active.guard.dropped and not active.guard.passed]
        return [(active.guard.name, active.plugin.filterMessage) for active in silent]

    async def start(self, before: RunningPlugins | None = None) -> None:
        """Start the plugins, one after the other.

        Args:
            before: The set that is in use until now. What it has started and is in this set too, as the same
                object, is not started again; `adopt` takes it over.

        Raises:
            ConfigError: Some did not start; then none runs.
        """
        running = [started.active.plugin for started in before._started] if before is not None else []
        problems: list[str] = []
        for active in self._active:
            if not any(active.plugin is plugin for plugin in running):
                problems += await self._start(active, before is not None)
        if problems:
            await self.stop()
            raise ConfigError(problems)

    def tryStart(self) -> tuple[list[tuple[str, str]], list[str]]:
        """Try what can be tried of a start without starting anything.

        Returns:
            For which reasons a start would fail, each with the plugin's name; and which plugins have a start that
            cannot be tried.
        """
        problems: list[tuple[str, str]] = []
        untried: list[str] = []
        for entry in self._plugins.entries:
            if ICheckable.providedBy(entry.plugin):
                problems += [(entry.name, problem) for problem in _checked(entry)]
            elif entry.where != BUILT_IN and hasattr(entry.plugin, "start"):
                untried.append(entry.name)
        return problems, untried

    def adopt(self, before: RunningPlugins) -> None:
        """Take over what goes on from the set that was in use until now."""
        for active in self._active:
            for started in tuple(before._started):
                if started.active.plugin is active.plugin:
                    before._started.remove(started)
                    self._started.append(_Started(active, started.services))

    async def retire(self) -> None:
        """Stop the plugins as soon as everything that they were asked has been answered."""
        for active in self._active:
            active.guard.idle = self._mayBeIdle
        while any(active.guard.busy for active in self._active):
            self._idle = Deferred()
            await self._idle
        await self.stop()

    async def stop(self) -> None:
        """Stop the plugins, the last one first. Nothing is asked any more."""
        started, self._started = self._started, []
        for stopping in [Deferred.fromCoroutine(self._stop(each)) for each in reversed(started)]:
            await stopping
        self._deadlines.stop()
        self._plugins.discard()

    def _mayBeIdle(self) -> None:
        # Whoever has just got an answer may ask for the next one in the same turn.
        self._reactor.callLater(0, self._lookIdle)

    def _lookIdle(self) -> None:
        if self._idle is not None and not any(active.guard.busy for active in self._active):
            idle, self._idle = self._idle, None
            idle.callback(None)

    async def _start(self, active: ActivePlugin, serving: bool) -> list[str]:
        """Start one plugin.

        Args:
            active: The plugin.
            serving: There may be clients that wait while it blocks.

        Returns:
            What went wrong.
        """
        name = active.guard.name
        data = self._data.setdefault(name, {})
        services = Services(active.guard, self._rooms, self._reactor, self._wall, self._makeHttp, data)
        try:
            await self._ended(active, "start", START_SECONDS, serving, services)
        except _TooLong:
            services.close()
            return [f"plugin {name}: start took longer than {START_SECONDS:g} s"]
        except ConfigError as error:
            services.close()
            return [f"plugin {name}: {problem}" for problem in error.problems]
        except GeneratorExit:  # we are not waited for any more
            services.close()
            raise
        except BaseException as error:  # while the server runs, Ctrl-C raises nothing: the plugin itself has raised it
            services.close()
            return [f"plugin {name}: start failed: {describe(error)} at {placeOf(error.__traceback__)}"]
        self._started.append(_Started(active, services))
        return []

    async def _stop(self, started: _Started) -> None:
        guard = started.active.guard
        try:
            await self._ended(started.active, "stop", STOP_SECONDS, True)
        except _TooLong:
            text = "plugin {plugin}: stop took longer than {seconds:g} s"
            self._log.error(text, plugin=guard.name, seconds=STOP_SECONDS)
        except GeneratorExit:
            raise
        except BaseException as error:
            guard.failed("stop", error, error.__traceback__)
        finally:
            started.services.close()

    async def _ended(self, active: ActivePlugin, name: str, seconds: float, measured: bool, *arguments: Any) -> None:
        """Call a method, if there is one, and wait for its end.

        Raises:
            _TooLong: It has not ended in time.
        """
        method = getattr(active.plugin, name, None)
        began = active.guard.stopwatch()
        try:
            result: Any = method(*arguments) if method is not None else None
        finally:
            if measured:
                active.guard.called(name, active.guard.stopwatch() - began)
        if hasattr(result, "__await__"):
            pending = result if isinstance(result, Deferred) else Deferred.fromCoroutine(result)
            await _within(seconds, self._reactor, pending)


def _within(seconds: float, clock: IReactorTime, pending: Deferred[Any]) -> Deferred[Any]:
    """The result of a Deferred, or `_TooLong`, even if it does not mind being cancelled."""
    result: Deferred[Any] = Deferred()

    def late() -> None:
        result.errback(_TooLong())
        pending.cancel()

    def ended(value: Any) -> None:
        if call.active():
            call.cancel()
            result.callback(value)

    call = clock.callLater(seconds, late)
    pending.addBoth(ended)
    return result


def _checked(entry: Entry) -> list[str]:
    """What a plugin says is wrong."""
    try:
        entry.plugin.check()
    except ConfigError as error:
        return list(error.problems)
    except Exception as error:
        return [f"check failed: {describe(error)} at {placeOf(error.__traceback__)}"]
    return []
