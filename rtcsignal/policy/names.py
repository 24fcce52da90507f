"""Addresses of hosts, for the HTTP clients of plugins and for whatever else asks the reactor.

The system's resolver blocks, for half a minute if a name server is down. Twisted asks it in the threads that the whole
process shares, and waits for these threads when the process ends. Here each lookup has a thread of its own that no one
waits for. Each plugin has only a few of them at a time: names that resolve slowly hold up the plugin that asks alone.
"""

from __future__ import annotations

import socket
import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from zope.interface import implementer

__all__ = ["LOOKUPS_AT_ONCE", "Names", "NamingReactor"]

LOOKUPS_AT_ONCE = 10
"""Of a server."""

_AT_ONCE = 4
_SECONDS = 10.0
_KEEP_SECONDS = 30.0
_MOST_KEPT = 100

_BOTH = (IPv4Address, IPv6Address)
_Addresses = tuple[IPv4Address | IPv6Address, ...]


@implementer(IHostResolution)
class _Waiting:
    """Someone who waits for the addresses of a host.

    Attributes:
        name: The host.
    """

    def __init__(
        self, name: str, receiver: IResolutionReceiver, port: int, kinds: Sequence[type[IAddress]], transport: str
    ) -> None:
        self.name = name
        self._receiver: IResolutionReceiver | None = receiver
        self._port = port
        self._kinds = tuple(kinds)
        self._transport: Any = transport
        self._timer: IDelayedCall | None = None

    @property
    def isOver(self) -> bool:
        """It does not wait any more."""
        return self._receiver is None

    def limit(self, timer: IDelayedCall) -> None:
        """Until when it waits."""
        self._timer = timer

    def tell(self, addresses: _Addresses) -> None:
        """These are the addresses; none means that there are none. Does nothing the second time."""
        receiver, self._receiver = self._receiver, None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if receiver is None:
            return
        for address in addresses:
            if isinstance(address, self._kinds):
                receiver.addressResolved(self._placeAt(address))
        receiver.resolutionComplete()

    def _placeAt(self, address: IPv4Address | IPv6Address) -> IAddress:
        """The port that was asked for, at an address of the host."""
        if isinstance(address, IPv6Address):
            return IPv6Address(self._transport, address.host, self._port, address.flowInfo, address.scopeID)
        return IPv4Address(self._transport, address.host, self._port)

    def cancel(self) -> None:
        """It is to wait no longer."""
        self._receiver = None
        self.tell(())


@implementer(IHostnameResolver)
class Names:
    """Finds the addresses of hosts, and keeps them for a few seconds. What takes too long is not found.

    Args:
        reactor: The time; and results come back to its thread.
        atOnce: Most lookups at a time; further ones wait.
        seconds: How long a caller waits for the addresses of a host.
    """

    def __init__(self, reactor: Any, atOnce: int = _AT_ONCE, seconds: float = _SECONDS) -> None:
        self._reactor = reactor
        self._free = atOnce
        self._seconds = seconds
        self._waiting: dict[str, list[_Waiting]] = {}
        """By host, those that are being looked up or are to be."""
        self._queue: deque[str] = deque()
        self._known: dict[str, tuple[float, _Addresses]] = {}

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """See `IHostnameResolver.resolveHostName`."""
        kinds = _BOTH if addressTypes is None else addressTypes
        waiting = _Waiting(hostName, resolutionReceiver, portNumber, kinds, transportSemantics)
        resolutionReceiver.resolutionBegan(waiting)
        known = self._addressesOf(hostName)
        if known is not None:
            waiting.tell(known)
            return waiting
        waiting.limit(self._reactor.callLater(self._seconds, waiting.tell, ()))
        if hostName in self._waiting:
            self._waiting[hostName].append(waiting)
        else:
            self._waiting[hostName] = [waiting]
            self._queue.append(hostName)
            self._work()
        return waiting

    def _addressesOf(self, host: str) -> _Addresses | None:
        """Those that are known without asking."""
        if isIPAddress(host):
            return (IPv4Address("TCP", host, 0),)
        if isIPv6Address(host):
            return (IPv6Address("TCP", host, 0),)
        until, addresses = self._known.get(host, (0.0, ()))
        return addresses if self._reactor.seconds() < until else None

    def _work(self) -> None:
        while self._free and self._queue:
            host = self._queue.popleft()
            if all(waiting.isOver for waiting in self._waiting[host]):
                del self._waiting[host]
                continue
            self._free -= 1
            try:
                threading.Thread(target=self._lookUp, args=(host,), name=f"address of {host}", daemon=True).start()
            except RuntimeError:  # the system has no thread left
                self._found(host, ())

    def _lookUp(self, host: str) -> None:
        """Ask the system's resolver: in a thread."""
        try:
            answers = socket.getaddrinfo(host, 0, socket.AF_UNSPEC, socket.SOCK_STREAM)
        except Exception:  # whatever it is, such as a name that cannot be one, there is no address
            answers = []
        addresses: list[IPv4Address | IPv6Address] = []
        for family, _, _, _, place in answers:
            if family == socket.AF_INET:
                addresses.append(IPv4Address("TCP", str(place[0]), 0))
            elif family == socket.AF_INET6:
                addresses.append(IPv6Address("TCP", *place))
        self._reactor.callFromThread(self._found, host, tuple(addresses))

    def _found(self, host: str, addresses: _Addresses) -> None:
        self._free += 1
        if addresses:
            self._known.pop(host, None)
            self._known[host] = (self._reactor.seconds() + _KEEP_SECONDS, addresses)
            if len(self._known) > _MOST_KEPT:
                del self._known[next(iter(self._known))]
        for waiting in self._waiting.pop(host):
            waiting.tell(addresses)
        self._work()


@implementer(IReactorPluggableNameResolver)
class NamingReactor:
    """A reactor whose endpoints find hosts in another way; in all else it is the reactor.

    Args:
        reactor: The reactor.
        names: Finds the hosts.

    Attributes:
        nameResolver: The same.
    """

    def __init__(self, reactor: Any, names: IHostnameResolver) -> None:
        self._reactor = reactor
        self.nameResolver = names

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """Find the hosts in another way from now on.

        Returns:
            How they were found until now.
        """
        before, self.nameResolver = self.nameResolver, resolver
        return before
