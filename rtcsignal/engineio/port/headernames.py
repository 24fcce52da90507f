"""Names of headers, of which twisted.web remembers ten thousand, however long they are and whoever has sent them.

It knows the private name ``_MAX_CACHED_HEADERS`` of twisted.web.http_headers: a contract test fails when it changes.
"""

from __future__ import annotations

from twisted.web import http_headers

__all__ = ["rememberUsualHeaders"]

_USUAL = (
    "Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Access-Control-Request-Headers",
    "Access-Control-Request-Method", "Authorization", "Cache-Control", "Connection", "Content-Length", "Content-Type",
    "Cookie", "Date", "DNT", "Expect", "Host", "If-Modified-Since", "If-None-Match", "Keep-Alive", "Origin", "Pragma",
    "Priority", "Referer", "Sec-CH-UA", "Sec-CH-UA-Mobile", "Sec-CH-UA-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode",
    "Sec-Fetch-Site", "Sec-Fetch-User", "Sec-WebSocket-Extensions", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Version", "Server", "TE", "Transfer-Encoding", "Upgrade", "Upgrade-Insecure-Requests",
    "User-Agent", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "X-Requested-With",
)


def rememberUsualHeaders() -> None:
    """Let twisted.web remember the names that clients and proxies send, and from now on no others."""
    known = http_headers.Headers()
    for name in _USUAL:
        for spelled in (name, name.lower()):
            known.hasHeader(spelled.encode())
    for owner in (type(getattr(http_headers, "_nameEncoder", None)), http_headers.Headers):
        if "_MAX_CACHED_HEADERS" in vars(owner):
            owner._MAX_CACHED_HEADERS = 0  # type: ignore[union-attr]
