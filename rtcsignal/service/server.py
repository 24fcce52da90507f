"""A server, wired: what is done with it as a whole, from its start to its end."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from rtcsignal.backplane.cluster import Backplane
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.server import EngineServer
from rtcsignal.logtext import safe
from rtcsignal.policy.pluginhost import PluginHost
from rtcsignal.service.config.schema import Config
from rtcsignal.service.features import Features
from rtcsignal.service.invariants import census, violations
from rtcsignal.service.links import Links
from rtcsignal.service.pluginset import pluginsOf
from rtcsignal.service.sweeping import Sweeper, forgetCode
from rtcsignal.service.tuning import freezeGarbage, raiseDescriptorLimit, useLeanTurns
from rtcsignal.signaling.hub import Hub
from rtcsignal.socketio.server import SocketServer

__all__ = ["Server"]

_log = Logger(namespace="rtcsignal.service")


class Server:
    """One server, wired.

    Attributes:
        factory: Listens on every endpoint.
        hub: The rooms.
        sockets: The Socket.IO server.
        engine: The Engine.IO server.
        plugins: The plugins.
        features: What is built around the rooms.
        backplane: The other nodes; None if there are none.
        links: Brings requests to them, and takes theirs; None if there are none.
    """

    def __init__(
        self,
        reactor: Any,
        factory: PortFactory,
        hub: Hub,
        sockets: SocketServer,
        engine: EngineServer,
        plugins: PluginHost,
        features: Features,
        backplane: Backplane | None = None,
        links: Links | None = None,
    ) -> None:
        self.backplane = backplane
        self.links = links
        self._reactor = reactor
        self.plugins = plugins
        self.features = features
        self.factory = factory
        self.hub = hub
        self.sockets = sockets
        self.engine = engine
        self._sweeper = Sweeper(reactor)

    def start(self) -> Deferred[None]:
        """Start the plugins; clients that come before that wait.

        Returns:
            Fires when they run; fails with `ConfigError` if one does not start.
        """
        if self.engine.options.fast:
            flusher = self.factory.flusher
            if useLeanTurns(self._reactor, flusher.flush):
                flusher.needsNoTimer()
            freezeGarbage()
        raiseDescriptorLimit()
        self._sweeper.start()
        _warnOf(self.features.openFiles)
        self.plugins.forget = forgetCode
        return Deferred.fromCoroutine(self._started())

    async def _started(self) -> None:
        if self.links is not None:
            await self.links.open()
        if self.backplane is not None:
            self.backplane.start()
        await self.plugins.start()

    def reload(self, config: Config) -> Deferred[bool]:
        """Take over the plugins and the ICE servers of a configuration. No one is disconnected.

        Returns:
            Fires with whether they could be taken over; if not, the log says why, and everything stays as it was.
        """
        return self.plugins.reload(lambda: pluginsOf(config)).addCallback(self._reloaded, config)

    def _reloaded(self, isDone: bool, config: Config) -> bool:
        """The plugins were replaced, or not. Of reloads that were asked for at once, the last one was done."""
        if isDone:
            self.features.reload(config)
            _warnOf(config.ice.openFiles)
        return isDone

    def examine(self) -> tuple[dict[str, int], list[str]]:
        """Look whether everything fits together.

        Returns:
            What there is, and what is wrong with it: see `rtcsignal.service.invariants`.
        """
        return census(self), violations(self)

    def close(self) -> Deferred[Any]:
        """End every connection in such a way that the clients come back by themselves.

        Returns:
            Fires when all are gone.
        """
        self.hub.close()
        self.features.stop()
        left = succeed(None) if self.backplane is None else self.backplane.close()
        return self.engine.close().addCallback(lambda _: Deferred.fromCoroutine(self._stopped(left)))

    async def _stopped(self, left: Deferred[None]) -> None:
        await left
        if self.links is not None:
            await self.links.close()
        await self.plugins.stop()
        self._sweeper.stop()
        for deadlines in (self.factory.deadlines, self.sockets.deadlines, self.engine.deadlines):
            deadlines.stop()


def _warnOf(openFiles: tuple[str, ...]) -> None:
    """A secret that others may read is none."""
    for path in openFiles:
        _log.warn("{path} holds a secret, and every user of this machine may read it", path=safe(path, 1000))
