"""The headers of the handshake response, on both transports."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from twisted.logger import Logger

from rtcsignal.engineio.http.exchange import Headers, Request, internalError

__all__ = ["HandshakeHeaders", "byName", "greeting"]

HandshakeHeaders = Callable[[Request], Iterable[tuple[str, str]]]
"""Gives further headers, as names and values, for the handshake response."""

_log = Logger()
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def greeting(request: Request, sid: str, cookie: str | None, more: HandshakeHeaders | None) -> Headers:
    """The headers of the handshake response, besides those of every response.

    Args:
        request: The handshake.
        sid: The session's id.
        cookie: Name of the cookie that holds it; None for none.
        more: What the application adds.

    Raises:
        RequestError: The application failed, or its headers are malformed (RFC 9110 section 5).
    """
    headers = [("Set-Cookie", f"{cookie}={sid}; Path=/; HttpOnly; SameSite=Lax")] if cookie else []
    if more is not None:
        try:
            headers += [_checked(name, value) for name, value in more(request)]
        except Exception as error:
            _log.error("handshakeHeaders failed, a connection is refused: {error}", error=repr(error))
            raise internalError() from error
    return tuple(headers)


def byName(headers: Headers) -> dict[str, list[str]]:
    """Headers as Autobahn expects them."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    return values


def _checked(name: str, value: str) -> tuple[str, str]:
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"{name!r}: {value!r} is not a header")
    return name, value
