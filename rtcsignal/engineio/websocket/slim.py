"""Fast path, connections: Autobahn's protocol without what an open connection never needs.

Opening and keeping a connection costs Autobahn three things that no option disables, and each has its remedy:

- it pretty-prints all options and colours values for debug lines that no one sees: `quieten` makes these helpers of
  its modules return at once;
- it copies every option and some forty flags to every connection: `frugalClass` puts them on a class;
- it reads the handshake, and keeps it, statistics and a validator with each connection: a connection that is opened by
  `SlimProtocol.accept` has no handshake behind it, makes the others when they are asked for, and leaves flags to the
  class while they are unchanged. What is looked at for each message has a slot, which is quicker than either.

A contract test fails when names that are used here are gone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from autobahn.twisted import websocket as adapters
from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket import protocol as core
from autobahn.websocket.protocol import TrafficStats
from autobahn.websocket.utf8validator import Utf8Validator
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger, formatEvent
from twisted.python.failure import Failure

from rtcsignal.deadlines import Deadline, DeadlineQueue
from rtcsignal.engineio.http.exchange import Response
from rtcsignal.engineio.http.response import closingResponse
from rtcsignal.engineio.refusals import Refusals
from rtcsignal.logtext import safe

__all__ = ["SlimProtocol", "Timers", "frugalClass", "quieten"]

HELPERS = ("hltype", "hlval", "pformat")

LAZY: dict[str, Callable[[], Any]] = {
    "is_closed": Deferred,
    "is_open": Deferred,
    "send_queue": deque,
    "trafficStats": TrafficStats,
    "utf8validator": Utf8Validator,
}

CIRCULAR = ("admission", "is_closed")
"""What knows the protocol, or the session that it carries."""

_log = Logger()
_REFUSED = Response(400, b"Bad request", (("Content-Type", "text/html"),))
Link = TypeVar("Link", bound="SlimProtocol")


def quieten() -> None:
    """Make the formatting of Autobahn's debug lines cost nothing. They say less then, if they are enabled."""
    for module in (core, adapters):
        for name in HELPERS:
            if hasattr(module, name):
                setattr(module, name, _nothing)


def _nothing(*arguments: Any, **options: Any) -> str:
    return ""


def frugalClass(base: type[Link], factory: WebSocketServerFactory, **shared: Any) -> type[Link]:
    """A class of protocols that share what would be equal in all of them.

    Args:
        base: The protocol.
        factory: Whose options they are.
        shared: Further attributes.
    """
    options = {name: getattr(factory, name) for name in base.CONFIG_ATTRS}
    attributes = {**options, "factory": factory, **shared}
    # A function that is found on the class would be taken for a method.
    kind = type(
        base.__name__,
        (base,),
        {name: staticmethod(value) if callable(value) else value for name, value in attributes.items()},
    )
    _learn(kind)
    return kind


def _learn(kind: type[SlimProtocol]) -> None:
    """Give a class what Autobahn gives each of its connections at first."""
    first = kind()
    vars(first)["openHandshakeTimeout"] = 0  # it has no timers
    core.WebSocketProtocol._connectionMade(first)
    for name, value in vars(first).items():
        if _isPlain(value) and not hasattr(kind, name):
            setattr(kind, name, value)


def _isPlain(value: Any) -> bool:
    """Whether a value can be the same object for all connections."""
    return value is None or type(value) in (bool, int) or value == b""


class HushedLog:
    """Replaces Autobahn's logger: what that warns of is the client's doing, not the server's.

    A client that breaks rules a thousand times a second must not write a thousand lines.

    Args:
        link: Whose log it is; None for that of the class.
    """

    def __init__(self, link: SlimProtocol | None = None) -> None:
        self._link = link

    def __get__(self, link: SlimProtocol | None, owner: type) -> HushedLog:
        return HushedLog(link)

    def debug(self, *arguments: Any, **fields: Any) -> None:
        """Dropped."""

    def info(self, text: str = "", *arguments: Any, **fields: Any) -> None:
        """Passed on, for the debug log."""
        message = safe(formatEvent({"log_format": str(text), **fields}))
        conn = getattr(getattr(self._link, "receiver", None), "conn", "none")
        _log.debug("WebSocket: {message} (conn {conn})", message=message, conn=conn)

    warn = error = failure = critical = info
    trace = debug


class _Lazy:
    """An attribute that is made when it is asked for, unless it has been set.

    A ``__getattr__`` would do as well, but then the interpreter takes the slow way to every attribute of the class.
    """

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self._name = name
        self._make = make

    def __get__(self, instance: Any, owner: type) -> Any:
        value = vars(instance)[self._name] = self._make()
        return value


class Timers:
    """Replaces Autobahn's timers, which keep what they have called in a cycle with themselves.

    Args:
        clock: The time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._queues: dict[float, DeadlineQueue] = {}

    def call_later(self, delay: float, function: Callable[..., Any], *arguments: Any) -> Deadline:
        """Call a function after so many seconds, unless what is returned is cancelled."""
        queue = self._queues.get(delay)
        if queue is None:  # there are few durations
            queue = self._queues[delay] = DeadlineQueue(self._clock, delay)
        return queue.start(_call, (function, arguments))


def _call(what: tuple[Callable[..., Any], tuple[Any, ...]]) -> None:
    function, arguments = what
    function(*arguments)


class SlimProtocol(WebSocketServerProtocol):
    """A WebSocket protocol that can be opened without a handshake of Autobahn's, and is in no cycle when it is over."""

    __slots__ = ("current_frame", "data", "inside_message", "state")

    admission: Any
    current_frame: Any
    log = HushedLog()
    websocket_version = 13  # the only one that is admitted

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: Any = None) -> None:
        refusals: Refusals = self.factory.refusals
        refusals.request(self.admission.request, _REFUSED.status, f"not a WebSocket handshake: {reason}")
        super().failHandshake(reason, code, responseHeaders)

    def sendHttpErrorResponse(self, code: int, reason: str, responseHeaders: Any = None) -> None:
        # Autobahn would repeat in the status line what it does not like.
        self.sendData(closingResponse(_REFUSED.plus(*(responseHeaders or ()))))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        for name in CIRCULAR:
            vars(self).pop(name, None)
        timer: Deadline | None = self.closeHandshakeTimeoutCall
        if timer is not None:
            timer.cancel()

    def accept(self, transport: Any, answer: bytes, admission: Any) -> None:
        """Be open at once, as after a handshake of Autobahn's, of which nothing is kept.

        To be called on new instances of a class that `frugalClass` has made.

        Args:
            transport: The connection.
            answer: The response to the handshake.
            admission: What the connection was admitted for.
        """
        self.__dict__ = {"transport": transport, "connected": 1, "admission": admission}
        self.data = b""
        self.current_frame = None
        self.inside_message = False
        self.factory.countConnections += 1
        transport.write(answer)
        self.state = self.STATE_OPEN
        self.onOpen()
        vars(self).pop("admission", None)


for _name, _make in LAZY.items():
    setattr(SlimProtocol, _name, _Lazy(_name, _make))
