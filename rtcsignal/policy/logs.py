"""Logs that a plugin cannot flood: the server's complaints about it, and its own lines."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from types import TracebackType
from typing import Any

from twisted.internet import defer
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from rtcsignal.addresses import whereabouts
from rtcsignal.interfaces import IPeer
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import safe, textOf
from rtcsignal.values import Handshake

__all__ = ["OncePerMinute", "PluginLogger", "describe", "placeOf", "whoIs"]

_REPEAT_SECONDS = 60.0
_MOST_KEYS = 100
_LINES_PER_SECOND = 10.0
_LINES_AT_ONCE = 100.0
_TELL_SECONDS = 2.0
_MOST_FORMAT = 10_000
_MOST_FRAMES = 4
# Between the server and a plugin there are only these.
_OURS = ("filters.py", "gate.py", "iceproviders.py", "running.py", "services.py", "steps.py")
_NOT_THE_PLUGINS = (*(os.path.join(os.path.dirname(__file__), name) for name in _OURS), defer.__file__)
_SESSION = re.compile(r"candidate:|\b(?:v=0|a=[a-z]|m=(?:audio|video|application))")


class OncePerMinute:
    """Lets the same thing be said once a minute.

    Args:
        seconds: The time, on any scale.
    """

    __slots__ = ("_last", "_left", "_seconds")

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._last: dict[Any, float] = {}
        self._left: dict[Any, int] = {}

    def due(self, key: Any) -> int | None:
        """Whether something may be said now.

        Args:
            key: What it is about. Beyond 100 different ones they count as the same.

        Returns:
            How often it was not said since the last time; None if it may not be said.
        """
        if key not in self._last and len(self._last) >= _MOST_KEYS:
            key = None
        now = self._seconds()
        last = self._last.get(key)
        if last is not None and now - last < _REPEAT_SECONDS:
            self._left[key] = self._left.get(key, 0) + 1
            return None
        self._last[key] = now
        return self._left.pop(key, 0)


class PluginLogger(Logger):
    """The logger of one plugin: 100 lines at once, then 10 a second. Beyond, lines are left out, and their number is
    written before the next line, or when a while has passed without one.

    What clients send cannot break out of its line: control characters in it are escaped.

    Args:
        name: The plugin's name.
        clock: The time.
    """

    def __init__(self, name: str, clock: IReactorTime) -> None:
        super().__init__(namespace=f"plugin.{name}")
        self._kind = f"plugin {name}"
        self._clock: IReactorTime | None = clock
        self._ration = LogRation(clock.seconds, _LINES_PER_SECOND, _LINES_AT_ONCE)
        self._telling: IDelayedCall | None = None

    def emit(self, level: Any, format: str | None = None, **fields: Any) -> None:  # noqa: A002
        """Write an event, if the plugin has not written too many."""
        if not self._ration.allows(self._kind):
            if self._telling is None and self._clock is not None:
                self._telling = self._clock.callLater(_TELL_SECONDS, self._tell)
            return
        text = format
        if format is not None and (len(format) > _MOST_FORMAT or not format.isprintable()):
            text = safe(format, _MOST_FORMAT)
        clean = {key: safe(value) if isinstance(value, str) else value for key, value in fields.items()}
        super().emit(level, text, **clean)

    def close(self) -> None:
        """The plugin has been stopped: write now what would be written later."""
        self._clock = None
        if self._telling is not None:
            self._telling.cancel()
            self._tell()

    def _tell(self) -> None:
        self._telling = None
        self._ration.tell()


def describe(error: BaseException) -> str:
    """An exception for one line of a log. What looks like a session description or a candidate is left out."""
    text = textOf(error)
    if _SESSION.search(text):
        text = "(its text is left out: it may hold a session description)"
    name = type(error).__name__
    return f"{name}: {safe(text)}" if text else name


def placeOf(traceback: TracebackType | None) -> str:
    """Where an exception came from: the last few calls, the innermost first, without those of the server."""
    places: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if not code.co_filename.startswith(_NOT_THE_PLUGINS):
            places.append(f"{safe(code.co_filename)}:{traceback.tb_lineno} in {code.co_name}")
        traceback = traceback.tb_next
    return ", called from ".join(reversed(places[-_MOST_FRAMES:])) or "an unknown place"


def whoIs(subject: Any) -> str:
    """Whom a plugin was asked about, for the end of a log line; "" where it was asked about nobody.

    Args:
        subject: The first argument of a plugin's method: an `IPeer`, a `Handshake`, or anything else.
    """
    if isinstance(subject, Handshake):
        return f" ({whereabouts(subject.address)}, conn {subject.conn or 'unknown'})"
    if IPeer.providedBy(subject):
        return f" (user {safe(subject.userId)}, {whereabouts(subject.address)}, conn {subject.conn})"
    return ""
