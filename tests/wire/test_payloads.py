"""What polling answers and posts may hold, in the forms of both revisions."""

from __future__ import annotations

import pytest

from tests.support.processes import Process
from tests.wire.engine import Polling
from tests.wire.payloads import Packet, decode, decodeBinary, encode, encodeBinary, units
from tests.wire.rawhttp import chunked, requestBytes
from tests.wire.wire import Wire

OCTETS = [("Content-Type", "application/octet-stream")]
BASE64 = "&b64=1"

MESSAGES: list[list[Packet]] = [
    ["4hello"],
    ["4"],
    ["4test1", "4test2", "4test3"],
    ["4€"],
    ["4😀"],
    ["4" + "😀é€\u0000\u001f\uffff" * 50],
    ["4hello", b"\x01\x02\x03\x04"],
    [b"\x00", b"", bytes(range(256)), "4:5:6:"],
    ["4line one\nline two\r\n"],
]

BAD_PAYLOADS_3 = [
    "",
    "abc",
    ":",
    ":4a",
    "1",
    "6:4hell",
    "6:4hello!",
    "6:4hello7",
    "3:4😀!",
    "5:4😀",
    "+2:4a",
    "-2:4a",
    " 2:4a",
    "2 :4a",
    "0x2:4a",
    "2.0:4a",
    "1e0:4",
    "1_1:4helloworld",
    "٢:4a",
    "\uff12:4a",
    "99999999999999999999:4a",
    "9" * 400 + ":4a",
    "-1:",
    "2:7a",
    "2:9a",
    "2:xa",
    "1:7",
    "8:b4AQI*BA",
    "11:b4AQIDBA==!",
    "6:b4A===",
    "3:b9A",
    "1:b",
]

BAD_PAYLOADS_4 = [
    "",
    "abc",
    "7",
    "9a",
    "x4hello",
    "٤hello",
    "\x1e",
    "4a\x1e",
    "\x1e4a",
    "4a\x1e\x1e4b",
    "4a\x1ex",
    "bAQI*BA==",
    "bAQIDBA==!",
    "bA===",
    "6:4hello",
]

BAD_BINARY_3 = [
    b"",
    b"\x00",
    b"\x00\x02",
    b"\x00\x02\xff4",
    b"\x00\x02\xff4a!",
    b"\x00\x02\xff4a\x00",
    b"\x02\x02\xff4a",
    b"\x00\x0a\xff4a",
    b"\x00\xff4a",
    b"\x0024\xff4a",
    b"\x00" + b"\x09" * 400 + b"\xff4a",
    b"\x00\x03\xff4\xff\xfe",
    b"\x01\x02\xff\x09\x01",
    b"\x00\x02\xff7a",
]


def ids(payloads: list[str]) -> list[str]:
    """Names for parameters that hold anything."""
    return [ascii(payload)[1:-1][:24] or "empty" for payload in payloads]


@pytest.mark.parametrize("packets", MESSAGES, ids=lambda packets: ascii(packets)[:30])
@pytest.mark.parametrize("query", ["", BASE64], ids=["", "b64"])
def test_messagesComeBackAsTheyWere(wire: Wire, revision: int, query: str, packets: list[Packet]) -> None:
    session = wire.polling(revision, query=query)
    session.send(*packets)
    assert session.receive() == packets


def test_revision3CountsUtf16Units(wire: Wire) -> None:
    session = wire.polling(3)
    session.post("6:4hello2:4€3:4😀".encode())
    answer = session.poll()
    assert answer.text == "6:4hello2:4€3:4😀"


def test_revision3IgnoresAnEmptyPacket(wire: Wire) -> None:
    session = wire.polling(3)
    assert session.post(b"0:2:4a0:").status == 200
    assert session.receive() == ["4a"]


def test_revision4JoinsPacketsWithTheRecordSeparator(wire: Wire) -> None:
    session = wire.polling(4)
    session.post(b"4test1\x1e4test2\x1ebAQIDBA==")
    assert session.poll().body == b"4test1\x1e4test2\x1ebAQIDBA=="


def assertRefusedAndClosed(session: Polling, body: bytes, headers: list[tuple[str, str]] | None = None) -> None:
    """The payload is a bad request and costs the session."""
    assert session.post(body, headers or []).status == 400
    assert session.gone()


@pytest.mark.parametrize("payload", BAD_PAYLOADS_3, ids=ids(BAD_PAYLOADS_3))
def test_aBadPayloadClosesASessionOfRevision3(wire: Wire, payload: str) -> None:
    assertRefusedAndClosed(wire.polling(3), payload.encode())


@pytest.mark.parametrize("payload", BAD_PAYLOADS_4, ids=ids(BAD_PAYLOADS_4))
def test_aBadPayloadClosesASessionOfRevision4(wire: Wire, payload: str) -> None:
    assertRefusedAndClosed(wire.polling(4), payload.encode())


@pytest.mark.parametrize("payload", BAD_BINARY_3, ids=lambda payload: repr(payload)[2:-1][:24] or "empty")
def test_aBadBinaryPayloadClosesASessionOfRevision3(wire: Wire, payload: bytes) -> None:
    assertRefusedAndClosed(wire.polling(3), payload, OCTETS)


