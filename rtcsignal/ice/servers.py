"""Which ICE servers a member is given, in the shape that browsers take."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.ice.credentials import credentialsOf
from rtcsignal.iceservers import IceServer, IceServers, Secret, isTurn

__all__ = ["IceOptions", "Issue", "Source", "issueFor"]


@dataclass(frozen=True)
class Source:
    """One server of the configuration.

    Attributes:
        urls: Its URLs.
        secret: What this server and TURN share; None if the credentials are always the same, or there are none.
        username: The user name that is always the same.
        credential: The password that belongs to it.
    """

    urls: tuple[str, ...]
    secret: Secret | None = None
    username: str | None = None
    credential: Secret | None = None

    def serverFor(self, userId: str, now: float, ttl: float) -> IceServer:
        """The server with credentials for a user."""
        if not any(map(isTurn, self.urls)):
            return IceServer(self.urls)
        if self.secret is not None:
            return IceServer(self.urls, *credentialsOf(self.secret.text, userId, now, ttl))
        return IceServer(self.urls, self.username, self.credential.text if self.credential is not None else None)


@dataclass(frozen=True)
class IceOptions:
    """Settings of ICE servers.

    Attributes:
        sources: The servers, in their order.
        ttl: Seconds for which a credential is good.
        roles: Members with one of these roles are given relays; all members if there are none.
        origins: Only pages of these origins are; None for all pages that may connect.
        relayOnly: Clients are asked to use relays alone.
    """

    sources: tuple[Source, ...] = ()
    ttl: float = 3600.0
    roles: frozenset[str] = frozenset()
    origins: OriginRule | None = None
    relayOnly: bool = False

    def admits(self, roles: Iterable[str], origin: str | None) -> bool:
        """Whether somebody is given relays.

        Args:
            roles: Those that they have.
            origin: The Origin header; None if their client has sent none, and so is not a page.
        """
        if self.roles and self.roles.isdisjoint(roles):
            return False
        return self.origins is None or origin is None or self.origins.allows(origin, "")


@dataclass(frozen=True)
class Issue:
    """What somebody is given.

    Attributes:
        shape: As clients get it.
        ttl: Seconds for which it is good.
        relays: How many URLs of TURN are in it.
        expiresAt: When its credentials run out, in seconds since the epoch; None if none of them does.
    """

    shape: dict[str, Any]
    ttl: float
    relays: int
    expiresAt: float | None


def issueFor(
    options: IceOptions, userId: str, admitted: bool, provided: Sequence[IceServers], now: float
) -> Issue:
    """Give ICE servers to a member.

    Args:
        options: The settings.
        userId: Who.
        admitted: Whether relays are among them.
        provided: What the providers have given.
        now: Seconds since the epoch.
    """
    limits = [options.ttl, *(each.ttl for each in provided if each.ttl is not None)]
    if not options.sources and len(limits) > 1:
        del limits[0]  # which is about the servers of the configuration
    ttl = min(limits)
    servers = [source.serverFor(userId, now, ttl) for source in options.sources]
    for each in provided:
        servers += each.servers
    entries = list(_entries(servers, admitted))
    relays = sum(isTurn(url) for entry in entries for url in entry["urls"])
    shape: dict[str, Any] = {"iceServers": entries, "ttl": int(ttl) if ttl >= 1 else ttl}
    if options.relayOnly:
        shape["iceTransportPolicy"] = "relay"
    runsOut = any(source.secret for source in options.sources) or any(each.ttl is not None for each in provided)
    return Issue(shape, ttl, relays, math.ceil(now + ttl) if relays and runsOut else None)


def _entries(servers: Iterable[IceServer], admitted: bool) -> Iterator[dict[str, Any]]:
    for server in servers:
        urls = [url for url in server.urls if admitted or not isTurn(url)]
        if not urls:
            continue
        entry: dict[str, Any] = {"urls": urls}
        if any(map(isTurn, urls)):
            entry |= {"username": server.username, "credential": server.credential}
        yield entry
