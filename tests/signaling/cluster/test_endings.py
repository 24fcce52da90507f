"""Members can be put out from any node, and sent events; each end is told once, by whatever it came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtcsignal.errors import Refused
from rtcsignal.signaling.options import SignalingOptions
from tests.signaling.cluster.conftest import NodesFactory
from tests.signaling.cluster.nodes import Nodes
from tests.signaling.plugins import Desk, Plugins
from tests.signaling.words import DISCONNECTED, away, back, joined, left, putOut
from tests.signaling.world import World


@pytest.fixture
def plugins() -> dict[str, Plugins]:
    return {"north": Plugins(), "south": Plugins()}


@pytest.fixture
def watched(makeNodes: NodesFactory, plugins: dict[str, Plugins]) -> Nodes:
    return makeNodes("north", "south", gates=plugins)


def test_aKickFromAnotherNodeIsToldOnce(watched: Nodes, plugins: dict[str, Plugins]) -> None:
    ann, bob = watched.members("kitchen", ann="north", bob="south")
    watched.join(bob, "garden", "bob")
    bob.take()
    for each in plugins.values():
        each.take()
    far = watched.peer("north", "kitchen", "bob")
    for _ in range(2):
        watched["north"].hub.kick(far, "kicked")
    watched.settle()
    assert ann.take() == bob.take() == [left("bob", "kitchen", "kicked")]
    assert plugins["south"].take() == [("left", "bob", "kitchen", 1, "kicked")]
    assert plugins["north"].take() == []
    assert watched.rosters()["south"] == {"garden": ["bob"]}
    watched["north"].hub.kick(far, "kicked")
    watched.settle()
    assert (ann.take(), bob.take()) == ([], [])


def test_aReasonMustBeAString(nodes: Nodes) -> None:
    nodes.members("kitchen", ann="north", bob="south")
    with pytest.raises(TypeError):
        nodes.peer("north", "kitchen", "bob").disconnect(7)
    with pytest.raises(TypeError):
        nodes["north"].hub.kick(nodes.peer("north", "kitchen", "bob"), None)  # type: ignore[arg-type]


def test_aDisconnectFromAnotherNodeEndsTheConnection(watched: Nodes, plugins: dict[str, Plugins]) -> None:
    ann, bob = watched.members("kitchen", ann="north", bob="south")
    watched.join(bob, "garden", "bob")
    bob.take()
    for each in plugins.values():
        each.take()
    watched.peer("north", "kitchen", "bob").disconnect("enough")
    watched.settle()
    assert bob.take() == putOut("enough")
    assert ann.take() == [left("bob", "kitchen", "enough")]
    assert sorted(plugins["south"].take()) == [
        ("left", "bob", "garden", 0, "enough"),
        ("left", "bob", "kitchen", 1, "enough"),
    ]
    assert watched.rosters() == {"north": {"kitchen": ["ann"]}, "south": {}}


def test_eventsReachMembersOfOtherNodes(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    nodes.peer("north", "kitchen", "bob").emit("hint", {"n": 1}, b"\0")
    nodes["north"].hub.rooms["kitchen"].view.emit("all", 2)
    nodes.settle()
    assert bob.take() == [("hint", {"n": 1}, b"\0"), ("all", 2)]
    assert ann.take() == [("all", 2)]
    with pytest.raises(ValueError, match="connect is an event"):
        nodes.peer("north", "kitchen", "bob").emit("connect")
    bob.lose()
    nodes.peer("north", "kitchen", "bob").emit("hint")  # it has gone meanwhile
    nodes.settle()


def test_membersOfOtherNodesCannotBeProbed(nodes: Nodes) -> None:
    nodes.members("kitchen", ann="north", bob="south")
    answers: list[bool] = []
    nodes["north"].hub.probe(nodes.peer("north", "kitchen", "bob"), 3).addCallback(answers.append)
    assert answers == [True]


def test_whatTheDoorDecidesHappensWithTheJoin(watched: Nodes, plugins: dict[str, Plugins]) -> None:
    def replace(peer: Any, room: Any) -> None:
        for other in room.peersOf(peer.userId):
            other.emit("replaced")
            watched["south"].hub.kick(other, "replaced")
        for other in room.peers():
            other.emit("look")
        peer.emit("welcome")

    plugins["south"].onEntering = replace
    ann, bob = watched.members("kitchen", ann="north", bob="north")
    for client in (ann, bob):
        client.take()
    again = watched["south"].client()
    watched.join(again, "kitchen", "ann")
    told = [left("ann", "kitchen", "replaced"), joined("ann", "kitchen")]
    assert sorted(map(repr, bob.take())) == sorted(map(repr, [("look",), *told]))
    assert ann.take() == [("replaced",), ("look",), left("ann", "kitchen", "replaced")]
    assert again.take()[0] == ("welcome",)
    assert watched.rosters()["south"] == {"kitchen": ["bob", "ann"]}
    assert plugins["north"].take()[-1] == ("left", "ann", "kitchen", 1, "replaced")


def test_whoIsToldAtTheDoorHearsItBeforeItsEnd(world: World) -> None:
    plugins = Plugins()
    world.hub.gates = plugins

    def replaceAll(peer: Any, room: Any) -> None:
        for other in room.peers():
            other.emit("replaced", peer.userId)
            world.hub.kick(other, "replaced")
            other.disconnect("enough")  # both: it was put out for the first reason

    plugins.onEntering = replaceAll
    (ann,) = world.members("kitchen", "ann")
    world.member("kitchen", "bob")
    assert ann.take() == [("replaced", "bob"), *putOut("replaced")]


def test_whoHasGoneByThenNeedNotMakeWay(world: World) -> None:
    class KicksAll(Plugins):
        def left(self, peer: Any, room: Any, reason: str) -> None:
            super().left(peer, room, reason)
            for other in room.peers():
                world.hub.kick(other, "too")

    plugins = KicksAll()
    world.hub.gates = plugins
    ann, ben = world.members("kitchen", "ann", "ben")

    def kickAll(peer: Any, room: Any) -> None:
        for other in room.peers():
            world.hub.kick(other, "replaced")

    plugins.onEntering = kickAll
    world.member("kitchen", "cat")
    assert ben.take() == [left("ann", "kitchen", "replaced"), left("ben", "kitchen", "too")]
    assert ann.take() == [left("ann", "kitchen", "replaced")]
    assert world.rosters() == {"kitchen": ["cat"]}


def test_theConnectionOfWhoMakesWayEnds(watched: Nodes, plugins: dict[str, Plugins]) -> None:
    def replaceAll(peer: Any, room: Any) -> None:
        for other in room.peers():
            other.disconnect("replaced")

    plugins["south"].onEntering = replaceAll
    (ann,) = watched.members("kitchen", ann="north")
    bob = watched.member("south", "kitchen", "bob")
    bob.take()
    assert ann.take() == putOut("replaced")
    assert bob.take() == []
    assert watched.rosters() == {"north": {}, "south": {"kitchen": ["bob"]}}
    cat = watched.member("south", "kitchen", "cat")
    assert bob.take() == putOut("replaced")
    assert joined("cat", "kitchen") in cat.take()


def test_whoIsDisconnectedAtTheDoorDoesNotJoin(watched: Nodes, plugins: dict[str, Plugins]) -> None:
    watched.members("kitchen", ann="north")
    plugins["south"].onEntering = lambda peer, room: peer.disconnect("no")
    bob = watched["south"].client()
    watched.join(bob, "kitchen", "bob")
    assert bob.take() == putOut("no")
    assert watched.rosters() == {"north": {"kitchen": ["ann"]}, "south": {}}


def test_nobodyIsPutOutForAJoinThatFails(makeNodes: NodesFactory) -> None:
    def kickAll(peer: Any, room: Any) -> None:
        for other in room.peers():
            nodes["south"].hub.kick(other, "replaced")

    plugins = {"north": Plugins(), "south": Plugins(mayJoin=lambda peer, room: None)}
    nodes = makeNodes("north", "south", gates=plugins, options={"isLocal": False})
    plugins["south"].onEntering = kickAll
    nodes.members("garden", bob="south")
    nodes.connectors["south"].isAway = True
    nodes.connectors["south"].cut()
    cat = nodes["south"].client()
    assert nodes.join(cat, "garden", "cat").code == "unavailable"
    assert nodes.rosters() == {"north": {}, "south": {"garden": ["bob"]}}


def test_awayAndBackAreToldOnAllNodes(makeNodes: NodesFactory) -> None:
    nodes = makeNodes("north", "south")
    (ann,) = nodes.members("kitchen", ann="north")
    key = "k" * 22
    bob = nodes.member("south", "kitchen", "bob", resume=key)
    ann.take()
    assert nodes.peer("north", "kitchen", "bob").hasKey
    bob.lose()
    nodes.settle()
    far = nodes.peer("north", "kitchen", "bob")
    assert ann.take() == [away("bob", "kitchen", 60)]
    assert (far.away, far.awayUntil) == (True, 1_060.0)
    answer = nodes.join(nodes["north"].client(), "kitchen", "cat", resume="c" * 22)
    assert answer.value["members"] == [{"userId": "ann"}, {"userId": "bob", "away": True}, {"userId": "cat"}]
    ann.take()
    again = nodes["south"].client()
    nodes.join(again, "kitchen", "bob", resume=key)
    assert ann.take() == [back("bob", "kitchen")]
    assert not nodes.peer("north", "kitchen", "bob").away


def test_aKeyThatIsChosenLaterIsKnownOnAllNodes(nodes: Nodes) -> None:
    _, bob = nodes.members("kitchen", ann="north", bob="south")
    assert not nodes.peer("north", "kitchen", "bob").hasKey
    nodes.join(bob, "kitchen", "bob", resume="b" * 22)
    assert nodes.peer("north", "kitchen", "bob").hasKey


def test_aUserIsNotAwayWhoIsOnAnotherNode(nodes: Nodes) -> None:
    (ann,) = nodes.members("kitchen", ann="north")
    nodes.member("north", "kitchen", "bob")
    bob = nodes.member("south", "kitchen", "bob", resume="b" * 22)
    ann.take()
    bob.lose()
    nodes.settle()
    assert ann.take() == []
    for _ in range(4):
        nodes.advance(16)
        ann.link.keepAlive()
    assert ann.take() == [left("bob", "kitchen", "timeout")] * 2  # one of them by the heartbeat


def test_aKeyThatIsClaimedOnAnotherNodeEndsThePeerThere(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    key = "k" * 22
    nodes.join(bob, "kitchen", "bob", resume=key)
    bob.lose()
    nodes.settle()
    assert ann.take() == [away("bob", "kitchen", 60)]
    again = nodes["north"].client()
    answer = nodes.join(again, "kitchen", "bob", resume=key)
    assert answer.value["outcome"] == "joined"
    assert ann.take() == [left("bob", "kitchen", "replaced"), joined("bob", "kitchen")]
    assert nodes.rosters() == {"north": {"kitchen": ["ann", "bob"]}, "south": {}}
    assert nodes["south"].sockets.recovery.away == 0


@pytest.mark.parametrize("isLost", [True, False])
def test_aPidThatIsClaimedOnAnotherNodeEndsThePeerThere(nodes: Nodes, isLost: bool) -> None:
    ann = nodes.member("north", "kitchen", "ann")
    bob = nodes["south"].link().client(auth=json.dumps({"resume": "k" * 22}))
    ((_, connected),) = bob.take()
    pid = connected["pid"]
    assert (pid[:6], len(pid)) == ("south_", 28)
    nodes.join(bob, "kitchen", "bob")
    if isLost:
        bob.lose()
    nodes.settle()
    ann.take()
    again = nodes["north"].link().client(auth=json.dumps({"pid": pid, "offset": ""}))
    nodes.settle()
    assert again.take()[0][1].get("pid") != pid
    assert ann.take() == [left("bob", "kitchen", "replaced")]
    assert nodes.rosters() == {"north": {"kitchen": ["ann"]}, "south": {}}
    for unknown in (pid, "north_" + "x" * 22, "nobody" + "x" * 22, "x" * 22):
        nodes["north"].link().client(auth=json.dumps({"pid": unknown, "offset": ""}))
        nodes.settle()
    assert ann.take() == []


def test_aKeyIsClaimedOfWhoIsBeingPutOut(nodes: Nodes) -> None:
    key = "k" * 22
    ann = nodes.member("north", "kitchen", "ann")
    nodes.member("south", "kitchen", "bob", resume=key)
    ann.take()
    nodes.peer("north", "kitchen", "bob").disconnect("enough")
    answer = nodes.join(nodes["north"].client(), "kitchen", "bob", resume=key)
    assert answer.ok
    assert ann.take() == [left("bob", "kitchen", "enough"), joined("bob", "kitchen")]


def test_theSameUserTakesThePlaceOfWhoIsAwayElsewhere(makeNodes: NodesFactory) -> None:
    nodes = makeNodes("north", "south", settings=SignalingOptions(leaveGrace=10))
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    bob.lose()
    nodes.settle()
    assert ann.take() == [away("bob", "kitchen", 10)]
    nodes.member("north", "kitchen", "bob")
    assert ann.take() == [left("bob", "kitchen", "replaced"), joined("bob", "kitchen")]
    assert nodes.rosters() == {"north": {"kitchen": ["ann", "bob"]}, "south": {}}


def test_aServerThatStopsLeavesAtOnce(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    nodes["south"].shutDown()
    nodes.settle()
    assert ann.take() == [left("bob", "kitchen", "shutdown")]
    assert DISCONNECTED not in bob.take()


def test_aNodeThatIsGoneIsToldOfByTheOldestMember(makeNodes: NodesFactory) -> None:
    plugins = {"north": Plugins(), "south": Plugins(), "west": Plugins()}
    nodes = makeNodes("north", "south", "west", gates=plugins)
    ann, bob, _ = nodes.members("kitchen", ann="north", bob="south", cat="west")
    nodes.members("garden", dan="west")
    for client in (ann, bob):
        client.take()
    for each in plugins.values():
        each.take()
    nodes.connectors["west"].isAway = True
    nodes.connectors["west"].cut()
    nodes.advance(15)
    assert ann.take() == bob.take() == [left("cat", "kitchen", "timeout")]
    assert plugins["north"].take() in (
        [("left", "cat", "kitchen", 2, "timeout")],
        [("left", "cat", "kitchen", 2, "timeout"), ("left", "dan", "garden", 0, "timeout")],
    )
    assert nodes.rosters()["west"] == {"kitchen": ["ann", "bob", "cat"], "garden": ["dan"]}


def test_joinsAreRefusedWhileOthersCannotBeReachedIfThatIsWanted(makeNodes: NodesFactory) -> None:
    nodes = makeNodes("north", "south", options={"isLocal": False})
    nodes.connectors["north"].isAway = True
    nodes.connectors["north"].cut()
    ann = nodes["north"].client()
    assert nodes.join(ann, "kitchen", "ann").code == "unavailable"


def test_joinsAreLocalWhileOthersCannotBeReached(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    nodes.advance(1)
    nodes.connectors["north"].isAway = True
    nodes.connectors["north"].cut()
    cat = nodes.member("north", "kitchen", "cat")
    assert ann.take() == [joined("cat", "kitchen")]
    assert bob.take() == []
    nodes.ask(ann, "leave-room", {"userId": "ann", "roomName": "kitchen"})
    nodes.connectors["north"].isAway = False
    nodes.advance(20)
    assert [heard for heard in bob.take() if heard[1] == "cat"] == [joined("cat", "kitchen")]
    assert nodes.rosters() == {name: {"kitchen": ["bob", "cat"]} for name in ("north", "south")}
    assert cat.take()[-1] == left("ann", "kitchen", "left")


def test_aPolicyIsAskedAgainWhenTheRoomHasChanged(makeNodes: NodesFactory) -> None:
    asked: list[tuple[str, int]] = []

    def most(peer: Any, room: Any) -> None:
        asked.append((peer.userId, room.size))
        if room.size >= 2:
            raise Refused("room-full", "No.")

    nodes = makeNodes("north", "south", "west", gates=lambda: Plugins(mayJoin=most))
    clients = {name: nodes[name].client() for name in ("north", "south", "west")}
    answers = [each.ask("join-room", {"userId": name, "roomName": "kitchen"}) for name, each in clients.items()]
    nodes.interleave()
    assert sorted(answer.value["ok"] for answer in answers) == [False, True, True]
    assert len(asked) > 3
    assert len(set(map(str, nodes.rosters().values()))) == 2


def test_aPolicyMayTakeItsTime(makeNodes: NodesFactory) -> None:
    desk = Desk()
    nodes = makeNodes("north", "south", gates={"north": Plugins(), "south": Plugins(mayJoin=desk.mayJoin)})
    nodes.members("kitchen", ann="north")
    bob = nodes["south"].client()
    answer = nodes.join(bob, "kitchen", "bob")
    nodes.member("north", "kitchen", "cat")
    desk.yes()
    nodes.settle()
    assert not answer.given  # the room has changed meanwhile
    desk.yes()
    nodes.settle()
    assert nodes.rosters()["south"] == {"kitchen": ["ann", "cat", "bob"]}


def test_aRoomThatNeverStandsStillIsNotJoined(makeNodes: NodesFactory) -> None:
    counter = iter(range(1_000))

    def restless(peer: Any, room: Any) -> None:
        if peer.userId == "bob":
            nodes["north"].hub.rooms["kitchen"].view.share("n", next(counter))
            nodes.redis.lines[0].execute()

    nodes = makeNodes("north", "south", gates=lambda: Plugins(mayJoin=restless))
    nodes.members("kitchen", ann="north")
    assert nodes.join(nodes["south"].client(), "kitchen", "bob").code == "unavailable"
