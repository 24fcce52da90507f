"""Responses as bytes, where twisted.web does not write them."""

from __future__ import annotations

from email.utils import formatdate

from rtcsignal.clocks import WallClock
from rtcsignal.engineio.http.exchange import Headers, Response

__all__ = ["REASONS", "ResponseWriter", "closingResponse"]

REASONS = {
    200: "OK",
    400: "Bad Request",
    403: "Forbidden",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
"""The reason phrases, where those of twisted.web are not the usual ones."""

_MOST_KNOWN = 256
_MOST_KNOWN_BYTES = 1_024


class ResponseWriter:
    """Writes responses after which a connection goes on.

    Args:
        wall: The time of day, for the Date header (RFC 9110 section 6.6.1).
    """

    def __init__(self, wall: WallClock) -> None:
        self._wall = wall
        self._second = -1
        self._date = b""
        self._known: dict[tuple[int, Headers], bytes] = {}

    def write(self, response: Response) -> bytes:
        """A whole response."""
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._date = b"Date: %b\r\n" % formatdate(second, usegmt=True).encode("ascii")
        head = self._known.get((response.status, response.headers)) or self._head(response.status, response.headers)
        return b"%b%bContent-Length: %d\r\n\r\n%b" % (head, self._date, len(response.body), response.body)

    def _head(self, status: int, headers: Headers) -> bytes:
        """Status line and headers. Most responses of a server have the same.

        Some repeat what a client sent, its origin for instance. What is long of that is not kept.
        """
        lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}", *(f"{name}: {value}" for name, value in headers)]
        head = "\r\n".join((*lines, "")).encode("latin-1")
        if len(head) <= _MOST_KNOWN_BYTES:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[status, headers] = head
        return head


def closingResponse(response: Response) -> bytes:
    """A whole response after which the connection is closed, for where twisted.web does not write it."""
    lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Error')}"]
    lines.extend(f"{name}: {value}" for name, value in response.headers)
    lines.extend((f"Content-Length: {len(response.body)}", "Connection: close", "", ""))
    return "\r\n".join(lines).encode("latin-1") + response.body
