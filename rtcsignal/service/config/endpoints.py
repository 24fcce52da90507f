"""Twisted's endpoint strings, as people write them: IPv6 addresses, relative paths, and what is not said."""

from __future__ import annotations

import os
import re
from ipaddress import IPv6Address

__all__ = ["completed", "endpointArguments", "isEverywhere", "isProxied", "kindOf", "withAddresses", "withPaths"]

_BACKLOG = 1_024
_WITH_BACKLOG = ("tcp", "tcp6", "ssl", "unix")
_UNIX_MODE = "660"
_PART = re.compile(r"(?:[^:\\]|\\.)+", re.DOTALL)
_HAPROXY = "haproxy:"
_INTERFACE = "interface="
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 - these are compared with, nothing is bound to them

# The arguments that are paths: their names, and their places among those without a name.
_PATHS: dict[str, dict[str, int | None]] = {
    "unix": {"address": 0},
    "ssl": {"privateKey": 1, "certKey": 2, "extraCertChain": None, "dhParameters": None},
}
_KEY = "server.pem"  # as Twisted has it


def kindOf(endpoint: str) -> str:
    """``tcp``, ``unix``...; of one that speaks the PROXY protocol, the kind below."""
    return endpoint.removeprefix(_HAPROXY).partition(":")[0]


def isProxied(endpoint: str) -> bool:
    """Whether it speaks the PROXY protocol."""
    return endpoint.startswith(_HAPROXY)


def endpointArguments(text: str) -> tuple[list[str], dict[str, str]]:
    """Split at colons as Twisted does: a backslash keeps the next character, ``=`` makes a named argument.

    Args:
        text: What follows the kind of an endpoint.

    Returns:
        The arguments without a name, in their order, and those with one.
    """
    plain: list[str] = []
    named: dict[str, str] = {}
    for part in _PART.findall(text):
        name, equals, value = part.partition("=")
        if equals:
            named[name] = re.sub(r"\\(.)", r"\1", value)
        else:
            plain.append(re.sub(r"\\(.)", r"\1", part))
    return plain, named


def isEverywhere(endpoint: str) -> bool:
    """Whether a TCP endpoint listens on all addresses of the machine."""
    plain, named = endpointArguments(endpoint.partition(":")[2])
    return (named.get("interface") or (plain[1] if len(plain) > 1 and kindOf(endpoint) == "tcp" else "")) in _EVERYWHERE


def withAddresses(endpoint: str) -> str:
    """The endpoint with the colons of an IPv6 address escaped, where it is written plainly: ``interface=::1``.

    Args:
        endpoint: An endpoint string as someone wrote it, also with brackets: ``interface=[::1]``.
    """
    before, name, rest = endpoint.partition(f":{_INTERFACE}")
    parts = rest.split(":")
    for count in range(len(parts), 1, -1):
        address, others = ":".join(parts[:count]), parts[count:]
        if _isIPv6(address.removeprefix("[").removesuffix("]")) and all("=" in other for other in others):
            plain = address.removeprefix("[").removesuffix("]")
            return ":".join([before + name + plain.replace(":", "\\:"), *others])
    return endpoint


def withPaths(endpoint: str, base: str) -> str:
    """The endpoint with absolute paths.

    Args:
        endpoint: An endpoint string.
        base: The folder from which relative paths count.
    """
    proxied = isProxied(endpoint)
    kind, _, rest = endpoint.removeprefix(_HAPROXY).partition(":")
    places = _PATHS.get(kind)
    if places is None:
        return endpoint
    parts = _PART.findall(rest)
    position = 0
    for index, part in enumerate(parts):
        name, equals, value = part.partition("=")
        if equals and name in places:
            parts[index] = f"{name}={_absolute(value, base)}"
        elif not equals:
            if position in places.values():
                parts[index] = _absolute(part, base)
            position += 1
    if kind == "ssl" and position < 2 and not any(part.startswith("privateKey=") for part in parts):
        parts.append(f"privateKey={_absolute(_KEY, base)}")
    return ":".join([_HAPROXY * proxied + kind, *parts])


def completed(endpoint: str) -> str:
    """The endpoint with what it does not say itself: a queue for a crowd that comes at once, and a UNIX socket that
    only its user and its group may use.

    Args:
        endpoint: A Twisted endpoint string.
    """
    kind = kindOf(endpoint)
    if kind == "unix":
        plain, named = endpointArguments(endpoint.removeprefix(_HAPROXY).partition(":")[2])
        if "mode" not in named and len(plain) < 2:
            endpoint += f":mode={_UNIX_MODE}"
    if kind not in _WITH_BACKLOG or ":backlog=" in endpoint:
        return endpoint
    return f"{endpoint}:backlog={_BACKLOG}"


def _absolute(escaped: str, base: str) -> str:
    path = re.sub(r"\\(.)", r"\1", escaped)
    if not path or path.startswith("\0"):
        return escaped  # not a path; or a name that is not in the file system
    return _escape(os.path.normpath(os.path.join(base, path)))


def _escape(text: str) -> str:
    return re.sub(r"([\\:=])", r"\\\1", text)


def _isIPv6(text: str) -> bool:
    if "=" in text:
        return False  # which the name of a scope could hold, for Python
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
