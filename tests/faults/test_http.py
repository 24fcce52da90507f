"""Requests: floods, forms, smuggling, and connections that never say anything."""

from __future__ import annotations

import struct

import pytest

from tests.faults.target import Target, quietly
from tests.wire.payloads import encode
from tests.wire.rawhttp import Connection, ConnectionEnded, chunked, requestBytes
from tests.wire.rawws import upgradeBytes, upgradeHeaders
from tests.wire.socketio import event
from tests.wire.wire import SOCKETIO_PATH, Wire

HANDSHAKE = f"{SOCKETIO_PATH}?EIO=4&transport=polling"
WEBSOCKET = f"{SOCKETIO_PATH}?EIO=4&transport=websocket"
HIDDEN = requestBytes("GET", HANDSHAKE)


def everything(connection: Connection) -> bytes:
    """All that the server says until it ends the connection."""
    try:
        return connection.readToEnd()
    except ConnectionEnded:
        return b""


def test_pipelinedRequestsTakeTurnsWithEverybodyElse(attacker: Wire) -> None:
    connections = [attacker.connection() for _ in range(20)]
    for connection in connections:
        quietly(connection, requestBytes("GET", "/status") * 400)
    for connection in connections:
        assert all(connection.readResponse().status == 200 for _ in range(400))


def test_answersThatNobodyReadsStopTheRequests(target: Target, attacker: Wire) -> None:
    before = target.kilobytes()
    connections = [attacker.connection(receiveBuffer=4096) for _ in range(10)]
    for connection in connections:
        quietly(connection, requestBytes("GET", "/status") * 40_000)
    assert target.kilobytes() - before < 10_000


@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded"])
def test_formsOfMassesOfFieldsAreNotRead(attacker: Wire, kind: str) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb\r\n' if "boundary" in kind else b"a=b&"
    body = part * (60_000 // len(part))
    for _ in range(20):
        assert attacker.request("POST", "/status", [("Content-Type", kind)], body).status == 405


@pytest.mark.parametrize("path", ["/status", HANDSHAKE, HANDSHAKE + "&sid=unknown"])
@pytest.mark.parametrize("coding", ["length", "chunks"])
def test_whoHasNoSessionCannotFillTheMemoryWithBodies(
    target: Target, attacker: Wire, path: str, coding: str
) -> None:
    before = target.kilobytes()
    length = coding == "length"
    header = ("Content-Length", "1000000") if length else ("Transfer-Encoding", "chunked")
    body = b"4" * 990_000 if length else b"f0000\r\n" + b"4" * 980_000
    for _ in range(100):
        quietly(attacker.connection(), requestBytes("POST", path, [header]) + body)
    assert target.kilobytes() - before < 20_000


def test_aBodyInChunksOfOneByteCostsNoMoreThanItsBytes(target: Target, attacker: Wire) -> None:
    session = attacker.polling(4, path=SOCKETIO_PATH)
    before = target.kilobytes()
    connection = attacker.connection()
    connection.send(requestBytes("POST", session.target, [("Transfer-Encoding", "chunked")]))
    for _ in range(30):
        quietly(connection, b"1\r\n4\r\n" * 10_000)
    assert target.kilobytes() - before < 10_000


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"0:" * 490_000, "text/plain"),
        ("2:4😀".encode() + b"0:" * 490_000, "text/plain"),
        (b"\x00\x00\xff" * 330_000, "application/octet-stream"),
        (b"1:6" * 330_000, "text/plain"),
    ],
    ids=["empty", "empty behind wide characters", "empty and binary", "noops"],
)
def test_massesOfPacketsInOneBodyAreNotReadToTheirEnd(
    target: Target, attacker: Wire, body: bytes, kind: str
) -> None:
    def cost(body: bytes, kind: str) -> float:
        spent = target.processorSeconds()
        for _ in range(3):
            session = attacker.polling(3, path=SOCKETIO_PATH)
            assert session.post(body, [("Content-Type", kind)]).status == 400
        return target.processorSeconds() - spent

    # The thousand that are read cost something, the more so where lines are counted; all of them cost seconds.
    assert cost(body, kind) < 0.9 + cost(b"x" * len(body), "text/plain")


