"""Any interleaving of what members of several nodes do: as on one node, and while everything is late or breaks.

`TestTogether` holds nodes that have heard everything to the model of a single one. `TestApart` lets commands, answers
and messages go on one by one, cuts connections, and empties the Redis, and checks what its clients made of all that.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtcsignal.engineio.packet import Revision
from rtcsignal.signaling.options import SignalingOptions
from tests.signaling.cluster.nodes import Nodes
from tests.signaling.plugins import Plugins
from tests.signaling.test_machine import HubMachine, Model, Person, Recording
from tests.signaling.world import Client

_NAMES = ("north", "south", "west")
_MOST_PEOPLE, _MOST_ROOMS, _MOST_MEMBERS, _ROOM_NAMES = 6, 2, 3, ("kitchen", "garden")


class _ByFirst(Model):
    """Of a user who is there several times, the one who has been there longest says where the user stands."""

    def _welcome(self, person: Person, roomName: str) -> dict[str, Any]:
        members = [{"userId": userId} for userId in dict.fromkeys(self.rooms[roomName].values())]
        return {"roomName": roomName, "userId": person.seats[roomName], "members": members}


class TogetherMachine(HubMachine):
    """The same as on one node: whoever has acted waits until all nodes have heard of it."""

    @initialize(echo=st.booleans(), exact=st.booleans(), count=st.integers(2, 3))
    def start(self, echo: bool, exact: bool, count: int) -> None:
        self.plugins = Recording()
        options = SignalingOptions(echo=echo, exact=exact, roomsPerPeer=_MOST_ROOMS)
        names = _NAMES[:count]
        self.nodes = Nodes(*names, gates=dict.fromkeys(names, self.plugins), settings=options)
        self.model = _ByFirst(echo, exact)
        self.names = names

    @precondition(lambda self: len(self.people) < _MOST_PEOPLE)
    @rule(kind=st.sampled_from([(3, "/"), (4, "/"), (4, "/socket.io")]))
    def connect(self, kind: tuple[Revision, str]) -> None:
        self.world = self.nodes[self.names[self.count % len(self.names)]]
        super().connect(kind)

    def settle(self) -> None:
        self.nodes.settle()

    def passTime(self, seconds: float) -> None:
        self.nodes.advance(seconds)

    @invariant()
    def theRoomsAreThoseOfTheModel(self) -> None:
        rosters = {name: list(room.values()) for name, room in self.model.rooms.items()}
        merged: dict[str, list[str]] = {}
        for known in self.nodes.rosters().values():
            for name, roster in known.items():
                assert merged.setdefault(name, roster) == roster
        assert merged == rosters

    @invariant()
    def theObserverSawWhatTheModelSays(self) -> None:
        """They hear of an end when the other nodes know: of several who go at once, none is counted any more then."""
        seen, expected = self.plugins.take(), self.model.seen
        isAtOnce = sum(each[0] == "left" for each in expected) > 1
        assert [_uncounted(each, isAtOnce) for each in seen] == [_uncounted(each, isAtOnce) for each in expected]
        self.model.seen.clear()

    @invariant()
    def allFitsTogether(self) -> None:
        assert self.nodes.problems() == []

    def teardown(self) -> None:
        self.nodes.finish()


def _uncounted(seen: tuple[Any, ...], isAtOnce: bool) -> tuple[Any, ...]:
    """What an observer saw, without the size of the room if that is not certain."""
    return (*seen[:3], *seen[4:]) if seen[0] == "left" and isAtOnce else seen


class Guest:
    """A client with a name of its own, and what it makes of what it hears.

    Attributes:
        rosters: Whom it believes to be in the rooms that it is in.
        last: The last number that it has heard of each other one.
    """

    def __init__(self, client: Client, node: str, userId: str) -> None:
        self.client = client
        self.node = node
        self.userId = userId
        self.sent = 0
        self.rosters: dict[str, set[str]] = {}
        self.last: dict[str, int] = {}

    def listen(self, mayMiss: bool) -> None:
        """Take what has come.

        Args:
            mayMiss: Messages may have been lost.
        """
        for heard in self.client.take():
            name, *rest = heard
            if name == "<ack>" and "members" in rest[0]:
                self.rosters[rest[0]["roomName"]] = {member["userId"] for member in rest[0]["members"]}
            elif name == "user-joined":
                self._joined(rest[0], rest[1]["roomName"])
            elif name == "user-left":
                self._left(rest[0], rest[1]["roomName"])
            elif name == "broadcast":
                self._said(rest[0], mayMiss)

    def _joined(self, userId: str, roomName: str) -> None:
        if userId != self.userId:  # the answer to its own join came first
            assert userId not in self.rosters[roomName], f"{userId} came to {roomName} twice"
            self.rosters[roomName].add(userId)

    def _left(self, userId: str, roomName: str) -> None:
        if userId == self.userId:
            del self.rosters[roomName]
        else:
            assert userId in self.rosters[roomName], f"{userId} left {roomName} and was not there"
            self.rosters[roomName].discard(userId)

    def _said(self, body: dict[str, Any], mayMiss: bool) -> None:
        sender, number, roomName = body["userId"], body["n"], body["roomName"]
        assert sender in self.rosters[roomName], f"{sender} was heard in {roomName} and is not there"
        last = self.last.get(f"{sender} {roomName}", 0)
        assert number > last, f"{sender} was heard out of order"
        self.last[f"{sender} {roomName}"] = number


class ApartMachine(RuleBasedStateMachine):
    """Nodes, of which each hears of the others when it is its turn."""

    def __init__(self) -> None:
        super().__init__()
        self.guests: list[Guest] = []
        self.count = 0
        self.mayMiss = False

    @initialize(count=st.integers(2, 3), isJudged=st.booleans())
    def start(self, count: int, isJudged: bool) -> None:
        names = _NAMES[:count]
        self.isJudged = isJudged
        self.nodes = Nodes(*names, gates={name: self._rulesOf(name) for name in names} if isJudged else None)

    def _rulesOf(self, name: str) -> Plugins:
        """A room has three members at most: who comes in then takes the place of the one who was there longest."""

        def makeWay(peer: Any, room: Any) -> None:
            for other in room.peers()[: max(room.size - _MOST_MEMBERS + 1, 0)]:
                other.emit("bye")
                self.nodes[name].hub.kick(other, "replaced")
            room.share("last", peer.userId)

        plugins = Plugins(mayJoin=lambda peer, room: None)
        plugins.onEntering = makeWay
        return plugins

    @precondition(lambda self: len(self.guests) < _MOST_PEOPLE)
    @rule(data=st.data(), roomName=st.sampled_from(_ROOM_NAMES))
    def arrive(self, data: st.DataObject, roomName: str) -> None:
        node = data.draw(st.sampled_from(list(self.nodes.worlds)))
        self.count += 1
        guest = Guest(self.nodes[node].client(), node, f"guest-{self.count}")
        self.guests.append(guest)
        self._ask(guest, "join-room", roomName)

    @precondition(lambda self: self.guests)
    @rule(data=st.data(), roomName=st.sampled_from(_ROOM_NAMES), what=st.sampled_from(["join-room", "leave-room"]))
    def move(self, data: st.DataObject, roomName: str, what: str) -> None:
        self._ask(self._somebody(data), what, roomName)

    @precondition(lambda self: self.guests)
    @rule(data=st.data(), roomName=st.sampled_from(_ROOM_NAMES))
    def say(self, data: st.DataObject, roomName: str) -> None:
        guest = self._somebody(data)
        guest.sent += 1
        body = {"userId": guest.userId, "roomName": roomName, "n": guest.sent}
        guest.client.transmit(json.dumps(["broadcast", body]))

    @precondition(lambda self: self.guests)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        guest = self._somebody(data)
        self.guests.remove(guest)
        guest.client.lose()

    @precondition(lambda self: self.guests)
    @rule(data=st.data(), connection=st.booleans())
    def putOut(self, data: st.DataObject, connection: bool) -> None:
        node = self.nodes[data.draw(st.sampled_from(list(self.nodes.worlds)))]
        peers = [peer for room in node.hub.rooms.values() for peer in room.view.peers()]
        if not peers:
            return
        peer: Any = data.draw(st.sampled_from(peers))
        if connection:
            peer.disconnect("enough")
        else:
            node.hub.kick(peer, "kicked")

    @rule(data=st.data(), count=st.integers(1, 8), what=st.sampled_from(["execute", "apply", "step"]))
    def goOn(self, data: st.DataObject, count: int, what: str) -> None:
        line = self.nodes.connectors[data.draw(st.sampled_from(list(self.nodes.worlds)))].line
        for _ in range(count):
            self.nodes.redis.now += 10
            if line is not None and line.isOpen:
                getattr(line, what)()

    @rule(data=st.data(), executed=st.integers(0, 5))
    def cut(self, data: st.DataObject, executed: int) -> None:
        self.mayMiss = True
        self.nodes.connectors[data.draw(st.sampled_from(list(self.nodes.worlds)))].cut(executed)

    @rule(data=st.data())
    def comeAndGo(self, data: st.DataObject) -> None:
        self.mayMiss = True
        connector = self.nodes.connectors[data.draw(st.sampled_from(list(self.nodes.worlds)))]
        connector.isAway = not connector.isAway
        if connector.isAway:
            connector.cut()

    @rule()
    def loseData(self) -> None:
        self.mayMiss = True
        self.nodes.redis.flush()

    @rule(seconds=st.sampled_from([0.5, 3, 10]))
    def passTime(self, seconds: float) -> None:
        self.nodes.advance(seconds)
        self._keepAlive()

    @invariant()
    def theyHearWhatCanBe(self) -> None:
        for guest in self.guests:
            guest.listen(self.mayMiss)

    @invariant()
    def allFitsTogether(self) -> None:
        assert self.nodes.problems() == []

    def teardown(self) -> None:
        for connector in self.nodes.connectors.values():
            connector.isAway = False
        for _ in range(4):
            self.nodes.advance(10)
            self._keepAlive()
        self.theyHearWhatCanBe()
        shared: dict[str, Any] = {}
        stored = {name: set(room) for name, room in self.nodes.redis.rooms.items()}
        for name, node in self.nodes.worlds.items():
            for room in node.hub.rooms.values():
                assert shared.setdefault(room.name, dict(room.view.shared)) == room.view.shared
                assert {peer.sid for peer in room.view.peers()} == stored[room.name], f"{room.name} on {name}"
                users = {peer.userId for peer in room.view.peers()}
                assert self.mayMiss or not self.isJudged or len(users) <= _MOST_MEMBERS
                for seat in room:
                    guest = next(each for each in self.guests if each.userId == seat.userId)
                    assert guest.rosters[room.name] == users, f"what {guest.userId} makes of {room.name}"
        self.nodes.finish()

    def _somebody(self, data: st.DataObject) -> Guest:
        return data.draw(st.sampled_from(self.guests))

    @staticmethod
    def _ask(guest: Guest, what: str, roomName: str) -> None:
        guest.client.ask(what, {"userId": guest.userId, "roomName": roomName})

    def _keepAlive(self) -> None:
        for guest in self.guests:
            if guest.client.link.session.isOpen:
                guest.client.link.keepAlive()


TestTogether = TogetherMachine.TestCase
TestTogether.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestApart = ApartMachine.TestCase
TestApart.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
