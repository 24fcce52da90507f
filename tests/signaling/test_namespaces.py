"""Namespaces: ``/`` and ``/socket.io``, what the original's URL means, share the rooms."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.packet import Revision
from tests.signaling.words import joined, left, userIds
from tests.signaling.world import World


def test_theNamespacesShareTheRooms(world: World, revision: Revision) -> None:
    (ann,) = world.members("kitchen", "ann")
    ben = world.client("/socket.io", revision)
    assert userIds(ben.join("kitchen", "ben").value["members"]) == ["ann", "ben"]
    assert ann.take() == [joined("ben", "kitchen")]
    ben.take()

    ann.emit("broadcast", {"msgType": 1, "targetUserId": "ben"})
    assert ben.take() == [("broadcast", {"msgType": 1, "targetUserId": "ben"})]
    ben.emit("broadcast", {"msgType": 2})
    assert ann.take() == [("broadcast", {"msgType": 2})]

    ben.lose()
    assert ann.take() == [left("ben", "kitchen", "disconnect")]


@pytest.mark.parametrize(("first", "second"), [("/", "/socket.io"), ("/socket.io", "/")])
def test_aConnectionIsAMemberOnceInEachNamespace(world: World, first: str, second: str) -> None:
    link = world.link()
    here, there = link.client(first), link.client(second)
    here.take(), there.take()
    here.join("kitchen", "ann")
    there.join("kitchen", "ben")
    assert world.rosters() == {"kitchen": ["ann", "ben"]}
    assert here.ask("broadcast", {"userId": "ann"}).value["delivered"] == 2
    assert there.ask("broadcast", {"userId": "ann"}).code == "not-your-user-id"


def test_aDisconnectEndsTheMembershipsOfItsNamespaceAlone(world: World) -> None:
    link = world.link()
    here, there = link.client("/"), link.client("/socket.io")
    here.join("kitchen", "ann")
    there.join("kitchen", "ben")
    there.take()
    here.disconnect()
    assert there.take() == [left("ann", "kitchen", "disconnect")]
    assert world.rosters() == {"kitchen": ["ben"]}


def test_aLossEndsTheMembershipsOfAllItsNamespaces(world: World) -> None:
    (cas,) = world.members("kitchen", "cas")
    link = world.link()
    link.client("/").join("kitchen", "ann")
    link.client("/socket.io").join("kitchen", "ben")
    cas.take()
    link.lose()
    assert cas.take() == [left("ann", "kitchen", "disconnect"), left("ben", "kitchen", "disconnect")]


def test_whoComesBackToANamespaceIsNobodyYet(world: World, revision: Revision) -> None:
    client = world.member("kitchen", "ann", "/socket.io", revision)
    client.disconnect()
    client.take()
    again = client.link.client("/socket.io")
    assert [heard[0] for heard in again.take()] == ["<connect>"]
    assert again.ask("broadcast", {}).code == "not-in-room"
    again.join("kitchen", "anna")
    assert world.rosters() == {"kitchen": ["anna"]}


@pytest.mark.parametrize("namespace", ["/chat", "/socket.io/", "/Socket.io", "/__proto__"])
def test_otherNamespacesAreRefused(world: World, namespace: str, revision: Revision) -> None:
    client = world.link(revision).client(namespace)
    assert client.take() == [("<error>", {"message": "Invalid namespace"})]


def test_aClientOfProtocol4NeedsNotAskForTheMainNamespace(world: World) -> None:
    client = world.link(3).client()
    assert client.take() == [("<connect>",)]
    client.join("kitchen", "ann")
    assert world.rosters() == {"kitchen": ["ann"]}
