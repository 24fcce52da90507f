"""Answers where twisted.web does not write them."""

from __future__ import annotations

from rtcsignal.engineio.exchange import Response

__all__ = ["REASONS", "lastAnswer"]

REASONS = {
    400: "Bad Request",
    403: "Forbidden",
    408: "Request Timeout",
    413: "Content Too Large",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
"""The words behind the status, where those of twisted.web are not known by everybody."""


def lastAnswer(response: Response) -> bytes:
    """A whole answer after which the connection is closed, for where twisted.web does not write it."""
    lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Error')}"]
    lines.extend(f"{name}: {value}" for name, value in response.headers)
    lines.extend((f"Content-Length: {len(response.body)}", "Connection: close", "", ""))
    return "\r\n".join(lines).encode("latin-1") + response.body
