"""A worker: one server, whose ports and log are its supervisor's."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.service.app import Build, RTCSignalService
from rtcsignal.service.workers.inherited import Inheritor
from rtcsignal.service.workers.messages import (
    Failed,
    FromWorker,
    Holds,
    Ping,
    Pong,
    Ready,
    Reload,
    Reloaded,
    Report,
    Start,
    Stop,
    ToWorker,
)
from rtcsignal.service.workers.rescue import Rescued

__all__ = ["WorkerService"]

_log = Logger(namespace="rtcsignal.service")


class WorkerService(RTCSignalService):
    """Runs a worker.

    Args:
        start: What the supervisor said first.
        reactor: Waits.
        build: Makes what is run.
        send: Says something to the supervisor.
        fail: Ends the process with exit code 1.
        environ: The environment.

    Raises:
        ConfigError: The application cannot be built.
    """

    def __init__(
        self,
        start: Start,
        reactor: Any,
        build: Build,
        send: Callable[[FromWorker], None],
        fail: Callable[[], None],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._send = send
        self._end = fail
        self._waiter = reactor
        self._inheritor = Inheritor(reactor, start.sockets)
        self._rescued = None if start.rescued < 0 else Rescued(reactor, start.rescued, self._adopt)
        super().__init__(start.config, reactor, build, self._cannotStart, environ, opener=self._inheritor)

    def serves(self) -> None:
        """Tell the supervisor, who says it when all do."""
        self._inheritor.wake()
        if self._rescued is not None:
            self._rescued.startReading()
        self._send(Ready())

    def held(self, holds: Mapping[str, int]) -> None:
        """Log it, and tell the supervisor, who adds it up."""
        super().held(holds)
        self._send(Holds(dict(holds)))

    def received(self, message: ToWorker) -> None:
        """The supervisor says something."""
        if isinstance(message, Ping):
            self._send(Pong())
        elif isinstance(message, Reload):
            self.takeOver(message.config).addCallbacks(self._reloaded, self._notReloaded)
        elif isinstance(message, Report):
            self.report()
        elif isinstance(message, Stop):
            self.end()

    def end(self) -> None:
        """End the process, once all clients have been told."""
        try:
            self._waiter.stop()
        except ReactorNotRunning:
            pass  # it is stopping already

    def _adopt(self, port: int, number: int) -> None:
        """A connection that has waited for another worker."""
        listening: Any = self.ports[port].port
        with socket.socket(fileno=os.dup(number)) as connection:
            connection.setblocking(False)
            self._waiter.adoptStreamConnection(number, connection.family, listening.factory)

    def stopService(self) -> Deferred[None]:
        """As any server; what other workers leave is for those that stay."""
        if self._rescued is not None:
            self._rescued.close()
        return super().stopService()

    def _cannotStart(self, problem: str) -> None:
        self._send(Failed(problem))
        self._end()

    def _reloaded(self, isDone: bool) -> None:
        self._send(Reloaded(bool(isDone)))

    def _notReloaded(self, failure: Failure) -> None:
        _log.failure("the reload failed", failure)
        self._send(Reloaded(False))
