"""The log of workers: each sends its events to the supervisor, which writes the only log there is.

So nothing is torn, and what applies to the log of one process (``--logfile``, ``--syslog``, rotation) applies to all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from constantly import NamedConstant
from twisted.logger import ILogObserver, LogEvent, LogLevel, eventAsText
from zope.interface import implementer

from rtcsignal.service.workers.messages import Line

__all__ = ["MOST_TEXT", "LineObserver", "relayed", "written"]

MOST_TEXT = 65_536
"""Characters of one event that are passed on."""

_FORMAT = "worker {worker}: {text}"


@implementer(ILogObserver)
class LineObserver:
    """Sends events on, as text.

    Args:
        send: Called with each.
    """

    def __init__(self, send: Callable[[Line], object]) -> None:
        self._send = send

    def __call__(self, event: LogEvent) -> None:
        text = eventAsText(event, includeTimestamp=False, includeSystem=False)
        if text:
            self._send(_lineOf(event, text))


def _lineOf(event: LogEvent, text: str) -> Line:
    level = event.get("log_level")
    return Line(
        time=float(event.get("log_time") or 0.0),
        namespace=_printable(str(event.get("log_namespace") or "-")),
        level=level.name if isinstance(level, NamedConstant) else LogLevel.info.name,
        text=_printable(text[:MOST_TEXT]),
        system=_printable(str(event.get("log_system") or "")),
    )


def _printable(text: str) -> str:
    """The text without lone surrogates, which JSON cannot carry."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def relayed(line: Line, worker: int) -> LogEvent:
    """The event of a worker, as the supervisor publishes it."""
    event: dict[str, Any] = {
        "log_time": line.time,
        "log_namespace": line.namespace,
        "log_level": _levelOf(line.level),
        "log_format": _FORMAT,
        "worker": worker,
        "text": line.text,
    }
    if line.system:
        event["log_system"] = line.system
    return event


def written(text: str, worker: int, time: float) -> LogEvent:
    """What a worker has written to its standard output or the one for errors, past its log.

    Args:
        text: One line.
        worker: The worker's number.
        time: When, in seconds since the epoch.
    """
    return relayed(Line(time, "rtcsignal.service.workers", LogLevel.warn.name, text[:MOST_TEXT]), worker)


def _levelOf(name: str) -> NamedConstant:
    try:
        return LogLevel.lookupByName(name)
    except ValueError:
        return LogLevel.info
