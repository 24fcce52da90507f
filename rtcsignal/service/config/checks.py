"""What values of the configuration mean: each check gives the problem, or None. Nothing is touched."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_network

from twisted.internet.interfaces import IStreamServerEndpointStringParser
from twisted.plugin import getPlugins

from rtcsignal.addresses import UNIX
from rtcsignal.service.config.endpoints import endpointArguments, withAddresses
from rtcsignal.spelling import didYouMean

__all__ = [
    "cookieName",
    "endpoint",
    "file",
    "folder",
    "hostAndPort",
    "linkEndpoint",
    "namespace",
    "network",
    "pluginName",
    "socketioPath",
]

_PATH = re.compile(r"/([A-Za-z0-9._~!$&'()*+,;=:@-]+/)+")
_NAMESPACE = re.compile(r"/[^,?\s\x00-\x1f\x7f]*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+")
_MOST_PORT = 65535


def endpoint(text: str) -> str | None:
    """Whether a Twisted endpoint string is one that can be listened on.

    Only its form is looked at: files, addresses and inherited sockets are used when the server starts.
    """
    kind, _, rest = text.partition(":")
    if kind == "haproxy":
        return endpoint(rest)
    if kind not in _endpointKinds():
        if text.isdecimal():
            return f'must be an endpoint such as "tcp:{text}"'
        hint = didYouMean(kind, _endpointKinds())
        return f'must begin with a known kind of endpoint, such as "tcp:8080"{hint}'
    plain, named = endpointArguments(withAddresses(f":{rest}"))
    if kind in ("tcp", "tcp6", "ssl"):
        return _portProblem(named.get("port", plain[0] if plain else ""))
    if kind == "unix" and not named.get("address", plain[0] if plain else ""):
        return 'requires the path of the socket, such as "unix:/run/rtcsignal.sock"'
    if kind == "systemd" and ("domain" not in named or len({"index", "name"} & named.keys()) != 1):
        return 'must look like "systemd:domain=INET6:index=0" or "systemd:domain=INET6:name=http"'
    return None


def network(text: str) -> str | None:
    """Whether it is an IP address, a network, or ``unix``."""
    if text == UNIX:
        return None
    try:
        ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            return f'must not have bits behind the prefix: "{ip_network(text, strict=False)}" is the network'
        return 'must be an address such as "127.0.0.1", a network such as "10.0.0.0/8", or "unix"'
    return None


def socketioPath(text: str) -> str | None:
    """Whether it can be the path of Socket.IO."""
    if _PATH.fullmatch(text) is None:
        return 'must begin and end with "/" and have a name between, such as "/socket.io/"'
    if any(part in (".", "..") for part in text.split("/")):
        return 'must not have "." or ".." as a part'
    return None


def namespace(text: str) -> str | None:
    """Whether it can name a Socket.IO namespace: a comma would end it, and ``?`` begin a query."""
    if _NAMESPACE.fullmatch(text) is None:
        return 'must begin with "/" and contain no comma, question mark or space'
    return None


def cookieName(text: str) -> str | None:
    """Whether it can be the name of a cookie (RFC 6265 section 4.1.1)."""
    return None if _TOKEN.fullmatch(text) else "must be made of letters, digits and !#$%&'*+-.^_`|~"


def folder(text: str) -> str | None:
    """Whether it can be a path."""
    return None if text and "\0" not in text else "must be the path of a folder"


def file(text: str) -> str | None:
    """Whether it can be the path of a file."""
    return None if text and "\0" not in text and not text.endswith("/") else "must be the path of a file"


def pluginName(text: str) -> str | None:
    """Whether it can be the name of a plugin."""
    return None if text and text == text.strip() and text.isprintable() else "must be the name of a plugin"


def linkEndpoint(text: str) -> str | None:
    """Whether it is an endpoint by whose address other nodes could reach this one."""
    kind = text.partition(":")[0]
    return endpoint(text) if kind in ("tcp", "tcp6") else 'must be an endpoint such as "tcp:0:interface=127.0.0.1"'


def hostAndPort(text: str) -> str | None:
    """Whether it is a host and a port; an IPv6 address is in brackets."""
    host, colon, port = text.rpartition(":")
    if colon and _HOST.fullmatch(host) and _portProblem(port) is None and int(port):
        return None
    return 'must be a host and a port, such as "10.0.0.5:4000" or "[fd00::5]:4000"'


@cache
def _endpointKinds() -> frozenset[str]:
    parsers = getPlugins(IStreamServerEndpointStringParser)
    return frozenset({"tcp", "unix", "ssl", "haproxy", *(parser.prefix for parser in parsers)})


def _portProblem(text: str) -> str | None:
    if text.isdecimal() and text.isascii() and int(text) <= _MOST_PORT:
        return None
    return f"requires a port number from 0 to {_MOST_PORT}"
