"""Fixtures: nodes in memory, of which nothing may be left."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.signaling.cluster.nodes import Nodes
from tests.support.worlds import finishing

NodesFactory = Callable[..., Nodes]


@pytest.fixture
def makeNodes() -> Iterator[NodesFactory]:
    """``makeNodes(*names, ...)``: some `Nodes`."""
    with finishing(Nodes) as makeOne:
        yield makeOne


@pytest.fixture
def nodes(makeNodes: NodesFactory) -> Nodes:
    """Two nodes without plugins."""
    return makeNodes("north", "south")
