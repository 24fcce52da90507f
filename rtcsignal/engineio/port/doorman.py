"""The first request of a connection: its head is read, within a time, and no further; then it is known who goes on."""

from __future__ import annotations

import typing

from twisted.internet.interfaces import ISSLTransport, ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.engineio.http.addresses import AddressCounts, Proxies, Slot
from rtcsignal.engineio.http.exchange import Response
from rtcsignal.engineio.http.head import TOO_LARGE_HEAD, BadHead, Head, parseHead
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.http.request import addressOf
from rtcsignal.engineio.http.target import MOST_EMPTY_LINES, emptyLines
from rtcsignal.engineio.port.handover import handTo, socketOf
from rtcsignal.engineio.refusals import Refusals
from rtcsignal.engineio.stream.farewell import Farewell
from rtcsignal.engineio.stream.tlstransport import handshakeFault

__all__ = ["Doorman", "Port"]

_END = b"\r\n\r\n"
_TLS_HANDSHAKE = b"\x16"  # how a ClientHello begins (RFC 8446 section 5.1), and no request does
_TOO_MANY = "too many connections from this address"


class Port(typing.Protocol):
    """What a doorman asks and tells; see `rtcsignal.engineio.port.factory.PortFactory`."""

    limits: HttpLimits
    deadlines: Deadlines
    proxies: Proxies
    connections: AddressCounts
    refusals: Refusals

    def passOn(self, transport: ITransport, head: Head, block: bytes, rest: bytes, slot: Slot | None) -> None:
        """Let a connection go on with what its next request is for."""

    def refuse(self, transport: ITransport, response: Response, slot: Slot | None) -> None:
        """Give a connection its last answer."""


class Doorman(Protocol):
    """Meets a connection, reads the head of its first request, and passes it on.

    Args:
        factory: Where it may go.
    """

    factory: Port
    transport: typing.Any  # TCP, TLS or UNIX: what we use is common to all, but part of no interface

    def __init__(self, factory: Port) -> None:
        self.factory = factory
        self._received = bytearray()
        self._emptyLines = 0
        self._deadline: Deadline | None = None
        self._slot: Slot | None = None

    def connectionMade(self) -> None:
        factory, peer = self.factory, addressOf(socketOf(self.transport))
        if not factory.proxies.trusts(peer):
            if socketOf(self.transport) is not self.transport:
                self.transport.abortConnection()  # it could claim to speak for anyone
                factory.refusals.connection(peer, 0, "it speaks the PROXY protocol, but is not listed in proxies")
                return
            if not factory.connections.hasSlotFor(peer):
                if ISSLTransport.providedBy(self.transport):
                    self.transport.abortConnection()  # an answer would wait for a handshake, which takes work and time
                    factory.refusals.connection(peer, 0, _TOO_MANY)
                else:
                    self._refuse(429, _TOO_MANY)
                return
            self._slot = factory.connections.take(peer)
        seconds = self.factory.limits.headerSeconds
        if seconds:
            self._deadline = self.factory.deadlines.after(seconds).start(Doorman._late, self)

    def dataReceived(self, data: bytes) -> None:
        start = max(0, len(self._received) - len(_END))
        self._received += data
        if self._received.startswith(_TLS_HANDSHAKE):
            self._dismiss()
            return
        empty = emptyLines(self._received)
        if empty:
            self._emptyLines += empty
            del self._received[: 2 * empty]
            start = 0
            if self._emptyLines > MOST_EMPTY_LINES:
                self._refuse(400, "empty lines before a request")
                return
        end = self._received.find(_END, start)
        most = self.factory.limits.headerBytes
        if most and (end if end >= 0 else len(self._received)) > most:
            self._refuse(431, TOO_LARGE_HEAD)
        elif end >= 0:
            self._pass(bytes(self._received), end)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._cancel()
        self._freeSlot()
        fault = handshakeFault(reason)
        if fault is not None:
            self.factory.refusals.connection(addressOf(socketOf(self.transport)), 0, fault)

    def _pass(self, received: bytes, end: int) -> None:
        self._cancel()
        factory, block = self.factory, received[:end]
        try:
            head = parseHead(block, factory.limits.headerCount)
        except BadHead as error:
            self._refuse(error.status, error.reason)
            return
        slot, self._slot = self._slot, None
        factory.passOn(self.transport, head, block, received[end + len(_END) :], slot)

    def _refuse(self, status: int, reason: str) -> None:
        self._cancel()
        self.factory.refusals.connection(addressOf(socketOf(self.transport)), status, reason)
        slot, self._slot = self._slot, None
        self.factory.refuse(self.transport, Response(status), slot)

    def _dismiss(self) -> None:
        """End a connection that speaks TLS, which this port does not: its client would wait for an answer in vain."""
        self._cancel()
        peer = addressOf(socketOf(self.transport))
        self.factory.refusals.connection(peer, 0, "it speaks TLS, but this port does not")
        slot, self._slot = self._slot, None
        handTo(Farewell(self.factory.deadlines, slot), self.transport)

    def _freeSlot(self) -> None:
        if self._slot is not None:
            self._slot.free()
            self._slot = None

    def _late(self) -> None:
        self._deadline = None
        self.transport.abortConnection()

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
