"""Lines of Twisted that would tell an operator nothing, or too much: said in other words, or not at all."""

from __future__ import annotations

import resource
from collections.abc import Callable
from typing import Any

from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

__all__ = ["Translator"]

_REPEAT_SECONDS = 60.0

_SILENT = (
    "EMFILE recovery:",
    "Re-reserving EMFILE",
    "Could not reserve EMFILE",
    "Could not re-reserve EMFILE",
    # The factories that Twisted wraps around ours, as for the PROXY protocol: the lines about ports say it all.
    "Starting factory",
    "Stopping factory",
    # Twisted looks for plugins without its cache as well, and a read-only installation cannot have one.
    "Unable to write to plugin cache",
)
_NO_DESCRIPTORS = "EMFILE encountered;"
_NOT_ACCEPTED = "Could not accept new connection"
_LIMITS = {
    "EMFILE": "no file descriptors are left: new connections are closed until some end. The limit of the process is "
    "{limit}: raise LimitNOFILE= in its unit, or what ulimit -Hn says",
    "ENFILE": "the system has no file descriptors left: new connections have to wait until some end. Raise fs.file-max",
}


@implementer(ILogObserver)
class Translator:
    """Passes events on to another observer, some of them in other words.

    Args:
        observer: The other observer.
        seconds: The time, in seconds.
        debug: Pass on events at level debug, of which every connection has several.
    """

    def __init__(self, observer: ILogObserver, seconds: Callable[[], float], debug: bool = True) -> None:
        self._observer = observer
        self._seconds = seconds
        self._debug = debug
        self._said: dict[str, float] = {}

    def __call__(self, event: LogEvent) -> None:
        if not self._debug and event.get("log_level") is LogLevel.debug:
            return
        text = str(event.get("format") or event.get("log_format") or "")
        if text.startswith(_SILENT):
            return
        code = "EMFILE" if text.startswith(_NO_DESCRIPTORS) else ""
        if text.startswith(_NOT_ACCEPTED):
            code = str(event.get("acceptError", ""))
        if code in _LIMITS:
            self._say(code, event)
        else:
            self._observer(event)

    def _say(self, code: str, event: LogEvent) -> None:
        """Say what is to be raised, once a minute."""
        now = self._seconds()
        if now - self._said.get(code, -_REPEAT_SECONDS) < _REPEAT_SECONDS:
            return
        self._said[code] = now
        kept: dict[str, Any] = {name: event[name] for name in ("log_time", "log_system") if name in event}
        self._observer(
            {
                **kept,
                "log_namespace": "rtcsignal.service",
                "log_level": LogLevel.warn,
                "log_format": _LIMITS[code],
                "limit": resource.getrlimit(resource.RLIMIT_NOFILE)[0],
            }
        )
