"""HTTP that means harm: it is refused, the connection is closed, and nothing that was smuggled in is served."""

from __future__ import annotations

import pytest

from tests.wire.payloads import decode
from tests.wire.rawhttp import Connection, ConnectionEnded, requestBytes
from tests.wire.wire import ENGINE_PATH, Wire

HANDSHAKE = f"{ENGINE_PATH}?EIO=4&transport=polling"
SMUGGLED = requestBytes("GET", HANDSHAKE)

DIGITS_THAT_ARE_NONE = ["+5", "-5", "5 5", "0x5", "5_0", "5.0", "1e1", "", "five", "5,6", "\u0665".encode()]


def refusedAndClosed(connection: Connection) -> bool:
    """Whether the server answers once, with 400, and ends the connection."""
    try:
        answer = connection.readResponse()
    except ConnectionEnded:
        return True
    return answer.status in {400, 501} and connection.readToEnd() == b""


def test_twoLengthsAreRefused(wire: Wire) -> None:
    connection = wire.connection()
    lengths = [("Content-Length", "0"), ("Content-Length", str(len(SMUGGLED)))]
    connection.send(requestBytes("POST", HANDSHAKE, lengths) + SMUGGLED)
    assert refusedAndClosed(connection)


def test_aLengthAndChunksAreRefused(wire: Wire) -> None:
    connection = wire.connection()
    headers = [("Content-Length", "5"), ("Transfer-Encoding", "chunked")]
    connection.send(requestBytes("POST", HANDSHAKE, headers) + b"0\r\n\r\n" + SMUGGLED)
    assert refusedAndClosed(connection)


def test_chunksAndALengthAreRefused(wire: Wire) -> None:
    connection = wire.connection()
    headers = [("Transfer-Encoding", "chunked"), ("Content-Length", "5")]
    connection.send(requestBytes("POST", HANDSHAKE, headers) + b"0\r\n\r\n" + SMUGGLED)
    assert refusedAndClosed(connection)


@pytest.mark.parametrize("length", DIGITS_THAT_ARE_NONE, ids=repr)
def test_aLengthThatIsNoPlainNumberIsRefused(wire: Wire, length: str | bytes) -> None:
    connection = wire.connection()
    connection.send(requestBytes("POST", HANDSHAKE, [("Content-Length", length)]) + b"4aaaa" + SMUGGLED)
    assert refusedAndClosed(connection)


@pytest.mark.parametrize("encoding", ["xchunked", "chunked, gzip", "gzip", "chunked\x0b", "chunked;a"])
def test_anUnknownTransferEncodingIsRefused(wire: Wire, encoding: str) -> None:
    connection = wire.connection()
    connection.send(requestBytes("POST", HANDSHAKE, [("Transfer-Encoding", encoding)]) + b"0\r\n\r\n" + SMUGGLED)
    assert refusedAndClosed(connection)


@pytest.mark.parametrize("size", [b"+5", b"-5", b"0x5", b"5_0", b" 5", b"", b"g", b"\xd9\xa5"])
def test_aChunkSizeThatIsNoHexNumberIsRefused(wire: Wire, size: bytes) -> None:
    connection = wire.connection()
    session = wire.polling(4)
    head = requestBytes("POST", session.target, [("Transfer-Encoding", "chunked")])
    connection.send(head + size + b"\r\n4aaaa\r\n0\r\n\r\n" + SMUGGLED)
    assert refusedAndClosed(connection)


@pytest.mark.parametrize(
    "line",
    [b"Content-Length : 5", b" Content-Length: 5", b"no colon at all", b": no name", b"Na\x00me: x", b"Na me: x"],
)
def test_aHeaderLineThatIsNoneIsRefused(wire: Wire, line: bytes) -> None:
    connection = wire.connection()
    head = requestBytes("POST", HANDSHAKE)[:-2]
    connection.send(head + line + b"\r\n\r\n" + b"4aaaa" + SMUGGLED)
    answer = connection.readResponse()
    assert answer.status == 400
    assert b"sid" not in connection.readToEnd()


def test_aFloodOfHeadersIsRefused(wire: Wire) -> None:
    connection = wire.connection()
    headers = [(f"X-Header-{number}", "x") for number in range(2000)]
    tell(connection, requestBytes("GET", HANDSHAKE, headers))
    assertTooMuch(connection)


