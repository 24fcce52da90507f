"""What plugins decide holds on all nodes: what they share, whom they make wait, and what the built-in ones remember."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.errors import Waiting
from tests.signaling.cluster.conftest import NodesFactory
from tests.signaling.cluster.nodes import Nodes
from tests.signaling.plugins import Plugins
from tests.signaling.words import joined, left, putOut, room
from tests.signaling.world import Client, Heard


def view(nodes: Nodes, name: str, roomName: str = "kitchen") -> Any:
    return nodes[name].hub.rooms[roomName].view


def only(client: Client, name: str) -> list[Heard]:
    return [heard for heard in client.take() if heard[0] == name]


class TestShared:
    def test_isTheSameOnAllNodes(self, nodes: Nodes) -> None:
        nodes.members("kitchen", ann="north", bob="south")
        view(nodes, "north").share("topic", {"text": ["x", 1, None]})
        assert view(nodes, "north").shared["topic"] == {"text": ["x", 1, None]}
        nodes.settle()
        assert dict(view(nodes, "south").shared) == {"topic": {"text": ["x", 1, None]}}
        view(nodes, "south").share("topic", None)
        nodes.settle()
        assert [dict(view(nodes, name).shared) for name in ("north", "south")] == [{}, {}]

    def test_isTheSameInTheEndWhoeverIsFirst(self, nodes: Nodes) -> None:
        nodes.members("kitchen", ann="north", bob="south")
        for number in range(3):
            view(nodes, "north").share("topic", f"north {number}")
            view(nodes, "south").share("topic", f"south {number}")
        nodes.interleave()
        assert view(nodes, "north").shared == view(nodes, "south").shared != {}

    def test_whatChangesNothingIsNotSent(self, nodes: Nodes) -> None:
        nodes.members("kitchen", ann="north", bob="south")
        view(nodes, "north").share("topic", (1, 2))
        nodes.settle()
        before = nodes.redis.published
        view(nodes, "north").share("topic", [1, 2])
        view(nodes, "south").share("other", None)
        nodes.settle()
        assert nodes.redis.published == before

    def test_isKnownToANodeThatComesLater(self, nodes: Nodes) -> None:
        nodes.members("kitchen", ann="north")
        view(nodes, "north").share("topic", "tea")
        nodes.settle()
        nodes.members("kitchen", bob="south")
        assert dict(view(nodes, "south").shared) == {"topic": "tea"}

    def test_endsWithTheRoom(self, nodes: Nodes) -> None:
        ann, bob = nodes.members("kitchen", ann="north", bob="south")
        view(nodes, "north").share("topic", "tea")
        view(nodes, "north").data["own"] = 1
        for client, user in ((ann, "ann"), (bob, "bob")):
            nodes.ask(client, "leave-room", room(user, "kitchen"))
        nodes.join(ann, "kitchen", "ann")
        assert (dict(view(nodes, "north").shared), view(nodes, "north").data) == ({}, {})

    def test_outlivesARedisThatHasLostIt(self, nodes: Nodes) -> None:
        nodes.members("kitchen", ann="north", bob="south")
        view(nodes, "north").share("topic", "tea")
        nodes.settle()
        nodes.redis.flush()
        nodes.advance(10)
        (values,) = nodes.redis.values.values()
        assert values == {"topic": '"tea"'}
        nodes.members("kitchen", cat="south")
        assert view(nodes, "south").shared["topic"] == "tea"

    def test_mustBeJson(self, nodes: Nodes) -> None:
        nodes.members("kitchen", ann="north")
        with pytest.raises(TypeError, match="a key must be a string, not int"):
            view(nodes, "north").share(7, 1)
        with pytest.raises(TypeError):
            view(nodes, "north").share("topic", object())

    def test_holdsFromTheMomentOfTheJoin(self, makeNodes: NodesFactory) -> None:
        judged: list[Any] = []

        def note(peer: Any, room: Any) -> None:
            judged.append(room.shared.get("first"))

        def share(peer: Any, room: Any) -> None:
            if not room.size:
                room.share("first", peer.userId)

        def made() -> Plugins:
            plugins = Plugins(mayJoin=note)
            plugins.onEntering = share
            return plugins

        nodes = makeNodes("north", "south", gates=made)
        clients = {name: nodes[name].client() for name in ("north", "south")}
        for name, client in clients.items():
            client.ask("join-room", room(name, "kitchen"))
        nodes.interleave()
        assert judged == [None, None, "north"]
        assert [view(nodes, name).shared["first"] for name in clients] == ["north", "north"]

    def test_staysIfTheLastMemberIsReplaced(self, makeNodes: NodesFactory) -> None:
        def kickAll(peer: Any, room: Any) -> None:
            for other in room.peers():
                other.disconnect("replaced")

        plugins = {"north": Plugins(), "south": Plugins()}
        plugins["south"].onEntering = plugins["north"].onEntering = kickAll
        nodes = makeNodes("north", "south", gates=plugins)
        nodes.members("kitchen", ann="north")
        view(nodes, "north").share("topic", "tea")
        nodes.members("kitchen", bob="north")
        assert dict(view(nodes, "north").shared) == {"topic": "tea"}
        nodes.members("kitchen", cat="south")
        assert dict(view(nodes, "south").shared) == {"topic": "tea"}


class TestWhoWaits:
    @pytest.fixture
    def porter(self) -> set[str]:
        """Who may come in."""
        return {"ann"}

    @pytest.fixture
    def plugins(self, porter: set[str]) -> dict[str, Plugins]:
        def mayJoin(peer: Any, room: Any) -> None:
            if peer.userId not in porter:
                raise Waiting("Wait.")

        return {name: Plugins(mayJoin=mayJoin) for name in ("north", "south", "west")}

    @pytest.fixture
    def nodes(self, makeNodes: NodesFactory, plugins: dict[str, Plugins]) -> Nodes:
        return makeNodes("north", "south", gates=plugins)

    @staticmethod
    def waiting(nodes: Nodes) -> dict[str, list[str]]:
        return {
            name: [peer.userId for peer in node.hub.waiting.views("kitchen")] for name, node in nodes.worlds.items()
        }

    def knock(self, nodes: Nodes, node: str, user: str) -> Client:
        client = nodes[node].client()
        assert nodes.join(client, "kitchen", user).code == "waiting"
        return client

    def test_isSeenOnTheNodesOfTheRoom(self, nodes: Nodes, porter: set[str]) -> None:
        (ann,) = nodes.members("kitchen", ann="north")
        bob = self.knock(nodes, "south", "bob")
        self.knock(nodes, "north", "cat")
        assert self.waiting(nodes) == {name: ["bob", "cat"] for name in ("north", "south")}
        assert (ann.take(), nodes.rosters()["south"]) == ([], {})
        assert view(nodes, "north").size == 1
        assert nodes["south"].hub.room("kitchen").size == 1  # type: ignore[union-attr]
        nodes.join(bob, "kitchen", "bob")  # again: it keeps its place
        assert self.waiting(nodes)["north"] == ["bob", "cat"]
        porter.add("bob")
        assert nodes.join(bob, "kitchen", "bob").ok
        assert ann.take() == [joined("bob", "kitchen")]
        assert self.waiting(nodes) == {name: ["cat"] for name in ("north", "south")}

    def test_isSentEventsAndDismissedFromAnotherNode(self, nodes: Nodes, plugins: dict[str, Plugins]) -> None:
        nodes.members("kitchen", ann="north")
        bob = self.knock(nodes, "south", "bob")
        bob.take()
        (far,) = nodes["north"].hub.waiting.views("kitchen")
        nodes["north"].hub.kick(far, "kicked")  # it is no member
        nodes["north"].hub.dismiss(far)
        far.emit("admitted", {"pass": 1})
        nodes.settle()
        assert bob.take() == [("admitted", {"pass": 1})]
        assert self.waiting(nodes) == {"north": [], "south": []}
        assert [seen for seen in plugins["south"].take() if seen[0] == "withdrew"] == []
        nodes["north"].hub.dismiss(far)
        nodes.settle()
        assert nodes["south"].hub.room("kitchen") is None

    def test_isDisconnectedFromAnotherNode(self, nodes: Nodes) -> None:
        nodes.members("kitchen", ann="north")
        bob = self.knock(nodes, "south", "bob")
        bob.take()
        nodes["north"].hub.waiting.views("kitchen")[0].disconnect("enough")
        nodes.settle()
        assert bob.take() == putOut("enough")
        assert self.waiting(nodes) == {"north": [], "south": []}

    def test_isNoMemberForADismissal(self, nodes: Nodes, porter: set[str]) -> None:
        porter.add("bob")
        nodes.members("kitchen", ann="north", bob="south")
        nodes["north"].hub.dismiss(nodes.peer("north", "kitchen", "bob"))
        nodes.settle()
        assert view(nodes, "north").size == 2

    def test_isMissedWhenItGivesUp(self, nodes: Nodes, plugins: dict[str, Plugins]) -> None:
        nodes.members("kitchen", ann="north")
        bob, cat = self.knock(nodes, "south", "bob"), self.knock(nodes, "south", "cat")
        nodes.ask(bob, "leave-room", room("bob", "kitchen"))
        assert self.waiting(nodes) == {"north": ["cat"], "south": ["cat"]}
        cat.lose()
        nodes.settle()
        assert self.waiting(nodes) == {"north": [], "south": []}
        assert plugins["south"].take() == [
            ("withdrew", "bob", "kitchen", 1, "left"),
            ("withdrew", "cat", "kitchen", 1, "disconnect"),
        ]
        self.knock(nodes, "north", "dan")
        (near,) = nodes["north"].hub.waiting.views("kitchen")
        nodes["north"].hub.dismiss(near)
        nodes.settle()
        assert self.waiting(nodes)["north"] == []

    def test_isRememberedWhileTheOthersCannotBeReached(
        self, makeNodes: NodesFactory, plugins: dict[str, Plugins]
    ) -> None:
        nodes = makeNodes("north", "south", gates=plugins, options={"isLocal": False})
        nodes.members("kitchen", ann="north")
        nodes.connectors["south"].isAway = True
        nodes.connectors["south"].cut()
        self.knock(nodes, "south", "bob")
        assert self.waiting(nodes)["south"] == ["bob"]
        nodes.connectors["south"].isAway = False
        nodes.advance(10)
        assert self.waiting(nodes)["north"] == ["bob"]

    def test_isForgottenWithItsNode(self, makeNodes: NodesFactory, plugins: dict[str, Plugins]) -> None:
        nodes = makeNodes("north", "south", "west", gates=plugins)
        (ann,) = nodes.members("kitchen", ann="north")
        self.knock(nodes, "south", "bob")
        self.knock(nodes, "west", "cat")
        plugins["north"].take()
        nodes.connectors["west"].isAway = True
        nodes.connectors["west"].cut()
        nodes.advance(15)
        assert (self.waiting(nodes)["north"], self.waiting(nodes)["south"]) == (["bob"], ["bob"])
        assert plugins["north"].take() == [("withdrew", "cat", "kitchen", 1, "timeout")]
        assert ann.take() == []

    def test_doesNotKeepWhatWasSharedAboutARoomThatIsOver(self, nodes: Nodes, porter: set[str]) -> None:
        (ann,) = nodes.members("kitchen", ann="north")
        view(nodes, "north").share("topic", "tea")
        bob = self.knock(nodes, "south", "bob")
        nodes.ask(ann, "leave-room", room("ann", "kitchen"))
        again = nodes["north"].client()
        nodes.join(again, "kitchen", "ann")
        assert [dict(view(nodes, "north").shared), dict(nodes.redis.values["kitchen"])] == [{}, {}]
        porter.add("bob")
        nodes.join(bob, "kitchen", "bob")
        assert dict(view(nodes, "south").shared) == {}
        view(nodes, "north").share("topic", "coffee")
        nodes.settle()
        self.knock(nodes, "south", "cat")
        for client, user in ((again, "ann"), (bob, "bob")):
            nodes.ask(client, "leave-room", room(user, "kitchen"))
        nodes.join(bob, "kitchen", "bob")
        assert dict(view(nodes, "south").shared) == {}


class TestRoomPassword:
    def test_ofTheFirstMemberHoldsEverywhere(self, makeNodes: NodesFactory) -> None:
        nodes = makeNodes("north", "south", use=["room-password"])
        clients = [nodes[name].client() for name in ("north", "south", "south")]
        given = ("sesame", "parsley", "sesame")
        answers = [
            client.ask("join-room", room(f"user-{number}", "kitchen", password=password))
            for number, (client, password) in enumerate(zip(clients, given, strict=True))
        ]
        nodes.interleave()
        assert [answer.value.get("error", {}).get("code") for answer in answers] == [None, "wrong-password", None]
        assert nodes.join(nodes["south"].client(), "kitchen", "dan").code == "password-needed"
        nodes.redis.restart()
        nodes.advance(10)
        assert nodes.join(nodes["south"].client(), "kitchen", "dan", password="no").code == "wrong-password"


class TestRoomSize:
    def test_isCountedEverywhere(self, makeNodes: NodesFactory) -> None:
        names = ("north", "south", "west")
        nodes = makeNodes(*names, use=[{"allow-rooms": {"rooms": {"*": []}}}, {"room-size": {"most": 5}}, "rate-limit"])
        clients = [nodes[names[number % 3]].client() for number in range(30)]
        answers = [client.ask("join-room", room(f"user-{n}", "kitchen")) for n, client in enumerate(clients)]
        nodes.interleave()
        codes = [answer.value.get("error", {}).get("code") for answer in answers]
        assert sorted(codes, key=str) == [None] * 5 + ["room-full"] * 25
        assert len({tuple(roster["kitchen"]) for roster in nodes.rosters().values() if roster}) == 1


class TestOneSessionPerUser:
    def test_replacesTheOneOnAnotherNode(self, makeNodes: NodesFactory) -> None:
        nodes = makeNodes("north", "south", use=["one-session-per-user"])
        ann, bob = nodes.members("kitchen", ann="north", bob="south")
        again = nodes.member("south", "kitchen", "ann", tab="one")
        assert ann.take() == [("replaced", {"roomName": "kitchen", "userId": "ann"}), *putOut("replaced")]
        assert bob.take() == [left("ann", "kitchen", "replaced"), joined("ann", "kitchen")]
        assert nodes.join(nodes["north"].client(), "kitchen", "ann", tab="two").ok
        assert only(again, "replaced") == [("replaced", {"roomName": "kitchen", "userId": "ann"})]
        answer = nodes.join(nodes["south"].client(), "kitchen", "ann", tab="one")
        assert answer.value["error"]["message"] == "You have joined from another page or device since."

    def test_refusesASecondOneOnAnotherNode(self, makeNodes: NodesFactory) -> None:
        nodes = makeNodes("north", "south", use=[{"one-session-per-user": {"rooms": {"*": "refuse"}}}])
        ann = nodes.member("north", "kitchen", "ann", tab="one")
        assert nodes.join(nodes["south"].client(), "kitchen", "ann", tab="two").code == "already-here"
        assert nodes.join(nodes["south"].client(), "kitchen", "ann", tab="one").ok
        assert only(ann, "replaced") == [("replaced", {"roomName": "kitchen", "userId": "ann"})]

    def test_aClientWithItsKeyIsNotInItsOwnWay(self, makeNodes: NodesFactory) -> None:
        nodes = makeNodes("north", "south", use=["one-session-per-user"])
        ann = nodes.member("north", "kitchen", "ann", resume="a" * 22)
        assert nodes.join(nodes["south"].client(), "kitchen", "ann").code == "already-here"
        ann.lose()
        nodes.settle()
        assert nodes.join(nodes["south"].client(), "kitchen", "ann", resume="a" * 22).ok
        assert nodes.rosters() == {"north": {}, "south": {"kitchen": ["ann"]}}


class TestHost:
    @pytest.fixture
    def nodes(self, makeNodes: NodesFactory) -> Nodes:
        return makeNodes("north", "south", use=["host", "one-session-per-user"])

    def test_isOneForAllNodes(self, nodes: Nodes) -> None:
        ann = nodes.member("north", "kitchen", "ann")
        bob = nodes.member("south", "kitchen", "bob")
        assert only(bob, "host") == [("host", {"roomName": "kitchen", "userId": "ann"})]
        assert nodes.ask(bob, "kick", {"targetUserId": "ann"}).code == "not-the-host"
        cat = nodes.member("south", "kitchen", "cat")
        assert nodes.ask(ann, "lock", {}).ok
        assert only(cat, "locked") == [("locked", {"roomName": "kitchen", "locked": True, "userId": "ann"})]
        assert nodes.join(nodes["south"].client(), "kitchen", "dan").code == "room-locked"
        nodes.ask(ann, "unlock", {})
        assert nodes.ask(ann, "kick", {"targetUserId": "cat"}).value["kicked"] == 1
        assert only(cat, "user-left") == [left("cat", "kitchen", "kicked")]
        assert nodes.join(cat, "kitchen", "cat").code == "kicked"

    def test_isFollowedByAMemberOfAnotherNode(self, nodes: Nodes) -> None:
        ann = nodes.member("north", "kitchen", "ann")
        bob = nodes.member("south", "kitchen", "bob")
        bob.take()
        ann.lose()
        nodes.settle()
        assert bob.take() == [
            left("ann", "kitchen", "disconnect"), ("host", {"roomName": "kitchen", "userId": "bob"}),
        ]  # fmt: skip
        assert nodes.ask(bob, "lock", {}).ok

    def test_staysTheSameUserOnAnotherNode(self, nodes: Nodes) -> None:
        nodes.member("north", "kitchen", "ann")
        bob = nodes.member("south", "kitchen", "bob")
        again = nodes.member("south", "kitchen", "ann")
        assert only(bob, "host")[-1] == ("host", {"roomName": "kitchen", "userId": "ann"})
        nodes.advance(2)
        assert only(bob, "host") == []
        assert nodes.ask(again, "lock", {}).ok

    def test_closesTheRoomEverywhere(self, nodes: Nodes) -> None:
        ann = nodes.member("north", "kitchen", "ann")
        bob = nodes.member("south", "kitchen", "bob")
        assert nodes.ask(ann, "close", {}).ok
        nodes.advance(2)
        assert only(bob, "user-left")[-1] == left("bob", "kitchen", "closed")
        assert nodes.rosters() == {"north": {}, "south": {}}
        assert nodes.join(bob, "kitchen", "bob").ok


class TestLobby:
    def test_worksAcrossNodes(self, makeNodes: NodesFactory) -> None:
        nodes = makeNodes("north", "south", use=["lobby"])
        ann = nodes.member("north", "kitchen", "ann", roles="host")
        bob = nodes["south"].client()
        answer = nodes.join(bob, "kitchen", "bob")
        assert (answer.code, answer.value["error"]["hosts"]) == ("waiting", 1)
        (knock,) = only(ann, "knock")
        assert knock[1]["userId"] == "bob"
        waiting = nodes.ask(ann, "who-waits", {}).value["waiting"]
        assert [each["userId"] for each in waiting] == ["bob"]
        cat = nodes.member("south", "kitchen", "cat", roles="host")
        nodes.advance(0.1)
        assert [knock[1]["userId"] for knock in only(cat, "knock")] == ["bob"]
        assert only(ann, "knock") == []
        assert nodes.ask(ann, "admit", {"targetUserId": "bob"}).value["admitted"] == 1
        (admitted,) = only(bob, "admitted")
        assert [ended[1]["reason"] for ended in only(cat, "knock-ended")] == ["admitted"]
        assert nodes.join(bob, "kitchen", "bob").ok
        bob.lose()
        nodes.settle()
        again = nodes["north"].client()
        assert nodes.join(again, "kitchen", "bob", **{"pass": admitted[1]["pass"]}).ok

    def test_whoIsDeniedHearsOfIt(self, makeNodes: NodesFactory) -> None:
        nodes = makeNodes("north", "south", use=["lobby"])
        ann = nodes.member("north", "kitchen", "ann", roles="host")
        bob, cat = nodes["south"].client(), nodes["south"].client()
        for client, user in ((bob, "bob"), (cat, "cat")):
            nodes.join(client, "kitchen", user)
        nodes.ask(ann, "deny", {"targetUserId": "bob"})
        assert only(bob, "denied") == [("denied", {"roomName": "kitchen", "reason": "denied"})]
        assert nodes.join(bob, "kitchen", "bob").code == "denied"
        cat.lose()
        nodes.settle()
        assert [ended[1]["reason"] for ended in only(ann, "knock-ended")] == ["denied", "disconnect"]
