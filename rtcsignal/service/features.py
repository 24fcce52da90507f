"""What is built around the rooms, and not a part of them: ICE servers, and whoever watches how calls are set up."""

from __future__ import annotations

from dataclasses import dataclass

from rtcsignal.calls.file import CaptureFile
from rtcsignal.calls.recorder import Recorder
from rtcsignal.calls.reports import Reports
from rtcsignal.calls.telling import Telling
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
        recorder: Watches how calls are set up; None if nobody does.
        reports: Handles ``call-state``.
        callsFile: Where calls are written down.
    """

    config: Config
    issuer: Issuer | None = None
    iceRequests: Handler | None = None
    openFiles: tuple[str, ...] = ()
    recorder: Recorder | None = None
    reports: Handler | None = None
    callsFile: CaptureFile | None = None

    def reload(self, config: Config) -> None:
        """Take over what a reload may change; the plugins are in use already."""
        if self.issuer is not None:
            self.issuer.replace(iceOptionsOf(config.ice))

    def stop(self) -> None:
        """The server stops."""
        if self.issuer is not None:
            self.issuer.stop()
        if self.recorder is not None:
            self.recorder.stop()
        if self.callsFile is not None:
            self.callsFile.close()


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
    requests = IceRequests(issuer, joining.keepsPace).handle
    if not config.calls.doctor:
        return Features(config, issuer, requests, config.ice.openFiles)
    file = None if config.calls.file is None else CaptureFile(config.calls.file)
    write = None if file is None else file.write
    recorder = Recorder(hub.clock, wall, Telling(hub.logRation).tell, write)
    hub.watch(recorder)
    issuer.observers.append(recorder.issued)
    reports = Reports(recorder, hub.clock)
    hub.departures += [recorder.gone, reports.gone]
    return Features(config, issuer, requests, config.ice.openFiles, recorder, reports.handle, file)


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
