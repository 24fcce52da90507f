"""A room is one room on all nodes: who is in it, in which order, and what its members hear of each other."""

from __future__ import annotations

from tests.signaling.cluster.conftest import NodesFactory
from tests.signaling.cluster.nodes import Nodes
from tests.signaling.plugins import Plugins
from tests.signaling.words import acked, joined, left, room, userIds
from tests.signaling.world import Client


def test_aNewcomerIsToldOfAllAndAllOfIt(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    cat = nodes["north"].client()
    answer = nodes.join(cat, "kitchen", "cat")
    assert userIds(answer.value["members"]) == ["ann", "bob", "cat"]
    for client in (ann, bob):
        assert client.take() == [joined("cat", "kitchen")]
    assert cat.take()[-1] == joined("cat", "kitchen")


def test_theOrderIsThatOfJoining(nodes: Nodes) -> None:
    users = {f"user-{number}": ("north", "south")[number % 2] for number in range(6)}
    nodes.members("kitchen", **users)
    assert nodes.rosters() == {name: {"kitchen": list(users)} for name in ("north", "south")}


def test_whoLeavesIsToldAndMissed(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    nodes.ask(bob, "leave-room", room("bob", "kitchen"))
    assert ann.take() == [left("bob", "kitchen", "left")]
    assert bob.take() == [acked(), left("bob", "kitchen", "left")]
    assert nodes.rosters() == {"north": {"kitchen": ["ann"]}, "south": {}}
    ann.lose()
    nodes.settle()
    assert nodes.redis.rooms == {}


def test_aRoomIsLookedForAnewWhenTheNodeHasLeftIt(nodes: Nodes) -> None:
    _, bob = nodes.members("kitchen", ann="north", bob="south")
    nodes.ask(bob, "leave-room", room("bob", "kitchen"))
    nodes.member("north", "kitchen", "cat")
    answer = nodes.join(bob, "kitchen", "bob")
    assert userIds(answer.value["members"]) == ["ann", "cat", "bob"]


def test_whoLeavesAndComesBackInOneTurnIsTold(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    bob.ask("leave-room", room("bob", "kitchen"))
    answer = nodes.join(bob, "kitchen", "bob")
    assert userIds(answer.value["members"]) == ["ann", "bob"]
    assert ann.take() == [left("bob", "kitchen", "left"), joined("bob", "kitchen")]


def test_whoGoesBeforeTheJoinIsThereIsNotLeftBehind(nodes: Nodes) -> None:
    (ann,) = nodes.members("kitchen", ann="north")
    bob = nodes["south"].client()
    bob.ask("join-room", room("bob", "kitchen"))
    bob.lose()
    nodes.settle()
    assert nodes.rosters() == {"north": {"kitchen": ["ann"]}, "south": {}}
    assert ann.take() in ([], [joined("bob", "kitchen"), left("bob", "kitchen", "disconnect")])


def test_whoGoesWhileItIsEnteredIsAnnouncedAndLeaves(nodes: Nodes) -> None:
    (ann,) = nodes.members("kitchen", ann="north")
    nodes.member("south", "kitchen", "bob")
    ann.take()
    cat = nodes["south"].client()
    cat.ask("join-room", room("cat", "kitchen"))  # the room is here: it is entered at once
    cat.lose()
    nodes.settle()
    assert ann.take() == [joined("cat", "kitchen"), left("cat", "kitchen", "disconnect")]


def test_aUserOnTwoNodesIsOneUser(nodes: Nodes) -> None:
    nodes.members("kitchen", ann="north")
    nodes.member("south", "kitchen", "ann")
    cat = nodes["south"].client()
    answer = nodes.join(cat, "kitchen", "cat", connections=True)
    assert (userIds(answer.value["members"]), answer.value["connections"]) == (["ann", "cat"], {"ann": 2})
    view = nodes["south"].hub.rooms["kitchen"].view
    assert (view.size, view.userCount) == (3, 2)
    assert [peer.userId for peer in view.peersOf("ann")] == ["ann", "ann"]


def test_observersAreToldOnceInTheCluster(makeNodes: NodesFactory) -> None:
    plugins = {"north": Plugins(), "south": Plugins()}
    nodes = makeNodes("north", "south", gates=plugins)
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    assert plugins["north"].take() == [("joined", "ann", "kitchen", 1)]
    assert plugins["south"].take() == [("joined", "bob", "kitchen", 2)]
    for client in (ann, bob):  # in one turn: each may think that the other one stays
        client.lose()
    nodes.settle()
    seen = plugins["north"].take() + plugins["south"].take()
    assert sorted(seen) == [("left", "ann", "kitchen", 1, "disconnect"), ("left", "bob", "kitchen", 0, "disconnect")]


def test_observersCountThoseWhoAreStillThereForOthers(makeNodes: NodesFactory) -> None:
    plugins = Plugins()
    nodes = makeNodes("north", "south", gates={"north": plugins, "south": Plugins()})
    ann, bob, cat = nodes.members("kitchen", ann="north", bob="north", cat="north")
    plugins.take()
    for client in (ann, bob):
        client.lose()
    nodes["north"].hub.kick(nodes.peer("north", "kitchen", "cat"), "kicked")
    nodes.join(cat, "kitchen", "cat")
    assert plugins.take() == [
        ("left", "ann", "kitchen", 2, "disconnect"),
        ("left", "bob", "kitchen", 1, "disconnect"),
        ("left", "cat", "kitchen", 0, "kicked"),
        ("joined", "cat", "kitchen", 1),
    ]


def test_itsViewIsTheSameOnAllNodes(nodes: Nodes) -> None:
    nodes.members("kitchen", ann="north", bob="south")
    for name in ("north", "south"):
        peers = nodes[name].hub.rooms["kitchen"].view.peers()
        assert [(peer.userId, peer.node) for peer in peers] == [("ann", "north"), ("bob", "south")]
        assert len(set(peers)) == 2
    (far,) = nodes["north"].hub.rooms["kitchen"].view.peersOf("bob")
    (near,) = nodes["south"].hub.rooms["kitchen"].view.peersOf("bob")
    same = ("sid", "userId", "roles", "signedIn", "away", "awayUntil", "hasKey", "address", "namespace", "connectedAt")
    assert [getattr(far, name) for name in same] == [getattr(near, name) for name in same]
    assert (dict(far.claims), dict(far.joinRequest), far.rooms, far.conn, far.transport) == (
        {}, {}, frozenset({"kitchen"}), "", "",
    )  # fmt: skip
    assert far.origin is None
    far.data["seen"] = 1
    (again,) = nodes["north"].hub.rooms["kitchen"].view.peersOf("bob")
    assert (again == far, again.data, again == near) == (True, {"seen": 1}, False)
    assert repr(far) == "<peer 'bob' in 'kitchen', on south>"


def test_aCrowdIsFoundByName(nodes: Nodes) -> None:
    nodes.members("kitchen", ann="north", **{f"user-{number}": "south" for number in range(12)})
    view = nodes["north"].hub.rooms["kitchen"].view
    assert [peer.userId for peer in view.peersOf("user-3")] == ["user-3"]
    nodes.member("south", "kitchen", "user-3")
    assert len(view.peersOf("user-3")) == 2
    for peer in view.peersOf("user-3"):
        peer.disconnect("enough")
        nodes.settle()
    assert (view.peersOf("user-3"), view.size) == ((), 12)


def test_bothNamespacesOfAConnectionAreMembers(makeNodes: NodesFactory) -> None:
    nodes = makeNodes("north", "south")
    link = nodes["south"].link()
    clients: list[Client] = [link.client(), link.client("/socket.io")]
    for client in clients:
        assert nodes.join(client, "kitchen", "ann").ok
    answer = nodes.join(nodes["north"].client(), "kitchen", "bob", connections=True)
    assert answer.value["connections"] == {"ann": 2}
