"""How a client gets into namespaces and out of them, in both Socket.IO protocols."""

from __future__ import annotations

import json

import pytest

from tests.wire.payloads import Packet
from tests.wire.socketio import Peer, event, isConnected
from tests.wire.wire import SOCKETIO_PATH, Wire

CUSTOM = "/custom"


def refusalOf(packet: Packet, namespace: str) -> object:
    """What a refusal of this namespace says."""
    assert isinstance(packet, str)
    head = f"44{namespace},"
    assert packet.startswith(head), packet
    return json.loads(packet.removeprefix(head))


def assertServed(peer: Peer, namespace: str = "") -> None:
    """The peer is in the namespace and is answered there."""
    peer.send(event("message", "hello", namespace=namespace))
    assert peer.receive() == event("message-back", "hello", namespace=namespace)


class TestProtocol5:
    """Clients of 3.x and 4.x: nothing is joined unasked."""

    @pytest.fixture
    def peer(self, wire: Wire, transport: str) -> Peer:
        """A connection that has not asked for any namespace."""
        return wire.peer(4, transport)

    def test_theServerSaysNothingUntilAsked(self, wire: Wire) -> None:
        assert wire.socket(4, path=SOCKETIO_PATH).hears(0.4) == []

    def test_connectIsAnsweredWithAnIdAndNothingElse(self, peer: Peer) -> None:
        peer.send("40")
        answer = peer.receive()
        assert isConnected(answer, 4)
        assert isinstance(json.loads(str(answer)[2:])["sid"], str)
        assert peer.receive() == '42["auth",{}]'

    @pytest.mark.parametrize("packet", ["40/,", "40/"])
    def test_theRootMayBeCalledByItsName(self, peer: Peer, packet: str) -> None:
        peer.send(packet)
        assert isConnected(peer.receive(), 4)
        assert peer.receive() == '42["auth",{}]'

    @pytest.mark.parametrize(
        "auth", ['{"token":"123"}', "{}", '{"a":{"b":[1,null,true]},"€😀":"\\u0000"}', '{"sid":"mine","pid":"x"}']
    )
    def test_theAuthObjectReachesTheApplication(self, peer: Peer, auth: str) -> None:
        peer.send("40" + auth)
        assert isConnected(peer.receive(), 4)
        answer = peer.receive()
        assert isinstance(answer, str)
        assert json.loads(answer[2:]) == ["auth", json.loads(auth)]

    @pytest.mark.parametrize("packet", ["40/custom", "40/custom,"])
    def test_anotherNamespaceIsConnectedWithOrWithoutItsComma(self, peer: Peer, packet: str) -> None:
        peer.send(packet)
        assert isConnected(peer.receive(), 4, CUSTOM)
        assert peer.receive() == '42/custom,["auth",{}]'

    def test_soIsItWithAuth(self, peer: Peer) -> None:
        peer.send('40/custom,{"token":"abc"}')
        assert isConnected(peer.receive(), 4, CUSTOM)
        assert peer.receive() == '42/custom,["auth",{"token":"abc"}]'

    def test_eachNamespaceHasAnIdOfItsOwnThatIsNotTheSid(self, wire: Wire) -> None:
        session = wire.polling(4, path=SOCKETIO_PATH)
        session.send("40", "40/custom,")
        packets = session.receiveUntil(4)
        ids = {json.loads(str(p).split(",", 1)[-1].removeprefix("40"))["sid"] for p in packets if "sid" in str(p)}
        assert len(ids) == 2
        assert session.sid not in ids

    def test_idsAreNotGuessable(self, wire: Wire) -> None:
        ids = []
        for _ in range(30):
            peer = wire.peer(4, "websocket")
            peer.send("40")
            ids.append(json.loads(str(peer.receive())[2:])["sid"])
        varied = [place for place in zip(*ids, strict=False) if len(set(place)) >= 8]
        assert len(varied) >= 16

    def test_anUnknownNamespaceIsRefusedAndTheConnectionStays(self, peer: Peer) -> None:
        peer.send("40/random")
        assert peer.receive() == '44/random,{"message":"Invalid namespace"}'
        peer.send("40")
        assert isConnected(peer.receive(), 4)

    @pytest.mark.parametrize(
        "name", ["/__proto__", "/custom/", "/Custom", "/custom%20", "//custom", "/😀", "/" + "x" * 500]
    )
    def test_onlyTheExactNameIsKnown(self, peer: Peer, name: str) -> None:
        peer.send(f"40{name},")
        assert refusalOf(peer.receive(), name) == {"message": "Invalid namespace"}

    def test_aRefusalHoldsMessageAndData(self, peer: Peer) -> None:
        peer.send("40/denied,")
        assert refusalOf(peer.receive(), "/denied") == {"message": "Not authorized", "data": {"code": 42}}
        peer.send("40/custom,")
        assert isConnected(peer.receive(), 4, CUSTOM)

    def test_whoWasRefusedIsNotIn(self, peer: Peer) -> None:
        peer.send("40/denied,")
        peer.receive()
        peer.send(event("message", "hello", namespace="/denied"))
        assert peer.untilClosed()[0] == []

    def test_whoWasRefusedMayTryAgain(self, peer: Peer) -> None:
        for _ in range(3):
            peer.send("40/denied,")
            assert refusalOf(peer.receive(), "/denied") == {"message": "Not authorized", "data": {"code": 42}}

    @pytest.mark.parametrize(
        "packets",
        [
            ['42["message"]'],
            ['421["message-with-ack"]'],
            ["43[]", "431[]"],
            ['42/custom,["message"]'],
            ['42/random,["message"]'],
            ['451-["message",{"_placeholder":true,"num":0}]', b"\x01"],
            [b"\x01"],
        ],
        ids=str,
    )
    def test_nothingMayBeSaidBeforeConnect(self, peer: Peer, packets: list[Packet]) -> None:
        peer.send(*packets)
        assert peer.untilClosed()[0] == []

    def test_eventsForANamespaceThatIsNotJoinedCloseEvenIfAnotherIs(self, wire: Wire, transport: str) -> None:
        peer = wire.rootPeer(4, transport)
        peer.send(event("message", namespace=CUSTOM))
        assert peer.untilClosed()[0] == []

    @pytest.mark.parametrize("namespace", ["", CUSTOM])
    def test_aSecondConnectCloses(self, peer: Peer, namespace: str) -> None:
        peer.send(f"40{namespace},", f"40{namespace},")
        packets, _ = peer.untilClosed()
        assert len([packet for packet in packets if str(packet).startswith("40")]) <= 1

    @pytest.mark.parametrize(
        "payload", ["[]", '"token"', "null", "true", "1.5", '{"a":1', '{"a":1}x', "{'a':1}", '{"a":NaN}', "x"]
    )
    def test_aConnectPayloadThatIsNoObjectCloses(self, peer: Peer, payload: str) -> None:
        peer.send(f"40/custom,{payload}")
        assert peer.untilClosed()[0] == []

    def test_whoNeverConnectsIsClosed(self, pulsingWire: Wire, transport: str) -> None:
        assert pulsingWire.peer(4, transport).untilClosed()[0] == []

    def test_whoHasConnectedOnceMayStayForLong(self, pulsingWire: Wire) -> None:
        late = pulsingWire.socket(4, path=SOCKETIO_PATH)
        socket = pulsingWire.socket(4, path=SOCKETIO_PATH)
        socket.send("40/custom,")
        assert late.untilClosed()[0] == []
        assert len(socket.hears(0.2)) == 2
        assertServed(socket, CUSTOM)


