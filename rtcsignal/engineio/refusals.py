"""Log lines about refusals: who asked for what, and why it was refused.

Each kind is limited by itself: a flood of requests for sessions that have ended, as after a restart, does not hide a
handshake that was refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.logger import Logger

from rtcsignal.addresses import whereabouts
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import connOf, safe

__all__ = ["Refusals"]

_log = Logger()
_FAULT = 500
_MOST_REVISION = 3
_MOST_SID = 64


class Refusals:
    """Logs refusals.

    Args:
        logRation: How many lines of a kind may be written.

    Attributes:
        logRation: As above; may be replaced.
    """

    def __init__(self, logRation: LogRation) -> None:
        self.logRation = logRation

    def connection(self, address: str, status: int, reason: str) -> None:
        """A connection was refused before anything was known of it.

        Args:
            address: Where it came from; see `rtcsignal.addresses.whereabouts`.
            status: The HTTP status of the answer; 0 if there was none.
            reason: Why.
        """
        if not self.logRation.allows("refused connections"):
            return
        text = "refused a connection from {address}: {reason} ({answer})"
        answer = f"status {status}" if status else "no answer"
        _log.info(text, address=whereabouts(address), reason=reason, answer=answer)

    def request(self, request: Request, status: int, reason: str) -> None:
        """A request was refused: a handshake, or one of a session.

        Args:
            request: The request.
            status: The HTTP status of the answer. A fault of the server has a line of its own.
            reason: Why.
        """
        sid = request.query.get("sid")
        if status == _FAULT or not self.logRation.allows("refused requests" if sid else "refused handshakes"):
            return
        fields = {
            "address": whereabouts(request.address),
            "reason": safe(reason),
            "status": status,
            "revision": _revisionOf(request),
        }
        if sid:
            text = "refused a request from {address}: {reason} (status {status}, revision {revision}, conn {conn})"
            _log.info(text, conn=connOf(sid) if len(sid) <= _MOST_SID else "unknown", **fields)
        else:
            text = "refused a handshake from {address}: {reason} (status {status}, revision {revision}, {asked})"
            _log.info(text, asked=_askedBy(request), **fields)

    def elsewhere(self, request: Request, status: int, path: str, served: Iterable[str]) -> None:
        """A client of Socket.IO, or of WebSocket, has asked at a path where there is none of it.

        Args:
            request: The request.
            status: The HTTP status of the answer.
            path: Where it asked.
            served: The paths of Socket.IO.
        """
        if not self.logRation.allows("handshakes at wrong paths"):
            return
        _log.info(
            # It has a text of its own, as lines of one text share a limit.
            "refused a handshake from {address} at {path}: Socket.IO is at {served} "
            "(status {status}, revision {revision}, {asked})",
            address=whereabouts(request.address),
            path=safe(path),
            served=safe(" and ".join(served)),
            status=status,
            revision=_revisionOf(request),
            asked=_askedBy(request),
        )


def _revisionOf(request: Request) -> str:
    revision = request.query.get("EIO")
    if revision is None:
        return "none"
    return revision if len(revision) <= _MOST_REVISION and revision.isalnum() else "unknown"


def _askedBy(request: Request) -> str:
    origin, host = (safe(request.headers.get(name, "none")) for name in ("origin", "host"))
    return f"origin {origin}, host {host}"
