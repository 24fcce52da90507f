"""What a node says of itself and of the others when it is asked to examine itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rtcsignal.backplane.invariants import censusOf, checkBackplane
from rtcsignal.signaling.cluster import Facts, Member
from tests.signaling.cluster.nodes import Nodes


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    """Two nodes, with a member each in one room."""
    made = Nodes("north", "south")
    made.member("north", "kitchen", "ann")
    made.member("south", "kitchen", "bob")
    yield made
    made.finish()


def problems(nodes: Nodes) -> list[str]:
    """What is wrong with the first."""
    return list(checkBackplane(nodes.backplanes["north"], nodes["north"].hub))


def test_nothingIsWrong(nodes: Nodes) -> None:
    assert problems(nodes) == []
    census = censusOf(nodes.backplanes["north"])
    assert (census["nodes"], census["rooms shared"], census["in doubt"], census["repairs"]) == (2, 1, 0, 1)


def test_aMemberWhomOnlyOneOfThemKnowsIsFound(nodes: Nodes) -> None:
    backplane, hub = nodes.backplanes["north"], nodes["north"].hub
    stranger = Member(Facts("stranger", "cy"), "south_", "south", 1)
    hub.ear.arrived("kitchen", stranger)
    assert problems(nodes) == ["the cluster does not know of stranger, who is elsewhere in kitchen"]
    hub.ear.departed("kitchen", "stranger", "left")
    backplane.rosters.kept("kitchen", "nobody")
    assert problems(nodes) == ["the hub does not know of nobody, who is here in kitchen"]
    backplane.rosters.gave("kitchen", "nobody")
    assert problems(nodes) == []


def test_whileThingsAreOnTheirWayNothingIsSaid(nodes: Nodes) -> None:
    nodes.connectors["north"].cut()
    nodes["north"].hub.ear.arrived("kitchen", Member(Facts("stranger", "cy"), "south_", "south", 1))
    assert problems(nodes) == []
    nodes["north"].hub.ear.departed("kitchen", "stranger", "left")
    nodes.advance(3)
    assert problems(nodes) == []
