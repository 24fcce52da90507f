"""What a request line may have besides the usual: empty lines before it, and an absolute target.

Source: RFC 9112 sections 2.2 and 3.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

__all__ = ["MOST_EMPTY_LINES", "emptyLines", "originForm", "splitTarget"]

MOST_EMPTY_LINES = 16
"""Empty lines before a request line that are ignored. Old clients send one after a body."""

_EMPTY_LINES = re.compile(rb"(?:\r\n)*+")
_ABSOLUTE = re.compile(
    rb"(?:https?|wss?)://(\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::([0-9]{0,5}))?(/[^?#]*)?(\?[^#]*)?", re.IGNORECASE
)


def emptyLines(received: bytes | bytearray) -> int:
    """How many empty lines something begins with."""
    match = _EMPTY_LINES.match(received)
    return match.end() // 2 if match is not None else 0


def splitTarget(target: bytes) -> tuple[bytes, bytes]:
    """Split a request target.

    Returns:
        The host that it names with its port, empty unless the target is absolute; and the target in origin form.
    """
    match = None if target.startswith(b"/") else _ABSOLUTE.fullmatch(target)
    if match is None:
        return b"", target
    host, port, path, query = match.groups()
    return host + (b":" + port if port else b""), (path or b"/") + (query or b"")


def originForm(block: bytes, headers: Mapping[str, str]) -> bytes:
    """The head of a request with its target in origin form, for code that knows no other form.

    Args:
        block: The head without the empty line.
        headers: Its headers, with the host that counts.
    """
    first, *lines = block.split(b"\r\n")
    method, target, version = first.split(b" ")
    host, target = splitTarget(target)
    if not host:
        return block
    others = [line for line in lines if line[:5].lower() != b"host:"]
    hosts = [b"Host: " + headers["host"].encode("latin-1")] if "host" in headers else []
    return b"\r\n".join((b" ".join((method, target, version)), *hosts, *others))
