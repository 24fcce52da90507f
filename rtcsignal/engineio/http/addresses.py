"""What the limits know a client by: its address, behind proxies as well, and how many connections an address has.

A trusted proxy says for whom it speaks: in the header X-Forwarded-For, to which each proxy on the way appends the
address of its caller. What the client itself wrote there is further to the left and proves nothing, so the list is
read from the right, up to the first address that is not a trusted proxy's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from types import MappingProxyType

from rtcsignal.addresses import UNIX, networkOf, plainAddress

__all__ = ["AddressCounts", "Proxies", "Slot"]

_MOST_HOPS = 32


class Proxies:
    """The proxies that are trusted.

    Args:
        trusted: IP addresses, networks such as ``10.0.0.0/8``, and `UNIX`.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        names = list(trusted)
        self._unix = UNIX in names
        self._networks = [ip_network(name) for name in names if name != UNIX]

    def trusts(self, address: str) -> bool:
        """Whether a connection from there is a trusted proxy's.

        Args:
            address: An IP address, or "" for a UNIX socket.
        """
        if not address:
            return self._unix
        return bool(self._networks) and self._isTrusted(address)

    def clientOf(self, peer: str, headers: Mapping[str, str]) -> str:
        """The address of the client that a request is from.

        Args:
            peer: The address of the other side of the connection.
            headers: Those of the request, names in lower case.
        """
        forwarded = headers.get("x-forwarded-for")
        if forwarded is None or not self.trusts(peer):
            return peer
        client = peer
        for hop in reversed(forwarded.rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
            address = plainAddress(hop)
            if address is None:
                break
            client = address
            if not self._isTrusted(address):
                break
        return client

    def hostOf(self, peer: str, headers: Mapping[str, str]) -> str:
        """What the client calls this server, as the nearest trusted proxy says; "" if none does.

        Args:
            peer: The address of the other side of the connection.
            headers: Those of the request, names in lower case.
        """
        host = headers.get("x-forwarded-host")
        return "" if host is None or not self.trusts(peer) else host.rpartition(",")[2].strip()

    def isSecure(self, peer: str, headers: Mapping[str, str], secure: bool) -> bool:
        """Whether the client's connection is encrypted: what the nearest trusted proxy says, else what is so here.

        Args:
            peer: The address of the other side of the connection.
            headers: Those of the request, names in lower case.
            secure: The connection to this server is encrypted.
        """
        scheme = headers.get("x-forwarded-proto")
        if scheme is None or not self.trusts(peer):
            return secure
        return scheme.rpartition(",")[2].strip().lower() in ("https", "wss")

    def _isTrusted(self, text: str) -> bool:
        plain = plainAddress(text)
        if plain is None:
            return False
        address: IPv4Address | IPv6Address = ip_address(plain)
        return any(address in network for network in self._networks if _sameKind(address, network))


def _sameKind(address: IPv4Address | IPv6Address, network: IPv4Network | IPv6Network) -> bool:
    return address.version == network.version


class Slot:
    """One slot of an address, which it has until it is freed."""

    __slots__ = ("_counts", "_key")

    def __init__(self, counts: AddressCounts, key: str) -> None:
        self._counts: AddressCounts | None = counts
        self._key = key

    def free(self) -> None:
        """Give it back. Does nothing the second time."""
        counts, self._counts = self._counts, None
        if counts is not None:
            counts.free(self._key)


class AddressCounts:
    """How many slots each address has.

    Args:
        most: Most slots of one address; 0 for no limit.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[str, int] = {}

    @property
    def counts(self) -> Mapping[str, int]:
        """How many slots there are under each key, see `networkOf`."""
        return MappingProxyType(self._counts)

    def hasSlotFor(self, address: str) -> bool:
        """Whether there is one more slot. Clients without an address are not counted."""
        return not self._most or not address or self._counts.get(networkOf(address), 0) < self._most

    def take(self, address: str) -> Slot:
        """Take a slot, if there is one or not."""
        key = networkOf(address)
        self._counts[key] = self._counts.get(key, 0) + 1
        return Slot(self, key)

    def free(self, key: str) -> None:
        """A slot is free again; only for `Slot`."""
        count = self._counts[key] - 1
        if count:
            self._counts[key] = count
        else:
            del self._counts[key]
