"""What the server does for a plugin: everything that its `start` is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CoroutineType
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.python.failure import Failure
from zope.interface import implementer

from rtcsignal.clocks import WallClock
from rtcsignal.interfaces import IPeer, IRoom, IServices
from rtcsignal.policy.guard import Guard
from rtcsignal.policy.httpclient import HttpClient
from rtcsignal.policy.logs import PluginLogger
from rtcsignal.policy.steps import measured
from rtcsignal.signaling.gates import Gates
from rtcsignal.signaling.resume.silence import PROBE_SECONDS, checkPatience
from rtcsignal.signaling.rooms.waiting import WaitingList

__all__ = ["Rooms", "Services"]


class _Viewed(Protocol):
    @property
    def view(self) -> Any: ...


class Rooms(Protocol):
    """What plugins may do with the rooms: the part of `rtcsignal.signaling.hub.Hub` that is used here.

    Attributes:
        gates: What the plugins say. Replaced as a whole.
    """

    gates: Gates

    @property
    def rooms(self) -> Mapping[str, _Viewed]:
        """The rooms that have members on this node, by name; the `view` of each is an `IRoom`."""

    def room(self, name: str) -> Any:
        """A room that has members, and concerns anyone on this node: its `IRoom`; None if there is none."""

    @property
    def waiting(self) -> WaitingList:
        """Who waits for which room."""

    def probe(self, peer: Any, seconds: float) -> Deferred[bool]:
        """Find out whether the client of an `IPeer` is there."""

    def dismiss(self, peer: Any) -> None:
        """Forget that the client of an `IPeer` waits."""

    def kick(self, peer: Any, reason: str) -> None:
        """End a membership, given as the `IPeer` that is its view. Does nothing if it has ended."""


class _Task:
    """What is to be called later.

    Attributes:
        call: Will call it; None when that is over.
    """

    __slots__ = ("_what", "call")

    def __init__(self, *what: Any) -> None:
        self.call: IDelayedCall | None = None
        self._what: tuple[Any, ...] = what

    def take(self) -> tuple[Any, ...]:
        """The function, its arguments and its keywords, which are forgotten."""
        what, self._what = self._what, ()
        return what


@implementer(IServices)
class Services:
    """The services of one plugin.

    Args:
        guard: The plugin's guard.
        rooms: The rooms.
        reactor: The time, and for the HTTP client the network.
        wall: The time of day.
        makeHttp: Makes the HTTP client of the reactor.
        data: What the plugin keeps from one load to the next.
    """

    def __init__(
        self,
        guard: Guard,
        rooms: Rooms,
        reactor: Any,
        wall: WallClock,
        makeHttp: Callable[[Any], Any] = HttpClient,
        data: dict[str, Any] | None = None,
    ) -> None:
        self.data: dict[str, Any] = {} if data is None else data
        self.clock: IReactorTime = reactor
        self.log: PluginLogger = PluginLogger(guard.name, reactor)
        self._wall = wall
        self._guard = guard
        self._rooms = rooms
        self._calls: set[IDelayedCall] = set()
        self._running: set[Deferred[Any]] = set()
        self._makeHttp = makeHttp
        self._http: Any = None
        self._stopped = False

    @property
    def name(self) -> str:
        return self._guard.name

    @property
    def http(self) -> Any:
        if self._http is None:
            self._http = self._makeHttp(self.clock)
        return self._http

    def now(self) -> float:
        return self._wall()

    def callLater(self, seconds: float, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> IDelayedCall:
        if self._stopped:
            raise RuntimeError(f"the plugin {self.name} has been stopped")

        task = _Task(function, arguments, keywords)
        call: IDelayedCall = self.clock.callLater(seconds, self._runTask, task)
        task.call = call
        self._calls.add(call)
        return call

    def rooms(self) -> tuple[IRoom, ...]:
        return tuple(room.view for room in self._rooms.rooms.values())

    def room(self, name: str) -> IRoom | None:
        room: IRoom | None = self._rooms.room(name)
        return room

    def waiting(self, roomName: str) -> tuple[IPeer, ...]:
        return self._rooms.waiting.views(roomName)

    def dismiss(self, peer: IPeer) -> None:
        self._rooms.dismiss(peer)

    def kick(self, peer: IPeer, reason: str = "kicked") -> None:
        self._rooms.kick(peer, reason)

    def probe(self, peer: IPeer, seconds: float = PROBE_SECONDS) -> Deferred[bool]:
        checkPatience(seconds)
        self._guard.probes += 1
        return self._rooms.probe(peer, seconds).addBoth(self._probed)

    def emit(self, roomName: str, event: str, *arguments: Any) -> None:
        room = self.room(roomName)
        if room is not None:
            room.emit(event, *arguments)

    def close(self) -> None:
        """The plugin has been stopped: nothing of it goes on."""
        self._stopped = True
        for call in self._calls:
            if call.active():
                call.cancel()
        self._calls.clear()
        for running in tuple(self._running):
            try:
                running.cancel()
            except BaseException as error:
                self._guard.failed("cancel", error, error.__traceback__)
        if self._http is not None:
            self._http.close()
        self.log.close()

    def _probed(self, result: Any) -> Any:
        self._guard.probes -= 1
        return result

    def _runTask(self, task: _Task) -> None:
        # A call that was made still knows what it was for, and must not be known by that.
        call, task.call = task.call, None
        if call is not None:
            self._calls.discard(call)
        function, arguments, keywords = task.take()
        self._run(function, arguments, keywords)

    def _run(self, function: Callable[..., Any], arguments: Any, keywords: Any) -> None:
        """Call what was to be called later."""
        began = self._guard.stopwatch()
        try:
            result = function(*arguments, **keywords)
            if isinstance(result, CoroutineType):
                result = Deferred.fromCoroutine(measured(result, self._guard.stopwatch, self._took))
        except BaseException as error:
            self._guard.failed("callLater", error, error.__traceback__)
            result = None
        self._guard.called("callLater", self._guard.stopwatch() - began)
        if isinstance(result, Deferred):
            self._running.add(result)
            result.addErrback(self._failed)
            result.addBoth(lambda _: self._running.discard(result))

    def _took(self, seconds: float) -> None:
        self._guard.called("callLater", seconds)

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if error is not None and not (self._stopped and isinstance(error, CancelledError)):
            self._guard.failed("callLater", error, failure.getTracebackObject())