class TestProtocol4:
    """Clients of 1.x and 2.x: in `/` from the start."""

    @pytest.fixture
    def peer(self, wire: Wire, transport: str) -> Peer:
        """A connection that has read what it is told in `/`."""
        return wire.rootPeer(3, transport)

    def test_theRootIsJoinedUnasked(self, wire: Wire, transport: str) -> None:
        peer = wire.peer(3, transport)
        assert peer.receive() == "40"
        assert peer.receive() == '42["auth",{}]'
        assertServed(peer)

    def test_theRootIsJoinedOnce(self, wire: Wire) -> None:
        peer = wire.socket(3, path=SOCKETIO_PATH)
        assert peer.hears(0.3) == ["40", '42["auth",{}]']

    @pytest.mark.parametrize("packet", ["40/custom", "40/custom,"])
    def test_anotherNamespaceIsConnectedWithOrWithoutItsComma(self, peer: Peer, packet: str) -> None:
        peer.send(packet)
        assert isConnected(peer.receive(), 3, CUSTOM)
        assert peer.receive() == '42/custom,["auth",{}]'

    @pytest.mark.parametrize("comma", ["", ","])
    @pytest.mark.parametrize(
        ("query", "auth"),
        [
            ("token=a%20b", {"token": "a b"}),
            ("token=123&x=%F0%9F%98%80", {"token": "123", "x": "😀"}),
            ("a=1+2", {"a": "1 2"}),
            ("", {}),
        ],
    )
    def test_theQueryOfTheNamespaceIsTheAuthObject(
        self, peer: Peer, query: str, auth: dict[str, str], comma: str
    ) -> None:
        peer.send(f"40/custom?{query}{comma}")
        assert isConnected(peer.receive(), 3, CUSTOM)
        answer = peer.receive()
        assert isinstance(answer, str)
        assert answer.startswith("42/custom,")
        assert json.loads(answer.removeprefix("42/custom,")) == ["auth", auth]
        assertServed(peer, CUSTOM)

    def test_anUnknownNamespaceIsRefusedAndTheConnectionStays(self, peer: Peer) -> None:
        peer.send("40/random")
        assert refusalOf(peer.receive(), "/random") in ("Invalid namespace", {"message": "Invalid namespace"})
        assertServed(peer)

    def test_aRefusalTellsWhyAndTheConnectionStays(self, peer: Peer) -> None:
        peer.send("40/denied")
        refusal = refusalOf(peer.receive(), "/denied")
        assert refusal in ("Not authorized", {"code": 42}) or (
            isinstance(refusal, dict) and refusal["message"] == "Not authorized"
        )
        assertServed(peer)

    def test_whoNeverAsksForAnotherNamespaceMayStay(self, pulsingWire: Wire) -> None:
        peer = pulsingWire.socket(3, path=SOCKETIO_PATH)
        assert pulsingWire.socket(4, path=SOCKETIO_PATH).untilClosed()[0] == []
        assert len(peer.hears(0.2)) == 2
        assertServed(peer)

    def test_eventsForANamespaceThatIsNotJoinedClose(self, peer: Peer) -> None:
        peer.send(event("message", namespace=CUSTOM))
        assert peer.untilClosed()[0] == []


