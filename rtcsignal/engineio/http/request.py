"""From the head of an HTTP request to the values that an engine takes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from twisted.internet.interfaces import ISSLTransport, ITransport

from rtcsignal.engineio.http.addresses import Proxies
from rtcsignal.engineio.http.exchange import Request, parseQuery
from rtcsignal.engineio.http.head import Head

__all__ = ["Caller", "addressOf", "requestOf"]


@lru_cache(maxsize=64)
def _shared(address: str) -> str:
    """The same text, for all connections of an address the same object."""
    return address


def addressOf(transport: ITransport) -> str:
    """The IP address of the other side, or "" if there is none (a UNIX socket)."""
    return _shared(str(getattr(transport.getPeer(), "host", "") or ""))


class Caller(NamedTuple):
    """The other side of a connection, a client or a proxy.

    Attributes:
        address: Its IP address, or "" if it has none.
        secure: The connection is encrypted.
    """

    address: str
    secure: bool

    @classmethod
    def of(cls, transport: ITransport) -> Caller:
        """The other side of a connection."""
        return cls(addressOf(transport), ISSLTransport.providedBy(transport))


def requestOf(head: Head, caller: Caller, proxies: Proxies, body: bytes = b"") -> Request:
    """The values of a request.

    Args:
        head: Its head.
        caller: The sender.
        proxies: Those that are trusted to say where it comes from.
        body: Its body.
    """
    peer, encrypted = caller
    address = proxies.clientOf(peer, head.headers)
    secure = proxies.isSecure(peer, head.headers, encrypted)
    host = proxies.hostOf(peer, head.headers)
    return Request(head.method, parseQuery(head.query), head.headers, body, address, secure, host)
