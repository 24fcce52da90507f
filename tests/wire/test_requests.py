"""Which requests open or reach a session, and what the others are told."""

from __future__ import annotations

import re

import pytest

from tests.wire.engine import BAD_REQUEST, UNKNOWN_SESSION
from tests.wire.payloads import decode
from tests.wire.rawhttp import Connection, Response
from tests.wire.rawws import Refused, upgradeBytes
from tests.wire.wire import ENGINE_PATH, SOCKETIO_PATH, Wire

UNKNOWN_TRANSPORT = {"code": 0, "message": "Transport unknown"}
BAD_METHOD = {"code": 2, "message": "Bad handshake method"}
UNSUPPORTED = {"code": 5, "message": "Unsupported protocol version"}

UNKNOWN_TRANSPORTS = [
    "",
    "transport=",
    "transport=abc",
    "transport=Polling",
    "transport=polling,websocket",
    "transport=webtransport",
    "transport=constructor",
    "transport=__proto__",
    "transport=polling%00",
]

UNSUPPORTED_REVISIONS = ["", "EIO=", "EIO=abc", "EIO=2", "EIO=5", "EIO=04", "EIO=4.0", "EIO=%204", "EIO=%D9%A4"]

ODD_SIDS = [
    "abc",
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "..%2F..%2Fetc%2Fpasswd",
    "%00",
    "abc%00def",
    "%0d%0aX-Injected:%201",
    "%F0%9F%98%80",
    "%FF%FE",
    "%27%20OR%201=1",
    "<script>",
    "x" * 3000,
]


def assertRefused(answer: Response, error: dict[str, object]) -> None:
    """The answer is 400 and this error as JSON, and nothing else."""
    assert answer.status == 400
    assert (answer.header("content-type") or "").startswith("application/json")
    assert answer.json() == error


@pytest.fixture(params=[ENGINE_PATH, SOCKETIO_PATH])
def path(request: pytest.FixtureRequest) -> str:
    """Each of the fixture's two servers in turn."""
    chosen: str = request.param
    return chosen


@pytest.mark.parametrize("query", UNKNOWN_TRANSPORTS)
def test_aTransportThatIsMissingOrUnknownIsError0(wire: Wire, path: str, revision: int, query: str) -> None:
    assertRefused(wire.request("GET", f"{path}?EIO={revision}&{query}"), UNKNOWN_TRANSPORT)