def test_aHeaderOfManyBytesIsRefused(wire: Wire) -> None:
    connection = wire.connection()
    tell(connection, requestBytes("GET", HANDSHAKE, [("Cookie", "x" * 100_000)]))
    assertTooMuch(connection)


def test_headersThatNeverEndAreRefused(wire: Wire) -> None:
    connection = wire.connection()
    tell(connection, requestBytes("GET", HANDSHAKE)[:-2] + b"X: y\r\n" * 20_000)
    assertTooMuch(connection)


def test_aVeryLongTargetIsRefused(wire: Wire) -> None:
    connection = wire.connection()
    tell(connection, requestBytes("GET", f"{HANDSHAKE}&x={'x' * 100_000}"))
    assertTooMuch(connection)


def tell(connection: Connection, data: bytes) -> None:
    """Sends as much as the server listens to."""
    try:
        connection.send(data)
    except ConnectionEnded:
        pass


def assertTooMuch(connection: Connection) -> None:
    """The server says that it was too much, if the client still hears it, and ends the connection."""
    try:
        answer = connection.readResponse()
    except ConnectionEnded:
        return
    assert answer.status in {400, 413, 414, 431}
    assert connection.readToEnd() == b""


@pytest.mark.parametrize(
    "line",
    [
        b"GET",
        b"GET /",
        b"GET / HTTP/9.9",
        b"GET / FTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"SSH-2.0-OpenSSH_9.2p1",
        b"*1\r\n$4\r\nPING",
        b"GET http://[::1 HTTP/1.1",
        b"GET //\xff\xfe?\xff=\xff HTTP/1.1",
    ],
    ids=repr,
)
def test_whatIsNoRequestEndsTheConnection(wire: Wire, line: bytes) -> None:
    connection = wire.connection()
    tell(connection, line + b"\r\n\r\n")
    try:
        assert 400 <= connection.readResponse().status < 600
    except ConnectionEnded:
        pass


@pytest.mark.parametrize("target", ["/%2e%2e/etc/passwd", "/?EIO=4", "//", "/%00", "/%ff", "/engine.io/%ff", "*"])
def test_oddTargetsAreNoTrouble(wire: Wire, target: str) -> None:
    assert 400 <= wire.request("GET", target).status < 500


@pytest.mark.parametrize(
    "query",
    ["%", "%zz", "EIO=4&transport=%ff", "EIO=4&EIO=3&transport=polling&transport=websocket", "&&&&", "=", "transport"],
)
def test_oddQueriesAreNoTrouble(wire: Wire, query: str) -> None:
    answer = wire.request("GET", f"{ENGINE_PATH}?{query}")
    assert answer.status in {200, 400}


def test_queriesOfThousandsOfKeysAreNoTrouble(wire: Wire) -> None:
    query = "&".join(f"k{number}=1" for number in range(1000))
    assert wire.request("GET", f"{HANDSHAKE}&{query}").status in {200, 400, 414}


def test_oldHttpIsAnsweredAndTheConnectionClosed(wire: Wire) -> None:
    connection = wire.connection()
    connection.send(f"GET {HANDSHAKE} HTTP/1.0\r\n\r\n".encode())
    assert decode(4, connection.readResponse().body)[0]
    assert connection.readToEnd() == b""


def test_whoAsksForItGetsTheConnectionClosed(wire: Wire) -> None:
    connection = wire.connection()
    assert connection.request("GET", HANDSHAKE, [("Connection", "close")]).status == 200
    assert connection.readToEnd() == b""


def test_aRequestMayComeInPieces(wire: Wire) -> None:
    connection = wire.connection()
    connection.sendPieces(requestBytes("GET", HANDSHAKE), 3)
    assert connection.readResponse().status == 200


def test_manyRequestsInOneWriteAreAllAnsweredInOrder(wire: Wire) -> None:
    connection = wire.connection()
    connection.send(
        b"".join(requestBytes("GET", f"{ENGINE_PATH}?EIO=4&transport=polling&sid={n}") for n in range(50))
        + requestBytes("GET", HANDSHAKE)
    )
    assert [connection.readResponse().status for _ in range(51)] == [400] * 50 + [200]


def test_answersNeverRepeatWhatWasAsked(wire: Wire) -> None:
    for target in ("/<script>alert(1)</script>", f"{ENGINE_PATH}?EIO=4&transport=<script>", "/%0d%0aX-Evil:%201"):
        answer = wire.request("GET", target, [("Host", "<script>evil</script>")])
        assert b"<script" not in answer.body
        assert answer.header("x-evil") is None
