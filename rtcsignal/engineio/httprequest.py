"""From the head of an HTTP request to the values that an engine takes."""

from __future__ import annotations

from sys import intern

from twisted.internet.interfaces import ISSLTransport, ITransport

from rtcsignal.engineio.addresses import Proxies
from rtcsignal.engineio.exchange import Request, parseQuery
from rtcsignal.engineio.httphead import Head

__all__ = ["addressOf", "requestOf"]


def addressOf(transport: ITransport) -> str:
    """The IP address of the other side, or "" if there is none (a UNIX socket)."""
    return intern(str(getattr(transport.getPeer(), "host", "") or ""))


def requestOf(head: Head, transport: ITransport, proxies: Proxies, body: bytes = b"") -> Request:
    """The values of a request.

    Args:
        head: Its head.
        transport: The connection that brings it.
        proxies: Whose word is taken on where it comes from.
        body: Its body.
    """
    peer = addressOf(transport)
    address = proxies.clientOf(peer, head.headers)
    secure = proxies.isSecure(peer, head.headers, ISSLTransport.providedBy(transport))
    return Request(head.method, parseQuery(head.query), head.headers, body, address, secure)
