"""Messages reach members on all nodes, once each, and are counted."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.interfaces import IPeer, IRoom
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.values import Message
from tests.signaling.cluster.conftest import NodesFactory
from tests.signaling.cluster.nodes import Nodes
from tests.signaling.plugins import Plugins
from tests.signaling.words import acked, room
from tests.signaling.world import Client


def said(body: Any) -> list[Any]:
    return [("broadcast", body)]


def test_aMessageReachesEveryoneOnce(nodes: Nodes) -> None:
    ann, bob, cat = nodes.members("kitchen", ann="north", bob="south", cat="south")
    answer = nodes.ask(ann, "broadcast", {"text": "hello"})
    assert answer.value == {"ok": True, "delivered": 3}
    assert (bob.take(), cat.take()) == (said({"text": "hello"}), said({"text": "hello"}))
    assert ann.take() == [("broadcast", {"text": "hello"}), acked(delivered=3)]


def test_itsTextIsNotTouched(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    text = '["broadcast",{"b":1.50,"a":10000000000000000000000,"ü":"\\u00fc"}]'
    ann.transmit(text)
    nodes.settle()
    assert bob.takeTexts() == [text]


def test_attachmentsGoWithIt(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    ann.transmit('["broadcast",{"file":{"_placeholder":true,"num":0}}]', b"\0\1\2")
    nodes.settle()
    assert bob.take() == said({"file": b"\0\1\2"})


def test_nothingIsPublishedWhileEveryoneIsHere(nodes: Nodes) -> None:
    ann, _ = nodes.members("kitchen", ann="north", bob="north")
    nodes.members("garden", cat="south")
    before = nodes.redis.published
    assert nodes.ask(ann, "broadcast", {"text": "hello"}).value["delivered"] == 2
    assert nodes.redis.published == before


def test_oneForAUserReachesOnlyThat(nodes: Nodes) -> None:
    ann, bob, cat = nodes.members("kitchen", ann="north", bob="south", cat="south")
    answer = nodes.ask(ann, "broadcast", {"targetUserId": "cat"})
    assert answer.value["delivered"] == 1
    assert (ann.take(), bob.take(), cat.take()) == ([acked(delivered=1)], [], said({"targetUserId": "cat"}))
    assert nodes.ask(ann, "broadcast", {"targetUserId": "dan"}).value["delivered"] == 0


def test_theRoomsOfTheSenderAreReachedOnce(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    for client, user in ((ann, "ann"), (bob, "bob")):
        nodes.join(client, "garden", user)
        client.take()
    (cat,) = nodes.members("garden", cat="south")
    for client in (ann, bob):
        client.take()
    assert nodes.ask(ann, "broadcast", {"n": 1}).value["delivered"] == 3
    assert (bob.take(), cat.take()) == (said({"n": 1}), said({"n": 1}))
    assert nodes.ask(ann, "broadcast", {"n": 2, "targetUserId": "bob"}).value["delivered"] == 1
    assert (len(bob.take()), cat.take()) == (1, [])
    assert nodes.ask(ann, "broadcast", {"n": 3, "roomName": "kitchen"}).value["delivered"] == 2
    assert (len(bob.take()), cat.take()) == (1, [])


def test_withoutEchoTheSenderGetsNothing(makeNodes: NodesFactory) -> None:
    nodes = makeNodes("north", "south", settings=SignalingOptions(echo=False))
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    assert nodes.ask(ann, "broadcast", {"n": 1}).value["delivered"] == 1
    assert (bob.take(), ann.take()) == (said({"n": 1}), [acked(delivered=1)])


def test_whatAFilterMakesOfItGoesToTheRoomThatItIsFor(makeNodes: NodesFactory) -> None:
    def perRoom(peer: IPeer, room: IRoom, message: Message) -> Message | None:
        if message.body.get("drop") == room.name:
            return None
        return message.replace(body={"in": room.name}) if room.name == "garden" else message

    nodes = makeNodes("north", "south", gates=lambda: Plugins(filterMessage=perRoom))
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    nodes.join(ann, "garden", "ann")
    nodes.join(bob, "garden", "bob")
    (cat,) = nodes.members("garden", cat="south")
    for client in (ann, bob):
        client.take()
    assert nodes.ask(ann, "broadcast", {"n": 1}).value["delivered"] == 3
    assert (bob.take(), cat.take()) == (said({"n": 1}), said({"in": "garden"}))
    assert nodes.ask(ann, "broadcast", {"drop": "kitchen"}).value["delivered"] == 3
    assert (bob.take(), cat.take()) == (said({"in": "garden"}), said({"in": "garden"}))


def test_aFilterThatAimsAtOneUserLeavesTheOthersTheirOwn(makeNodes: NodesFactory) -> None:
    def aim(peer: IPeer, room: IRoom, message: Message) -> Message:
        return message.replace(targetUserId="cat") if room.name == "kitchen" else message

    nodes = makeNodes("north", "south", gates=lambda: Plugins(filterMessage=aim))
    ann, bob, cat = nodes.members("kitchen", ann="north", bob="south", cat="south")
    for client, user in ((ann, "ann"), (bob, "bob"), (cat, "cat")):
        nodes.join(client, "garden", user)
    for client in (ann, bob, cat):
        client.take()
    assert nodes.ask(ann, "broadcast", {"n": 1}).value["delivered"] == 3
    assert [len(client.take()) for client in (bob, cat)] == [1, 1]


@pytest.mark.parametrize("home", ["north", "south"])
def test_oneForAUserIsNotForGuestsOfTheName(makeNodes: NodesFactory, home: str) -> None:
    nodes = makeNodes("north", "south", use=["directed-only"])
    ann = nodes.member("north", "kitchen", "ann")
    guests = [nodes.member(name, "kitchen", "bob") for name in ("north", "south")]
    bob = nodes[home].client(headers={"user": "bob"})
    nodes.join(bob, "kitchen", "bob")
    for client in (ann, bob, *guests):
        client.take()
    assert nodes.ask(ann, "broadcast", {"targetUserId": "bob"}).value["delivered"] == 1
    assert (len(bob.take()), [guest.take() for guest in guests]) == (1, [[], []])
    nodes.ask(bob, "leave-room", room("bob", "kitchen"))
    for client in (ann, *guests):
        client.take()
    assert nodes.ask(ann, "broadcast", {"targetUserId": "bob"}).value["delivered"] == 2


def test_whoIsPutOutIsNotHeard(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    nodes["north"].hub.kick(nodes.peer("north", "kitchen", "bob"), "kicked")
    bob.ask("broadcast", {"n": 1})  # it does not know yet
    nodes.settle()
    assert [heard[0] for heard in ann.take()] == ["user-left"]


def test_theOrderOfOneSenderIsKept(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    for number in range(50):
        ann.emit("broadcast", {"n": number})
        if number % 7 == 0:
            nodes.redis.lines[0].step()
    nodes.settle()
    assert [heard[1]["n"] for heard in bob.take()] == list(range(50))


def test_itIsDroppedForNodesThatAreAway(nodes: Nodes) -> None:
    ann, bob = nodes.members("kitchen", ann="north", bob="south")
    nodes.connectors["north"].isAway = True
    nodes.connectors["north"].cut()
    assert nodes.ask(ann, "broadcast", {"n": 1}).value["delivered"] == 1
    assert bob.take() == []


def test_exactModeTellsEveryoneAgain(makeNodes: NodesFactory) -> None:
    nodes = makeNodes("north", "south", settings=SignalingOptions(exact=True))
    ann = nodes.member("north", "kitchen", "ann")
    bob = nodes.member("south", "kitchen", "bob")
    for client in (ann, bob):
        client.take()
    nodes.join(ann, "kitchen", "ann")
    assert bob.take() == [("user-joined", "ann")]
    assert nodes.ask(ann, "broadcast", {"targetUserId": "dan"}).value["delivered"] == 2


def test_bothNamespacesHearIt(nodes: Nodes) -> None:
    (ann,) = nodes.members("kitchen", ann="north")
    bob: Client = nodes["south"].client("/socket.io")
    nodes.join(bob, "kitchen", "bob")
    bob.take()
    nodes.ask(ann, "broadcast", {"n": 1})
    assert bob.take() == said({"n": 1})