@pytest.mark.parametrize("sid", ODD_SIDS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_aSidThatIsNotKnownIsError1WhateverItLooksLike(
    wire: Wire, path: str, revision: int, method: str, sid: str
) -> None:
    target = f"{path}?EIO={revision}&transport=polling&sid={sid}"
    body = b"4hello" if method == "POST" else None
    assertRefused(wire.request(method, target, body=body), UNKNOWN_SESSION)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_onlyGetOpensASession(wire: Wire, path: str, revision: int, method: str) -> None:
    target = f"{path}?EIO={revision}&transport=polling"
    assertRefused(wire.request(method, target, body=b""), BAD_METHOD)


def test_headOpensNoSession(wire: Wire, path: str, revision: int) -> None:
    answer = wire.request("HEAD", f"{path}?EIO={revision}&transport=polling")
    assert answer.status == 400


@pytest.mark.parametrize("query", UNSUPPORTED_REVISIONS)
def test_aRevisionThatIsNeither3Nor4IsError5(wire: Wire, path: str, query: str) -> None:
    assertRefused(wire.request("GET", f"{path}?transport=polling&{query}"), UNSUPPORTED)


def test_aWebSocketWithoutUpgradeIsABadRequest(wire: Wire, path: str, revision: int) -> None:
    assertRefused(wire.request("GET", f"{path}?EIO={revision}&transport=websocket"), BAD_REQUEST)


def test_theSessionOfAPollerIsNotReachedByAPlainRequestForAWebSocket(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    target = session.target.replace("polling", "websocket")
    assertRefused(wire.request("GET", target), BAD_REQUEST)
    assert not session.gone()


def test_theSessionOfAWebSocketIsNotReachedByPolling(wire: Wire, revision: int) -> None:
    socket = wire.webSocket(f"{ENGINE_PATH}?EIO={revision}&transport=websocket")
    handshake = socket.read()
    assert isinstance(handshake, str)
    sid = re.findall(r'"sid": ?"([^"]+)"', handshake)[0]
    target = f"{ENGINE_PATH}?EIO={revision}&transport=polling&sid={sid}"

    assertRefused(wire.request("GET", target), BAD_REQUEST)
    assertRefused(wire.request("POST", target, body=b"4hi"), BAD_REQUEST)
    socket.sendText("4still here")
    assert socket.read() == "4still here"


@pytest.mark.parametrize("origin", [b"http://a\x01b", b"http://a\x7f", b"\x1bhttp://a", b"http://a\rX-Evil: 1"])
def test_anOriginWithControlCharactersIsABadRequest(wire: Wire, path: str, revision: int, origin: bytes) -> None:
    """Whether the HTTP layer says so, which knows no codes, or the session layer, which does."""
    answer = wire.request("GET", f"{path}?EIO={revision}&transport=polling", [("Origin", origin)])
    assert answer.status == 400
    if "json" in (answer.header("content-type") or ""):
        assert answer.json() == BAD_REQUEST
    else:
        assert answer.endsConnection
    assert b"Evil" not in repr(answer).encode()
    assert answer.all("access-control-allow-origin") == []


@pytest.mark.parametrize(
    ("method", "query", "error"),
    [
        ("POST", "EIO=9&sid=x", UNKNOWN_TRANSPORT),
        ("POST", "EIO=9", UNKNOWN_TRANSPORT),
        ("POST", "EIO=9&transport=polling&sid=x", UNKNOWN_SESSION),
        ("POST", "EIO=9&transport=polling", BAD_METHOD),
        ("POST", "EIO=9&transport=websocket", BAD_METHOD),
        ("GET", "EIO=9&transport=websocket", BAD_REQUEST),
        ("GET", "EIO=9&transport=polling", UNSUPPORTED),
    ],
)
def test_ofSeveralMistakesTheFirstInOrderIsTold(
    wire: Wire, path: str, method: str, query: str, error: dict[str, object]
) -> None:
    body = b"" if method == "POST" else None
    assertRefused(wire.request(method, f"{path}?{query}", body=body), error)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("EIO={}", "Transport unknown"),
        ("EIO={}&transport=abc", "Transport unknown"),
        ("EIO={}&transport=websocket&sid=abc", "Session ID unknown"),
        ("EIO={}&transport=websocket&sid=__proto__", "Session ID unknown"),
        ("transport=websocket", "Unsupported protocol version"),
        ("EIO=abc&transport=websocket", "Unsupported protocol version"),
    ],
)
def test_anUpgradeIsRefusedBeforeItIsAcceptedAsTextAndTheConnectionClosed(
    wire: Wire, path: str, revision: int, query: str, message: str
) -> None:
    connection = wire.connection()
    connection.send(upgradeBytes(f"{path}?{query.format(revision)}"))
    assertUpgradeRefused(connection, message)


@pytest.mark.parametrize("sid", ODD_SIDS)
def test_anUpgradeOfAnUnknownSidIsRefusedWhateverItLooksLike(wire: Wire, revision: int, sid: str) -> None:
    connection = wire.connection()
    connection.send(upgradeBytes(f"{ENGINE_PATH}?EIO={revision}&transport=websocket&sid={sid}"))
    assertUpgradeRefused(connection, "Session ID unknown")


def test_anUpgradeFromAnOriginWithControlCharactersIsRefused(wire: Wire, revision: int) -> None:
    with pytest.raises(Refused) as refused:
        wire.webSocket(f"{ENGINE_PATH}?EIO={revision}&transport=websocket", [("Origin", b"http://a\x01b")])
    assert refused.value.response.status == 400
    assert refused.value.response.endsConnection


def assertUpgradeRefused(connection: Connection, message: str) -> None:
    """The answer is 400, closes the connection, and holds the message alone as text."""
    answer = connection.readResponse()
    assert answer.status == 400
    assert answer.endsConnection
    assert (answer.header("content-type") or "").startswith("text/html")
    assert answer.text == message
    assert connection.readToEnd() == b""


