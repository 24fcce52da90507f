"""Empty lines before a request and absolute targets, for all that is served, on connections that are kept open."""

from __future__ import annotations

from typing import Any

import pytest

from tests.wire.payloads import encode
from tests.wire.rawhttp import Connection, Header, requestBytes
from tests.wire.rawws import WebSocket, upgradeBytes
from tests.wire.wire import SOCKETIO_PATH, Wire

CONFIG: dict[str, Any] = {"origins": ["https://app.example"]}

HOST = "signal.example:8080"
FORMS = ["", "http://signal.example:8080", "HTTPS://Signal.Example:8080", "ws://127.0.0.1"]


def polling(revision: int) -> str:
    """The target of a handshake by polling."""
    return f"{SOCKETIO_PATH}?EIO={revision}&transport=polling"


def answered(connection: Connection, data: bytes) -> int:
    """The status of the answer to these bytes."""
    connection.send(data)
    return connection.readResponse().status


@pytest.mark.parametrize("empty", [1, 2, 16])
@pytest.mark.parametrize("form", FORMS)
def test_pollingAndPagesAreServed(daemon: Wire, revision: int, empty: int, form: str) -> None:
    """The first request is the doorman's, the next ones are those of what carries the connection then."""
    session = daemon.polling(revision, path=SOCKETIO_PATH)
    connection = daemon.connection()
    lines = b"\r\n" * empty
    for _ in range(2):
        for target in (polling(revision), "/status", polling(revision)):
            assert answered(connection, lines + requestBytes("GET", form + target)) == 200
        posted = requestBytes("POST", form + session.target, body=encode(revision, "2" if revision == 3 else "3"))
        assert answered(connection, lines + posted) == 200
    assert answered(connection, lines + requestBytes("GET", form + "/nothing")) == 404


@pytest.mark.parametrize("before", [[], ["polling"], ["/status"], ["polling", "/status"]], ids=str)
@pytest.mark.parametrize("form", FORMS)
def test_aWebSocketIsServed(daemon: Wire, revision: int, before: list[str], form: str) -> None:
    connection = daemon.connection()
    for target in before:
        path = polling(revision) if target == "polling" else target
        assert answered(connection, b"\r\n" + requestBytes("GET", form + path)) == 200
    target = f"{form}{SOCKETIO_PATH}?EIO={revision}&transport=websocket"
    socket = WebSocket(connection, b"\r\n\r\n" + upgradeBytes(target))
    assert socket.response.status == 101
    assert str(socket.read()).startswith('0{"sid"')


def test_linesBehindABodyAreNoRequest(daemon: Wire, revision: int) -> None:
    session = daemon.polling(revision, path=SOCKETIO_PATH)
    connection = daemon.connection()
    post = requestBytes("POST", session.target, body=encode(revision, "2" if revision == 3 else "3"))
    for _ in range(40):
        assert answered(connection, post + b"\r\n") == 200
    assert connection.isQuiet(0.1)


@pytest.mark.parametrize("before", [[], ["polling"], ["/status"]], ids=str)
def test_moreEmptyLinesThanAnyoneSendsAreRefused(daemon: Wire, before: list[str]) -> None:
    connection = daemon.connection()
    for target in before:
        assert answered(connection, requestBytes("GET", polling(4) if target == "polling" else target)) == 200
    assert answered(connection, b"\r\n" * 17 + requestBytes("GET", "/status")) == 400
    assert connection.readToEnd() == b""


def test_emptyLinesMayComeInPieces(daemon: Wire) -> None:
    connection = daemon.connection()
    for _ in range(2):
        connection.sendPieces(b"\r\n\r\n" + requestBytes("GET", "http://a.example/status"), 1)
        assert connection.readResponse().status == 200


@pytest.mark.parametrize("target", ["polling", "websocket"])
@pytest.mark.parametrize("first", [True, False], ids=["first request", "later request"])
def test_theHostOfTheTargetIsTheOneThatCounts(daemon: Wire, revision: int, target: str, first: bool) -> None:
    path = f"{SOCKETIO_PATH}?EIO={revision}&transport={target}"

    def status(host: str) -> int:
        connection = daemon.connection()
        if not first:
            assert answered(connection, requestBytes("GET", "/status")) == 200
        headers: list[Header] = [("Host", HOST), ("Origin", f"http://{host}")]
        absolute = f"http://other.example{path}"
        upgrade = upgradeBytes(absolute, headers)
        connection.send(upgrade if target == "websocket" else requestBytes("GET", absolute, headers))
        return connection.readResponse().status

    assert status("other.example") in (101, 200)
    assert status(HOST) == 403


@pytest.mark.parametrize("target", ["http://user@a.example/status", "ftp://a.example/status", "a.example:443"])
def test_otherTargetsAreNothing(daemon: Wire, target: str) -> None:
    connection = daemon.connection()
    assert answered(connection, requestBytes("GET", target)) in (400, 404)


def test_anAbsoluteTargetStillNeedsAHost(daemon: Wire) -> None:
    connection = daemon.connection()
    assert answered(connection, b"GET http://a.example/status HTTP/1.1\r\n\r\n") == 400
