"""How sessions end in an orderly way, from either side."""

from __future__ import annotations

import pytest

from tests.wire.engine import BAD_REQUEST, EngineSocket
from tests.wire.payloads import encode
from tests.wire.rawws import CLOSE, Closed, frame
from tests.wire.socketio import PollingPeer
from tests.wire.wire import SOCKETIO_PATH, Wire


def test_aPollerSaysGoodbyeByPostAndItsPollEndsWithANoop(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.startPoll()
    session.send("1")
    assert session.finish().text == ("6" if revision == 4 else "1:6")
    assert session.gone()


def test_aPollerSaysGoodbyeWithoutAPoll(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.send("1")
    assert session.gone()


def test_whatIsInThePostAfterTheGoodbyeIsNot(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.startPoll()
    session.post(encode(revision, "1", "4never"))
    assert "4never" not in session.finishPoll()
    assert session.gone()


def test_aClosePacketOnAWebSocketClosesItAtOnce(wire: Wire, revision: int) -> None:
    socket = wire.socket(revision)
    socket.send("1")
    assert socket.closes()


def test_aCloseFrameIsAnsweredWithOne(wire: Wire, revision: int) -> None:
    socket = wire.socket(revision)
    socket.socket.connection.send(frame(CLOSE, (1000).to_bytes(2, "big") + b"bye"))
    assert socket.untilClosed() == ([], 1000)


@pytest.mark.parametrize("orderly", [True, False])
def test_theSessionOfAWebSocketThatClosedIsGone(wire: Wire, revision: int, orderly: bool) -> None:
    target = f"/engine.io/?EIO={revision}&transport=websocket"
    socket = wire.webSocket(target)
    packet = socket.read()
    assert isinstance(packet, str)
    sid = packet.split('"sid"')[1].split('"')[1]
    other = wire.polling(revision)
    asked = f"/engine.io/?EIO={revision}&transport=polling&sid={sid}"
    assert wire.request("GET", asked).json() == BAD_REQUEST

    if orderly:
        socket.connection.send(frame(CLOSE, (1001).to_bytes(2, "big")))
        with pytest.raises(Closed):
            socket.read()
    else:
        socket.connection.reset()
    other.sync()

    assert wire.request("GET", asked).json()["code"] == 1


def test_theServersGoodbyeEndsAPollThatWaits(wire: Wire, revision: int) -> None:
    peer = wire.rootPeer(revision, "polling")
    assert isinstance(peer, PollingPeer)
    peer.session.startPoll()
    peer.send('42["kick",true]')
    packets = peer.session.finishPoll()
    if packets[-1] != "1":
        packets += peer.session.receive()
    assert [packet for packet in packets if packet != "6"] == ["41", "1"]
    assert peer.session.gone()


def test_theServersGoodbyeWaitsForThePoll(wire: Wire, revision: int) -> None:
    peer = wire.rootPeer(revision, "polling")
    peer.send('42["message","last"]', '42["kick",true]')
    assert peer.untilClosed()[0] == ['42["message-back","last"]', "41"]


def test_onAWebSocketTheServerJustClosesIt(wire: Wire, revision: int) -> None:
    peer = wire.rootPeer(revision, "websocket")
    peer.send('42["message","last"]', '42["kick",true]')
    packets, code = peer.untilClosed()
    assert packets == ['42["message-back","last"]', "41"]
    assert code is not None


def test_sessionsOnTheTwoPathsAreStrangersToEachOther(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    target = session.target.replace("/engine.io/", SOCKETIO_PATH)
    assert wire.request("GET", target).json()["code"] == 1


PARSE_ERRORS: dict[str, tuple[str | bytes, str]] = {
    "no packet": ("", "empty Engine.IO packet"),
    "no such packet": ("x", "unknown Engine.IO packet type"),
    "an event that is none": ("42{}", "payload of EVENT is not an array with a name"),
    "a binary message alone": (b"\x01", "unexpected binary message"),
    "MessagePack": (
        b"\x83\xa4type\x00\xa4data\xc0\xa3nsp\xa1/",
        "MessagePack: this server supports only the default parser of Socket.IO",
    ),
}


@pytest.mark.parametrize(("packet", "words"), PARSE_ERRORS.values(), ids=PARSE_ERRORS)
def test_theCloseFrameSaysWhatWasWrong(wire: Wire, revision: int, packet: str | bytes, words: str) -> None:
    peer = wire.rootPeer(revision, "websocket")
    assert isinstance(peer, EngineSocket)
    peer.send(packet)
    last = peer.socket.readFrame()
    assert (last.opcode, last.payload) == (CLOSE, b"\x03\xea" + words.encode())


def test_aPollerWithAnotherParserIsClosedToo(wire: Wire, revision: int) -> None:
    peer = wire.rootPeer(revision, "polling")
    peer.send(b"\x83\xa4type\x00")
    assert peer.untilClosed()[0] == []
