"""What the process does on signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

from rtcsignal.service.early import heldSignals

__all__ = ["SAME_SECONDS", "handleSignals"]

_log = Logger(namespace="rtcsignal.service")

SAME_SECONDS = 0.25
"""Signals that end the process and come within this time of the first are one request: GNU timeout signals a process
and then its group, and a terminal signals a program as well as the one that started it and passes signals on."""


def handleSignals(
    reactor: Any,
    reload: Callable[[], object],
    reopen: Callable[[], object],
    report: Callable[[], object],
    atOnce: Callable[[], object],
) -> None:
    """Replace the reactor's handlers; to be called when it runs, because it installs them when it starts.

    SIGTERM and SIGINT stop the reactor, and the process ends with exit code 0. With the reactor's own handlers
    twistd would end by the signal instead. A later one ends the process at once, by the signal.

    SIGHUP reloads, SIGUSR1 opens the log again, SIGUSR2 reports; so do those that came before the reactor ran.
    Without a handler they would end the process.

    Args:
        reactor: Is stopped.
        reload: Called in the reactor's thread after a SIGHUP; once for all those that come before it is called.
        reopen: Likewise for SIGUSR1.
        report: Likewise for SIGUSR2.
        atOnce: Called before the process is ended at once.
    """
    end = _End(reactor, atOnce)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    handlers = {
        signal.SIGHUP: _Once(reactor, reload),
        signal.SIGUSR1: _Once(reactor, reopen),
        signal.SIGUSR2: _Once(reactor, report),
    }
    for number, handler in handlers.items():
        signal.signal(number, handler)
    held = heldSignals()
    for number, handler in handlers.items():
        if number in held:
            handler(number, None)


class _End:
    """The handler of signals that end the process."""

    def __init__(self, reactor: Any, atOnce: Callable[[], object]) -> None:
        self._reactor = reactor
        self._atOnce = atOnce
        self._first: float | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._first is None:
            # The second signal can come before the first has been handled.
            self._first = monotonic()
            self._reactor.callFromThread(_stop, self._reactor, signal.Signals(number).name)
        elif monotonic() - self._first > SAME_SECONDS:
            self._atOnce()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)


class _Once:
    """A handler of a signal: whatever comes while a call waits for its turn is done by that call."""

    def __init__(self, reactor: Any, action: Callable[[], object]) -> None:
        self._reactor = reactor
        self._action = action
        self._waiting = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self._waiting:
            self._waiting = True
            self._reactor.callFromThread(self._run)

    def _run(self) -> None:
        self._waiting = False
        self._action()


def _stop(reactor: Any, name: str) -> None:
    _log.info("{signal}: shutting down; another one ends the process at once", signal=name)
    try:
        reactor.stop()
    except ReactorNotRunning:
        pass  # it is stopping already, for another reason
