"""From polling to a WebSocket: what each side says, and what happens when it does not work out."""

from __future__ import annotations

import pytest

from tests.wire.engine import BAD_REQUEST, EngineSocket, Polling
from tests.wire.payloads import encode
from tests.wire.rawhttp import Response
from tests.wire.rawws import BINARY, TEXT, WebSocket, frame, textFrame, upgradeBytes
from tests.wire.wire import ENGINE_PATH, Wire


def closedQuietly(socket: EngineSocket) -> bool:
    """Whether the server closes this WebSocket without having said anything on it."""
    return socket.socket.readUntilClosed()[0] == []


def assertStillPolling(session: Polling) -> None:
    """Polls wait again, and messages come by polling."""
    session.startPoll()
    assert session.pollIsHeld(0.05)
    session.send("4still polling")
    assert session.finishPoll() == ["4still polling"]


def test_anUpgradeFromTheProbeToTheFirstMessage(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.startPoll()
    socket = wire.upgrade(session)
    assert session.pollIsHeld(0.02)
    socket.send("2probe")
    assert socket.next() == "3probe"
    assert session.finish().text == ("6" if revision == 4 else "1:6")
    socket.send("5", "4hello")
    assert socket.next() == "4hello"


def test_pollsThatComeAfterTheProbeEndAtOnceToo(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    socket = wire.probed(session)
    for _ in range(5):
        assert session.receive() == ["6"]
    socket.send("5")
    assert socket.isAlive()


def test_aPollAfterTheProbeGetsWhatIsBufferedInPlaceOfANoop(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    socket = wire.probed(session)
    session.send("4a", b"\x01\x02")
    session.send("4b")
    assert session.receive() == ["4a", b"\x01\x02", "4b"]
    assert session.receive() == ["6"]
    socket.send("5")
    assert socket.isAlive()


def test_whatIsBufferedComesByWebSocketWhenNoPollFetchedIt(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    socket = wire.probed(session)
    assert session.receive() == ["6"]
    session.send("4a", b"\x01\x02")
    session.send("4b")
    assert socket.socket.connection.isQuiet(0.03)
    socket.send("5", "4c")
    assert socket.receiveAll(4) == ["4a", b"\x01\x02", "4b", "4c"]
    assert socket.socket.connection.isQuiet(0.03)


def test_theWholeUpgradeMayComeInOneWrite(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    target = session.target.replace("polling", "websocket")
    frames = b"".join(map(textFrame, ("2probe", "5", "4hello")))
    socket = EngineSocket(WebSocket(wire.connection(), upgradeBytes(target) + frames), revision)
    assert socket.receiveAll(2) == ["3probe", "4hello"]
    assert wire.request("GET", session.target).json() == BAD_REQUEST


def test_aPollThatWaitsWhenTheUpgradeComesInOneWriteEnds(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.startPoll()
    socket = wire.upgrade(session)
    socket.send("2probe", "5", "4hello")
    assert session.finishPoll() == ["6"]
    assert socket.receiveAll(2) == ["3probe", "4hello"]


def test_afterwardsPollingRequestsAreRefused(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    socket = wire.upgraded(session)
    assert socket.isAlive()
    for answer in (session.poll(), session.post(encode(revision, "4hello"))):
        assert answer.status == 400
        assert answer.json() == BAD_REQUEST
    assert socket.isAlive()


def test_postsGoOnUntilTheUpgradeIsDone(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    socket = wire.upgrade(session)
    session.send("4before the probe")
    socket.send("2probe")
    assert socket.next() == "3probe"
    session.send("4after the probe")
    socket.send("5")
    assert socket.receiveAll(2) == ["4before the probe", "4after the probe"]


@pytest.mark.parametrize("probed", [False, True])
def test_aSecondWebSocketDuringAnUpgradeIsClosedAndTheFirstGoesOn(wire: Wire, revision: int, probed: bool) -> None:
    session = wire.polling(revision)
    first = wire.probed(session) if probed else wire.upgrade(session)
    second = wire.upgrade(session)
    assert closedQuietly(second)
    if not probed:
        first.send("2probe")
        assert first.next() == "3probe"
    first.send("5")
    assert first.isAlive()


def test_aSecondWebSocketAfterAnUpgradeIsClosedAndTheFirstGoesOn(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    socket = wire.upgraded(session)
    intruder = wire.upgrade(session)
    intruder.send("2probe", "5", "4hello")
    assert closedQuietly(intruder)
    assert socket.isAlive()


def test_aSessionThatBeganOnAWebSocketIsNotTakenOver(wire: Wire, revision: int) -> None:
    socket = EngineSocket(wire.webSocket(f"{ENGINE_PATH}?EIO={revision}&transport=websocket"), revision)
    sid = socket.readHandshake()["sid"]
    intruder = wire.tryWebSocket(f"{ENGINE_PATH}?EIO={revision}&transport=websocket&sid={sid}")
    if isinstance(intruder, Response):
        assert intruder.status == 400
    else:
        intruder.sendText("2probe", "5", "4hello")
        assert intruder.readUntilClosed()[0] == []
    assert socket.isAlive()


@pytest.mark.parametrize(
    "first",
    ["2", "2Probe", "2probe ", "3probe", "5 ", "4hello", "1", "6", "0", "probe", "", "x"],
)
def test_anyOtherFirstFrameClosesThatWebSocketOnly(wire: Wire, revision: int, first: str) -> None:
    session = wire.polling(revision)
    socket = wire.upgrade(session)
    socket.send(first)
    assert closedQuietly(socket)
    assertStillPolling(session)


def test_aBinaryFirstFrameClosesThatWebSocketOnly(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    socket = wire.upgrade(session)
    socket.socket.connection.send(frame(BINARY, b"2probe"))
    assert closedQuietly(socket)
    assertStillPolling(session)


def test_aBrokenFrameClosesThatWebSocketOnly(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    socket = wire.probed(session)
    socket.socket.connection.send(frame(TEXT, b"5", rsv=7))
    assert closedQuietly(socket)
    assertStillPolling(session)


@pytest.mark.parametrize("packet", ["4hello", "2probe", "1", "x"])
def test_anythingButTheUpgradePacketAfterTheProbeDoesNotUpgrade(wire: Wire, revision: int, packet: str) -> None:
    """The WebSocket may be closed or left waiting; what was sent on it counts for nothing."""
    session = wire.polling(revision)
    socket = wire.probed(session)
    socket.send(packet)
    session.sync()
    session.send("4by polling")
    assert session.receive() == ["4by polling"]


@pytest.mark.parametrize("probed", [False, True], ids=["before the probe", "after the probe"])
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_aWebSocketThatDiesLeavesTheSessionAsItWas(wire: Wire, revision: int, probed: bool, reset: bool) -> None:
    session = wire.polling(revision)
    socket = wire.probed(session) if probed else wire.upgrade(session)
    if reset:
        socket.socket.connection.reset()
    else:
        socket.close()
    session.sync()
    assertStillPolling(session)


def test_afterAFailureANewTryIsAllowed(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    for first in ("4hello", "2probe", "x"):
        failing = wire.upgrade(session)
        failing.send(first)
        failing.close()
        session.sync()
    socket = wire.upgraded(session)
    assert socket.isAlive()


@pytest.mark.parametrize("probed", [False, True], ids=["no probe", "probed"])
def test_anUpgradeThatIsNotFinishedInTimeCostsThatWebSocketOnly(
    pulsingWire: Wire, revision: int, probed: bool
) -> None:
    session = pulsingWire.polling(revision)
    late = pulsingWire.probed(session) if probed else pulsingWire.upgrade(session)
    assert late.socket.connection.isQuiet(0), "it has its time"
    while late.socket.connection.isQuiet(0.02):
        if revision == 3:
            session.send("2")
        session.keepAlive(session.receive())
    assert closedQuietly(late)
    session.send("4still polling")
    while "4still polling" not in (packets := session.receive()):
        session.keepAlive(packets)
    assert not session.gone()


@pytest.mark.parametrize("probed", [False, True])
def test_aSessionThatIsClosedMeanwhileTakesTheWebSocketWithIt(wire: Wire, revision: int, probed: bool) -> None:
    session = wire.polling(revision)
    socket = wire.probed(session) if probed else wire.upgrade(session)
    session.send("1")
    assert closedQuietly(socket)
    assert session.gone()


def test_aSessionThatDiesOfABadPayloadMeanwhileTakesTheWebSocketWithIt(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    socket = wire.probed(session)
    assert session.post(b"abc").status == 400
    assert closedQuietly(socket)
    assert session.gone()


def test_aSilentClientIsClosedDuringAnUpgradeToo(hastyWire: Wire, revision: int) -> None:
    session = hastyWire.polling(revision)
    socket = hastyWire.probed(session)
    assert closedQuietly(socket)
    assert session.gone()


def test_whoeverClosesTheNewTransportClosesTheSession(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    socket = wire.upgraded(session)
    assert socket.isAlive()
    socket.close()
    session.sync()
    assert session.gone()


@pytest.mark.parametrize("handshake", ["", "&b64=1"], ids=["", "handshake b64"])
def test_b64CountsForTheWebSocketThatSaysIt(wire: Wire, revision: int, handshake: str) -> None:
    plain = wire.upgraded(wire.polling(revision, query=handshake))
    target = plain.socket
    plain.send(b"\x01\x02\x03\x04")
    assert target.read() == (b"\x04" if revision == 3 else b"") + b"\x01\x02\x03\x04"

    text = wire.socket(revision, query="&b64=1")
    text.send(b"\x01\x02\x03\x04")
    assert text.socket.read() == ("b4AQIDBA==" if revision == 3 else "bAQIDBA==")


def test_binaryMayComeAsTextOnAnyWebSocket(wire: Wire, revision: int) -> None:
    socket = wire.socket(revision)
    socket.sendAsText(b"\x01\x02\x03\x04")
    assert socket.next() == b"\x01\x02\x03\x04"


def test_theSidOfAnotherRevisionsSessionIsNoTrouble(wire: Wire, revision: int) -> None:
    """Refused, or served in the session's own revision."""
    session = wire.polling(revision)
    target = session.target.replace("polling", "websocket").replace(f"EIO={revision}", f"EIO={7 - revision}")
    answer = wire.tryWebSocket(target)
    if isinstance(answer, Response):
        assert answer.status == 400
        assertStillPolling(session)
        return
    socket = EngineSocket(answer, revision)
    socket.send("2probe")
    assert socket.next() == "3probe"
    socket.send("5", b"\x01")
    assert socket.next() == b"\x01"
