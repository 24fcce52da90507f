"""A connection changes hands: from the protocol that has read the beginning to the one that goes on."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IProtocol, ITransport
from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper

__all__ = ["carryOn", "feed", "handTo", "socketOf"]


def socketOf(transport: Any) -> Any:
    """The transport below one that speaks the PROXY protocol; every other transport itself."""
    return transport.transport if isinstance(transport, HAProxyProtocolWrapper) else transport


def carryOn(transport: ITransport, protocol: IProtocol, received: bytes) -> None:
    """Make `protocol` the one that `transport` feeds, beginning with what has been received already."""
    handTo(protocol, transport)
    protocol.dataReceived(received)


def handTo(protocol: IProtocol, transport: ITransport) -> None:
    """Make `protocol` the one that `transport` feeds, and tell it so."""
    feed(transport, protocol)
    protocol.makeConnection(transport)


def feed(transport: ITransport, protocol: IProtocol) -> None:
    """Make `protocol` the one that `transport` feeds; it is told by the caller."""
    # A transport that wraps another one (TLS, the PROXY protocol) knows its protocol by another name.
    name = "wrappedProtocol" if hasattr(transport, "wrappedProtocol") else "protocol"
    setattr(transport, name, protocol)
