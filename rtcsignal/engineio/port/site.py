"""The site of twisted.web that serves every request that is neither a WebSocket nor one for the polling lane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.internet.interfaces import IAddress, ITransport
from twisted.web.resource import Resource
from twisted.web.server import Site

from rtcsignal.deadlines import Deadlines
from rtcsignal.engineio.http.addresses import Proxies, Slot
from rtcsignal.engineio.http.head import Head
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.port.channel import BoundedChannel
from rtcsignal.engineio.port.headernames import rememberUsualHeaders
from rtcsignal.engineio.port.webrequest import BoundedRequest
from rtcsignal.engineio.refusals import Refusals
from rtcsignal.engineio.server import EngineServer

__all__ = ["BoundedSite"]


class BoundedSite(Site):
    """A site whose channels are safe.

    Args:
        root: The resources.
        limits: What a connection may cost.
        deadlines: Where deadlines come from.
        engines: The Engine.IO servers on this port, by path.
        switchToWebSocket: Called with transport, head, the head's bytes, what came behind it and what counts the
            connection, when that turns into a WebSocket.
        proxies: Those that are trusted to say where a request comes from.

    Attributes:
        refusals: Logs what is refused.
    """

    refusals: Refusals
    protocol = BoundedChannel  # type: ignore[assignment]
    requestFactory = BoundedRequest

    def __init__(
        self,
        root: Resource,
        limits: HttpLimits,
        deadlines: Deadlines,
        engines: Mapping[str, EngineServer],
        switchToWebSocket: Callable[[ITransport, Head, bytes, bytes, Slot | None], None],
        proxies: Proxies,
    ) -> None:
        rememberUsualHeaders()
        timeout = limits.idleSeconds or None
        super().__init__(root, requestFactory=BoundedRequest, timeout=timeout, reactor=deadlines.clock)
        self.limits = limits
        self.deadlines = deadlines
        self.engines = engines
        self.switchToWebSocket = switchToWebSocket
        self.proxies = proxies

    def buildProtocol(self, addr: IAddress | None) -> BoundedChannel:  # type: ignore[override]
        channel: Any = super().buildProtocol(addr)
        channel.maxHeaders = self.limits.headerCount or channel.maxHeaders
        channel.totalHeadersSize = channel.MAX_LENGTH = self.limits.headerBytes or channel.totalHeadersSize
        return cast(BoundedChannel, channel)

    def log(self, request: object) -> None:
        """No access log: a poll is not news."""
