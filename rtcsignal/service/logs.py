"""Where the log goes, and how much of it.

twistd writes every event of every level. Here the destination is the one that twistd's own options name, and
events below a level are left out: the lines about every single connection are at level debug.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any, cast

from twisted.internet.interfaces import IReactorFromThreads
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LegacyLogObserverWrapper,
    LogLevel,
    LogLevelFilterPredicate,
    textFileLogObserver,
)
from twisted.python.logfile import LogFile
from twisted.python.syslog import SyslogObserver

__all__ = ["LEVELS", "logObserver"]

LEVELS = tuple(level.name for level in LogLevel.iterconstants())
"""The names of the levels, from the chattiest."""


def logObserver(options: Mapping[str, Any], level: str, reactor: IReactorFromThreads) -> ILogObserver:
    """The observer for twistd's options ``logfile``, ``syslog``, ``prefix`` and ``nodaemon``.

    Args:
        options: The options of twistd itself.
        level: One of `LEVELS`; events below it are left out.
        reactor: Runs the rotation of a log file, which SIGUSR1 asks for.
    """
    predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.lookupByName(level))
    return FilteringLogObserver(_destination(options, reactor), [predicate])


def _destination(options: Mapping[str, Any], reactor: IReactorFromThreads) -> ILogObserver:
    if options.get("syslog"):
        return LegacyLogObserverWrapper(cast(Any, SyslogObserver(options["prefix"]).emit))
    name = options.get("logfile")
    if name == "-" and not options["nodaemon"]:
        raise SystemExit("A daemon cannot log to its standard output: use --logfile=FILE or --syslog.")
    if name == "-" or (options["nodaemon"] and not name):
        return textFileLogObserver(sys.stdout)
    file = LogFile.fromFullPath(name or "twistd.log")
    _rotateOnSignal(file, reactor)
    return textFileLogObserver(file)


def _rotateOnSignal(file: LogFile, reactor: IReactorFromThreads) -> None:
    def rotate(number: int, frame: FrameType | None) -> None:
        reactor.callFromThread(file.rotate)

    signal.signal(signal.SIGUSR1, rotate)
