"""Links between nodes: any of them takes any request, and brings it to the node that has the session."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort

from rtcsignal.backplane.cluster import Backplane
from rtcsignal.engineio.forwarding.directory import NodeAddress
from rtcsignal.engineio.forwarding.front import Front
from rtcsignal.engineio.forwarding.reception import Reception
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.server import EngineServer, makeSid
from rtcsignal.errors import ConfigError
from rtcsignal.lograte import LogRation
from rtcsignal.service.config.backplane import Backplane as Section
from rtcsignal.service.ports import whyNot

__all__ = ["Links", "sidsOf"]

_TOKEN_BYTES = 32


def sidsOf(node: str) -> Callable[[], str]:
    """Makes the session ids of a node: its id, and as many random bits as those of a server that is alone."""
    return lambda: node + makeSid()


class Links:
    """The links of one node, those that it opens and those that others open.

    Args:
        section: Where it listens.
        reactor: Connects and listens.
        backplane: Knows the other nodes, and tells them of this one.
        engine: Has the sessions.
        port: Has their connections.
        logRation: How much may go to the log.
    """

    def __init__(
        self,
        section: Section,
        reactor: Any,
        backplane: Backplane,
        engine: EngineServer,
        port: PortFactory,
        logRation: LogRation,
    ) -> None:
        nodes = backplane.nodes
        self._section = section
        self._reactor = reactor
        self._backplane = backplane
        self._token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._reception = Reception(engine, port, self._token, logRation)
        self._front = Front(nodes.own, nodes, reactor, engine.options.origins, port.refuse, logRation)
        self._port: IListeningPort | None = None
        engine.elsewhere = self._front

    async def open(self) -> None:
        """Listen, and have the other nodes told where.

        Raises:
            ConfigError: It cannot be listened there.
        """
        section = self._section
        try:
            self._port = await serverFromString(self._reactor, section.listen).listen(self._reception)
        except Exception as error:
            reason = whyNot(error, section.listen)
            raise ConfigError([f"backplane.listen: cannot listen on {section.listen}: {reason}"]) from error
        here: Any = self._port.getHost()
        host, port = here.host, here.port
        if section.address is not None:
            host, _, number = section.address.rpartition(":")
            host, port = host.removeprefix("[").removesuffix("]"), int(number)
        self._backplane.reachableAt(NodeAddress(host, port, self._token))

    def census(self) -> dict[str, int]:
        """What came in here for other nodes, or could not be brought there."""
        front = self._front
        return {
            "links": front.links,
            "forwarded requests": front.requests,
            "forwarded upgrades": front.upgrades,
            "not forwarded": front.unanswered,
            "refused links": self._reception.refused,
        }

    async def close(self) -> None:
        """End all links."""
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        self._front.close()
        self._reception.close()
