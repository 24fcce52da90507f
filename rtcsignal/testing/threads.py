"""Threads of plugins in a test: without a reactor that runs, what they find would never come back."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar

from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool

__all__ = ["Threads"]

_MOST_SECONDS = 5.0
_LOOK_SECONDS = 0.01
_log = Logger()
_original = ThreadPool.callInThreadWithCallback


class Threads:
    """Lets thread pools work while it is in use, and waits for them: those of ``deferToThread`` and of ``adbapi``.

    It takes the place of one method of Twisted's thread pools, which would begin to work when the reactor runs. What
    is to be called in the reactor's thread is called in the test's, when it calls `settle`.
    """

    _users: ClassVar[set[Threads]] = set()
    _jobs: dict[object, float] = {}
    _changed = threading.Condition()

    def start(self) -> None:
        """From now on thread pools work."""
        Threads._users.add(self)
        ThreadPool.callInThreadWithCallback = _watched  # type: ignore[method-assign,assignment]

    def stop(self) -> None:
        """This test is over. It may be so more than once."""
        Threads._users.discard(self)
        if not Threads._users:
            ThreadPool.callInThreadWithCallback = _original  # type: ignore[method-assign]

    def settle(self) -> None:
        """Wait until all threads have done what they were asked, and hand on what they found.

        A thread that works for longer than 5 seconds is not waited for.
        """
        reactor: Any = sys.modules.get("twisted.internet.reactor")
        while reactor is not None:
            busy = self._isBusy()
            _deliver(reactor)
            if not busy and not self._isBusy():
                return
            with self._changed:
                self._changed.wait(_LOOK_SECONDS)

    def _isBusy(self) -> bool:
        with self._changed:
            return any(time.monotonic() - began < _MOST_SECONDS for began in self._jobs.values())


def _watched(
    pool: ThreadPool,
    onResult: Callable[[bool, Any], object] | None,
    function: Callable[..., Any],
    *args: Any,
    **kw: Any,
) -> None:
    """Do what ``ThreadPool.callInThreadWithCallback`` does, at once, and remember it until it is done."""
    if pool.joined:
        return
    if not pool.started:
        pool.threadFactory = _daemon  # type: ignore[assignment]
        pool.start()
    job = object()

    def done(ok: bool, result: Any) -> None:
        try:
            if onResult is not None:
                onResult(ok, result)
            elif not ok:
                _log.failure("a thread of a plugin failed", result)
        finally:
            with Threads._changed:
                del Threads._jobs[job]
                Threads._changed.notify_all()

    with Threads._changed:
        Threads._jobs[job] = time.monotonic()
    _original(pool, done, function, *args, **kw)


def _daemon(*args: Any, **kw: Any) -> threading.Thread:
    """A thread that does not keep the process from exiting; the pool may never be stopped."""
    return threading.Thread(*args, **kw, daemon=True)


def _deliver(reactor: Any) -> None:
    """Call what threads want to be called in the reactor's thread."""
    if not reactor.running:
        reactor.iterate(0)
        return
    waiting = reactor.threadCallQueue
    while waiting:
        function, args, kw = waiting.pop(0)
        function(*args, **kw)
