"""Which pages may talk to this server: the rule on the Origin header, for both transports.

CORS does not cover WebSocket, so the rule is applied to every request, not only announced to browsers.
Source: RFC 6454; OWASP on cross-site WebSocket hijacking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["OriginRule"]

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^/:@\[\]\s]+)(?::([0-9]{1,5}))?", re.ASCII)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^/:@\[\]\s]+)(?::([0-9]{1,5}))?", re.ASCII)


class OriginRule:
    """Allows the server's own host, and the origins of a list.

    Args:
        allowed: Origins such as ``https://example.org``, compared exactly but for case and for a port that is the
            usual one of the scheme; ``*`` allows any.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self._allowed = frozenset(map(_plain, allowed))
        self._any = "*" in self._allowed

    def allows(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` may use the server that the request calls `host`.

        Args:
            origin: The Origin header.
            host: The Host header; the port may be missing if it is the default one of the origin's scheme.
        """
        if self._any:
            return True
        origin = _plain(origin)
        return origin in self._allowed or self._sameHost(origin, host.lower())

    @staticmethod
    def _sameHost(origin: str, host: str) -> bool:
        ours, theirs = _HOST.fullmatch(host), _ORIGIN.fullmatch(origin)
        if ours is None or theirs is None or theirs[1] not in _DEFAULT_PORTS:
            return False
        default = _DEFAULT_PORTS[theirs[1]]
        return theirs[2] == ours[1] and (theirs[3] or default) == (ours[2] or default)


def _plain(origin: str) -> str:
    """An origin in lower case, without the port that its scheme has anyway (RFC 6454 section 4)."""
    origin = origin.lower()
    match = _ORIGIN.fullmatch(origin)
    if match is None or match[3] is None or match[3] != _DEFAULT_PORTS.get(match[1]):
        return origin
    return f"{match[1]}://{match[2]}"