@pytest.mark.parametrize("text", [b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x98", b"\xc0\x80"])
def test_aPayloadThatIsNotUtf8ClosesTheSession(wire: Wire, revision: int, text: bytes) -> None:
    packet = b"4" + text
    body = packet if revision == 4 else b"%d:%s" % (units(packet.decode("utf-8", "replace")), packet)
    assertRefusedAndClosed(wire.polling(revision), body)


def test_revision4HasNoBinaryPayloads(wire: Wire) -> None:
    assertRefusedAndClosed(wire.polling(4), b"4hello", OCTETS)


@pytest.mark.parametrize("bad", ["9", "xyz"])
def test_whatComesBeforeABadPacketIsDelivered(wire: Wire, revision: int, bad: str) -> None:
    session = wire.polling(revision)
    session.startPoll()
    assert session.post(encode(revision, "4first", bad, "4never")).status == 400
    assert session.finishPoll()[0] == "4first"
    assert session.gone()


def test_aPollThatWaitsWhenABadPayloadComesIsEnded(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    session.startPoll()
    session.post(b"abc")
    assert session.finish().status in {200, 400}


def test_revision3AnswersInBinaryWhenThereIsBinaryToSay(wire: Wire) -> None:
    session = wire.polling(3)
    session.post(b"6:4hello10:b4AQIDBA==")
    answer = session.poll()
    assert answer.header("content-type") == "application/octet-stream"
    assert answer.body == b"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04"


def test_inTheBinaryFormLengthsCountBytes(wire: Wire) -> None:
    session = wire.polling(3)
    packets: list[Packet] = ["4😀", b"\xff" * 123, "4" + "€" * 40]
    session.send(*packets)
    answer = session.poll()
    assert answer.body == encodeBinary(packets)


def test_revision3AnswersInTextWhenThereIsOnlyText(wire: Wire) -> None:
    session = wire.polling(3)
    session.send(b"\x01")
    session.poll()
    session.send("4hello")
    answer = session.poll()
    assert (answer.header("content-type") or "").startswith("text/plain")
    assert answer.text == "6:4hello"


def test_revision3AnswersInTextWhenTheHandshakeAskedForBase64(wire: Wire) -> None:
    session = wire.polling(3, query=BASE64)
    session.send("4hello", b"\x01\x02\x03\x04")
    answer = session.poll()
    assert (answer.header("content-type") or "").startswith("text/plain")
    assert answer.text == "6:4hello10:b4AQIDBA=="


@pytest.mark.parametrize("query", ["", BASE64], ids=["", "b64"])
@pytest.mark.parametrize("packets", MESSAGES, ids=lambda packets: ascii(packets)[:30])
def test_revision3TakesBinaryPayloads(wire: Wire, query: str, packets: list[Packet]) -> None:
    session = wire.polling(3, query=query)
    assert session.post(encodeBinary(packets), OCTETS).body == b"ok"
    assert session.receive() == packets


def test_theHandshakeOfRevision3IsTextEvenWithoutBase64(wire: Wire) -> None:
    opening = wire.polling(3).opening
    assert (opening.header("content-type") or "").startswith("text/plain")


def test_aPostMayComeInChunksThatSplitACharacter(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    body = encode(revision, "4a€😀b")
    pieces = (body[:3], body[3:4], body[4:8], body[8:])
    request = requestBytes("POST", session.target, [("Transfer-Encoding", "chunked")])
    session.transmit(request + chunked(*pieces))
    assert session.postAnswer().body == b"ok"
    assert session.receive() == ["4a€😀b"]


def test_aPostMayComeByteByByte(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    connection = wire.connection()
    connection.sendPieces(requestBytes("POST", session.target, body=encode(revision, "4€😀")), 1)
    assert connection.readResponse().body == b"ok"
    assert session.receive() == ["4€😀"]


def test_someHundredPacketsInOnePostAreFine(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    packets: list[Packet] = [f"4{number}" for number in range(500)]
    session.send(*packets)
    received: list[Packet] = []
    while len(received) < len(packets):
        answer = session.receive()
        assert len(answer) <= 16
        received += answer
    assert received == packets


def test_aPayloadOfMassesOfPacketsIsCutQuickly(wire: Wire, unhurried: Process | None, revision: int) -> None:
    """A million bytes of the smallest packets neither hold up the server nor are worked off."""
    session = wire.polling(revision)
    body = b"4\x1e" * 499_999 + b"4" if revision == 4 else b"1:4" * 333_333
    before = unhurried.processorSeconds() if unhurried else 0.0
    assert session.post(body).status == 400
    assert session.gone()
    assert (unhurried.processorSeconds() if unhurried else 0.0) - before < 0.5


def test_aMillionBytesInOnePacketAreFine(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    size = 1_000_000 if revision == 4 else 1_000_000 - len("999993:")
    packet = "4" + "x" * (size - 1)
    session.send(packet)
    assert session.receive() == [packet]


def test_aMillionBytesOfBinaryAreFine(wire: Wire) -> None:
    session = wire.polling(3)
    data = bytes(range(250)) * 3999
    session.post(encodeBinary([data]), OCTETS)
    answer = session.poll()
    assert decodeBinary(answer.body) == [data]


def test_theB64OfALaterRequestChangesNothing(wire: Wire) -> None:
    session = wire.polling(3)
    session.send(b"\x01\x02")
    answer = wire.request("GET", session.target + BASE64)
    assert decode(3, answer.body, answer.header("content-type") or "") == [b"\x01\x02"]
