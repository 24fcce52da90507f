"""What is built around the rooms, and not a part of them: ICE servers, and whoever watches how calls are set up."""

from __future__ import annotations

from dataclasses import dataclass

from rtcsignal.clocks import WallClock
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.ice.issuer import Issuer
from rtcsignal.ice.requests import IceRequests
from rtcsignal.ice.servers import IceOptions, Source
from rtcsignal.service.config.ice import Ice
from rtcsignal.service.config.schema import Config
from rtcsignal.signaling.handlers import Handler
from rtcsignal.signaling.hub import Hub

__all__ = ["Features", "featuresOf", "iceOptionsOf"]


@dataclass(frozen=True)
class Features:
    """What is built around the rooms of a server.

    Attributes:
        config: The configuration with which the server began.
        issuer: Gives ICE servers; None in exact mode, where nothing is added to what members are told.
        iceRequests: Handles ``ice-servers``.
        openFiles: Files of secrets that others may read.
    """

    config: Config
    issuer: Issuer | None = None
    iceRequests: Handler | None = None
    openFiles: tuple[str, ...] = ()

    def reload(self, config: Config) -> None:
        """Take over what a reload may change; the plugins are in use already."""
        if self.issuer is not None:
            self.issuer.replace(iceOptionsOf(config.ice))

    def stop(self) -> None:
        """The server stops."""
        if self.issuer is not None:
            self.issuer.stop()


def featuresOf(hub: Hub, config: Config, wall: WallClock) -> Features:
    """Build them, and let the rooms know.

    Args:
        hub: The rooms.
        config: The configuration.
        wall: The time of day.
    """
    if hub.options.exact:
        return Features(config)
    issuer = Issuer(iceOptionsOf(config.ice), lambda: hub.gates, hub.clock, wall)
    joining = hub.joining
    joining.prepare = issuer.prepare
    joining.welcome.add(issuer.welcome)
    hub.departures.append(issuer.gone)
    return Features(config, issuer, IceRequests(issuer, joining.keepsPace).handle, config.ice.openFiles)


def iceOptionsOf(ice: Ice) -> IceOptions:
    """The settings of ICE servers that a section of the configuration means."""
    return IceOptions(
        sources=tuple(
            Source(server.urls, server.secret, server.username, server.credential) for server in ice.servers
        ),
        ttl=ice.ttl,
        roles=frozenset(ice.roles),
        origins=OriginRule(ice.origins) if ice.origins else None,
        relayOnly=ice.relayOnly,
    )
