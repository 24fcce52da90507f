"""ICE servers as values, and whether browsers would take them.

A browser that is given one entry which it does not like makes no connection at all, so every entry is checked before
anyone gets it. The rules are those of Chromium (RFC 7064 and RFC 7065 say what the URLs mean), and stricter only where
it takes what cannot work.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Any

__all__ = ["MOST_USERNAME", "IceServer", "IceServers", "Secret", "isTurn", "serverProblem", "urlParts", "urlProblem"]

MOST_USERNAME = 509
"""Most bytes of a user name (RFC 5389 section 15.3: fewer than 513; Chromium takes so many)."""

_SCHEMES = ("stun", "stuns", "turn", "turns")
_HOST = re.compile(r"[A-Za-z0-9._~%!$&'()*+,;=-]+")
_DEFAULT_PORT, _DEFAULT_TLS_PORT, _MOST_PORT = 3478, 5349, 65535


class Secret:
    """A string that is never shown.

    Args:
        text: The string.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return "<secret>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


@dataclass(frozen=True)
class IceServer:
    """One server, as ``RTCIceServer`` of browsers has it.

    Attributes:
        urls: Its URLs: ``stun:``, ``turn:`` or ``turns:``.
        username: For TURN.
        credential: The password that belongs to it.
    """

    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class IceServers:
    """What a provider gives to one member.

    Attributes:
        servers: The servers.
        ttl: Seconds for which their credentials are good; None for as long as the configuration says.
    """

    servers: tuple[IceServer, ...]
    ttl: float | None = None


@dataclass(frozen=True)
class UrlParts:
    """What a URL says.

    Attributes:
        scheme: ``stun``, ``stuns``, ``turn`` or ``turns``.
        host: A name or an address, without brackets.
        port: The port, that of the scheme if the URL names none.
        transport: ``udp`` or ``tcp``.
    """

    scheme: str
    host: str
    port: int
    transport: str


def isTurn(url: str) -> bool:
    """Whether a URL is one of a relay."""
    return url[:5].lower() == "turn:" or url[:6].lower() == "turns:"


def urlProblem(url: str) -> str | None:
    """What is wrong with a URL; None if browsers take it."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme.lower() not in _SCHEMES:
        return 'must begin with "stun:", "turn:" or "turns:"'
    if rest.startswith("//"):
        return f'must have no "//": "{scheme}:host:port"'
    place, question, query = rest.partition("?")
    if question and not isTurn(url):
        return 'cannot have a "?": only URLs of TURN name a transport'
    if (question and query.lower() not in ("transport=udp", "transport=tcp")) or query[:1] == "T":
        return 'may have "?transport=udp" or "?transport=tcp" at its end, and nothing else'
    return _placeProblem(place)


def urlParts(url: str) -> UrlParts:
    """The parts of a URL in which `urlProblem` finds nothing wrong."""
    scheme, _, rest = url.partition(":")
    place, _, query = rest.partition("?")
    host, port = _split(place)
    isSecure = scheme.lower() in ("stuns", "turns")
    transport = query.partition("=")[2].lower() or ("tcp" if isSecure else "udp")
    usual = _DEFAULT_TLS_PORT if isSecure else _DEFAULT_PORT
    return UrlParts(scheme.lower(), host.strip("[]"), int(port) if port else usual, transport)


def serverProblem(server: Any) -> str | None:
    """What is wrong with a server; None if browsers take it.

    Args:
        server: An `IceServer`, or anything else that somebody may have given instead. It is not quoted.
    """
    if not isinstance(server, IceServer):
        return f"is a {type(server).__name__} and not an IceServer"
    urls: Any = server.urls
    if not isinstance(urls, (tuple, list)) or not urls or not all(isinstance(url, str) for url in urls):
        return "urls is not a list of strings"
    for url in urls:
        problem = urlProblem(url)
        if problem is not None:
            return f"a URL {problem}"
    if not any(map(isTurn, urls)):
        return _credentialProblem(server, required=False)
    return _credentialProblem(server, required=True)


def _credentialProblem(server: IceServer, required: bool) -> str | None:
    for name, value in (("username", server.username), ("credential", server.credential)):
        if value is None and not required:
            continue
        if not isinstance(value, str) or (required and not value):
            return f"{name} is missing" if value is None or value == "" else f"{name} is not a string"
    if server.username is not None and len(server.username.encode("utf-8", "surrogatepass")) > MOST_USERNAME:
        return f"username has more than {MOST_USERNAME} bytes"
    return None


def _split(place: str) -> tuple[str, str | None]:
    """Host and port; an address in brackets keeps them. The port is None if there is none."""
    if place.startswith("["):
        host, bracket, rest = place.partition("]")
        return host + bracket, rest[1:] if rest.startswith(":") else (rest or None)
    host, colon, port = place.partition(":")
    return host, port if colon else None


def _placeProblem(place: str) -> str | None:
    host, port = _split(place)
    if not host:
        return "names no host"
    if "@" in place:
        return "must not have a user name: that belongs to username"
    if host.startswith("["):
        if not host.endswith("]") or not _isIpv6(host[1:-1]):
            return "must have an IPv6 address between the brackets"
        if place[len(host) :] and place[len(host)] != ":":
            return "must have a colon and a port, or nothing, behind the brackets"
    elif _HOST.fullmatch(host) is None:
        return "must have a host made of letters, digits, dots and hyphens, and nothing but a port behind it"
    if port is None:
        return None
    if port.count(":"):
        return "must have an IPv6 address in brackets, and only one port"
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:20]) <= _MOST_PORT):
        return f"must have a port from 1 to {_MOST_PORT}"
    return None


def _isIpv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text.replace("%25", "%"))
    except ValueError:
        return False
    return True