def test_aPathOutsideIsNotTheServersBusiness(wire: Wire, revision: int) -> None:
    query = f"?EIO={revision}&transport=polling"
    for path in ("/engine", "/engine.io.evil/", "/", "/ENGINE.IO/"):
        assert wire.request("GET", path + query).status == 404
    with pytest.raises(Refused) as refused:
        wire.webSocket(f"/elsewhere/?EIO={revision}&transport=websocket")
    assert 400 <= refused.value.response.status < 500


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_aMethodThatASessionDoesNotKnowIsNotAllowedAndHarmsNothing(wire: Wire, revision: int, method: str) -> None:
    session = wire.polling(revision)
    assert wire.request(method, session.target, body=b"").status == 405
    session.send("4hi")
    assert session.receive() == ["4hi"]


def test_theHandshakeHoldsExactlyFiveKeys(fixtureWire: Wire, path: str, revision: int) -> None:
    handshake = fixtureWire.polling(revision, path=path).handshake
    sid = handshake.pop("sid")
    assert re.fullmatch(r"[A-Za-z0-9_-]{16,}", sid)
    assert handshake == {
        "upgrades": ["websocket"],
        "pingInterval": 300,
        "pingTimeout": 200,
        "maxPayload": 1_000_000,
    }


def test_onAWebSocketTheHandshakeOffersNoUpgrade(wire: Wire, path: str, revision: int) -> None:
    packet = wire.webSocket(f"{path}?EIO={revision}&transport=websocket").read()
    assert isinstance(packet, str)
    assert re.search(r'"upgrades": ?\[\]', packet)


def test_theFirstPacketOfASessionIsTheHandshakeInItsRevisionsForm(wire: Wire, revision: int) -> None:
    answer = wire.request("GET", f"{ENGINE_PATH}?EIO={revision}&transport=polling")
    assert answer.status == 200
    packets = decode(revision, answer.body)
    assert len(packets) == 1
    assert str(packets[0]).startswith('0{"')


def test_goodAnswersAreTypedAndNeverStored(wire: Wire, revision: int) -> None:
    session = wire.polling(revision)
    accepted = session.post(b"4a" if revision == 4 else b"2:4a")
    answered = session.poll()

    assert (accepted.status, accepted.body) == (200, b"ok")
    assert (accepted.header("content-type") or "").startswith("text/html")
    for answer in (session.opening, answered):
        assert answer.status == 200
        assert (answer.header("content-type") or "").lower() == "text/plain; charset=utf-8"
    for answer in (session.opening, answered, accepted):
        assert answer.header("cache-control") == "no-store"
        assert answer.header("set-cookie") is None


def test_sidsAreNotGuessable(wire: Wire, revision: int) -> None:
    """Each of at least 16 places varies widely, as it does with 96 random bits and does not with a counter."""
    sids = [wire.polling(revision).sid for _ in range(40)]
    assert len(set(sids)) == len(sids)
    varied = [place for place in zip(*sids, strict=False) if len(set(place)) >= 8]
    assert len(varied) >= 16


def test_theRevisionIsFixedByTheRequestThatOpensTheSession(wire: Wire, revision: int) -> None:
    """A later request that says otherwise is either refused or served in the session's own form."""
    session = wire.polling(revision)
    other = session.target.replace(f"EIO={revision}", f"EIO={7 - revision}")
    session.send("4a")
    answer = wire.request("GET", other)
    if answer.status == 200:
        assert decode(revision, answer.body) == ["4a"]
    else:
        assertRefused(answer, BAD_REQUEST)


def test_theCacheBusterAndForeignQueryKeysAreIgnored(wire: Wire, revision: int) -> None:
    session = wire.polling(revision, query="&t=Oabc&token=%F0%9F%98%80&__proto__=1&x&=&&a=b=c")
    target = session.target + "&t=Oabd&t=Oabe"
    assert wire.request("POST", target, body=b"2:4a" if revision == 3 else b"4a").status == 200
    assert decode(revision, wire.request("GET", target).body) == ["4a"]
