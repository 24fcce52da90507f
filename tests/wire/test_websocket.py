"""The WebSocket underneath: RFC 6455 as the server must keep it."""

from __future__ import annotations

import pytest

from tests.wire.engine import EngineSocket
from tests.wire.rawhttp import requestBytes
from tests.wire.rawws import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    Refused,
    WebSocket,
    frame,
    textFrame,
    upgradeBytes,
    upgradeHeaders,
)
from tests.wire.wire import ENGINE_PATH, Wire

BAD_UTF8 = [b"\xff", b"\xc3\x28", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"]

VIOLATIONS = {
    "no mask": frame(TEXT, b"4a", mask=None),
    "RSV1": frame(TEXT, b"4a", rsv=4),
    "RSV2": frame(TEXT, b"4a", rsv=2),
    "RSV3": frame(TEXT, b"4a", rsv=1),
    "opcode 3": frame(0x3, b"4a"),
    "opcode 7": frame(0x7, b"4a"),
    "opcode 11": frame(0xB, b"4a"),
    "opcode 15": frame(0xF, b"4a"),
    "a continuation of nothing": frame(CONTINUATION, b"4a"),
    "a message within a message": frame(TEXT, b"4a", fin=False) + textFrame("4b"),
    "a fragmented ping": frame(PING, b"", fin=False),
    "a fragmented close": frame(CLOSE, b"", fin=False),
    "a ping of 126 bytes": frame(PING, b"x" * 126),
    "a close frame of one byte": frame(CLOSE, b"\x03"),
    "close code 0": frame(CLOSE, b"\x00\x00"),
    "close code 999": frame(CLOSE, (999).to_bytes(2, "big")),
    "close code 1005": frame(CLOSE, (1005).to_bytes(2, "big")),
    "close code 1006": frame(CLOSE, (1006).to_bytes(2, "big")),
    "a length with its highest bit set": frame(TEXT, b"4a", announced=2**63 + 2),
}


@pytest.fixture
def socket(wire: Wire, revision: int) -> EngineSocket:
    """A session on a WebSocket."""
    return wire.socket(revision)


def test_aMessageMayComeInFragments(socket: EngineSocket) -> None:
    text = "4a€😀z".encode()
    frames = [frame(TEXT, text[:1], fin=False)]
    frames += [frame(CONTINUATION, text[i : i + 1], fin=False) for i in range(1, len(text))]
    socket.socket.connection.send(b"".join(frames) + frame(CONTINUATION, b""))
    assert socket.next() == "4a€😀z"


def test_aBinaryMessageMayComeInFragmentsWithPingsBetween(socket: EngineSocket, revision: int) -> None:
    payload = b"\x04\x01\x02" if revision == 3 else b"\x01\x02"
    socket.socket.connection.send(
        frame(BINARY, payload[:1], fin=False)
        + frame(PING, b"one")
        + frame(CONTINUATION, b"", fin=False)
        + frame(PING, b"two")
        + frame(CONTINUATION, payload[1:])
    )
    assert socket.socket.readFrame() == Frame(True, 0, PONG, b"one")
    assert socket.socket.readFrame() == Frame(True, 0, PONG, b"two")
    assert socket.next() == b"\x01\x02"


def test_framesMayComeByteByByte(socket: EngineSocket) -> None:
    socket.socket.connection.sendPieces(textFrame("4one€") + textFrame("4two") + frame(PING), 1)
    assert socket.receiveAll(2) == ["4one€", "4two"]


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 65534, 65535, 65536, 200_000])
def test_messagesOfAllLengthFormsComeBack(socket: EngineSocket, size: int) -> None:
    text, data = "4" + "x" * size, b"\xfe" * size
    socket.send(text, data)
    assert socket.receiveAll(2) == [text, data]


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\x80\x7f\x00"])
def test_anyMaskWillDo(socket: EngineSocket, mask: bytes) -> None:
    socket.socket.connection.send(frame(TEXT, b"4hello", mask=mask))
    assert socket.next() == "4hello"


@pytest.mark.parametrize("payload", [b"", b"are you there?", b"\x00" * 125])
def test_pingsAreAnsweredWithWhatTheyHold(socket: EngineSocket, payload: bytes) -> None:
    socket.socket.connection.send(frame(PING, payload))
    assert socket.socket.readFrame() == Frame(True, 0, PONG, payload)


def test_pongsThatNobodyAskedForAreIgnored(socket: EngineSocket) -> None:
    socket.socket.connection.send(frame(PONG) + frame(PONG, b"hello"))
    assert socket.isAlive()


