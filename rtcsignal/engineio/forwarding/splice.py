"""The connection of a client, joined with one to the node that has its session.

Bytes pass both ways as they come. Each side is read only while the other takes what it is sent, so what a client does
not read waits at the node with the session, where the limits are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall, ITransport
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.python.failure import Failure

from rtcsignal.engineio.forwarding.directory import NodeAddress
from rtcsignal.engineio.forwarding.frames import VERSION, Asked, Hello, Upgrade, encoded
from rtcsignal.engineio.forwarding.link import CONNECT_SECONDS
from rtcsignal.engineio.http.addresses import Slot
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.port.handover import handTo

__all__ = ["splice"]

_ANSWER_SECONDS = 4.0
_LAST_SECONDS = 2.0
_MOST_EARLY = 65_536

Failed = Callable[[ITransport, Slot | None, str], None]
"""Takes a connection back whose node cannot be reached: with what counts it, and the reason."""


def splice(
    reactor: Any,
    address: NodeAddress,
    transport: ITransport,
    request: Request,
    block: bytes,
    rest: bytes,
    slot: Slot | None,
    failed: Failed,
) -> None:
    """Join a connection with one to another node.

    Args:
        reactor: Connects and waits.
        address: How to reach the node.
        transport: The connection.
        request: What it asks for.
        block: The same as bytes, without the empty line.
        rest: What came behind it.
        slot: What counts the connection for as long as it lasts, if anything does.
        failed: Called if it comes to nothing.
    """
    client = _Client(reactor, slot, failed)
    handTo(client, transport)
    first = encoded(Hello(VERSION, address.token)) + encoded(Upgrade(Asked.of(request), block, rest))
    reactor.connectTCP(address.host, address.port, _Connecting(client, first), timeout=CONNECT_SECONDS)


class _End(Protocol):
    """One of the two ends."""

    transport: Any
    other: _End | None = None

    def dataReceived(self, data: bytes) -> None:
        if self.other is not None:
            self.other.write(data)

    def write(self, data: bytes) -> None:
        """Send what the other end has received."""
        self.transport.write(data)

    def join(self, other: _End) -> None:
        """From now on each reads only while the other can write."""
        self.other, other.other = other, self
        self.transport.registerProducer(other.transport, True)
        other.transport.registerProducer(self.transport, True)

    def part(self) -> _End | None:
        """From now on the ends have nothing to do with each other.

        Returns:
            The other one.
        """
        other, self.other = self.other, None
        if other is not None:
            other.other = None
            for end in (self, other):
                end.transport.unregisterProducer()
        return other

    def leave(self) -> None:
        """Close, after what has been written."""
        self.transport.loseConnection()

    def drop(self) -> None:
        """Close at once."""
        self.transport.abortConnection()


class _Client(_End):
    """The end at the client.

    Args:
        reactor: The time.
        slot: What counts it.
        failed: Called if the node cannot be reached.
    """

    def __init__(self, reactor: Any, slot: Slot | None, failed: Failed) -> None:
        self._reactor = reactor
        self._slot = slot
        self._failed = failed
        self._isLost = False
        self._early = bytearray()
        self._timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self.transport.pauseProducing()

    def dataReceived(self, data: bytes) -> None:
        """More has come; over TLS that may be what had been read before."""
        if self.other is not None:
            self.other.write(data)
        elif len(self._early) + len(data) > _MOST_EARLY:
            self.transport.abortConnection()
        else:
            self._early += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._isLost = True
        self._settle()
        slot, self._slot = self._slot, None
        if slot is not None:
            slot.free()
        owner = self.part()
        if owner is not None:
            owner.leave()

    def leave(self) -> None:
        self._settle()
        super().leave()
        self._timer = self._reactor.callLater(_LAST_SECONDS, self._late)

    def met(self, owner: _Owner) -> None:
        """The node is connected."""
        if self._isLost:
            owner.drop()
            return
        owner.write(bytes(self._early))
        self._early.clear()
        self.transport.resumeProducing()
        self.join(owner)
        self._timer = self._reactor.callLater(_ANSWER_SECONDS, self._unanswered)

    def answered(self) -> None:
        """The node has said something."""
        self._settle()

    def unreachable(self, reason: str) -> None:
        """The node is not, or not any more; the client has not been told anything yet."""
        if self._isLost:
            return
        self._settle()
        slot, self._slot = self._slot, None
        self.transport.resumeProducing()
        self._failed(self.transport, slot, reason)

    def _unanswered(self) -> None:
        self._timer = None
        owner = self.other
        if isinstance(owner, _Owner):
            owner.abandon("it does not answer")

    def _late(self) -> None:
        self._timer = None
        self.transport.abortConnection()

    def _settle(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


class _Owner(_End):
    """The end at the node that has the session.

    Args:
        client: The other end.
        first: What is sent first.
    """

    def __init__(self, client: _Client, first: bytes) -> None:
        self._client = client
        self._first = first
        self._hasAnswered = False

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        self.transport.write(self._first)
        self._first = b""
        self._client.met(self)

    def dataReceived(self, data: bytes) -> None:
        if not self._hasAnswered:
            self._hasAnswered = True
            self._client.answered()
        super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if not self._hasAnswered:
            self.abandon(reason.getErrorMessage())
            return
        client = self.part()
        if client is not None:
            client.leave()

    def abandon(self, reason: str) -> None:
        """It has not answered, and will not."""
        self._hasAnswered = True  # this is said once
        self.part()
        self.drop()
        self._client.unreachable(reason)


class _Connecting(ClientFactory):
    """Makes the connection to the node.

    Args:
        client: Waits for it.
        first: What is sent first.
    """

    noisy = False

    def __init__(self, client: _Client, first: bytes) -> None:
        self._client = client
        self._first = first

    def buildProtocol(self, addr: IAddress | None) -> _Owner:
        return _Owner(self._client, self._first)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._client.unreachable(reason.getErrorMessage())
