"""Nodes that bring each other requests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rtcsignal.engineio.forwarding.directory import NodeAddress
from tests.engineio.conftest import WorldFactory
from tests.engineio.forwarding.nodes import Network, Node
from tests.engineio.memory import SelectingClock
from tests.engineio.world import Poller

A, B, C = "node-A", "node-B", "node-C"
MakeNode = Callable[..., Node]


@pytest.fixture
def network(clock: SelectingClock) -> Network:
    """What nodes connect through."""
    return Network(clock)


@pytest.fixture
def makeNode(network: Network, makeWorld: WorldFactory) -> Iterator[MakeNode]:
    """``makeNode(name, **options)``: a node, which others find."""
    directory: dict[str, NodeAddress] = {}
    nodes: list[Node] = []

    def make(name: str, **options: Any) -> Node:
        nodes.append(Node(network, name, 4000 + len(nodes), directory, makeWorld, **options))
        return nodes[-1]

    yield make
    for node in nodes:
        node.world.leave()
        node.front.close()
        node.reception.close()
    network.settle()
    assert not any(cable.isOpen for cable in network.cables)


@pytest.fixture
def front(makeNode: MakeNode) -> Node:
    """Where requests come in."""
    return makeNode(A)


@pytest.fixture
def owner(makeNode: MakeNode, front: Node) -> Node:
    """Where the sessions are."""
    return makeNode(B)


@pytest.fixture
def poller(owner: Node) -> Poller:
    """A client whose session is at the owner."""
    return owner.world.poller(4)
