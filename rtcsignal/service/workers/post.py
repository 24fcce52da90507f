"""A post: the place of one worker, which is filled again whenever its worker has ended."""

from __future__ import annotations

import enum
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger, globalLogPublisher
from twisted.python.failure import Failure

from rtcsignal.clocks import wallClock
from rtcsignal.service.workers.messages import (
    Failed,
    FromWorker,
    Holds,
    Incarnation,
    Line,
    Lines,
    Ping,
    Pong,
    Ready,
    Reload,
    Reloaded,
    Report,
    Start,
    Stop,
    ToWorker,
    encoded,
    fromWorker,
)
from rtcsignal.service.workers.relay import MOST_TEXT, relayed, written
from rtcsignal.service.workers.sums import Sums

__all__ = ["LONGEST_DELAY", "MOST_UNANSWERED", "SHORTEST_DELAY", "Host", "Post", "Spawn", "State"]

_log = Logger(namespace="rtcsignal.service")

SHORTEST_DELAY = 0.2
LONGEST_DELAY = 10.0
"""Seconds from the end of a worker to the next."""

STEADY_SECONDS = 10.0
"""A worker that has served so long has not failed at its start: the next one comes without delay."""

MOST_UNANSWERED = 10
"""Pings, one a second, after which a worker counts as hanging."""

START_SECONDS = 60.0
"""A worker that has not answered by then for the first time hangs: until its reactor runs, it loads and starts what its
configuration names."""

_OUTPUT = (1, 2)


class State(enum.Enum):
    """What there is at a post."""

    VACANT = "has ended"
    STARTING = "starts"
    SERVING = "serves"
    LEAVING = "was told to end"


class Host(Protocol):
    """What a post tells; see `rtcsignal.service.workers.supervisor.Supervisor`."""

    def ready(self, post: Post) -> None:
        """Its worker serves."""

    def failed(self, post: Post, problem: str) -> None:
        """Its worker says that it cannot start."""

    def ended(self, post: Post, incarnation: str) -> None:
        """Its worker has ended; as what the cluster still knows it, or "" if it does not."""


Spawn = Callable[["Post", ProcessProtocol], Start]
"""Starts a process for a post; gives what that is to be told."""


