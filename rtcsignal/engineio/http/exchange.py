"""HTTP exchanges as values: what a poll, a POST or an upgrade asks, and what is answered.

The engine answers requests as a function of these values, so it does not care whether twisted.web, the WebSocket
port, a test or another process brings them.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from types import MappingProxyType

__all__ = [
    "TOO_LARGE",
    "Headers",
    "Request",
    "RequestError",
    "Response",
    "badMethod",
    "badRequest",
    "forbidden",
    "internalError",
    "noScripts",
    "parseQuery",
    "scriptsForbidden",
    "tooMany",
    "unknownSid",
    "unknownTransport",
    "unsupportedRevision",
]

Headers = tuple[tuple[str, str], ...]
"""Names and values."""

_MOST_QUERY_FIELDS = 100
_MOST_SHARED = 64
_MOST_STRAYS = 100
_STRAY = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def parseQuery(query: str) -> Mapping[str, str]:
    """The fields of a query string; of a repeated field the first, as no client repeats one."""
    # Those that open a connection are few, and kept with it; with a sid or a time each is another one.
    return _shared(query) if len(query) <= _MOST_SHARED and "sid=" not in query and "&t=" not in query else _read(query)


def _read(query: str) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    if query.count("&") >= _MOST_QUERY_FIELDS:
        return MappingProxyType(fields)
    isEncoded = "%" in query or "+" in query
    for part in query.split("&"):
        if part:
            name, _, value = part.partition("=")
            if isEncoded:
                name, value = _decoded(name), _decoded(value)
            fields.setdefault(name, value)
    return MappingProxyType(fields)


def _decoded(text: str) -> str:
    """Undo the encoding of a name or a value in a form; what is not UTF-8 then is replaced.

    A percent sign without two hexadecimal digits stands for itself.
    """
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    encoded, strays = _STRAY.subn(b"%25", text.encode("utf-8", "replace"), _MOST_STRAYS)
    if strays == _MOST_STRAYS:
        return text  # no client means it, and each costs time
    # What quoted-printable has is the same with another sign, and the standard library reads it in C.
    return binascii.a2b_qp(encoded.replace(b"=", b"%3D").replace(b"%", b"=")).decode("utf-8", "replace")


_shared = lru_cache(maxsize=256)(_read)


@dataclass(frozen=True)
class Request:
    """One HTTP request for the Engine.IO path.

    Attributes:
        method: ``GET``, ``POST``...
        query: Fields of the query string.
        headers: Names in lower case; a repeated header's values joined by a comma.
        body: The whole body.
        address: Where the client is: an IP address, or "" if there is none (a UNIX socket).
        secure: It came over TLS.
        forwardedHost: What a trusted proxy says that its client called this server, or "": the Host header says it.
    """

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    address: str = ""
    secure: bool = False
    forwardedHost: str = ""

    def withBody(self, body: bytes) -> Request:
        """The same request with a body."""
        return replace(self, body=body)


@dataclass(frozen=True)
class Response:
    """One HTTP answer. `headers` lacks Content-Length, which the carrier adds."""

    status: int
    body: bytes = b""
    headers: Headers = field(default=(("Content-Type", "text/plain; charset=UTF-8"),))

    def plus(self, *headers: tuple[str, str]) -> Response:
        """The same answer with more headers."""
        return Response(self.status, self.body, self.headers + headers)


class RequestError(Exception):
    """A request cannot be served. Carries its reply, for both transports.

    Attributes:
        status: The HTTP status.
        code: The Engine.IO error code.
        message: Its text.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        """The answer to a polling request: code and message as JSON."""
        body = json.dumps({"code": self.code, "message": self.message}, separators=(",", ":")).encode()
        return Response(self.status, body, (("Content-Type", "application/json"),))

    def upgradeResponse(self) -> Response:
        """The answer to a WebSocket upgrade: the message alone, as servers of this protocol do it."""
        return Response(self.status, self.message.encode(), (("Content-Type", "text/html"),))


# Made anew each time: an exception that is raised again and again keeps every frame that it ever came through.
unknownTransport = partial(RequestError, 400, 0, "Transport unknown")
unknownSid = partial(RequestError, 400, 1, "Session ID unknown")
badMethod = partial(RequestError, 400, 2, "Bad handshake method")
badRequest = partial(RequestError, 400, 3, "Bad request")
unsupportedRevision = partial(RequestError, 400, 5, "Unsupported protocol version")
noScripts = partial(RequestError, 400, 3, "JSONP is disabled")
scriptsForbidden = partial(RequestError, 403, 4, "JSONP needs an allowed Origin or Referer")
internalError = partial(RequestError, 500, 3, "Internal error")

TOO_LARGE = Response(413, b"")


def forbidden(message: str = "Forbidden", status: int = 403) -> RequestError:
    """The application, or the rule on origins or addresses, refuses."""
    return RequestError(status, 4, message)


tooMany = partial(forbidden, "Too many connections", 429)
