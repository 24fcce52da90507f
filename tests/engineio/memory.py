"""Connections without a network: a transport of our own, and Twisted's real one between two ends of a socket pair.

`test_memory.py` runs the same checks on both, so that the one made here behaves like the real one wherever tests lean
on it. Both do nothing by themselves: `turn` is one turn of the reactor, in which what was written leaves.
"""

from __future__ import annotations

import socket
from typing import Any, Protocol

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IProtocol,
    IPushProducer,
    ITCPTransport,
)
from twisted.internet.task import Clock
from twisted.internet.tcp import Server
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["HIGH_WATER", "Link", "MemoryLink", "MemoryTransport", "SelectingClock", "SocketLink"]

HIGH_WATER = 65_536
"""More bytes than this in its buffer, and a transport of Twisted asks its producer to pause."""


class Link(Protocol):
    """Both ends of one connection: a server's transport, and its client."""

    transport: Any

    def send(self, data: bytes) -> None:
        """The client sends; it arrives in the next turn, if the server reads."""

    def read(self) -> bytes:
        """The client reads what has left the server since the last time."""

    def hangUp(self) -> None:
        """The client says that it sends no more; the server notices in the next turn."""

    def turn(self) -> None:
        """One turn of the reactor."""

    def close(self) -> None:
        """Free everything."""


@implementer(ITCPTransport, IPushProducer, IConsumer)
class MemoryTransport:
    """A TCP connection as a server's protocol sees it.

    Args:
        clock: For `abortConnection`, which reports the loss in a turn of its own.
        host: The client's address.

    Attributes:
        protocol: What gets the data.
        reading: The server takes data.
        disconnecting: It will close when its buffer is empty.
        connected: The connection has not been lost.
        noDelay: What was set by `setTcpNoDelay`; None if nothing was.
    """

    def __init__(self, clock: Clock, host: str = "192.0.2.1") -> None:
        self.protocol: Any = None
        self.reading = True
        self.disconnecting = False
        self.connected = True
        self.noDelay: bool | None = None
        self.producer: Any = None
        self._clock = clock
        self._address = IPv4Address("TCP", host, 40000)
        self._buffer = bytearray()
        self._streaming = False
        self._paused = False
        self._halfClosing = False
        self._aborting = False
        self._writing = False

    def write(self, data: bytes) -> None:
        assert isinstance(data, bytes)
        if not self.connected or self._halfClosed or not data:
            return
        self._buffer += data
        self._writing = True
        if self.producer is not None and self._streaming and len(self._buffer) > HIGH_WATER:
            self._paused = True
            self.producer.pauseProducing()

    def writeSequence(self, data: Any) -> None:
        self.write(b"".join(data))

    def loseConnection(self, *arguments: Any) -> None:
        if self.connected and not self.disconnecting:
            self.reading = False
            self.disconnecting = self._writing = True
            if self._halfClosed:
                self.lost(ConnectionDone())  # Twisted does it at once, too

    def loseWriteConnection(self) -> None:
        self._halfClosing = True

    def abortConnection(self) -> None:
        if self.connected and not self._aborting:
            self._aborting = True
            self.reading = False
            self._buffer.clear()
            self._clock.callLater(0, self.lost, ConnectionAborted())

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self.producer is not None:
            raise RuntimeError("another producer is registered")
        if not self.connected:
            producer.stopProducing()
            return
        self.producer, self._streaming = producer, streaming
        if not streaming:
            producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self.producer = None
        if self.disconnecting:
            self._writing = True

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        if self.connected and not self.disconnecting:
            self.reading = True

    def stopProducing(self) -> None:
        self.loseConnection()

    def getPeer(self) -> IPv4Address:
        return self._address

    def getHost(self) -> IPv4Address:
        return IPv4Address("TCP", "192.0.2.254", 8080)

    def getTcpNoDelay(self) -> bool:
        return bool(self.noDelay)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.noDelay = enabled

    def getTcpKeepAlive(self) -> bool:
        return False

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Not kept: no test looks at it."""

    @property
    def _halfClosed(self) -> bool:
        return self._halfClosing and not self._buffer

    def flush(self) -> bytes:
        """Let go what is in the buffer, and do what waits for that."""
        if self._aborting or not self.connected or not self._writing:
            return b""
        data = bytes(self._buffer)
        self._buffer.clear()
        self._writing = False
        if self.producer is not None and (self._paused or not self._streaming):
            self._paused = False
            self.producer.resumeProducing()
        elif self.disconnecting:
            self.lost(ConnectionDone())
        return data

    def readConnectionLost(self) -> None:
        """The client sends no more."""
        self.reading = False
        protocol: Any = IHalfCloseableProtocol(self.protocol, None)
        if protocol is None:
            self.lost(ConnectionDone())
        else:
            protocol.readConnectionLost()

    def lost(self, error: Exception) -> None:
        """The connection is gone."""
        if self.connected:
            self.connected = self.reading = False
            if self.producer is not None:
                self.producer.stopProducing()
                self.producer = None
            self.protocol.connectionLost(Failure(error))


class MemoryLink:
    """A `MemoryTransport` and its client.

    Args:
        protocol: The server's protocol.
        clock: The time.
        host: The client's address.

    Attributes:
        stalled: The client does not read: nothing leaves the server any more.
    """

    def __init__(self, protocol: IProtocol, clock: Clock, host: str = "192.0.2.1") -> None:
        self.stalled = False
        self.transport = MemoryTransport(clock, host)
        self.transport.protocol = protocol
        self._clock = clock
        self._toServer: list[bytes] = []
        self._toClient = bytearray()
        self._hungUp = False
        protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self._toServer.append(data)

    def read(self) -> bytes:
        data = bytes(self._toClient)
        self._toClient.clear()
        return data

    def hangUp(self) -> None:
        self._hungUp = True

    def turn(self) -> None:
        self._clock.advance(0)
        while self._toServer and self.transport.reading:
            self.transport.protocol.dataReceived(self._toServer.pop(0))
        if self._hungUp and self.transport.reading:
            self.transport.readConnectionLost()
        if not self.stalled:
            self._toClient += self.transport.flush()

    def close(self) -> None:
        self.transport.lost(ConnectionLost())


class SelectingClock(Clock):
    """What a transport of Twisted needs of a reactor, on the test's clock."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[Any] = []
        self.writers: list[Any] = []

    def addReader(self, reader: Any) -> None:
        if reader not in self.readers:
            self.readers.append(reader)

    def addWriter(self, writer: Any) -> None:
        if writer not in self.writers:
            self.writers.append(writer)

    def removeReader(self, reader: Any) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def removeWriter(self, writer: Any) -> None:
        if writer in self.writers:
            self.writers.remove(writer)


