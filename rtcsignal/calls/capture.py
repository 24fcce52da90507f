"""Captures: calls as lines of JSON, facts alone, so that they can be kept, sent to somebody, and judged again.

The first line says of which call they are and how it was judged, each further one is an event. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rtcsignal.calls.timeline import SIDES, Event
from rtcsignal.calls.verdicts import Verdict, judge

__all__ = ["VERSION", "Capture", "NoCapture", "readCaptures", "writeCapture"]

VERSION = 1

_MILLISECONDS_FROM = 1e11


class NoCapture(Exception):
    """This is no capture; the text says why."""


@dataclass
class Capture:
    """A call, as it was written down.

    Attributes:
        head: Its first line.
        events: What has happened.
    """

    head: Mapping[str, Any]
    events: list[Event] = field(default_factory=list)

    @property
    def now(self) -> float:
        """When it was judged, in milliseconds since it began."""
        now = self.head.get("now")
        if isinstance(now, (int, float)) and not isinstance(now, bool):
            return float(now)
        return max((event.t for event in self.events), default=0.0)

    @property
    def at(self) -> float | None:
        """When it began, in seconds since the epoch; None if that is not known."""
        at = self.head.get("at")
        if isinstance(at, str):
            try:
                parsed = datetime.fromisoformat(at.replace("Z", "+00:00"))
            except ValueError:
                return None
            return (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)).timestamp()
        if not isinstance(at, (int, float)) or isinstance(at, bool):
            return None
        return at / 1000 if at > _MILLISECONDS_FROM else float(at)

    def text(self, name: str) -> str:
        """A string in the first line; empty if it is missing."""
        value = self.head.get(name)
        return value if isinstance(value, str) else ""

    def judge(self) -> Verdict:
        """Judge it anew."""
        return judge(self.events, self.now, self.at)


def readCaptures(lines: Iterable[str]) -> Iterator[Capture]:
    """Read captures, one behind the other.

    Args:
        lines: The lines of a file.

    Raises:
        NoCapture: Something is none.
    """
    capture: Capture | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise NoCapture(f"line {number} is not JSON") from None
        if isinstance(value, dict) and "v" in value and "ev" not in value:
            if value["v"] != VERSION or isinstance(value["v"], bool):
                raise NoCapture(f"line {number} is the head of a capture of another version")
            if capture is not None:
                yield capture
            capture = Capture(value)
        elif capture is None:
            raise NoCapture("the first line is not the head of a capture")
        else:
            capture.events.append(_eventIn(value, number))
    if capture is None:
        raise NoCapture("it is empty")
    yield capture


def writeCapture(head: Mapping[str, Any], events: Iterable[Event]) -> str:
    """The lines of a capture.

    Args:
        head: What its first line says besides the version.
        events: What has happened.
    """
    lines = [{"v": VERSION, **head}]
    lines += [{"t": round(event.t), "who": event.who, "ev": event.ev, **event.data} for event in events]
    return "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)


def _eventIn(value: Any, number: int) -> Event:
    if not isinstance(value, dict):
        raise NoCapture(f"line {number} is not an event")
    t, who, ev = value.get("t"), value.get("who"), value.get("ev")
    isTime = isinstance(t, (int, float)) and not isinstance(t, bool) and abs(t) < 1e15
    if not isTime or who not in SIDES or not isinstance(ev, str):
        raise NoCapture(f"line {number} is not an event: t, who or ev is missing or wrong")
    return Event(float(t or 0), who, ev, {name: each for name, each in value.items() if name not in ("t", "who", "ev")})
