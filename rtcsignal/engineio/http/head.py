"""The head of an HTTP/1.1 request: request line and headers, strictly. Source: RFC 9112 sections 3 and 5."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from rtcsignal.engineio.http.target import splitTarget

__all__ = ["TOO_LARGE_HEAD", "BadHead", "Head", "parseHead", "plainBodyLength"]

TOO_LARGE_HEAD = "request headers too large"
"""Why a connection is refused with status 431."""

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/1\.([01])")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++):([^\x00-\x08\x0a-\x1f\x7f]*+)")
# Of names, addresses and ports; some clients forget the brackets of IPv6.
_HOST = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=%:\[\]-]*")
_LENGTH = re.compile("[0-9]{1,10}")

_MOST_KNOWN = 256


class BadHead(ValueError):
    """It is not the head of a request that the server accepts.

    Attributes:
        status: The HTTP status that says why.
        reason: The same in words.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Head:
    """A request line and headers.

    Attributes:
        method: As it came.
        path: The target without its query, in origin form.
        query: The query string, without the question mark.
        headers: Names in lower case; a repeated header's values joined by a comma. The host is that of an absolute
            target, if it is one.
        isCurrent: It is of HTTP/1.1, not of 1.0.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    isCurrent: bool = True

    @property
    def hasBody(self) -> bool:
        """A body follows, or something that a proxy on the way could take for one."""
        return "transfer-encoding" in self.headers or self.headers.get("content-length", "0") != "0"

    @property
    def wantsWebSocket(self) -> bool:
        """It is a WebSocket opening handshake (RFC 6455 section 4.1), as far as a dispatcher must know."""
        upgrades = self.headers.get("upgrade", "").lower().split(",")
        connection = self.headers.get("connection", "").lower().split(",")
        return "websocket" in map(str.strip, upgrades) and "upgrade" in map(str.strip, connection)


def parseHead(block: bytes, mostHeaders: int) -> Head:
    """Read the head of a request.

    Args:
        block: Everything up to and without the empty line.
        mostHeaders: More header lines than this are refused; 0 for no limit.

    Raises:
        BadHead: It is malformed, has too many headers, or several that say for which host it is.
    """
    first, *lines = block.split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(first)
    if match is None:
        raise BadHead(400, "not a request line of HTTP/1.1")
    if mostHeaders and len(lines) > mostHeaders:
        raise BadHead(431, "too many headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, value = (_knownLine if len(line) <= _MOST_KNOWN else _parseLine)(line)
        if name == "host" and name in headers:
            raise BadHead(400, "more than one Host header")
        if name == "host" and not _HOST.fullmatch(value):
            raise BadHead(400, "malformed Host header")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    host, target = splitTarget(match[2])
    if host and ("host" in headers or match[3] == b"0"):
        headers["host"] = host.decode("ascii")  # it outranks the header; which has to be there all the same
    path, _, query = target.decode("ascii").partition("?")
    return Head(match[1].decode("ascii"), path, query, MappingProxyType(headers), match[3] == b"1")


def plainBodyLength(head: Head, mostBytes: int) -> int | None:
    """The length of a plain request's body in bytes, or None if the request is anything but a plain GET or POST.

    Args:
        head: The request's head.
        mostBytes: The largest body; 0 for no limit.
    """
    headers = head.headers
    length = headers.get("content-length", "0")
    if (
        head.method not in ("GET", "POST")
        or "host" not in headers
        or not _LENGTH.fullmatch(length)
        or "transfer-encoding" in headers
        or "expect" in headers
        or "upgrade" in headers
        or not head.isCurrent
    ):
        return None
    count = int(length)
    isTooLarge = 0 < mostBytes < count
    return None if isTooLarge or (count and head.method == "GET") else count


def _parseLine(line: bytes) -> tuple[str, str]:
    header = _HEADER.fullmatch(line)
    if header is None:
        raise BadHead(400, "a malformed header")
    return header[1].decode("ascii").lower(), header[2].strip(b" \t").decode("latin-1")


# A client that polls sends the same lines again and again. Connections keep their headers, and thousands have the same.
# They are not interned: some releases of Python keep for ever what once was.
_knownLine = lru_cache(maxsize=2048)(_parseLine)