@pytest.mark.parametrize("text", BAD_UTF8, ids=repr)
def test_textThatIsNotUtf8ClosesWith1007(socket: EngineSocket, text: bytes) -> None:
    socket.socket.connection.send(frame(TEXT, b"4ok" + text))
    assert socket.untilClosed() == ([], 1007)


def test_textThatIsNotUtf8InItsFragmentsTogetherClosesWith1007(socket: EngineSocket) -> None:
    socket.socket.connection.send(frame(TEXT, b"4\xe2\x82", fin=False) + frame(CONTINUATION, b"4"))
    assert socket.untilClosed() == ([], 1007)


@pytest.mark.parametrize("violation", VIOLATIONS.values(), ids=VIOLATIONS.keys())
def test_aBrokenFrameClosesTheConnection(socket: EngineSocket, violation: bytes) -> None:
    socket.socket.connection.send(violation)
    packets, code = socket.untilClosed()
    assert packets == []
    assert code in {1002, 1009, None}


def test_whatComesBehindABrokenFrameCountsForNothing(socket: EngineSocket) -> None:
    socket.socket.connection.send(frame(TEXT, b"4a", rsv=7) + textFrame("4never"))
    assert socket.untilClosed()[0] == []


def test_framesAfterTheCloseFrameCountForNothing(socket: EngineSocket) -> None:
    socket.socket.connection.send(frame(CLOSE, (1000).to_bytes(2, "big")) + textFrame("4never"))
    assert socket.untilClosed() == ([], 1000)


def test_aCloseFrameMayBeEmpty(socket: EngineSocket) -> None:
    socket.socket.connection.send(frame(CLOSE))
    packets, code = socket.untilClosed()
    assert packets == []
    assert code in {1000, 1005}


@pytest.mark.parametrize("packet", ["", "abc", "7", "9a", "x", "٤a", "b!!"])
def test_aBadPacketClosesTheSession(socket: EngineSocket, packet: str) -> None:
    socket.send(packet)
    assert socket.closes()


def test_aBinaryFrameOfRevision3MustSayThatItIsAMessage(wire: Wire) -> None:
    for payload in (b"", b"\x09\x01", b"4\x01", b"\x02"):
        socket = wire.socket(3)
        socket.socket.connection.send(frame(BINARY, payload))
        assert socket.closes()


def test_aFloodOfPingsThatReadsNoPongsStallsNobodyElse(wire: Wire, revision: int) -> None:
    socket, bystander = wire.socket(revision), wire.socket(revision)
    """More than it may send at once, and less than would end the connection."""
    socket.socket.connection.send(frame(PING, b"x" * 125) * 600)
    assert bystander.isAlive()
    for _ in range(600):
        assert socket.socket.readFrame().opcode == PONG


def test_theHandshakeMayShareAWriteWithFrames(wire: Wire, revision: int) -> None:
    target = f"{ENGINE_PATH}?EIO={revision}&transport=websocket"
    socket = WebSocket(wire.connection(), upgradeBytes(target) + textFrame("4hello") + textFrame("4again"))
    messages = [socket.read() for _ in range(3)]
    assert str(messages[0]).startswith("0{")
    assert messages[1:] == ["4hello", "4again"]


def test_aBrokenFrameMayShareAWriteWithTheHandshake(wire: Wire, revision: int) -> None:
    target = f"{ENGINE_PATH}?EIO={revision}&transport=websocket"
    socket = WebSocket(wire.connection(), upgradeBytes(target) + frame(TEXT, b"4a", rsv=7))
    messages, _ = socket.readUntilClosed()
    assert len(messages) <= 1


def test_theHandshakeMayComeInPieces(wire: Wire, revision: int) -> None:
    connection = wire.connection()
    request = upgradeBytes(f"{ENGINE_PATH}?EIO={revision}&transport=websocket")
    connection.sendPieces(request + textFrame("4hello"), 7)
    socket = WebSocket(connection)
    assert str(socket.read()).startswith("0{")
    assert socket.read() == "4hello"


def test_aConnectionThatWasUsedForPollingMayBecomeAWebSocket(wire: Wire, revision: int) -> None:
    connection = wire.connection()
    opened = connection.request("GET", f"{ENGINE_PATH}?EIO={revision}&transport=polling")
    assert opened.status == 200
    socket = WebSocket(connection, upgradeBytes(f"{ENGINE_PATH}?EIO={revision}&transport=websocket"))
    assert str(socket.read()).startswith("0{")
    socket.sendText("4hello")
    assert socket.read() == "4hello"


