"""IP addresses as strings: in their usual form, and as what they are counted under."""

from __future__ import annotations

import socket
from functools import lru_cache
from ipaddress import IPv6Address, IPv6Network, ip_address

__all__ = ["UNIX", "addressBits", "addressClass", "networkOf", "plainAddress", "whereabouts"]

UNIX = "unix"
"""Stands for anyone who connects over a UNIX socket."""

_NETWORK_BITS = 64
# Entries are made among the objects of connections, and outlive them: many would keep the memory of thousands.
_CACHED = 256


def plainAddress(text: str) -> str | None:
    """An IP address in its usual form, without a port or a zone; None if it is not an IP address.

    Args:
        text: As proxies write it: ``192.0.2.1``, ``192.0.2.1:4711``, ``2001:db8::1``, ``[2001:db8::1]:4711``.
    """
    text = text.strip(" \t\"")
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


def networkOf(address: str) -> str:
    """Who is behind an IP address: of IPv6 the network of 64 bits, all of which one household or machine has.

    Args:
        address: As `IPeer.address` has it; a string that is not an IP address stays as it is.
    """
    return _networkOf(address) if ":" in address else address


@lru_cache(maxsize=_CACHED)
def _networkOf(address: str) -> str:
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Network((int(parsed), _NETWORK_BITS), strict=False))
    return address


def addressBits(text: str) -> bytes | None:
    """The bytes of an IP address: 4 or 16; None if it is not one."""
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return None


def addressClass(bits: bytes) -> str:
    """What kind of address it is: ``loopback``, ``linklocal``, ``private``, ``cgnat``, ``ula`` or ``public``.

    Args:
        bits: As `addressBits` returns them.
    """
    first, second = bits[0], bits[1]
    if len(bits) == 4:
        if first == 127:
            return "loopback"
        if (first, second) == (169, 254):
            return "linklocal"
        if first == 100 and second & 0xC0 == 64:
            return "cgnat"
        isPrivate = first == 10 or (first == 172 and second & 0xF0 == 16) or (first, second) == (192, 168)
        return "private" if isPrivate else "public"
    if bits == b"\0" * 15 + b"\1":
        return "loopback"
    if first == 0xFE and second & 0xC0 == 0x80:
        return "linklocal"
    return "ula" if first & 0xFE == 0xFC else "public"


def whereabouts(address: str) -> str:
    """An address for a log line, also where there is none.

    Args:
        address: An IP address, or "" for a client that is connected to a UNIX socket.
    """
    return address or "a UNIX socket"
