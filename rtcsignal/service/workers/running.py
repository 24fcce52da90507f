"""From the start of a worker's process to its end."""

from __future__ import annotations

import os
from functools import partial
from typing import Any, NoReturn

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger, globalLogBeginner

from rtcsignal.clocks import measureSteadily
from rtcsignal.errors import ConfigError
from rtcsignal.policy.names import LOOKUPS_AT_ONCE, Names
from rtcsignal.service.logs import limited
from rtcsignal.service.signals import handleSignals
from rtcsignal.service.wiring import build
from rtcsignal.service.workers.messages import Failed, Incarnation
from rtcsignal.service.workers.pipe import Inbound, Outbound, readStart
from rtcsignal.service.workers.relay import LineObserver
from rtcsignal.service.workers.worker import WorkerService

__all__ = ["run"]

_log = Logger(namespace="rtcsignal.service")


def run(incoming: int, outgoing: int) -> int:
    """Be a worker until it is told to end.

    Args:
        incoming: The pipe from the supervisor.
        outgoing: The pipe to the supervisor.

    Returns:
        The exit code.
    """
    from twisted.internet import reactor as twistedReactor

    reactor: Any = twistedReactor
    measureSteadily(reactor)
    reactor.installNameResolver(Names(reactor, LOOKUPS_AT_ONCE))
    try:
        start = readStart(incoming)
    except EOFError:
        return 1
    supervisor = Outbound(reactor, outgoing)
    lines = start.config.limits.logLinesPerSecond
    globalLogBeginner.beginLoggingTo([limited(LineObserver(supervisor.send), start.level, lines, reactor)])
    try:
        buildHere = partial(build, announce=lambda name: supervisor.send(Incarnation(name)))
        service = WorkerService(start, reactor, buildHere, supervisor.send, partial(_fail, reactor, supervisor))
    except ConfigError as error:
        for problem in error.problems:
            _log.critical("{problem}", problem=problem)
        supervisor.send(Failed(error.problems[0]))
        supervisor.finish()
        return 1
    Inbound(reactor, incoming, service.received, service.end).startReading()
    service.privilegedStartService()
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    reactor.callWhenRunning(handleSignals, reactor, _ignore, _ignore, service.report, _ignore)
    reactor.run()
    supervisor.finish()
    return 0


def _ignore() -> None:
    """Reloads and log files are the supervisor's business."""


def _fail(reactor: Any, supervisor: Outbound) -> None:
    """End the process with exit code 1."""
    if reactor.running:
        reactor.addSystemEventTrigger("after", "shutdown", _exit, supervisor)
        try:
            reactor.stop()
        except ReactorNotRunning:
            pass  # it is stopping already
    else:
        _exit(supervisor)


def _exit(supervisor: Outbound) -> NoReturn:
    supervisor.finish()
    os._exit(1)
