"""What clients send that want to come back: with ``join-room`` their keys, with ``broadcast`` a number.

Pure: no clock, no log, no reactor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from rtcsignal.errors import Refused
from rtcsignal.socketio.claims import isKey
from rtcsignal.socketio.jsontext import Unread
from rtcsignal.values import wholeNumber

__all__ = ["Wish", "numberIn", "wishIn"]

_RESUME, _SEEN, _REPLACES = "resume", "seen", "replaces"
_KEYS = frozenset((_RESUME, _SEEN, _REPLACES))
_MOST_NUMBER = 2**53 - 1


class Wish(NamedTuple):
    """What a client that joins a room says of itself.

    Attributes:
        key: The key with which it can come back, or has come back; None if it has none.
        seen: The last offset that it has seen, as it came.
        replaces: The key of the page that was there before; None if there was none.
    """

    key: str | None
    seen: Any
    replaces: str | None


def wishIn(body: Mapping[str, Any]) -> tuple[Wish | None, Mapping[str, Any]]:
    """Find a wish in the body of ``join-room``.

    Returns:
        The wish, None if there is none; and the body without it: no one else may see a key.

    Raises:
        Refused: ``bad-resume-key``.
    """
    if _RESUME not in body and _REPLACES not in body:
        return None, body
    for name in (_RESUME, _REPLACES):
        if name in body and not isKey(body[name]):
            text = f"{name} must be a string of 22 to 64 characters of A-Z a-z 0-9 _ and -."
            raise Refused("bad-resume-key", text)
    wish = Wish(body.get(_RESUME), body.get(_SEEN), body.get(_REPLACES))
    return wish, {name: value for name, value in body.items() if name not in _KEYS}


def numberIn(options: Any) -> int | None:
    """The number of a message, which is in the options behind its body.

    Args:
        options: What was sent behind the body.

    Returns:
        None if it has none.

    Raises:
        Refused: ``bad-arguments``.
    """
    if isinstance(options, Unread) and not options.isDense:
        options = options.value()
    if not isinstance(options, dict):
        raise Refused("bad-arguments", "The options must be an object.")
    if "n" not in options:
        return None
    number = wholeNumber(options["n"])
    if number is None or not 1 <= number <= _MOST_NUMBER:
        raise Refused("bad-arguments", "n must be a whole number from 1 to 9007199254740991.")
    return number
