"""``GET /status``: whether the server serves, for load balancers and scripts."""

from __future__ import annotations

from twisted.web.http import OK

from rtcsignal.web.pages import Page, Reply

__all__ = ["statusPage"]


def statusPage() -> Page:
    """Answers ``Status: OK`` as RTCSignalServer did."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    return Page(Reply(OK, b"Status: OK", headers))
