"""Nodes in memory: worlds with links between them, on one clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.error import ConnectionRefusedError as Refused
from twisted.internet.error import TimeoutError as ConnectTimeout
from twisted.internet.interfaces import IProtocol
from twisted.internet.protocol import ClientFactory, Factory
from twisted.python.failure import Failure

from rtcsignal.engineio.forwarding.directory import NodeAddress
from rtcsignal.engineio.forwarding.front import Front
from rtcsignal.engineio.forwarding.reception import Reception
from rtcsignal.engineio.http.exchange import Request, Response
from rtcsignal.lograte import LogRation
from tests.engineio.memory import MemoryTransport, SelectingClock
from tests.engineio.world import Answer, World

__all__ = ["Cable", "Network", "Node"]

_TOKEN = "a token that is hard to guess"


class Cable:
    """A connection between two nodes.

    Args:
        clock: The time.
        caller: The protocol of the one that connects.
        called: The protocol of the other.

    Attributes:
        stalled: Nothing passes, and no one is told.
    """

    def __init__(self, clock: SelectingClock, caller: IProtocol, called: IProtocol) -> None:
        self.stalled = False
        self.ends = MemoryTransport(clock, "10.0.0.1"), MemoryTransport(clock, "10.0.0.2")
        self._passing = bytearray(), bytearray()
        for transport, protocol in zip(self.ends, (caller, called), strict=True):
            transport.protocol = protocol
            protocol.makeConnection(transport)

    @property
    def isOpen(self) -> bool:
        """Neither end is gone."""
        return all(end.connected for end in self.ends)

    def turn(self) -> bool:
        """Let pass what was sent.

        Returns:
            Whether anything was.
        """
        if self.stalled:
            return False
        return self._turn(0, 1) | self._turn(1, 0)

    def _turn(self, here: int, there: int) -> bool:
        passing, end = self._passing[here], self.ends[there]
        sent = self.ends[here].flush()
        passing += sent
        hasPassed = bool(passing) and end.reading
        if hasPassed:
            data = bytes(passing)
            passing.clear()
            end.protocol.dataReceived(data)
        if not self.ends[here].connected and not passing and end.connected and end.reading:
            end.readConnectionLost()
            return True
        return hasPassed or bool(sent)

    def cut(self) -> None:
        """Break it, for both ends."""
        for end in self.ends:
            end.lost(ConnectionLost())


class _Connector:
    """What disconnects a connection that was made, or is being made."""

    def __init__(self, network: Network, factory: ClientFactory) -> None:
        self.cable: Cable | None = None
        self._network = network
        self._factory = factory
        self._isTrying = True

    def disconnect(self) -> None:
        if self.cable is not None:
            self.cable.ends[0].loseConnection()
        else:
            self.fail(Refused())

    def fail(self, error: Exception) -> None:
        if self._isTrying and self.cable is None:
            self._isTrying = False
            connector: Any = self
            self._factory.clientConnectionFailed(connector, Failure(error))


class Network:
    """What nodes connect through, as a reactor.

    Args:
        clock: The time.

    Attributes:
        cables: The connections that were made, in order.
        refused: Ports at which no one listens.
        silent: Ports at which no one answers.
    """

    def __init__(self, clock: SelectingClock) -> None:
        self.clock = clock
        self.cables: list[Cable] = []
        self.refused: set[int] = set()
        self.silent: set[int] = set()
        self.ports: dict[int, Factory] = {}
        self.callLater = clock.callLater
        self.seconds = clock.seconds

    def connectTCP(self, host: str, port: int, factory: ClientFactory, timeout: float = 30) -> Any:
        connector = _Connector(self, factory)
        if port in self.silent:
            self.clock.callLater(timeout, connector.fail, ConnectTimeout())
        else:
            self.clock.callLater(0, self._connect, connector, port, factory)
        return connector

    def _connect(self, connector: _Connector, port: int, factory: ClientFactory) -> None:
        if port in self.refused:
            connector.fail(Refused())
            return
        caller, called = factory.buildProtocol(None), self.ports[port].buildProtocol(None)
        assert caller is not None
        assert called is not None
        self.cables.append(Cable(self.clock, caller, called))
        connector.cable = self.cables[-1]

    def settle(self) -> None:
        """Let everything arrive that is on its way."""
        self.clock.advance(0)
        while sum(cable.turn() for cable in self.cables):
            self.clock.advance(0)

    def wait(self, seconds: float) -> None:
        """Let time pass, in steps of a tenth of a second."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(0.1)
            self.settle()


class Node:
    """One node.

    Args:
        network: The links.
        name: Its id.
        port: Where it listens for others.
        directory: All nodes, to which it is added.
        makeWorld: Makes its world.
        options: See ``makeWorld``.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        port: int,
        directory: dict[str, NodeAddress],
        makeWorld: Callable[..., World],
        **options: Any,
    ) -> None:
        self.name = name
        self._count = 0
        self.world = makeWorld(makeSid=self._makeSid, **options)
        self.network = network
        ration = LogRation(network.clock.seconds)
        engine, factory = self.world.engine, self.world.port
        self.reception = Reception(engine, factory, _TOKEN + name, ration)
        self.directory = _Directory(directory)
        self.front = Front(name, self.directory, network, engine.options.origins, factory.refuse, ration)
        engine.elsewhere = self.front
        network.ports[port] = self.reception
        directory[name] = NodeAddress("10.0.0.2", port, _TOKEN + name)

    def _makeSid(self) -> str:
        self._count += 1
        return f"{self.name}-session-{self._count}"

    def ask(self, request: Request) -> Answer:
        """A request that comes in here, and is brought to its node."""
        answer: Response | Deferred[Response] = self.world.engine.handle(request)
        kept = Answer(answer)
        self.network.settle()
        return kept


class _Directory:
    """Notes for which nodes it is asked."""

    def __init__(self, nodes: dict[str, NodeAddress]) -> None:
        self.nodes = nodes
        self.hidden: set[str] = set()

    def find(self, node: str) -> NodeAddress | None:
        return None if node in self.hidden else self.nodes.get(node)
