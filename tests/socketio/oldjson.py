"""The rules of `rtcsignal.socketio.jsontext`, told in the plainest way: slow for some texts, but easy to believe."""

from __future__ import annotations

import re
from typing import Any

import msgspec

__all__ = ["plainly"]

_ESCAPE = re.compile(
    r"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|.)",
    re.DOTALL,
)
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[{]|[\]}]', re.DOTALL)


def plainly(text: str, depth: int) -> tuple[Any, str] | None:
    """Read a JSON value.

    Returns:
        The value and the text to relay; None if it is refused.
    """
    repaired = _ESCAPE.sub(lambda escape: r"\ufffd" if escape["lone"] else escape[0], text)
    try:
        value = msgspec.json.decode(repaired)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None
    level = 0
    for token in _TOKEN.findall(repaired):
        level += (token in "[{") - (token in "]}")
        if depth and level > depth:
            return None
    return value, repaired
