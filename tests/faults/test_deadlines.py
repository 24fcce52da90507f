"""Deadlines of a real server, shortened: who does not read, who falls silent, who drips."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.target import Target, joined, quietly, unread, watched
from tests.support.patience import PATIENCE
from tests.support.sharedservers import SharedServers
from tests.wire.rawhttp import Connection, ConnectionEnded, requestBytes
from tests.wire.socketio import PollingPeer, event
from tests.wire.wire import Wire

FILLER = "x" * 60_000
FOR_SLOW: dict[str, Any] = {"limits": {"send_queue_seconds": 3, "idle_seconds": 3}}
FOR_SILENT: dict[str, Any] = {"socketio": {"ping_interval": 1, "ping_timeout": 4}}


@pytest.fixture(scope="module", params=[FOR_SLOW], ids=["slow"])
def hasty(request: pytest.FixtureRequest, servers: SharedServers) -> Iterator[Target]:
    """A server with one kind of deadline that is short, and the others as they are."""
    with watched(servers(request.param)) as target:
        yield target


@pytest.fixture
def target(hasty: Target) -> Iterator[Target]:
    hasty.begin()
    yield hasty
    hasty.end()


forSilent = pytest.mark.parametrize("hasty", [FOR_SILENT], indirect=True, ids=["silent"])


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_whoHasNotReadForLongGoesThoughLittleWaits(
    target: Target, attacker: Wire, revision: int, transport: str, room: str
) -> None:
    ann = joined(attacker.namespacePeer(4), "ann", room)
    if transport == "polling":
        slow = joined(attacker.namespacePeer(revision, "polling"), "slow", room)
        assert isinstance(slow, PollingPeer)
        ann.send(*[event("broadcast", {"userId": "ann", "filler": FILLER})] * 2)
    else:
        unread(attacker, revision, "slow", room)
        # The network holds some megabytes: less would not wait in the server at all.
        ann.send(*[event("broadcast", {"userId": "ann", "filler": FILLER})] * 60)
    while '"user-left","slow"' not in (news := str(ann.receive())):
        assert "user-left" not in news
    assert '"slow-consumer"' in news


@forSilent
def test_whoVanishesIsAnnouncedOnceWithTheNameUsedInEachRoom(
    target: Target, attacker: Wire, revision: int, transport: str, room: str
) -> None:
    ann = joined(attacker.namespacePeer(4), "ann", room)
    joined(ann, "ann again", room + " 2")
    gone = joined(attacker.namespacePeer(revision, transport), "one name", room)
    joined(gone, "another name", room + " 2")
    news: list[object] = []
    while len(news) < 2:
        packet = str(ann.receive())
        if "user-left" in packet:
            news.append(json.loads(packet[2:]))
    assert sorted(news, key=str) == [
        ["user-left", "another name", {"roomName": room + " 2", "reason": "timeout"}],
        ["user-left", "one name", {"roomName": room, "reason": "timeout"}],
    ]
    ann.send(event("broadcast", {"userId": "ann", "end": 1, "roomName": room}))
    while '"end":1' not in (packet := str(ann.receive())):
        assert "user-left" not in packet


@forSilent
def test_aMessageThatDripsIsCutByTheHeartbeat(
    target: Target, attacker: Wire, revision: int, room: str
) -> None:
    """Whoever is in the middle of a frame can say nothing else, a heartbeat neither."""
    peer = joined(attacker.namespacePeer(revision), "ann", room)
    connection = peer.socket.connection  # type: ignore[attr-defined]
    connection.send(b"\x81\xfe\xff\x00" + bytes(4))
    sent = 0
    try:
        while connection.isQuiet(0.05) or connection.readExactly(1):
            connection.send(b"4")
            sent += 1
    except ConnectionEnded:
        pass
    assert 2 < sent < 0xFF00, "neither for the first bytes nor never"


def test_connectionsThatAreKeptAndNotUsedEnd(target: Target, attacker: Wire) -> None:
    connections = [attacker.connection() for _ in range(30)]
    for connection in connections:
        assert connection.request("GET", "/status").status == 200
    for connection in connections:
        assert connection.readToEnd() == b""


def test_answersThatNobodyReadsEndTheirConnection(attacker: Wire) -> None:
    connections = [attacker.connection(receiveBuffer=4096) for _ in range(2)]
    for connection in connections:
        quietly(connection, requestBytes("GET", "/status") * 40_000)
    deadline = time.monotonic() + PATIENCE
    for connection in connections:
        connection.patience(0.2)
        with pytest.raises(ConnectionEnded):
            sendsUntilEnded(connection, deadline)


def sendsUntilEnded(connection: Connection, deadline: float) -> None:
    """Sends a byte now and then, as somebody who does not read has no other way to hear of the end."""
    while time.monotonic() < deadline:
        try:
            connection.send(b"G")
        except TimeoutError:
            continue
        time.sleep(0.02)
