"""Which pages may talk to this server: the rule on origins, for both transports.

CORS does not cover WebSocket, so the rule is applied to every request, not only announced to browsers.
Source: RFC 6454; OWASP on cross-site WebSocket hijacking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["OriginRule"]

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[0-9a-f:.]+\]|[^/:@\[\]\s]+)(?::([0-9]{1,5}))?", re.ASCII)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_SIBLINGS = {"ws": "http", "wss": "https"}
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^/:@\[\]\s]+)(?::([0-9]{1,5}))?", re.ASCII)
_ANY_LABEL = "[a-z0-9_-]+"


class OriginRule:
    """Allows the server's own host, and the origins of a list.

    Args:
        allowed: Origins such as ``https://example.org``, ``null`` and ``file://``, compared exactly but for case and
            for a port that is the usual one of the scheme. ``ws`` is the same as ``http`` and ``wss`` as ``https``:
            clients that are not browsers name the server itself so. In ``https://*.example.org`` the star stands for
            one whole label of the host. ``*`` allows any origin.

    Attributes:
        allowsAny: Whether it allows any origin.
    """

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        plain = frozenset(map(_plain, allowed))
        self.allowsAny = "*" in plain
        self._allowed = frozenset(origin for origin in plain if "*" not in origin)
        self._patterns = tuple(_pattern(origin) for origin in plain - self._allowed if origin != "*")

    def allows(self, origin: str, host: str, secure: bool = False) -> bool:
        """Whether a page of `origin` may use the server that the request calls `host`.

        Args:
            origin: The Origin header.
            host: The Host header; the port may be missing if it is the default one of the origin's scheme.
            secure: The request came over TLS: a page that did not is another origin then. Without it both schemes
                are the server's own, because a proxy that is not configured may speak TLS for it.
        """
        if self.allowsAny:
            return True
        origin = _plain(origin)
        if origin in self._allowed or _isOwn(origin, host.lower(), secure):
            return True
        return any(pattern.fullmatch(origin) for pattern in self._patterns)


def _isOwn(origin: str, host: str, secure: bool) -> bool:
    ours, theirs = _HOST.fullmatch(host), _ORIGIN.fullmatch(origin)
    if ours is None or theirs is None or theirs[1] not in _DEFAULT_PORTS or (secure and theirs[1] == "http"):
        return False
    default = _DEFAULT_PORTS[theirs[1]]
    return theirs[2] == ours[1] and (theirs[3] or default) == (ours[2] or default)


def _plain(origin: str) -> str:
    """An origin in lower case, without the port that its scheme has anyway (RFC 6454 section 4)."""
    origin = origin.lower()
    match = _ORIGIN.fullmatch(origin)
    if match is None:
        return origin
    scheme, host, port = _SIBLINGS.get(match[1], match[1]), match[2], match[3]
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{scheme}://{host}:{port}"


def _pattern(origin: str) -> re.Pattern[str]:
    """What matches an origin that has stars in it."""
    return re.compile(_ANY_LABEL.join(map(re.escape, origin.split("*"))), re.ASCII)
