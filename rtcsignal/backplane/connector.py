"""From the URL of a Redis to a line to it: connected, greeted, signed in, with the scripts loaded, and listening."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.backplane.line import Line
from rtcsignal.backplane.redis import Answered, Argument, RedisConnection, endpointOf, errorIn, textOf
from rtcsignal.backplane.scripts import SCRIPTS, Script
from rtcsignal.engineio.stream.outbox import Flusher
from rtcsignal.logtext import safe
from rtcsignal.redisurl import RedisUrl

__all__ = ["NO_EVICTION", "OLDEST", "RedisConnector", "greeting", "infoOf", "numbersOf"]

_log = Logger(namespace="rtcsignal.backplane")

NO_EVICTION = "noeviction"
"""What Redis has to do when its memory is full: refuse, and forget nothing."""

_SECONDS = 4.0
"""For everything until there is a line. A Redis that hangs takes connections, and answers nothing."""

OLDEST = (6, 2)
"""The oldest version that will do."""
_TIDY_KEYS = 500


class RedisConnector:
    """Connects to a Redis. Calling it is a `Connect`.

    Args:
        url: Where it is.
        prefix: How keys and channels begin.
        reactor: The network, and the time.
        flusher: See `RedisConnection`.
    """

    def __init__(self, url: RedisUrl, prefix: str, reactor: Any, flusher: Flusher | None = None) -> None:
        self._flusher = flusher
        self._warned: list[str] = []
        self._url = url
        self._prefix = prefix
        self._reactor = reactor

    def __call__(
        self,
        incarnation: str,
        pushed: Callable[[bytes], None],
        connected: Callable[[Line], None],
        lost: Callable[[str], None],
    ) -> Callable[[str], None]:
        """See `Connect`."""
        calls = (pushed, connected, lost)
        attempt = _Attempt(self._url, self._prefix, self._reactor, incarnation, calls, self._flusher, self._warned)
        attempt.start()
        return attempt.end


_Calls = tuple[Callable[[bytes], None], Callable[[Line], None], Callable[[str], None]]


class _Attempt:
    """One connection, until it is a line or over.

    Args:
        url: Where Redis is.
        prefix: How keys and channels begin.
        reactor: The network, and the time.
        incarnation: For which one.
        calls: What is called with messages, with the line, and with the reason of the end.
        flusher: See `RedisConnection`.
        warned: Of what has been warned; with more than nothing in it, of nothing more.
    """

    def __init__(
        self,
        url: RedisUrl,
        prefix: str,
        reactor: Any,
        incarnation: str,
        calls: _Calls,
        flusher: Flusher | None,
        warned: list[str],
    ) -> None:
        self._warned = warned
        self._url = url
        self._prefix = prefix
        self._reactor = reactor
        self._incarnation = incarnation
        self._pushed, self._connected, self._lost = calls
        self._connection = RedisConnection(self._take, self._ended, flusher)
        self._connecting: Deferred[Any] | None = None
        self._deadline: IDelayedCall | None = None
        self._isOver = False

    def start(self) -> None:
        """Connect."""
        self._deadline = self._reactor.callLater(_SECONDS, self.end, "no answer")
        factory = Factory.forProtocol(lambda: self._connection)
        factory.noisy = False
        self._connecting = endpointOf(self._url, self._reactor).connect(factory)
        self._connecting.addCallbacks(self._greet, self._notConnected)

    def end(self, why: str) -> None:
        """Give it up."""
        if self._connection.transport is not None:
            self._connection.abort(why)
        else:
            self._ended(why)
            if self._connecting is not None:
                self._connecting.cancel()

    def _notConnected(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._ended(f"{self._url} cannot be reached: {failure.getErrorMessage()}")

    def _ended(self, why: str) -> None:
        if not self._isOver:
            self._isOver = True
            self._stopWaiting()
            self._lost(why)

    def _stopWaiting(self) -> None:
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()

    def _greet(self, protocol: Any) -> None:
        if self._isOver:
            protocol.transport.abortConnection()
            return
        for command in greeting(self._url, f"rtcsignal:{self._incarnation}"):
            self._connection.send(command, self._check)
        for script in SCRIPTS:
            self._connection.send(("SCRIPT", "LOAD", script.text), self._check)
        self._connection.send(("INFO", "memory"), self._remembers)
        self._connection.send(("INFO", "server"), self._informed)

    def _check(self, answer: Any) -> None:
        problem = errorIn(answer)
        if problem:
            self._connection.abort(f"Redis refuses: {problem}")

    def _remembers(self, answer: Any) -> None:
        policy = infoOf(answer).get("maxmemory_policy", NO_EVICTION)
        if policy != NO_EVICTION and not self._warned:
            self._warned.append(policy)
            _log.warn("Redis may forget members: maxmemory-policy is {policy}, not noeviction", policy=safe(policy))

    def _informed(self, answer: Any) -> None:
        self._check(answer)
        info = infoOf(answer)
        version = info.get("redis_version", "")
        if not self._isOver and numbersOf(version) < OLDEST:
            self._connection.abort(f"Redis is version {version or 'unknown'}, and has to be 6.2 or newer")
        if self._isOver:
            return
        generation = f"{self._prefix}:{info.get('run_id', '')}:"
        line = _RedisLine(self._connection, generation, self._prefix, self._incarnation)
        self._connection.send(("SUBSCRIBE", line.channel), lambda answer: self._subscribed(line, answer))

    def _subscribed(self, line: _RedisLine, answer: Any) -> None:
        self._check(answer)
        if not self._isOver:
            self._stopWaiting()
            self._connected(line)

    def _take(self, channel: bytes, message: bytes) -> None:
        self._pushed(message)


class _RedisLine:
    """See `Line`.

    Args:
        connection: The connection.
        generation: How the keys of this life of Redis begin.
        prefix: How the keys of all its lives begin.
        incarnation: Whose line it is.

    Attributes:
        channel: Where it listens.
    """

    def __init__(self, connection: RedisConnection, generation: str, prefix: str, incarnation: str) -> None:
        self.channel = f"{generation}@{incarnation}"
        self._connection = connection
        self._generation = generation
        self._prefix = prefix
        self._incarnation = incarnation
        self._digests = {script: script.digest for script in SCRIPTS}
        self._send = connection.send
        self._heads: dict[str, bytes] = {}

    @property
    def outstanding(self) -> int:
        return self._connection.outstanding

    def run(self, script: Script, arguments: Sequence[Argument], answered: Answered | None = None) -> None:
        head = ("EVALSHA", self._digests[script], 1, self._generation, self._incarnation)
        self._send((*head, *arguments), answered)

    def publish(self, incarnation: str, frame: bytes) -> None:
        head = self._heads.get(incarnation)
        if head is None:
            channel = f"{self._generation}@{incarnation}".encode()
            head = self._heads[incarnation] = b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%b\r\n" % (len(channel), channel)
        self._connection.sendPacked(b"%b$%d\r\n%b\r\n" % (head, len(frame), frame))

    def tidy(self, answered: Callable[[], None]) -> None:
        self._tidy("0", answered)

    def _tidy(self, cursor: bytes | str, answered: Callable[[], None]) -> None:
        command = ("SCAN", cursor, "MATCH", f"{self._prefix}:*", "COUNT", _TIDY_KEYS)
        self._send(command, lambda answer: self._found(answer, answered))

    def _found(self, answer: Any, answered: Callable[[], None]) -> None:
        if errorIn(answer):
            return
        cursor, keys = answer
        own = self._generation.encode()
        old = [key for key in keys if not key.startswith(own)]
        if old:
            self._send(("UNLINK", *old))
        if cursor == b"0":
            self._send(("HSET", f"{self._generation}c", "g", self._incarnation))
            answered()
        else:
            self._tidy(cursor, answered)

    def abort(self, why: str) -> None:
        self._connection.abort(why)

    def finish(self) -> None:
        self._connection.finish()


def greeting(url: RedisUrl, name: str) -> Iterator[Sequence[Argument]]:
    """The commands with which a connection begins.

    Args:
        url: As whom it signs in, and which database it uses.
        name: What it is called in the list of clients.
    """
    hello: list[Argument] = ["HELLO", 3]
    if url.password:
        hello += ["AUTH", url.user or "default", url.password]
    yield (*hello, "SETNAME", name)
    if url.database:
        yield "SELECT", url.database


def infoOf(answer: Any) -> dict[str, str]:
    """What ``INFO`` answers."""
    lines = textOf(answer).splitlines()
    return {name: value for name, colon, value in (line.partition(":") for line in lines) if colon}


def numbersOf(version: str) -> tuple[int, ...]:
    """The first two numbers of a version."""
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
