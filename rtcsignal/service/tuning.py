"""Fast path, process: a lean reactor turn, and a garbage collector that leaves long-lived objects alone.

`useLeanTurns` replaces the part of the epoll reactor that calls each ready connection. Twisted's wraps each of these
calls in a logging context, which costs more than all else it does; the context names the connection in log lines of
code that does not say where they are from, which none of ours leaves out. What connections have to send is flushed
at the end of the turn, and before the reactor waits, without the timer that would cost as much as the sending. It
knows the private names ``_poller``, ``_selectables``, ``_doReadOrWrite`` and ``_disconnectSelectable`` of EPollReactor:
a contract test fails when they change, and every other reactor is left as it is.

`freezeGarbage` takes what exists after the start out of the collector's sight and lets it run more rarely: a server
keeps thousands of objects for each hundred connections, and looking at all of them again and again costs more than
the serving. It stays on for what plugins tie up; see `rtcsignal.service.sweeping`.

`raiseDescriptorLimit` asks for as many open files as the system grants anyway: the limit that a process begins with is
meant for programs that cannot handle more, and 1,024 would be the most clients.
"""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Callable
from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.logger import Logger

__all__ = ["freezeGarbage", "raiseDescriptorLimit", "useLeanTurns"]

_GENERATIONS = (50_000, 20, 50)
_NEEDED = ("_poller", "_selectables", "_doReadOrWrite", "_disconnectSelectable")

_log = Logger()


def freezeGarbage() -> None:
    """Call once, when the server has been built."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GENERATIONS)


def raiseDescriptorLimit() -> int:
    """Raise the limit on open files to what the process may have.

    Returns:
        The limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        return soft  # a system that says "no limit" and does not mean it
    return hard


def useLeanTurns(reactor: Any, flush: Callable[[], None]) -> bool:
    """Let a reactor call its connections directly.

    Args:
        reactor: The reactor.
        flush: Called at the end of each turn, and before each wait; never raises.

    Returns:
        Whether the reactor is one that can.
    """
    if type(reactor) is not EPollReactor or not all(hasattr(reactor, name) for name in _NEEDED):
        return False
    poll, selectables = reactor._poller.poll, reactor._selectables
    handle, disconnect = reactor._doReadOrWrite, reactor._disconnectSelectable

    def turn(timeout: float | None) -> None:
        flush()  # what timers and signals have written
        try:
            events = poll(-1 if timeout is None else timeout, len(selectables) or 1)
        except InterruptedError:
            return
        for number, event in events:
            selectable = selectables.get(number)
            if selectable is None:
                continue  # it went in this very turn
            if event != EPOLLIN:
                handle(selectable, number, event)
                continue
            try:
                why = selectable.doRead()
            except BaseException:
                _log.failure("a connection failed")
                why = sys.exc_info()[1]
            if why:
                disconnect(selectable, why, True)
        flush()

    reactor.doIteration = turn  # type: ignore[method-assign]
    return True
