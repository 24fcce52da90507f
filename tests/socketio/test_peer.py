"""Peers: events both ways, acknowledgements both ways, binary both ways."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.errors import ProtocolError
from rtcsignal.rates import Rate
from rtcsignal.socketio.packet import Packet
from rtcsignal.socketio.peer import Gone, Peer
from rtcsignal.socketio.reasons import FLOOD
from tests.socketio.world import Client, Lobby, World, fired


@pytest.fixture(params=["/", "/a"])
def lobby(request: pytest.FixtureRequest, world: World) -> Lobby:
    """A namespace; everything is the same in the root and in others."""
    return world.lobbies[request.param]


@pytest.fixture
def client(world: World, revision: Revision, lobby: Lobby) -> Client:
    """A client in that namespace."""
    name = next(name for name, each in world.lobbies.items() if each is lobby)
    return world.member(revision, name)


@pytest.fixture
def peer(client: Client, lobby: Lobby) -> Peer:
    return lobby.peer


@pytest.fixture
def prefix(peer: Peer) -> str:
    """The namespace as it stands in packets."""
    return "" if peer.namespace == "/" else peer.namespace + ","


class TestEmitting:
    def test_anEventIsItsNameAndArguments(self, client: Client, peer: Peer, prefix: str) -> None:
        peer.emit("hello")
        peer.emit("world", 1, {"a": None}, ["€"], "\N{GRINNING FACE}")
        assert client.take() == [f'2{prefix}["hello"]', f'2{prefix}["world",1,{{"a":null}},["€"],"\N{GRINNING FACE}"]']

    def test_binaryFollowsItsEvent(self, client: Client, peer: Peer, prefix: str) -> None:
        peer.emit("a", b"1", {"b": b"2"})
        peer.emit("b")
        text = '["a",{"_placeholder":true,"num":0},{"b":{"_placeholder":true,"num":1}}]'
        assert client.take() == [f"52-{prefix}{text}", b"1", b"2", f'2{prefix}["b"]']

    def test_whatCannotBeSentIsATypeErrorAndNothingIsSent(self, client: Client, peer: Peer) -> None:
        with pytest.raises(TypeError):
            peer.emit("a", b"1", object())
        assert client.take() == []

    def test_whoIsGoneGetsNothing(self, client: Client, peer: Peer) -> None:
        peer.disconnect()
        client.take()
        peer.emit("late")
        peer.acknowledge("1", "late")
        assert client.take() == []
        assert not peer.connected


class TestReceiving:
    def test_anEventHasEverythingThatItsRelayNeeds(self, client: Client, lobby: Lobby, prefix: str) -> None:
        events: list[Packet] = []
        lobby.react = lambda peer, event: events.append(event)
        client.send(f'2{prefix}["a", 9007199254740993, {{"z":1,"a":2}}]')
        client.send(f'51-{prefix}7["b",{{"_placeholder":true,"num":0}}]', b"\x01")
        text = '["b",{"_placeholder":true,"num":0}]'
        assert [(event.name, event.arguments) for event in events] == [
            ("a", [9007199254740993, {"z": 1, "a": 2}]),
            ("b", [b"\x01"]),
        ]
        assert [event[2:3] + event[4:] for event in events] == [
            (None, '["a", 9007199254740993, {"z":1,"a":2}]', ()),
            ("7", text, (b"\x01",)),
        ]

    def test_theNameMayBeANumber(self, client: Client, lobby: Lobby, prefix: str) -> None:
        client.send(f"2{prefix}[1,2]", f"2{prefix}[1.5]")
        assert lobby.events == [(1, 2), (1.5,)]

    def test_eventsComeInOrder(self, client: Client, lobby: Lobby, prefix: str) -> None:
        for number in range(20):
            if number % 3:
                client.send(f'2{prefix}["a",{number}]')
            else:
                client.send(f'51-{prefix}["a",{number}]', b"")
        assert lobby.events == [("a", number) for number in range(20)]


class TestAcknowledging:
    def test_anEventIsAnsweredWithItsId(self, client: Client, lobby: Lobby, prefix: str) -> None:
        lobby.react = lambda peer, event: peer.acknowledge(event.ackId, "ok", 1)
        client.send(f'2{prefix}0["a"]', f'2{prefix}184467440737095516160["a"]')
        assert client.take() == [f'3{prefix}0["ok",1]', f'3{prefix}184467440737095516160["ok",1]']

    def test_theAnswerIsAlwaysAnArray(self, client: Client, lobby: Lobby, prefix: str) -> None:
        lobby.react = lambda peer, event: peer.acknowledge(event.ackId)
        client.send(f'2{prefix}1["a"]')
        assert client.take() == [f"3{prefix}1[]"]

    def test_itMayBeBinary(self, client: Client, lobby: Lobby, prefix: str) -> None:
        lobby.react = lambda peer, event: peer.acknowledge(event.ackId, *event.arguments)
        client.send(f'51-{prefix}1["a",{{"_placeholder":true,"num":0}}]', b"\xff")
        assert client.take() == [f'61-{prefix}1[{{"_placeholder":true,"num":0}}]', b"\xff"]

    def test_whoDidNotAskGetsNoAnswer(self, client: Client, lobby: Lobby, prefix: str) -> None:
        lobby.react = lambda peer, event: peer.acknowledge(event.ackId, "ok")
        client.send(f'2{prefix}["a"]')
        assert client.take() == []


class TestRequests:
    def test_theAnswerIsItsArguments(self, client: Client, peer: Peer, prefix: str) -> None:
        answer = fired(peer.request("question", 1))
        assert client.take() == [f'2{prefix}0["question",1]']
        assert answer == []
        client.send(f'3{prefix}0["yes",2]')
        assert answer == [["yes", 2]]

    def test_itMayBeBinaryBothWays(self, client: Client, peer: Peer, prefix: str) -> None:
        answer = fired(peer.request("question", b"1"))
        assert client.take() == [f'51-{prefix}0["question",{{"_placeholder":true,"num":0}}]', b"1"]
        client.send(f'61-{prefix}0[{{"_placeholder":true,"num":0}}]', b"2")
        assert answer == [[b"2"]]

    def test_eachHasAnIdOfItsOwnAndAnswersMayComeInAnyOrder(self, client: Client, peer: Peer, prefix: str) -> None:
        answers = [fired(peer.request("question", number)) for number in range(3)]
        client.send(f"3{prefix}2[2]", f"3{prefix}0[0]", f"3{prefix}1[1]")
        assert answers == [[[0]], [[1]], [[2]]]

    def test_idsOfBothSidesAreIndependent(self, client: Client, lobby: Lobby, peer: Peer, prefix: str) -> None:
        answer = fired(peer.request("question"))
        lobby.react = lambda each, event: each.acknowledge(event.ackId, "mine")
        client.send(f'2{prefix}0["a"]')
        assert client.take() == [f'2{prefix}0["question"]', f'3{prefix}0["mine"]']
        assert answer == []
        client.send(f'3{prefix}0["yours"]')
        assert answer == [["yours"]]

    @pytest.mark.parametrize("ackId", ["1", "00", "7", "99999999999999999999"])
    def test_unknownAnswersAreIgnored(self, client: Client, peer: Peer, prefix: str, ackId: str) -> None:
        client.send(f"3{prefix}{ackId}[]")
        answer = fired(peer.request("question"))
        client.send(f"3{prefix}{ackId}[]")
        assert answer == []
        assert client.alive
        client.send(f"3{prefix}0[]")
        assert answer == [[]]

    def test_soAreRepeatedOnes(self, client: Client, peer: Peer, prefix: str) -> None:
        answer = fired(peer.request("question"))
        client.send(f"3{prefix}0[1]", f"3{prefix}0[2]")
        assert answer == [[1]]
        assert client.alive

    def test_whoLeavesDoesNotAnswer(self, client: Client, peer: Peer, prefix: str) -> None:
        answers = [fired(peer.request("question")) for _ in range(2)]
        client.send(f"1{prefix}")
        assert [[type(each) for each in answer] for answer in answers] == [[Gone], [Gone]]

    def test_whoIsGoneIsNotAsked(self, client: Client, peer: Peer) -> None:
        client.hangUp()
        (answer,) = fired(peer.request("question"))
        assert isinstance(answer, Gone)

    def test_theApplicationMayAskAgainInTheAnswer(self, client: Client, peer: Peer, prefix: str) -> None:
        second: list[Any] = []

        def again(arguments: list[Any]) -> None:
            peer.request("second", *arguments).addCallback(second.append)

        peer.request("first").addCallback(again)
        client.send(f"3{prefix}0[1]", f"3{prefix}1[2]")
        assert client.take() == [f'2{prefix}0["first"]', f'2{prefix}1["second",1]']
        assert second == [[2]]


def test_idsOfRequestsAreOfThePeer(world: World, revision: Revision) -> None:
    client = world.member(revision)
    client.send("0/a,")
    client.take()
    root, other = fired(world.root.peer.request("x")), fired(world.lobbies["/a"].peer.request("y"))
    assert client.take() == ['20["x"]', '2/a,0["y"]']
    client.send('3/a,0["for y"]')
    assert (root, other) == ([], [["for y"]])
    client.send("1")


def test_thePublicIdTellsNothingOfTheSecretOne(world: World, revision: Revision) -> None:
    world.member(revision)
    world.member(revision)
    first, second = world.root.peers
    assert first.publicId == first.publicId
    assert len({first.publicId, second.publicId}) == 2
    assert len(first.publicId) == 20
    assert first.sid not in first.publicId
    assert first.session.sid not in first.publicId


def test_theApplicationMayKeepSomethingWithAPeer(peer: Peer) -> None:
    assert peer.application is None
    peer.application = "mine"
    assert peer.application == "mine"


class TestItsConnection:
    """A peer answers for the connection that it has."""

    def test_isKnownByItsAddressAndByWhatTheLogCallsIt(self, client: Client, peer: Peer) -> None:
        assert (peer.address, peer.transportName) == (client.session.request.address, "websocket")
        assert peer.conn == client.session.conn != ""

    def test_endsIfItsClientFloods(self, client: Client, peer: Peer, lobby: Lobby) -> None:
        peer.flooded()
        assert not client.alive
        assert lobby.gone == [(peer, FLOOD)]

    def test_endsIfItsNamespaceFails(self, client: Client, peer: Peer, lobby: Lobby) -> None:
        peer.failed(ProtocolError("nonsense"))
        assert not client.alive
        assert lobby.gone == [(peer, "parse error")]

    def test_hasOneAllowanceForAllNamespaces(self, world: World, revision: Revision) -> None:
        client = world.member(revision)
        client.send("0/a,")
        one, other = world.root.peer, world.lobbies["/a"].peer
        assert one.allowance is None
        one.allowance = Rate(1, 10).bucket(world.clock.seconds())
        assert other.allowance is one.allowance