class TestDisconnect:
    """Leaving one namespace leaves the others and the connection alone."""

    @pytest.fixture
    def peer(self, wire: Wire, revision: int, transport: str) -> Peer:
        """A connection that is in `/`."""
        return wire.rootPeer(revision, transport)

    def join(self, peer: Peer, namespace: str = CUSTOM) -> None:
        """Connects a namespace and reads what it says."""
        peer.send(f"40{namespace and namespace + ','}")
        assert isConnected(peer.receive(), peer.revision, namespace)
        assert peer.receive() == event("auth", {}, namespace=namespace)

    @pytest.mark.parametrize("packet", ["41/custom", "41/custom,"])
    def test_aNamespaceIsLeftWithoutAnAnswer(self, peer: Peer, packet: str) -> None:
        self.join(peer)
        peer.send(packet)
        assertServed(peer)

    def test_whoHasLeftMayComeBack(self, peer: Peer) -> None:
        for _ in range(3):
            self.join(peer)
            peer.send("41/custom,")
        assertServed(peer)

    def test_leavingAndComingBackMayShareAPayload(self, peer: Peer) -> None:
        """Packets are handled strictly in order."""
        self.join(peer)
        peer.send("41/custom,", "40/custom,", event("message", 1, namespace=CUSTOM))
        assert isConnected(peer.receive(), peer.revision, CUSTOM)
        assert peer.receive() == event("auth", {}, namespace=CUSTOM)
        assert peer.receive() == event("message-back", 1, namespace=CUSTOM)

    def test_soItIsForTheRoot(self, peer: Peer) -> None:
        peer.send("41", "40", event("message", 1))
        assert isConnected(peer.receive(), peer.revision)
        assert peer.receive() == event("auth", {})
        assert peer.receive() == event("message-back", 1)

    def test_theConnectionStaysWhenNoNamespaceIsLeft(self, peer: Peer) -> None:
        peer.send("41")
        self.join(peer)
        assertServed(peer, CUSTOM)

    def test_eventsForANamespaceThatWasLeftClose(self, peer: Peer) -> None:
        self.join(peer)
        peer.send("41/custom,", event("message", namespace=CUSTOM))
        assert peer.untilClosed()[0] == []

    def test_theServerMayEndANamespaceAndLeaveTheRest(self, peer: Peer) -> None:
        self.join(peer)
        peer.send(event("kick", False, namespace=CUSTOM))
        assert str(peer.receive()).rstrip(",") == "41/custom"
        assertServed(peer)
        self.join(peer)

    def test_theServerMayEndTheRootAndLeaveTheRest(self, peer: Peer) -> None:
        self.join(peer)
        peer.send(event("kick", False))
        assert peer.receive() == "41"
        assertServed(peer, CUSTOM)

    def test_theServerMayEndTheWholeConnection(self, peer: Peer) -> None:
        peer.send(event("message", "last"), event("kick", True), event("message", "never"))
        assert peer.untilClosed()[0] == [event("message-back", "last"), "41"]

    @pytest.mark.parametrize("payload", ["{}", '["x"]', "null", "x"])
    def test_aDisconnectWithAPayloadCloses(self, peer: Peer, payload: str) -> None:
        self.join(peer)
        peer.send(f"41/custom,{payload}")
        assert peer.untilClosed()[0] == []


def test_oneConnectionMayBeInSeveralNamespacesAtOnce(wire: Wire, revision: int, transport: str) -> None:
    peer = wire.rootPeer(revision, transport)
    TestDisconnect().join(peer)
    for number in range(3):
        peer.send(event("message", number), event("message", number, namespace=CUSTOM))
        assert peer.receive() == event("message-back", number)
        assert peer.receive() == event("message-back", number, namespace=CUSTOM)
