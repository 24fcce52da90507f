"""Fast path, sending: everything for one receiver in one turn of the reactor goes out in one system call.

Replaces ``transport.write()`` for each frame, which costs two epoll calls and another turn for each. Frames are
collected per connection, and all connections that have some are flushed at the end of the turn: by the reactor's lean
turns (see `rtcsignal.service.tuning`), or by a timer where there are none. `sendNow` then hands the bytes to the
socket at once, as long as the transport itself has nothing queued; the rest, and every error, is left to the
transport. It knows private names of twisted.internet.abstract.FileDescriptor: a contract test fails when they
change, and `canSendNow` lets every other kind of transport (TLS, UNIX sockets, wrappers) take the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.tcp import Client, Server
from twisted.logger import Logger

__all__ = ["Flusher", "canSendNow", "forgetUnsent", "sendNow", "waitingIn"]

_log = Logger()
_KINDS = (Server, Client)
_NEEDED = (
    "dataBuffer",
    "offset",
    "_tempDataBuffer",
    "_tempDataLen",
    "_writeDisconnected",
    "disconnecting",
    "connected",
    "socket",
)


class Flushable(Protocol):
    """A connection with frames to send."""

    def flush(self) -> None:
        """Send them."""


class Flusher:
    """Flushes connections at the end of the turn in which they got something to send.

    Args:
        clock: Tells the end of the turn.

    Attributes:
        add: To be called with a connection that has got its first frame of this turn.
    """

    __slots__ = ("_clock", "_waiting", "add")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: list[Flushable] = []
        self.add: Callable[[Flushable], None] = self._addWithTimer

    def needsNoTimer(self) -> None:
        """From now on the caller calls `flush` at the end of each turn, and before the reactor waits."""
        self.add = self._waiting.append

    def _addWithTimer(self, connection: Flushable) -> None:
        waiting = self._waiting
        if not waiting:
            self._clock.callLater(0, self.flush)
        waiting.append(connection)

    def flush(self) -> None:
        """Flush every connection that has something; those that get something meanwhile are flushed as well."""
        waiting = self._waiting
        for connection in waiting:
            try:
                connection.flush()
            except Exception:
                _log.failure("a connection could not be flushed")
        waiting.clear()


def canSendNow(transport: Any) -> bool:
    """Whether `sendNow` knows this kind of transport."""
    return type(transport) in _KINDS and all(hasattr(transport, name) for name in _NEEDED)


def waitingIn(transport: Any) -> int:
    """How many bytes a transport has for the socket.

    Args:
        transport: One for which `canSendNow`.
    """
    return len(transport.dataBuffer) - int(transport.offset) + int(transport._tempDataLen)


def forgetUnsent(transport: Any) -> None:
    """Drop what a transport had for the socket, which is closed: it may be much, and the transport may live on.

    Args:
        transport: Any; below that of TLS is another one.
    """
    for each in (transport, getattr(transport, "transport", None)):
        if type(each) is Server:
            each.dataBuffer, each.offset = b"", 0
            each._tempDataBuffer, each._tempDataLen = [], 0


def sendNow(transport: Any, data: bytes) -> None:
    """Write at once what the socket takes, and queue the rest. Errors surface later, in the reactor's turn.

    Args:
        transport: One for which `canSendNow`.
        data: Not empty.
    """
    if (
        transport.dataBuffer
        or transport._tempDataBuffer
        or transport.disconnecting
        or transport._writeDisconnected
        or not transport.connected
    ):
        transport.write(data)
        return
    try:
        sent = transport.socket.send(data)
    except BlockingIOError:
        sent = 0
    except OSError:
        transport.write(data)
        return
    if sent < len(data):
        transport.write(data[sent:])
