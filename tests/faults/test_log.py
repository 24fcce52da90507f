"""The log: one line for each event, whatever names there are, and not more of them than somebody reads."""

from __future__ import annotations

import re

import pytest

from tests.faults.target import Target, joined, quietly
from tests.wire.rawhttp import requestBytes
from tests.wire.socketio import event
from tests.wire.wire import SOCKETIO_PATH, Wire

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[[^\]]*\] [ -~\u00a1-\uffff]*")
FORGED = "2026-01-01T00:00:00+0000 [-] forged"


@pytest.mark.parametrize(
    "name",
    [
        "{log_failure}{0}%s%d",
        "\u2028" + FORGED,
        "\u202e\u200b\ufeff",
        "\\x0a" + FORGED,
    ],
)
def test_namesCannotWriteLinesOfTheirOwn(target: Target, attacker: Wire, revision: int, name: str) -> None:
    def isLogged() -> bool:
        joined(attacker.namespacePeer(revision), name, "log " + name).send("41")
        return " left " in target.logged()

    # Not the first time, if tests before have used up what may be written.
    target.waitUntil(isLogged)
    for line in target.logged().split("\n"):
        assert line == "" or LINE.fullmatch(line), line
        assert not line.startswith(FORGED)


def test_headersAndQueriesAreNotWrittenAtAll(target: Target, attacker: Wire) -> None:
    secret = "very-secret-token"
    for line in (
        requestBytes("GET", f"{SOCKETIO_PATH}?EIO=4&transport=polling&token={secret}", [("Authorization", secret)]),
        requestBytes("GET", f"{SOCKETIO_PATH}?EIO=4&transport=x&token={secret}", [("Cookie", secret)]),
        f"GET /{secret} HTTP/9\r\n{secret}\r\n\r\n".encode(),
    ):
        quietly(attacker.connection(), line)
    assert attacker.request("GET", "/status").status == 200
    assert secret not in target.logged()


def test_messagesAreNotWritten(target: Target, attacker: Wire, revision: int, room: str) -> None:
    peer = joined(attacker.namespacePeer(revision), "ann", room)
    for more in ({"userId": "ann"}, {"userId": "bob"}, {"roomName": ["secret-sdp"]}):
        peer.send(event("broadcast", {"sdp": "secret-sdp", **more}))
    peer.send('42["secret-sdp')
    peer.untilClosed()
    assert "secret-sdp" not in target.logged()


FLOODS = ["refused connections", "joins and leaves", "refusals", "time-outs", "bad requests"]


@pytest.mark.parametrize("kind", FLOODS)
def test_noKindOfLineFillsTheLog(target: Target, attacker: Wire, kind: str) -> None:
    """The bound on lines is in the fixture of the server."""
    if kind == "refused connections":
        handshake = requestBytes("GET", f"{SOCKETIO_PATH}?EIO=4&transport=polling")
        connection = attacker.connection()
        for _ in range(10):
            connection.send(handshake * 80)
            for _ in range(80):
                connection.readResponse()
    elif kind == "bad requests":
        for _ in range(400):
            quietly(attacker.connection(), b"nonsense\r\n\r\n")
    elif kind == "time-outs":
        for _ in range(200):
            attacker.connection().send(b"GET ")
    else:
        peers = [attacker.namespacePeer(4) for _ in range(6)]
        for peer in peers:
            body = {"userId": "u", "roomName": kind if kind.startswith("joins") else ""}
            for _ in range(80):
                peer.send(event("join-room", body, ack="1"), event("leave-room", body, ack="2"))
    target.assertCallWorks()
    target.assertLogIsShort(330)
