"""Make text from outside fit for one line of a log."""

from __future__ import annotations

import hashlib
import re

__all__ = ["MOST_CHARACTERS", "connOf", "safe", "textOf"]

MOST_CHARACTERS = 256
_CONN_BYTES = 4

# Control characters can end a line or drive a terminal, line and paragraph separators end lines for some
# readers, bidirectional marks change the order in which a line is shown, invisible ones hide in it, and lone
# surrogates cannot be written as UTF-8. The backslash is escaped too, so that an escape is never ambiguous.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff\\\\]"
)


def safe(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text on one line, harmless to terminals, with everything unusual written as an escape.

    Args:
        text: Anything that came from outside: a room's name, a user id, a header.
        most: Characters of it to keep; what is longer is cut and ends in ``...``.

    Returns:
        Text without control characters, separators of lines, bidirectional marks or lone surrogates.
    """
    kept = text if len(text) <= most else text[:most]
    escaped = _UNSAFE.sub(_escape, kept)
    return escaped if kept is text else escaped + "..."


def connOf(sid: str) -> str:
    """What the lines of one connection have in common: a short id that does not reveal its session id, a secret.

    Args:
        sid: The id of its session.
    """
    return hashlib.blake2b(sid.encode("utf-8", "replace"), digest_size=_CONN_BYTES).hexdigest()


def textOf(error: BaseException) -> str:
    """The message of an exception, also of one whose ``__str__`` fails."""
    try:
        return str(error)
    except Exception:
        return "(its text cannot be read)"


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\\":
        return "\\\\"
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
