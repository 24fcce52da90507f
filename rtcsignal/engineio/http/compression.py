"""Compression of responses to polls: done once for all that get the same response within a moment.

A message to a room becomes the same response for each member on polling, and compressing it takes far longer than
everything else that is done for one of them.
"""

from __future__ import annotations

import gzip
import zlib
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from rtcsignal.engineio.http.exchange import Request, Response

__all__ = ["Compression"]

_FROM: Final = 1024
_LARGE: Final = 65_536
_MOST_KEPT: Final = 4_194_304
_KEPT_SECONDS: Final = 1.0


class Compression:
    """Compresses answers for those who accept it.

    Args:
        clock: Tells when what was compressed is forgotten.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._recent: dict[tuple[str, bytes], bytes] = {}
        self._size = 0
        self._forgetting: IDelayedCall | None = None

    def of(self, request: Request, response: Response) -> Response:
        """The answer with gzip or deflate, if it is long enough and the request accepts one of them."""
        if len(response.body) < _FROM or response.status != 200:
            return response
        accepted = _acceptedEncodings(request.headers.get("accept-encoding", ""))
        encoding = next((each for each in ("gzip", "deflate") if each in accepted), None)
        if encoding is None:
            return response
        body = self._compressed(encoding, response.body)
        return Response(200, body, (*response.headers, ("Content-Encoding", encoding), ("Vary", "Accept-Encoding")))

    def _compressed(self, encoding: str, body: bytes) -> bytes:
        found = self._recent.get((encoding, body))
        if found is None:
            level = 6 if len(body) < _LARGE else 1  # of text a third longer, in a third of the time
            found = gzip.compress(body, level, mtime=0) if encoding == "gzip" else zlib.compress(body, level)
            self._keep((encoding, body), found)
        return found

    def _keep(self, key: tuple[str, bytes], compressed: bytes) -> None:
        size = len(key[1]) + len(compressed)
        if self._size + size > _MOST_KEPT:
            self._recent, self._size = {}, 0
        self._recent[key] = compressed
        self._size += size
        if self._forgetting is None:
            self._forgetting = self._clock.callLater(_KEPT_SECONDS, self._forget)

    def _forget(self) -> None:
        self._recent, self._size, self._forgetting = {}, 0, None


def _acceptedEncodings(header: str) -> set[str]:
    """The names in an Accept-Encoding header (RFC 9110 section 12.5.3) whose weight is not 0."""
    accepted = set()
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if weight.strip().replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            accepted.add(name.strip())
    return accepted
