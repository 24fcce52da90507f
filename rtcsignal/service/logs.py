"""Where the log goes, and how much of it.

twistd writes every event of every level. Here the destination is the one that twistd's own options name, and
events below a level are left out: the lines about every single connection are at level debug. Of the others, no kind
comes more often than a fixed number of times a second, whoever writes it and whatever clients do.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, cast

from constantly import NamedConstant
from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LegacyLogObserverWrapper,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    textFileLogObserver,
)
from twisted.python.syslog import SyslogObserver
from zope.interface import implementer

from rtcsignal.lograte import LogRation
from rtcsignal.service.logfile import LogFile, StandardOutput
from rtcsignal.service.translation import Translator

__all__ = ["LEVELS", "limited", "logObserver", "openLogFile"]

LEVELS = tuple(level.name for level in LogLevel.iterconstants())
"""The names of the levels, the most verbose first."""


_BURST_SECONDS = 10
_MOST_FORMATS = 500


@implementer(ILogFilterPredicate)
class _Ration:
    """Leaves out events that come too often. Events of one kind have the same format, which does not change.

    A program that makes up its formats would have ever more kinds. Once there are many, the events of a new format are
    of the kind of their namespace.
    """

    def __init__(self, ration: LogRation) -> None:
        self._ration = ration
        self._formats: set[str] = set()

    def __call__(self, event: LogEvent) -> NamedConstant:
        if event.get("log_level") is LogLevel.debug:
            return PredicateResult.maybe
        kind = str(event.get("log_format") or "")
        if kind not in self._formats:
            if len(self._formats) < _MOST_FORMATS:
                self._formats.add(kind)
            else:
                kind = str(event.get("log_namespace"))
        return PredicateResult.maybe if self._ration.allows(kind) else PredicateResult.no


def openLogFile(options: Mapping[str, Any]) -> LogFile | None:
    """The log file that twistd's options ask for; None if the log goes elsewhere.

    Args:
        options: The options of twistd itself: ``logfile``, ``syslog``, ``nodaemon``.

    Raises:
        OSError: It cannot be opened.
    """
    name = options.get("logfile")
    if options.get("syslog") or name == "-" or (options["nodaemon"] and not name):
        return None
    return LogFile(name or "twistd.log")


def logObserver(
    options: Mapping[str, Any], level: str, linesPerSecond: float, reactor: Any, file: LogFile | None = None
) -> ILogObserver:
    """The observer for twistd's options ``logfile``, ``syslog``, ``prefix`` and ``nodaemon``.

    Args:
        options: The options of twistd itself.
        level: One of `LEVELS`; events below it are left out.
        linesPerSecond: Most lines of a kind; 0 for no limit.
        reactor: The time.
        file: See `openLogFile`.
    """
    return limited(_destination(options, file), level, linesPerSecond, reactor)


def limited(destination: ILogObserver, level: str, linesPerSecond: float, reactor: Any) -> ILogObserver:
    """An observer that passes on what belongs into a log.

    Args:
        destination: Where it goes.
        level: One of `LEVELS`; events below it are left out.
        linesPerSecond: Most lines of a kind; 0 for no limit.
        reactor: The time.
    """
    predicate = LogLevelFilterPredicate(defaultLogLevel=LogLevel.lookupByName(level))
    ration = _Ration(LogRation(reactor.seconds, linesPerSecond, _BURST_SECONDS * linesPerSecond))
    observer = FilteringLogObserver(destination, [predicate, ration])
    return Translator(cast(ILogObserver, observer), reactor.seconds, debug=level == LogLevel.debug.name)


def _destination(options: Mapping[str, Any], file: LogFile | None) -> ILogObserver:
    if options.get("syslog"):
        return LegacyLogObserverWrapper(cast(Any, SyslogObserver(options["prefix"]).emit))
    if file is None and not options["nodaemon"]:
        raise SystemExit("A daemon cannot log to its standard output: use --logfile=FILE or --syslog.")
    return textFileLogObserver(cast(Any, StandardOutput(sys.stdout) if file is None else file))
