"""What the process does on signals."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

__all__ = ["handleSignals"]

_log = Logger(namespace="rtcsignal.service")


def handleSignals(reactor: Any, reload: Callable[[], object], report: Callable[[], object]) -> None:
    """Replace the reactor's handlers; to be called when it runs, because it installs them when it starts.

    SIGTERM and SIGINT stop the reactor, and the process ends with exit code 0. With the reactor's own handlers
    twistd would end by the signal instead. The second one ends the process at once, by the signal.

    SIGHUP reloads, SIGUSR2 reports. Without a handler they would end the process. (SIGUSR1 is twistd's own, for its
    log file.)

    Args:
        reactor: Is stopped.
        reload: Called in the reactor's thread after a SIGHUP; once for all those that come before it is called.
        report: Likewise for SIGUSR2.
    """

    # Counting takes one step: the second signal can come before the first has been handled.
    calls = itertools.count()

    def stop(number: int, frame: FrameType | None) -> None:
        if next(calls):
            _endAtOnce(number)
        reactor.callFromThread(_stop, reactor, signal.Signals(number).name)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGHUP, _Once(reactor, reload))
    signal.signal(signal.SIGUSR2, _Once(reactor, report))


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
        pass  # it stops already, for another reason


def _endAtOnce(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
