"""The ready namespace: handlers for events by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from rtcsignal.engineio.packet import Revision
from rtcsignal.errors import ConnectRefused, ProtocolError
from rtcsignal.socketio.namespace import EventNamespace
from rtcsignal.socketio.peer import Peer
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.values import Handshake
from tests.engineio.conftest import Log
from tests.socketio.conftest import WorldFactory
from tests.socketio.world import Client, World


@pytest.fixture
def namespace() -> EventNamespace:
    return EventNamespace()


@pytest.fixture
def world(makeWorld: WorldFactory, namespace: EventNamespace) -> World:
    return makeWorld(namespaces={"/": namespace})


@pytest.fixture
def client(world: World, revision: Revision, namespace: EventNamespace) -> Client:
    """A client that is in; what `connect` sends it has been read."""
    client = world.client(revision)
    if revision == 4:
        client.send("0")
    client.take()
    return client


class TestHandlers:
    def test_aHandlerGetsThePeerAndTheArguments(self, namespace: EventNamespace, client: Client) -> None:
        heard: list[Any] = []

        @namespace.on("say")
        def say(peer: Peer, text: str, binary: bytes, loud: bool = False) -> None:
            heard.append((peer.sid, text, binary, loud))

        client.send('51-["say","hello",{"_placeholder":true,"num":0}]', b"1")
        client.send('51-["say","hello",{"_placeholder":true,"num":0},true]', b"1")
        (sid,) = namespace.peers
        assert heard == [(sid, "hello", b"1", False), (sid, "hello", b"1", True)]

    def test_theDecoratorLeavesTheHandlerAsItIs(self, namespace: EventNamespace) -> None:
        def handler(peer: Peer) -> None:
            """Nothing."""

        assert namespace.on("x")(handler) is handler

    @pytest.mark.parametrize(
        ("result", "answer"),
        [
            (None, "[]"),
            ("text", '["text"]'),
            (0, "[0]"),
            ((1, 2), "[1,2]"),
            ((), "[]"),
            ([1, 2], "[[1,2]]"),
            ({"a": 1}, '[{"a":1}]'),
            ((None,), "[null]"),
        ],
    )
    def test_whatItReturnsIsTheAcknowledgement(
        self, namespace: EventNamespace, client: Client, result: object, answer: str
    ) -> None:
        namespace.on("ask")(lambda peer: result)
        client.send('27["ask"]', '2["ask"]')
        assert client.take() == [f"37{answer}"]

    @pytest.mark.parametrize("event", ['["unknown"]', '["two"]', '["two",1]', '["two",1,2,3]', "[5,1,2]"])
    def test_unknownEventsAndWrongNumbersOfArgumentsAreIgnored(
        self, namespace: EventNamespace, client: Client, event: str
    ) -> None:
        heard: list[object] = []
        namespace.on("two")(lambda peer, one, two: heard.append((one, two)))
        client.send(f"21{event}")
        assert heard == []
        assert client.take() == []
        assert client.alive

    @pytest.mark.parametrize("name", ["connecting", "on", "emit", "peers", "__init__", "received"])
    def test_noNameReachesAnythingElse(self, namespace: EventNamespace, client: Client, name: str) -> None:
        seen: list[object] = []
        namespace.on("connecting")(lambda handshake: seen.append(handshake))
        client.send(f'21["{name}"]', f'2["{name}",1]')
        assert seen == []
        assert client.take() == []

    def test_aHandlerThatFailsCostsItsConnection(self, namespace: EventNamespace, client: Client, log: Log) -> None:
        @namespace.on("fail")
        def fail(peer: Peer) -> None:
            raise KeyError("oh")

        client.send('21["fail"]')
        assert client.take() == []
        assert client.code == 1011
        assert len(log.lines) == 1
        assert namespace.peers == {}

    def test_oneThatBlamesTheClientClosesTheConnectionWithoutALine(
        self, namespace: EventNamespace, client: Client, log: Log
    ) -> None:
        @namespace.on("fail")
        def fail(peer: Peer) -> None:
            raise ProtocolError("not like this")

        client.send('21["fail"]')
        assert client.code == 1002
        assert log.lines == []

    def test_anAnswerThatCannotBeSentIsAFailure(self, namespace: EventNamespace, client: Client, log: Log) -> None:
        namespace.on("ask")(lambda peer: object())
        client.send('21["ask"]')
        assert client.code == 1011
        assert len(log.lines) == 1


class TestHandlersThatTakeTime:
    def test_aCoroutineAnswersWhenItIsDone(self, namespace: EventNamespace, client: Client) -> None:
        gate: Deferred[int] = Deferred()

        @namespace.on("ask")
        async def ask(peer: Peer, number: int) -> int:
            return number + await gate

        client.send('21["ask",1]')
        assert client.take() == []
        gate.callback(2)
        assert client.take() == ["31[3]"]

    def test_soDoesADeferred(self, namespace: EventNamespace, client: Client) -> None:
        gate: Deferred[object] = Deferred()
        namespace.on("ask")(lambda peer: gate)
        client.send('21["ask"]')
        gate.callback((1, 2))
        assert client.take() == ["31[1,2]"]

    def test_meanwhileOtherEventsAreHandled(self, namespace: EventNamespace, client: Client) -> None:
        gate: Deferred[object] = Deferred()
        namespace.on("slow")(lambda peer: gate)
        namespace.on("quick")(lambda peer: "quick")
        client.send('21["slow"]', '22["quick"]')
        assert client.take() == ['32["quick"]']
        gate.callback("slow")
        assert client.take() == ['31["slow"]']

    def test_itMayAskTheClient(self, namespace: EventNamespace, client: Client) -> None:
        @namespace.on("ask")
        async def ask(peer: Peer) -> Any:
            return tuple(await peer.request("question"))

        client.send('25["ask"]')
        assert client.take() == ['20["question"]']
        client.send('30["yes"]')
        assert client.take() == ['35["yes"]']

    def test_aClientThatLeavesMeanwhileIsNoFailure(self, namespace: EventNamespace, client: Client, log: Log) -> None:
        ended: list[str] = []

        @namespace.on("ask")
        async def ask(peer: Peer) -> Any:
            try:
                await peer.request("question")
            finally:
                ended.append("ended")

        client.send('25["ask"]')
        client.hangUp()
        assert ended == ["ended"]
        assert log.lines == []

    def test_aFailureCostsTheConnection(self, namespace: EventNamespace, client: Client, log: Log) -> None:
        gate: Deferred[object] = Deferred()
        namespace.on("ask")(lambda peer: gate)
        client.send('25["ask"]')
        gate.errback(KeyError("oh"))
        assert client.code == 1011
        assert len(log.lines) == 1
        assert "KeyError('oh')" in log.lines[0]

    def test_soDoesALateAnswerThatCannotBeSent(self, namespace: EventNamespace, client: Client, log: Log) -> None:
        gate: Deferred[object] = Deferred()
        namespace.on("ask")(lambda peer: gate)
        client.send('25["ask"]')
        gate.callback(object())
        assert client.code == 1011
        assert len(log.lines) == 1

    def test_aLateAnswerForSomebodyWhoIsGoneIsDropped(
        self, namespace: EventNamespace, client: Client, log: Log
    ) -> None:
        gate: Deferred[object] = Deferred()
        namespace.on("ask")(lambda peer: gate)
        client.send('25["ask"]')
        client.hangUp()
        gate.callback("late")
        assert log.lines == []


class TestComingAndGoing:
    def test_whoComesAndGoesIsTold(self, world: World, namespace: EventNamespace, revision: Revision) -> None:
        told: list[object] = []
        namespace.on("connect")(lambda peer: told.append(("connect", peer.sid)))
        namespace.on("disconnect")(lambda peer, reason: told.append((peer.sid, reason)))
        client = world.client(revision)
        if revision == 4:
            client.send("0")
        (sid,) = namespace.peers
        client.hangUp()
        assert told == [("connect", sid), (sid, "transport close")]
        assert namespace.peers == {}

    def test_withoutHandlersEverybodyComesIn(self, client: Client, namespace: EventNamespace) -> None:
        (peer,) = namespace.peers.values()
        assert peer.identity is None

    def test_connectingJudges(self, world: World, namespace: EventNamespace) -> None:
        @namespace.on("connecting")
        def connecting(handshake: Handshake) -> Any:
            if handshake.auth.get("token") != "x":
                raise ConnectRefused("Not authorized", {"code": 42})
            return handshake.auth["token"]

        client = world.client(4)
        client.send("0")
        assert client.take() == ['4{"message":"Not authorized","data":{"code":42}}']
        client.send('0{"token":"x"}')
        client.take()
        (peer,) = namespace.peers.values()
        assert peer.identity == "x"

    def test_aRefusalInProtocol4IsSentBehindTheHandshake(self, world: World, namespace: EventNamespace) -> None:
        @namespace.on("connecting")
        def connecting(handshake: Handshake) -> None:
            raise ConnectRefused("Not authorized")

        client = world.client(3)
        assert client.take() == ['4"Not authorized"']
        assert client.alive

    def test_connectMayPutThePeerOutAgain(self, world: World, namespace: EventNamespace, revision: Revision) -> None:
        told: list[str] = []
        namespace.on("connect")(lambda peer: peer.disconnect())
        namespace.on("disconnect")(lambda peer, reason: told.append(reason))
        client = world.client(revision)
        if revision == 4:
            client.send("0")
        assert client.take()[1:] == ["1"]
        assert told == ["server namespace disconnect"]
        assert namespace.peers == {}


class TestEmittingToAll:
    def test_everybodyInTheNamespaceGetsIt(self, world: World, namespace: EventNamespace) -> None:
        old, new = world.client(3), world.client(4)
        new.send("0")
        for client in (old, new):
            client.take()
        assert namespace.emit("hello", 1, b"2") == 2
        expected = ['51-["hello",1,{"_placeholder":true,"num":0}]', b"2"]
        assert old.take() == new.take() == expected

    def test_whoIsGoneDoesNot(self, world: World, namespace: EventNamespace, client: Client) -> None:
        client.hangUp()
        assert namespace.emit("hello") == 0


def test_whoIsTheSameAsBeforeGetsItsPeerBack(makeWorld: WorldFactory, namespace: EventNamespace) -> None:
    world = makeWorld(namespaces={"/": namespace}, recovery=RecoveryOptions(window=60))
    namespace.on("connecting")(lambda handshake: handshake.auth["name"])

    def come(**auth: str) -> tuple[Client, dict[str, str]]:
        client = world.client(4)
        client.send("0" + json.dumps(auth))
        (answer,) = client.take()
        return client, json.loads(str(answer)[1:])

    client, ann = come(name="ann")
    client.hangUp()
    assert come(name="ben", pid=ann["pid"])[1]["sid"] != ann["sid"]
    assert come(name="ann", pid=ann["pid"])[1]["sid"] == ann["sid"]
    assert [peer.identity for peer in namespace.peers.values()] == ["ann", "ben"]