SMUGGLING = {
    "two lengths": (b"Content-Length: 0\r\nContent-Length: 300\r\n", b""),
    "a list of lengths": (b"Content-Length: 0, 300\r\n", b""),
    "a length and chunks": (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "chunks and a length": (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    "a signed length": (b"Content-Length: +5\r\n", b"4aaaa"),
    "a length with an underscore": (b"Content-Length: 5_0\r\n", b"4aaaa"),
    "a blank before the colon": (b"Content-Length : 5\r\n", b"4aaaa"),
    "chunks twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "chunks of chunks": (b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
    "a length and no coding": (b"Content-Length: 5\r\nTransfer-Encoding: identity\r\n", b"4aaaa"),
    "no coding": (b"Transfer-Encoding: Identity \r\n", b"0\r\n\r\n"),
    "an unknown coding": (b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "chunks behind a control character": (b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "a folded header": (b"X: a\r\n Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "a chunk with a signed size": (b"Transfer-Encoding: chunked\r\n", b"+0\r\n\r\n"),
    "a chunk with a hexadecimal prefix": (b"Transfer-Encoding: chunked\r\n", b"0x0\r\n\r\n"),
    "a chunk extension with NUL": (b"Transfer-Encoding: chunked\r\n", b"0;a=\x00\r\n\r\n"),
    "a bare CR": (b"X: a\rContent-Length: 300\r\n", b""),
    "two hosts": (b"Host: other\r\n", b""),
    "NUL in a value": (b"X: a\x00b\r\n", b""),
}


@pytest.mark.parametrize("before", [b"", requestBytes("GET", "/status")], ids=["first", "later"])
@pytest.mark.parametrize(("headers", "body"), SMUGGLING.values(), ids=SMUGGLING.keys())
def test_whatTwoServersCouldReadDifferentlyIsRefusedAndNothingBehindItIsServed(
    attacker: Wire, before: bytes, headers: bytes, body: bytes
) -> None:
    connection = attacker.connection()
    head = f"POST {HANDSHAKE} HTTP/1.1\r\nHost: a\r\n".encode()
    connection.send(before + head + headers + b"\r\n" + body + HIDDEN)
    if before:
        assert connection.readResponse().status == 200
    answers = everything(connection)
    assert answers.startswith(b"HTTP/1.1 400 ") or answers == b""
    assert answers.count(b"HTTP/1.1") <= 1
    assert b'"sid"' not in answers


@pytest.mark.parametrize("path", ["/status", HANDSHAKE, WEBSOCKET])
@pytest.mark.parametrize("digits", ["9" * 5_000, "0" * 5_000 + "5"], ids=["nines", "noughts"])
def test_aLengthOfThousandsOfDigitsIsRefused(attacker: Wire, path: str, digits: str) -> None:
    answer = attacker.request("POST", path, [("Content-Length", digits)])
    assert answer.status == 413
    assert answer.endsConnection


@pytest.mark.parametrize("size", ["f4241", "f" * 16, "F" * 500])
def test_aChunkThatIsTooLargeIsRefusedWhenItIsAnnounced(attacker: Wire, revision: int, size: str) -> None:
    session = attacker.polling(revision, path=SOCKETIO_PATH)
    for target in (session.target, "/status"):
        connection = attacker.connection()
        connection.send(requestBytes("POST", target, [("Transfer-Encoding", "chunked")]) + f"{size}\r\n4".encode())
        answer = connection.readResponse()
        assert answer.status == 413
        assert answer.endsConnection
    assert not session.gone()


def test_aBodyInChunksThatIsNotTooLargeIsTaken(attacker: Wire, revision: int) -> None:
    session = attacker.polling(revision, path=SOCKETIO_PATH)
    body = encode(revision, *(["40"] if revision == 4 else []), event("nothing", "a" * 990_000))
    connection = attacker.connection()
    connection.send(requestBytes("POST", session.target, [("Transfer-Encoding", "chunked")]))
    pieces = chunked(body[:600_000], body[600_000:])
    for start in (0, 400_000, 800_000):
        connection.send(pieces[start : start + 400_000])
        session.sync()
    assert connection.readResponse().body == b"ok"
    assert not session.gone()


@pytest.mark.parametrize("version", ["+13", "1_3", "013", "13.0", "-13", "9" * 5_000, "\xb9\xb3", "13, 8", ""])
def test_aVersionOfWebsocketsThatIsNotWrittenAs13IsRefused(
    attacker: Wire, revision: int, version: str
) -> None:
    target = f"{SOCKETIO_PATH}?EIO={revision}&transport=websocket"
    answer = attacker.request("GET", target, upgradeHeaders(sec_websocket_version=version))
    assert answer.status == 400
    assert answer.header("sec-websocket-version") == "13"


@pytest.mark.parametrize("header", [("Content-Length", str(len(HIDDEN))), ("Transfer-Encoding", "chunked")])
def test_anUpgradeWithABodyIsRefused(attacker: Wire, header: tuple[str, str]) -> None:
    connection = attacker.connection()
    connection.send(upgradeBytes(WEBSOCKET, [header]) + chunked(HIDDEN))
    answers = everything(connection)
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert b'"sid"' not in answers


@pytest.mark.parametrize(
    "header",
    [
        ("Sec-WebSocket-Version", "<script>"),
        ("Sec-WebSocket-Key", "<script>"),
        ("Sec-WebSocket-Protocol", "<script>,<script>"),
        ("Host", "<script>:x"),
    ],
)
def test_aRefusedUpgradeRepeatsNothingOfWhatWasAsked(attacker: Wire, header: tuple[str, str]) -> None:
    connection = attacker.connection()
    headers = [*((name, value) for name, value in upgradeHeaders() if name != header[0]), header]
    connection.send(requestBytes("GET", WEBSOCKET, headers))
    answers = everything(connection)
    assert answers.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\nContent-Length: " in answers
    assert b"script" not in answers


def test_extensionsThatNoOneCanReadAreNeitherUsedNorRepeated(attacker: Wire) -> None:
    connection = attacker.connection()
    extensions = [("Sec-WebSocket-Extensions", "<script>")] * 2
    connection.send(requestBytes("GET", WEBSOCKET, [*upgradeHeaders(), *extensions]))
    answers = everything(connection)
    assert answers.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"extensions" not in answers.lower()
    assert b"script" not in answers


def test_lineFeedsAloneEndNoLines(attacker: Wire) -> None:
    connection = attacker.connection()
    connection.send(b"GET /status HTTP/1.1\nHost: a\n\n" + HIDDEN.replace(b"\r\n\r\n", b"\r\nX: y\r\n\r\n"))
    answers = everything(connection)
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert b'"sid"' not in answers


@pytest.mark.parametrize("data", [b"", b"G", b"GET / HTTP/1.1\r\nHost: a\r\nX: "], ids=["silence", "a byte", "a head"])
def test_anAddressHasSoManyIdleConnectionsAndTheOthersTheirs(
    target: Target, attacker: Wire, data: bytes
) -> None:
    connections = [attacker.connection() for _ in range(900)]
    for connection in connections:
        quietly(connection, data)
    for connection in connections[800:]:
        answer = everything(connection)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 429 ")
    assert all(connection.isQuiet(0) for connection in connections[:800:40])
    target.assertCallWorks()
    for connection in connections:
        connection.close()


def test_connectionsThatAreResetAtAnyMomentHarmNobody(attacker: Wire) -> None:
    whole = upgradeBytes(WEBSOCKET)
    moments = [b"", whole[:1], whole[: len(whole) // 2], whole[:-2], whole, requestBytes("GET", HANDSHAKE)[:-1], HIDDEN]
    for data in moments * 15:
        connection = attacker.connection()
        connection.send(data)
        connection.reset()


@pytest.mark.parametrize("path", ["/status", "/nothing", HANDSHAKE, HANDSHAKE + "&sid=unknown"])
def test_whoSaysWithTheRequestThatItWasTheLastIsAnswered(attacker: Wire, path: str) -> None:
    connection = attacker.connection()
    connection.send(requestBytes("GET", path) * 20)
    connection.endSending()
    assert everything(connection).count(b"HTTP/1.1 ") == 20


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 20_000,
        b"\xff" * 20_000,
        b"\r\n" * 10_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01" + struct.pack(">H", 512) + bytes(512) + b"\r\n\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /status HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET " + b"/" * 60_000,
        b"GET /status HTTP/1.1\r\n" + b"a: b\r\n" * 5_000 + b"\r\n",
        b"GET /status HTTP/1.1\r\nHost: a\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(120)) + b"\r\n",
        "GET /státus HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
    ],
    ids=range(10),
)
def test_whatIsNoRequestIsRefusedAtOnce(attacker: Wire, data: bytes) -> None:
    connection = attacker.connection()
    quietly(connection, data)
    answers = everything(connection)
    assert answers == b"" or answers[9:12] in (b"400", b"414", b"431", b"505")


REFLECTED = "<script>alert(1)</script>"
INJECTED = "%0d%0aX-Injected:%20yes%0d%0a%0d%0a%3Cscript%3Ealert(1)%3C/script%3E"


@pytest.mark.parametrize(
    "path",
    [
        f"/{REFLECTED}",
        f"/{INJECTED}",
        f"/status?{REFLECTED}",
        f"{SOCKETIO_PATH}?EIO={REFLECTED}&transport=polling",
        f"{SOCKETIO_PATH}?EIO=4&transport={INJECTED}",
        f"{SOCKETIO_PATH}?EIO=4&transport=polling&sid={INJECTED}",
        f"{SOCKETIO_PATH}?EIO=4&transport=polling&j={INJECTED}",
        f"{SOCKETIO_PATH}{REFLECTED}?EIO=4&transport=polling",
    ],
)
@pytest.mark.parametrize("method", ["GET", "OPTIONS", "POST"])
def test_whatARequestSaysIsNeverSaidAgain(attacker: Wire, method: str, path: str) -> None:
    headers = [("Origin", f"http://{REFLECTED}"), ("Host", REFLECTED), ("X-Forwarded-For", REFLECTED)]
    answer = attacker.request(method, path, headers, b"" if method == "POST" else None)
    said = repr((answer.headers, answer.body)).lower()
    assert "<script" not in said
    assert "alert" not in said
    assert "injected" not in said