class Post:
    """One place.

    Args:
        number: From 1.
        reactor: The time.
        spawn: Starts its worker.
        host: Is told.

    Attributes:
        state: What there is now.
        started: What its worker was told at its start.
    """

    started: Start

    def __init__(self, number: int, reactor: Any, spawn: Spawn, host: Host) -> None:
        self.number = number
        self.state = State.VACANT
        self._reactor = reactor
        self._spawn = spawn
        self._host = host
        self._conversation: _Conversation | None = None
        self._timer: IDelayedCall | None = None
        self._began = 0.0
        self._hasAnswered = False
        self._unanswered = 0
        self._failures = 0
        self._incarnation = ""
        self._reloading: Deferred[bool] | None = None
        self._reporting: Deferred[None] | None = None
        self._sums = Sums()

    @property
    def pid(self) -> int | None:
        """The process; None if there is none."""
        return None if self._conversation is None else self._conversation.pid

    @property
    def hasFailedAgain(self) -> bool:
        """Its workers have ended more than once in a row, none of which served for long."""
        return self._failures > 1

    @property
    def answers(self) -> bool:
        """Its worker has answered what it was asked lately, if there is one that could."""
        return self.state is not State.SERVING or self._unanswered < 3

    def fill(self) -> None:
        """Start a worker."""
        self._timer = None
        self.state = State.STARTING
        self._began = self._reactor.seconds()
        self._hasAnswered, self._unanswered, self._incarnation = False, 0, ""
        self._conversation = _Conversation(self)
        self.started = self._spawn(self, self._conversation)
        self._tell(self.started)

    def refill(self) -> None:
        """Start a worker, later the more of them have failed."""
        delay = min(LONGEST_DELAY, SHORTEST_DELAY * 2 ** (self._failures - 1))
        self._timer = self._reactor.callLater(delay, self.fill)

    def close(self) -> None:
        """Tell its worker to end, and start no other one."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.state is not State.VACANT:
            self.state = State.LEAVING
            self._tell(Stop())

    def kill(self) -> None:
        """End its worker at once."""
        if self._conversation is not None:
            self._conversation.kill()

    def replace(self) -> None:
        """Tell its worker to end; another one follows."""
        if self.state is State.SERVING:
            self._tell(Stop())

    def ping(self) -> None:
        """Ask whether it answers, once a second; one that has not for too long is killed."""
        if self.state is State.VACANT:
            return
        if self._hasAnswered and self._unanswered >= MOST_UNANSWERED:
            self._hangs(MOST_UNANSWERED)
        elif not self._hasAnswered and self._reactor.seconds() - self._began > START_SECONDS:
            self._hangs(START_SECONDS)
        else:
            self._unanswered += 1
            self._tell(Ping())

    def report(self) -> Deferred[None] | None:
        """Have its worker log what it holds.

        Returns:
            Fires when it has, or has ended instead; None if no worker serves here.
        """
        if self.state is not State.SERVING:
            return None
        self._reporting = self._reporting or Deferred()
        reported: Deferred[None] = Deferred()
        self._reporting.chainDeferred(reported)
        self._tell(Report())
        return reported

    @property
    def numbers(self) -> Mapping[str, int]:
        """What its worker held when it was asked last; what is counted goes on from what those before it had."""
        return self._sums.numbers

    def reload(self, message: Reload) -> Deferred[bool]:
        """Have its worker take over the plugins of a configuration.

        Returns:
            Fires with whether it has; with False, too, when it has ended instead.
        """
        self._reloading = Deferred()
        self._tell(message)
        self.started = msgspec.structs.replace(self.started, config=message.config)
        return self._reloading

    def heard(self, message: FromWorker) -> None:
        """Its worker has said something."""
        if isinstance(message, Line):
            globalLogPublisher(relayed(message, self.number))
        elif isinstance(message, Pong):
            self._hasAnswered = True
            self._unanswered = 0
        elif isinstance(message, Ready):
            if self.state is State.STARTING:
                self.state = State.SERVING
                self._began = self._reactor.seconds()
            self._host.ready(self)
        elif isinstance(message, Failed):
            self._host.failed(self, message.problem)
        elif isinstance(message, Incarnation):
            self._incarnation = message.name
        elif isinstance(message, Reloaded):
            self._reloaded(message.isDone)
        elif isinstance(message, Holds):
            self._sums.held(message.numbers)
            self._reported()

    def wrote(self, text: str) -> None:
        """Its worker has written a line past its log."""
        globalLogPublisher(written(text, self.number, wallClock()))

    def ended(self, reason: Failure) -> None:
        """Its process has ended."""
        served = self._reactor.seconds() - self._began if self.state is State.SERVING else 0.0
        self._failures = 1 if served >= STEADY_SECONDS else self._failures + 1
        if self.state is not State.LEAVING:
            text = "worker {worker} (process {pid}) has ended: {how}"
            _log.warn(text, worker=self.number, pid=self.pid, how=_howEnded(reason))
        self.state = State.VACANT
        self._conversation = None
        self._reloaded(False)
        self._sums.ended()
        self._reported()
        # One that has ended by itself has told the cluster so.
        self._host.ended(self, "" if reason.check(ProcessDone) else self._incarnation)

    def _reloaded(self, isDone: bool) -> None:
        reloading, self._reloading = self._reloading, None
        if reloading is not None:
            reloading.callback(isDone)

    def _reported(self) -> None:
        reporting, self._reporting = self._reporting, None
        if reporting is not None:
            reporting.callback(None)

    def _hangs(self, seconds: float) -> None:
        text = "worker {worker} (process {pid}) has not answered for {seconds:g} s: it is killed"
        _log.error(text, worker=self.number, pid=self.pid, seconds=seconds)
        self.kill()

    def _tell(self, message: ToWorker) -> None:
        if self._conversation is not None:
            self._conversation.tell(message)


def _howEnded(reason: Failure) -> str:
    ended = reason.value
    number = getattr(ended, "signal", None)
    if number is not None:
        return f"killed by {signal.Signals(number).name}"
    return f"exit code {getattr(ended, 'exitCode', None)}"


class _Conversation(ProcessProtocol):
    """The pipes to and from one process, which has ended when it says no more and its exit code is known. What it has
    started itself may hold on to its standard output for longer.

    Args:
        post: Where it is.
    """

    transport: Any

    def __init__(self, post: Post) -> None:
        self._post = post
        self._lines = {number: Lines() for number in _OUTPUT}
        self._messages = Lines()
        self._reason: Failure | None = None
        self._isSilent = False
        self.pid = 0

    def kill(self) -> None:
        with suppress(ProcessExitedAlready):
            self.transport.signalProcess("KILL")

    def connectionMade(self) -> None:
        self.pid = self.transport.pid

    def tell(self, message: ToWorker) -> None:
        self.transport.write(encoded(message))

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        if childFD in _OUTPUT:
            for line in self._lines[childFD].add(data):
                self._write(line)
            return
        for line in self._messages.add(data):
            try:
                message = fromWorker(line)
            except msgspec.MsgspecError:
                self._write(line)  # not of our making
            else:
                self._post.heard(message)

    def childConnectionLost(self, childFD: int) -> None:
        if childFD in _OUTPUT:
            self._write(self._lines[childFD].end())
        elif childFD:
            self._isSilent = True
            self._checkEnded()

    def processExited(self, reason: Failure) -> None:
        self._reason = reason
        self._checkEnded()

    def _checkEnded(self) -> None:
        if self._isSilent and self._reason is not None:
            self._post.ended(self._reason)

    def _write(self, line: bytes) -> None:
        if line.strip():
            self._post.wrote(line[:MOST_TEXT].decode("utf-8", "backslashreplace"))