class _Port:
    """What a transport of Twisted needs of the port that accepted it."""

    port = _realPortNumber = 8080


class _Stream(socket.socket):
    """One end of a socket pair, which knows no options of TCP, and no address."""

    def setsockopt(self, level: int, *arguments: Any) -> None:
        if level != socket.IPPROTO_TCP:
            super().setsockopt(level, *arguments)

    def getsockname(self) -> tuple[str, int]:
        return "192.0.2.254", 8080


class SocketLink:
    """Twisted's own TCP transport on one end of a socket pair, the client on the other.

    Args:
        protocol: The server's protocol.
        clock: The time, and what the transport registers with.
        buffer: Bytes that the kernel shall hold for the client, roughly.
    """

    def __init__(self, protocol: IProtocol, clock: SelectingClock, buffer: int = 16_384) -> None:
        plain, self._theirs = socket.socketpair()
        ours = _Stream(fileno=plain.detach())
        for end in (ours, self._theirs):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        self._theirs.setblocking(False)
        self._toServer = bytearray()
        self.clock = clock
        reactor: Any = clock
        port: Any = _Port()
        self.transport: Any = Server(ours, protocol, ("192.0.2.1", 40000), port, 1, reactor)
        protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> None:
        self._toServer += data
        self._push()

    def read(self) -> bytes:
        pieces = []
        try:
            while piece := self._theirs.recv(1 << 20):
                pieces.append(piece)
        except (BlockingIOError, ConnectionResetError):
            pass
        return b"".join(pieces)

    def hangUp(self) -> None:
        self._theirs.shutdown(socket.SHUT_RDWR)

    def turn(self) -> None:
        self.clock.advance(0)
        self._push()
        if self.transport in self.clock.readers:
            self._settle(self.transport.doRead())
        if self.transport in self.clock.writers:
            self._settle(self.transport.doWrite())

    def close(self) -> None:
        self._theirs.close()
        self.transport.connectionLost(Failure(ConnectionLost()))

    def _push(self) -> None:
        """Send as much as the kernel takes; nothing, where nobody is left to read it."""
        try:
            while self._toServer:
                del self._toServer[: self._theirs.send(self._toServer)]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self._toServer.clear()

    def _settle(self, why: Any) -> None:
        if isinstance(why, ConnectionDone):
            self.clock.removeReader(self.transport)
            self.transport.readConnectionLost(Failure(why))
        elif why:
            self.transport.connectionLost(Failure(why))
