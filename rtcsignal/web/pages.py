"""Pages whose response is known in advance."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from twisted.web.http import NOT_ALLOWED, NOT_FOUND, NOT_MODIFIED, datetimeToString, stringToDatetime
from twisted.web.resource import Resource
from twisted.web.server import Request

__all__ = ["Branch", "Page", "Reply", "notFound"]

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TAG = re.compile(rb'"[^"]*"|\*')


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        status: HTTP status code.
        body: All of it.
        headers: Names and values, besides those that every answer has.
        modified: When the body was made, in whole seconds since 1970; None for what caches are not to keep.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    modified: int | None = None


class Page(Resource):
    """Gives one answer to GET and HEAD, and refuses everything else without repeating what was asked.

    Args:
        reply: The answer.
    """

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self._reply = reply
        self._validators: dict[str, bytes] = {}
        if reply.modified is not None:
            self._validators["ETag"] = b'"' + hashlib.sha256(reply.body).hexdigest()[:32].encode() + b'"'
            self._validators["Last-Modified"] = datetimeToString(reply.modified)

    def getChild(self, path: bytes, request: Request) -> Resource:
        """Nothing is below a page but what was put there."""
        return notFound()

    def render(self, request: Request) -> bytes:
        """The answer; without its body to HEAD, and to a cache that has it."""
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader("Allow", "GET, HEAD")
            refusal = _refusal(NOT_ALLOWED, "method-not-allowed", "Only GET and HEAD work here.")
            return _write(request, refusal)
        for name, value in self._validators.items():
            request.setHeader(name, value)
        if self._isCached(request):
            return _write(request, Reply(NOT_MODIFIED, b"", self._reply.headers))
        return _write(request, self._reply)

    def _isCached(self, request: Request) -> bool:
        """Whether the client has the body already (RFC 9110 section 13.2.2: the tag outweighs the date)."""
        if self._reply.modified is None:
            return False
        tags = request.requestHeaders.getRawHeaders(b"if-none-match")
        if tags is not None:
            known = _TAG.findall(b",".join(tags))
            return b"*" in known or self._validators["ETag"] in known
        date = request.requestHeaders.getRawHeaders(b"if-modified-since", [b""])[0]
        try:
            return bool(date) and stringToDatetime(date) >= self._reply.modified
        except ValueError:
            return False


class Branch(Resource):
    """A part of a path at which there is nothing but the children that were put there."""

    def getChild(self, path: bytes, request: Request) -> Resource:
        """What is at a path for which nothing was put there."""
        return notFound()

    def render(self, request: Request) -> bytes:
        """What is at the path itself."""
        return notFound().render(request)


def notFound() -> Page:
    """What is at every other path."""
    return Page(_refusal(NOT_FOUND, "not-found", "There is nothing here."))


def _refusal(status: int, code: str, message: str) -> Reply:
    body = {"service": "rtcsignal", "error": {"code": code, "message": message}}
    headers = {"Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store"}
    return Reply(status, json.dumps(body).encode(), headers)


def _write(request: Request, reply: Reply) -> bytes:
    request.setResponseCode(reply.status)
    for headers in (_ALWAYS, reply.headers):
        for name, value in headers.items():
            request.setHeader(name, value)
    if request.method == b"HEAD":
        # An empty body is what Twisted wants for HEAD; the length is still that of the answer to GET.
        request.setHeader("Content-Length", str(len(reply.body)))
        return b""
    return reply.body
