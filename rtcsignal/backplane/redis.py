"""One connection to Redis, in RESP3: commands, answers and what others publish share it.

Redis does one thing at a time, and writes what comes of it to each connection in that order: answers and pushed
messages of a connection are one history, the same for all who read theirs. This holds as long as each is applied before
the next is looked at, so an answer is a plain call, made in the loop that reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from hiredis import HiredisError, PushNotification, Reader, ReplyError, pack_command
from twisted.internet import ssl
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.engineio.stream.outbox import Flusher
from rtcsignal.engineio.stream.writers import Writer, write, writerFor
from rtcsignal.redisurl import RedisUrl

__all__ = ["Answered", "Argument", "RedisConnection", "endpointOf", "errorIn", "textOf"]

Argument: TypeAlias = bytes | str | int
Answered: TypeAlias = Callable[[Any], None]

_NOTHING = object()
_CONNECT_SECONDS = 4
_log = Logger()


class RedisConnection(Protocol):
    """Sends commands, and hands on answers and what is pushed, one by one in the order in which they come.

    Args:
        pushed: Called with the channel and the message of each publication.
        lost: Called once with the reason when the connection has ended, however that came.
        flusher: Sends at the end of the turn what has come together in it; None: the reactor does, later.

    Attributes:
        outstanding: Bytes of commands that have not been answered.
    """

    def __init__(
        self,
        pushed: Callable[[bytes, bytes], None],
        lost: Callable[[str], None],
        flusher: Flusher | None = None,
    ) -> None:
        self.outstanding = 0
        self._flusher = flusher
        self._unsent: list[bytes] = []
        self._write: Writer = write
        self._pushed = pushed
        self._lost: Callable[[str], None] | None = lost
        self._waiting: deque[tuple[Answered | None, int]] = deque()
        self._reader = Reader(notEnoughData=_NOTHING)

    def send(self, command: Sequence[Argument], answered: Answered | None = None) -> None:
        """Send a command; dropped if the connection has ended.

        Args:
            command: Its name and its arguments.
            answered: Called with the answer; an error of Redis is one, see `errorIn`. Never if the connection ends
                before. None: whatever it is.
        """
        packed: Any = tuple(command)
        self.sendPacked(pack_command(packed), answered)

    def sendPacked(self, data: bytes, answered: Answered | None = None) -> None:
        """The same for a command as it is written."""
        if self._lost is None or self.transport is None:
            return
        size = len(data)
        self.outstanding += size
        self._waiting.append((answered, size))
        if self._flusher is None:
            self.transport.write(data)
            return
        if not self._unsent:
            self._flusher.add(self)
        self._unsent.append(data)

    def connectionMade(self) -> None:
        """It is there."""
        transport: Any = self.transport
        self._write = writerFor(transport)
        if hasattr(transport, "setTcpNoDelay"):
            transport.setTcpNoDelay(True)

    def flush(self) -> None:
        """Send what has come together."""
        data = b"".join(self._unsent)
        self._unsent.clear()
        if data and self._lost is not None:
            self._write(self.transport, data)

    def dataReceived(self, data: bytes) -> None:
        """Take what came apart. What is applied may send commands, or end the connection."""
        gets = self._reader.gets
        self._reader.feed(data)
        while self._lost is not None:
            try:
                item = gets()
            except HiredisError:
                self.abort("what came is not of Redis")
                return
            if item is _NOTHING:
                return
            if isinstance(item, PushNotification):
                self._take(item)
            else:
                self._answer(item)

    def _take(self, item: Sequence[Any]) -> None:
        kind = item[0] if item else None
        if kind == b"message":
            try:
                self._pushed(item[1], item[2])
            except Exception:
                _log.failure("a message could not be applied")
        elif kind in (b"subscribe", b"unsubscribe"):
            self._answer(item)  # which is pushed, and has its place among the answers all the same

    def _answer(self, item: Any) -> None:
        if not self._waiting:
            self.abort("an answer came to no question")
            return
        answered, size = self._waiting.popleft()
        self.outstanding -= size
        if answered is not None:
            self._apply(answered, item)

    def _apply(self, what: Callable[..., None], *arguments: Any) -> None:
        try:
            what(*arguments)
        except Exception:
            _log.failure("what came from Redis could not be applied")

    def abort(self, why: str) -> None:
        """End the connection now: nothing more is sent, and nothing that came is applied."""
        if self._lost is not None:
            transport: Any = self.transport
            transport.abortConnection()
            self._end(why)

    def finish(self) -> None:
        """End the connection when what was sent before is on its way."""
        self.flush()
        if self.transport is not None:
            self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is over."""
        isPlain = reason.check(ConnectionDone) is not None
        self._end("Redis closed the connection" if isPlain else reason.getErrorMessage())

    def _end(self, why: str) -> None:
        lost, self._lost = self._lost, None
        self._waiting.clear()
        self.outstanding = 0
        if lost is not None:
            lost(why)


def errorIn(answer: Any) -> str:
    """What Redis has against a command; empty if nothing."""
    return str(answer) if isinstance(answer, ReplyError) else ""


def textOf(item: Any) -> str:
    """A string that Redis answered."""
    return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)


def endpointOf(url: RedisUrl, reactor: Any) -> IStreamClientEndpoint:
    """How a Redis is reached."""
    if url.path:
        path: IStreamClientEndpoint = UNIXClientEndpoint(reactor, url.path, timeout=_CONNECT_SECONDS)
        return path
    host: IStreamClientEndpoint = HostnameEndpoint(reactor, url.host, url.port, timeout=_CONNECT_SECONDS)
    if not url.isTls:
        return host
    secure: IStreamClientEndpoint = wrapClientTLS(ssl.optionsForClientTLS(url.host), host)
    return secure