def test_aPollAndTheUpgradeMayShareAWrite(wire: Wire, revision: int) -> None:
    query = f"{ENGINE_PATH}?EIO={revision}&transport="
    connection = wire.connection()
    upgrade = upgradeBytes(query + "websocket")
    connection.send(requestBytes("GET", query + "polling") + upgrade + textFrame("4hello"))
    assert connection.readResponse().status == 200
    socket = WebSocket(connection)
    assert str(socket.read()).startswith("0{")
    assert socket.read() == "4hello"


@pytest.mark.parametrize(
    "headers",
    [
        {"upgrade": "WebSocket"},
        {"upgrade": "WEBSOCKET"},
        {"connection": "keep-alive, Upgrade"},
        {"connection": "upgrade"},
        {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"},
    ],
    ids=str,
)
def test_upgradesAreAskedForInManyWays(wire: Wire, revision: int, headers: dict[str, str]) -> None:
    target = f"{ENGINE_PATH}?EIO={revision}&transport=websocket"
    socket = WebSocket(wire.connection(), requestBytes("GET", target, upgradeHeaders(**headers)))
    assert socket.response.header("sec-websocket-extensions") is None
    assert str(socket.read()).startswith("0{")


SUBPROTOCOLS: dict[str, tuple[list[str], str | None]] = {
    "none": ([], None),
    "one": (["chat"], "chat"),
    "a list": (["chat, superchat"], "chat"),
    "a list without spaces": (["superchat,chat"], "superchat"),
    "several headers": (["v1.rtc", "chat, superchat"], "v1.rtc"),
    "every character that may be": (["!#$%&'*+-.^_`|~09azAZ"], "!#$%&'*+-.^_`|~09azAZ"),
    "nothing": ([""], None),
    "an empty element": ([", chat"], "chat"),
}


@pytest.mark.parametrize(("values", "chosen"), SUBPROTOCOLS.values(), ids=SUBPROTOCOLS)
def test_firstSubprotocolIsNamedAndNoneUnlessAskedFor(
    wire: Wire, revision: int, values: list[str], chosen: str | None
) -> None:
    target = f"{ENGINE_PATH}?EIO={revision}&transport=websocket"
    socket = wire.webSocket(target, [("Sec-WebSocket-Protocol", value) for value in values])
    assert socket.response.header("sec-websocket-protocol") == chosen
    assert str(socket.read()).startswith("0{")


BAD_SUBPROTOCOLS = [["a b"], ["chat, s(uper)"], ["chat", "caf\xe9"], ["a=b"], ["chat, chat"], ['"chat"']]


@pytest.mark.parametrize("values", BAD_SUBPROTOCOLS, ids=", ".join)
def test_badSubprotocolsAreRefused(wire: Wire, revision: int, values: list[str]) -> None:
    target = f"{ENGINE_PATH}?EIO={revision}&transport=websocket"
    with pytest.raises(Refused) as refused:
        wire.webSocket(target, [("Sec-WebSocket-Protocol", value) for value in values])
    assert refused.value.response.status == 400


@pytest.mark.parametrize(
    "headers",
    [
        upgradeHeaders(leaveOut="Sec-WebSocket-Key"),
        upgradeHeaders(leaveOut="Sec-WebSocket-Version"),
        upgradeHeaders(leaveOut="Connection"),
        upgradeHeaders(sec_websocket_version="12"),
        upgradeHeaders(sec_websocket_version="x"),
        upgradeHeaders(sec_websocket_key="short"),
        upgradeHeaders(upgrade="h2c"),
    ],
    ids=["no key", "no version", "no connection", "version 12", "version x", "bad key", "h2c"],
)
def test_aMalformedUpgradeIsRefused(wire: Wire, revision: int, headers: list[tuple[str, str]]) -> None:
    connection = wire.connection()
    connection.send(requestBytes("GET", f"{ENGINE_PATH}?EIO={revision}&transport=websocket", headers))
    with pytest.raises(Refused) as refused:
        WebSocket(connection)
    assert 400 <= refused.value.response.status < 500


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD"])
def test_onlyGetUpgrades(wire: Wire, revision: int, method: str) -> None:
    connection = wire.connection()
    target = f"{ENGINE_PATH}?EIO={revision}&transport=websocket"
    answer = connection.request(method, target, upgradeHeaders())
    assert 400 <= answer.status < 500
