"""Wiring: builds the server's objects from a configuration. Nothing else knows how the layers fit together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rtcsignal.clocks import wallClock
from rtcsignal.engineio.http.addresses import Proxies
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.port.resource import EngineResource
from rtcsignal.engineio.server import EngineServer, makeSid
from rtcsignal.engineio.stream.outbox import Flusher
from rtcsignal.lograte import LogRation
from rtcsignal.policy.pluginhost import PluginHost
from rtcsignal.rates import Rate
from rtcsignal.service.cluster import backplaneOf
from rtcsignal.service.config.endpoints import isProxied
from rtcsignal.service.config.schema import Config
from rtcsignal.service.features import featuresOf
from rtcsignal.service.handlers import namespacesOf
from rtcsignal.service.links import Links, sidsOf
from rtcsignal.service.pluginset import pluginsOf
from rtcsignal.service.server import Server
from rtcsignal.service.workers.nodes import machineOf
from rtcsignal.signaling.gates import OpenGates
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.socketio.packet import DecoderLimits
from rtcsignal.socketio.port import mount
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions, SocketServer
from rtcsignal.web.site import makeRoot

__all__ = ["build"]

_TCP_PER_CLIENT = 4
"""TCP connections that a browser may open for one client on polling: one for the poll, one for posts, and some left."""


def build(config: Config, reactor: Any, announce: Callable[[str], object] | None = None) -> Server:
    """Build a server.

    Args:
        config: The configuration.
        reactor: The time, and where the server will listen.
        announce: Called with each incarnation of its node as it begins.

    Raises:
        ConfigError: A plugin cannot be used, or an endpoint would let anyone pose as anyone.
    """
    plugins = pluginsOf(config, _anyonesEndpoints(config))
    lines = config.limits.logLinesPerSecond
    logRation = LogRation(reactor.seconds, lines, 10 * lines)
    flusher = Flusher(reactor) if config.socketio.fast else None
    backplane = backplaneOf(config.backplane, machineOf(config), reactor, announce, flusher)
    hub = Hub(_signalingOptions(config), OpenGates(), reactor, wallClock, logRation, backplane)
    if backplane is not None:
        backplane.listen(hub.ear)
    node = "" if backplane is None else backplane.nodes.own
    features = featuresOf(hub, config, wallClock)
    sockets = SocketServer(namespacesOf(hub, features), reactor, _socketOptions(config, node))
    if backplane is not None:
        sockets.recovery.elsewhere, backplane.claimed = backplane.claim, sockets.recovery.giveUp
    makeSids = makeSid if backplane is None else sidsOf(node)
    options = _engineOptions(config)
    engine = EngineServer(options, reactor, sockets.connect, makeSid=makeSids, stopping=sockets.close)
    root = makeRoot(demo=config.web.demo)
    mount(root, config.socketio.path, EngineResource(engine))
    factory = PortFactory([engine], root, _httpLimits(config), reactor, Proxies(config.proxies), flusher=flusher)
    engine.refusals.logRation = factory.refusals.logRation = sockets.logRation = logRation
    links = None if backplane is None else Links(config.backplane, reactor, backplane, engine, factory, logRation)
    host = PluginHost(plugins, hub, reactor, wallClock)
    return Server(reactor, factory, hub, sockets, engine, host, features, backplane, links)


def _anyonesEndpoints(config: Config) -> list[str]:
    """A line for each endpoint at which anyone could pose as anyone."""
    if config.proxies:
        return []
    return [
        f"listen: {endpoint}: proxies must say who may connect there, as the PROXY protocol could tell any address"
        for endpoint in config.listen
        if isProxied(endpoint)
    ]


def _signalingOptions(config: Config) -> SignalingOptions:
    return SignalingOptions(
        echo=config.signaling.echo,
        exact=config.signaling.compat == "exact",
        leaveGrace=config.signaling.leaveGrace,
        roomsPerPeer=config.limits.roomsPerPeer,
        nameCharacters=config.limits.nameCharacters,
        joinBytes=config.limits.joinBytes,
        waitingBytes=config.limits.waitingBytes,
        joinsRate=Rate(config.limits.joinsPerSecond if config.limits.eventsPerSecond else 0, config.limits.joinsBurst),
    )


def _socketOptions(config: Config, node: str) -> SocketOptions:
    limits = config.limits
    together = limits.addressDeliveriesPerSecond if limits.connectionsPerAddress else 0
    return SocketOptions(
        connectTimeout=config.socketio.connectTimeout,
        attachmentTimeout=limits.attachmentSeconds,
        mostNamespaces=limits.namespacesPerConnection,
        eventsPerSecond=limits.eventsPerSecond,
        eventsBurst=limits.eventsBurst,
        fanOut=Rate(limits.deliveriesPerSecond if limits.eventsPerSecond else 0, limits.deliveriesBurst),
        fanOutPerAddress=Rate(together if limits.eventsPerSecond else 0, limits.addressDeliveriesBurst),
        decoder=DecoderLimits(
            attachments=limits.attachments,
            depth=limits.jsonDepth,
            attachmentBytes=limits.messageBytes,
            connectBytes=limits.joinBytes,
        ),
        recovery=_recoveryOptions(config, node),
    )


def _recoveryOptions(config: Config, node: str) -> RecoveryOptions:
    recovery = config.socketio.recovery
    return RecoveryOptions(
        window=recovery.window,
        everybody=recovery.everybody,
        packets=recovery.packets,
        size=recovery.bytes,
        total=recovery.totalBytes,
        held=recovery.clients,
        node=node,
        heldPerAddress=config.limits.connectionsPerAddress,
    )


def _engineOptions(config: Config) -> EngineOptions:
    socketio, limits = config.socketio, config.limits
    return EngineOptions(
        path=socketio.path,
        transports=tuple(socketio.transports),
        pingInterval=socketio.pingInterval,
        pingTimeout=socketio.pingTimeout,
        upgradeTimeout=socketio.upgradeTimeout,
        cookie=socketio.cookie,
        jsonp=socketio.jsonp,
        withoutEio=3 if socketio.withoutEio == 3 else None,
        fast=socketio.fast,
        origins=OriginRule(config.origins),
        maxPayload=limits.messageBytes,
        maxPackets=limits.packetsPerPayload,
        sendQueue=limits.sendQueueBytes,
        sendPackets=limits.sendQueuePackets,
        sendSeconds=limits.sendQueueSeconds,
        bytesRate=Rate(limits.bytesPerSecond if limits.eventsPerSecond else 0, limits.bytesBurst),
        framesRate=Rate(limits.eventsPerSecond, limits.eventsBurst),
        sessionsPerAddress=limits.connectionsPerAddress,
    )


def _httpLimits(config: Config) -> HttpLimits:
    limits = config.limits
    return HttpLimits(
        headerBytes=limits.headerBytes,
        headerCount=limits.headerCount,
        headerSeconds=limits.headerSeconds,
        bodyBytes=limits.messageBytes,
        bodySeconds=limits.bodySeconds,
        idleSeconds=limits.idleSeconds,
        sendSeconds=limits.sendQueueSeconds,
        connectionsPerAddress=_TCP_PER_CLIENT * limits.connectionsPerAddress,
    )
