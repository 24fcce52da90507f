"""What does not fit together in a cluster is found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rtcsignal.signaling.rooms.room import Room
from tests.signaling.cluster.nodes import Nodes


def kitchen(nodes: Nodes) -> Room:
    return nodes["north"].hub.rooms["kitchen"]


def others(nodes: Nodes) -> Any:
    return kitchen(nodes).others


def followTwice(nodes: Nodes) -> None:
    nodes["north"].hub.table.followed["kitchen"] = kitchen(nodes)


def forgetThem(nodes: Nodes) -> None:
    others(nodes).members.clear()


def misname(nodes: Nodes) -> None:
    members = others(nodes).members
    members["x"] = members.pop(next(iter(members)))


def misdirect(nodes: Nodes) -> None:
    others(nodes)._reach = (("north", 7),)


def takeOurs(nodes: Nodes) -> None:
    known = nodes["north"].hub.presence.reports.known
    known[next(iter(others(nodes).members))] = next(iter(known.values()))


def hide(nodes: Nodes) -> None:
    next(iter(kitchen(nodes))).isKnown = False


@pytest.mark.parametrize("spoil", [followTwice, forgetThem, misname, misdirect, takeOurs, hide])
def test_whatIsBrokenIsFound(spoil: Callable[[Nodes], None]) -> None:
    nodes = Nodes("north", "south")
    nodes.members("kitchen", ann="north", bob="south")
    assert nodes.problems() == []
    spoil(nodes)
    assert nodes.problems() != []


def test_guestsAndOthersOfTheNameAreToldApart(nodes: Nodes) -> None:
    nodes.members("kitchen", ann="north", bob="south")
    kitchen(nodes).addressees("ann")
    kitchen(nodes)._apart["ann"] = []
    assert nodes.problems() == ["north: messages to ann in kitchen would go to others"]
    kitchen(nodes)._apart.clear()
