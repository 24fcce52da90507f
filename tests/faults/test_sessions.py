"""Sessions: handshakes that are none, ids that were stolen, requests of one session that collide, broken payloads."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.faults.soak import holds
from tests.faults.target import Target, joined
from tests.wire.engine import EngineSocket
from tests.wire.payloads import encode
from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import TEXT, Refused, WebSocket, frame, upgradeBytes
from tests.wire.socketio import Peer, PollingPeer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

HELD = ("sessions", "pollings", "websockets", "peers", "rooms", "members")


@pytest.fixture
def listener(attacker: Wire, room: str) -> Peer:
    """Somebody who is in the room."""
    return joined(attacker.namespacePeer(4), "listener", room)


@pytest.fixture
def poller(attacker: Wire, listener: Peer, revision: int, room: str) -> PollingPeer:
    """Somebody on polling who is there too, as the listener knows."""
    peer = joined(attacker.namespacePeer(revision, "polling"), "poller", room)
    assert isinstance(peer, PollingPeer)
    assert "user-joined" in str(listener.receive())
    return peer


@pytest.fixture
def thief(target: Target) -> Iterator[Wire]:
    """The way from another address."""
    wire = Wire(target.address, "127.0.0.2")
    yield wire
    wire.closeAll()


def assertHasLeftOnce(listener: Peer, name: str, room: str) -> None:
    """The next thing heard is that somebody has gone, and then there is nothing more to be heard."""
    assert json.loads(str(listener.receive())[2:]) == ["user-left", name, {"roomName": room, "reason": "disconnect"}]
    assertHearsNothing(listener)


def assertHearsNothing(listener: Peer) -> None:
    listener.send(event("broadcast", "end"))
    assert listener.receive() == event("broadcast", "end")


def waits(poller: PollingPeer) -> None:
    """It has heard everything, and its poll waits."""
    poller.session.startPoll()
    while not poller.session.pollIsHeld(0.05):
        poller.session.finishPoll()
        poller.session.startPoll()


MALFORMED = [
    "",
    "EIO=4",
    "EIO=4&transport=",
    "EIO=4&transport=constructor",
    "EIO=4&transport=polling,websocket",
    "EIO=4&transport=polling%00",
    "EIO=2&transport=polling",
    "EIO=%D9%A4&transport=polling",
    "EIO=04&transport=polling",
    "EIO=4&transport=polling&sid=__proto__",
    "EIO=4&transport=polling&sid=" + "x" * 3_000,
    "EIO=4&transport=websocket&sid=%0d%0aX:%20y",
    "EIO[]=4&transport[]=polling",
    "&&=&=4&%ff%fe=%",
]


def test_aHandshakeThatIsNoneIsAnsweredInShortJsonAndLeavesNothing(target: Target, attacker: Wire) -> None:
    before, _ = holds(target.process)
    for query in MALFORMED:
        asked = f"{SOCKETIO_PATH}?{query}"
        answers = [attacker.request("GET", asked), attacker.request("POST", asked, body=b"4x")]
        if "websocket" in query:
            with pytest.raises(Refused) as refused:
                attacker.webSocket(asked)
            assert (refused.value.response.status, refused.value.response.endsConnection) == (400, True)
            assert len(refused.value.response.body) < 100
        for answer in answers:
            assert answer.status == 400, query
            assert answer.header("content-type") == "application/json"
            assert sorted(answer.json()) == ["code", "message"]
            assert len(answer.body) < 100
    after, problems = holds(target.process)
    assert problems == []
    assert {name: after[name] for name in HELD if after[name] > before[name]} == {}


def test_aStolenIdOfAWebsocketIsWorthNothing(
    attacker: Wire, thief: Wire, listener: Peer, revision: int, room: str
) -> None:
    socket = WebSocket(attacker.connection(), upgradeBytes(f"{SOCKETIO_PATH}?EIO={revision}&transport=websocket"))
    sid = json.loads(str(socket.read())[1:])["sid"]
    socket.sendText(*["40"] if revision == 4 else [], event("join-room", {"userId": "victim", "roomName": room}))
    assert "victim" in str(listener.receive())
    target = f"{SOCKETIO_PATH}?EIO={revision}&transport=polling&sid={sid}"
    goodbye = encode(revision, "1")
    assert thief.request("GET", target).status == 400
    assert thief.request("POST", target, body=goodbye).status == 400
    assert thief.webSocket(target.replace("polling", "websocket")).readUntilClosed() == ([], 1008)
    listener.send(event("broadcast", "secret"))
    assert listener.receive() == event("broadcast", "secret")
    while "secret" not in str(socket.read()):
        pass


def test_twoWhoPollWithOneIdEndIt(thief: Wire, listener: Peer, poller: PollingPeer, room: str) -> None:
    waits(poller)
    assert thief.request("GET", poller.session.target).status == 400
    assert poller.session.finishPoll() == ["1"]
    assertHasLeftOnce(listener, "poller", room)
    assert poller.session.gone()


@pytest.mark.parametrize("chunked", [False, True], ids=["lengths", "chunks"])
def test_aPostDuringAnotherEndsTheSessionAndNeitherIsHeard(
    attacker: Wire, listener: Peer, poller: PollingPeer, room: str, chunked: bool
) -> None:
    body = encode(poller.revision, event("broadcast", "never"))
    header, start = ("Content-Length", str(len(body))), body[:-1]
    if chunked:
        header, start = ("Transfer-Encoding", "chunked"), b"%x\r\n" % len(body) + body[:-1]
    first = attacker.connection()
    first.send(requestBytes("POST", poller.session.target, [header]) + start)
    poller.session.sync()
    answer = poller.session.post(body)
    assert (answer.status, answer.json()["code"]) == (400, 3)
    assertHasLeftOnce(listener, "poller", room)
    first.send(body[-1:] + b"\r\n0\r\n\r\n" * chunked)
    assert first.readResponse().status == 400
    assertHearsNothing(listener)
    assert poller.session.gone()


def test_aBodyThatIsTooLargeIsRefusedAsSoonAsItIsAnnounced(
    attacker: Wire, listener: Peer, poller: PollingPeer
) -> None:
    connection = attacker.connection()
    connection.send(requestBytes("POST", poller.session.target, [("Content-Length", "1000001")]))
    answer = connection.readResponse()
    assert (answer.status, answer.endsConnection) == (413, True)
    assert connection.readToEnd() == b""
    poller.send(event("broadcast", "still here"))
    assert listener.receive() == event("broadcast", "still here")


BROKEN = {
    3: [
        *[b":4a", b"1", b"6:4hell", b"+2:4a", b" 2:4a", b"0x2:4a", b"1_1:4helloworld", "٢:4a".encode(), b"-1:"],
        *[b"9" * 20 + b":4a", b"2:9a", b"\x00\x02\xff4a!", b"4:4a\xff\xfe"],
    ],
    4: [b"abc", b"7", b"\x1e", b"4a\x1e", b"4a\x1e\x1e4b", b"bAQI*BA==", b"6:4hello", b"4a\xff", b"4\xed\xa0\x80"],
}


def test_aPayloadThatIsBrokenEndsItsSessionAndIsNotRelayed(
    attacker: Wire, listener: Peer, revision: int, room: str
) -> None:
    for payload in BROKEN[revision]:
        peer = joined(attacker.namespacePeer(revision, "polling"), "poller", room)
        assert isinstance(peer, PollingPeer)
        assert "user-joined" in str(listener.receive())
        assert peer.session.post(payload).status == 400, payload
        assertHasLeftOnce(listener, "poller", room)
        assert peer.session.gone()


INVALID = [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", b"\xe2\x82"]


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_textThatIsNotUtf8IsNeverRelayed(
    attacker: Wire, listener: Peer, revision: int, transport: str, room: str
) -> None:
    for invalid in INVALID:
        data = b'42["broadcast","' + invalid + b'"]'
        peer = joined(attacker.namespacePeer(revision, transport), "peer", room)
        assert "user-joined" in str(listener.receive())
        if isinstance(peer, PollingPeer):
            body = data if revision == 4 else b"%d:" % (len(data)) + data
            assert peer.session.post(body).status == 400
        else:
            assert isinstance(peer, EngineSocket)
            peer.socket.connection.send(frame(TEXT, data))
            assert peer.untilClosed()[1] == 1007
        assertHasLeftOnce(listener, "peer", room)


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_whoseConnectionEndsHasLeftLongBeforeAHeartbeatIsMissed(
    attacker: Wire, listener: Peer, poller: PollingPeer, room: str, reset: bool
) -> None:
    socket = joined(attacker.namespacePeer(poller.revision), "socket", room)
    assert "user-joined" in str(listener.receive())
    assert isinstance(socket, EngineSocket)
    connection = socket.socket.connection
    (connection.reset if reset else connection.close)()
    assertHasLeftOnce(listener, "socket", room)
    waits(poller)
    poller.session.breakPoll(reset=reset)
    assertHasLeftOnce(listener, "poller", room)
