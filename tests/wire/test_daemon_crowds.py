"""One client must not cost the others: who does not read, who comes too often, and what a stop means to all."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from rtcsignal.service.signals import SAME_SECONDS
from tests.support.processes import Process
from tests.wire.engine import EngineSocket
from tests.wire.rawhttp import ConnectionEnded
from tests.wire.rawws import Refused, WebSocket, upgradeBytes
from tests.wire.socketio import Peer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

CONFIG: dict[str, Any] = {"limits": {"send_queue_bytes": 200_000, "connections_per_address": 0}}

ROOM = "crowd"
BODY = {"userId": "ann", "filler": "x" * 60_000}


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """The name of a room that no other test uses."""
    return str(request.node.name)[:200]


def joins(peer: Peer, name: str, room: str) -> Peer:
    """The peer, once it is in the room."""
    peer.send(event("join-room", {"userId": name, "roomName": room}))
    assert json.loads(str(peer.receive())[2:]) == ["user-joined", name, {"roomName": room}]
    return peer


def talksUntilLeft(ann: Peer, name: str) -> int:
    """Broadcasts until the member has left, hearing every echo; how many that took."""
    for count in range(200):
        ann.send(event("broadcast", BODY))
        while (news := json.loads(str(ann.receive())[2:]))[0] != "broadcast":
            assert news[:2] == ["user-left", name]
            return count
    raise AssertionError("the member is still there")


def test_whoDoesNotReadItsWebSocketIsDisconnectedAndTheOthersGoOn(daemon: Wire, revision: int, room: str) -> None:
    ann = joins(daemon.namespacePeer(4), "ann", room)
    connection = daemon.connection(receiveBuffer=4096)
    target = f"{SOCKETIO_PATH}?EIO={revision}&transport=websocket"
    slow = EngineSocket(WebSocket(connection, upgradeBytes(target)), revision)
    slow.readHandshake()
    slow.send(*["40"] if revision == 4 else [])
    slow.send(event("join-room", {"userId": "slow", "roomName": room}))
    assert "slow" in str(ann.receive())
    assert talksUntilLeft(ann, "slow") > 2


def test_whoDoesNotPollIsDisconnectedAndTheOthersGoOn(daemon: Wire, revision: int, room: str) -> None:
    ann = joins(daemon.namespacePeer(4), "ann", room)
    joins(daemon.namespacePeer(revision, "polling"), "slow", room)
    assert "slow" in str(ann.receive())
    assert 2 <= talksUntilLeft(ann, "slow") <= 5


def test_moreConnectionsOfOneAddressThanAllowedAreRefused(
    daemons: Callable[[Any], Process], wireTo: Callable[[Process], Wire], revision: int
) -> None:
    wire = wireTo(daemons({"limits": {"connections_per_address": 3}, "socketio": {"cookie": f"c{revision}"}}))
    first = wire.polling(revision, path=SOCKETIO_PATH)
    wire.socket(revision, path=SOCKETIO_PATH)
    wire.socket(revision, path=SOCKETIO_PATH)
    target = f"{SOCKETIO_PATH}?EIO={revision}&transport="
    answer = wire.request("GET", target + "polling")
    assert 400 <= answer.status < 600
    assert b'"sid"' not in answer.body
    with pytest.raises((Refused, ConnectionEnded)):
        wire.webSocket(target + "websocket")

    first.send("1")
    assert wire.request("GET", target + "polling").status == 200


class TestStop:
    """SIGTERM: every transport is closed so that clients come back by themselves."""

    @pytest.fixture
    def process(self, server: Callable[..., Process]) -> Process:
        """A server that is going to be stopped."""
        return server()

    @pytest.fixture
    def wire(self, process: Process, wireTo: Callable[[Process], Wire]) -> Wire:
        """Opens clients to it."""
        return wireTo(process)

    def test_everybodyIsToldAndTheProcessEnds(self, process: Process, wire: Wire, revision: int) -> None:
        peer = wire.namespacePeer(revision)
        assert isinstance(peer, EngineSocket)
        waiting, between = (wire.polling(revision, path=SOCKETIO_PATH) for _ in range(2))
        for session in (waiting, between):
            session.send(*["40"] if revision == 4 else ["2"])
            session.receive()
        waiting.startPoll()

        process.signal(signal.SIGTERM)

        assert peer.socket.readUntilClosed() == ([], 1001)
        assert waiting.finishPoll() == ["1"]
        assert between.receive() == ["1"]
        assert process.waitExit() == 0

    def test_membersHearThatTheOthersGoOrNothingAndNeverThatTheyAreThrownOut(
        self, process: Process, wire: Wire, revision: int
    ) -> None:
        ann = joins(wire.namespacePeer(revision), "ann", ROOM)
        joins(wire.namespacePeer(4), "bob", ROOM)
        assert "bob" in str(ann.receive())
        process.signal(signal.SIGTERM)
        packets = ann.untilClosed()[0]
        assert "41" not in packets
        assert process.waitExit() == 0

    def test_aSecondSignalEndsAtOnce(self, process: Process, wire: Wire, revision: int) -> None:
        wire.polling(revision, path=SOCKETIO_PATH)
        process.signal(signal.SIGTERM)
        process.waitOutput("SIGTERM")
        time.sleep(SAME_SECONDS)  # what is nearer to the first counts as the same request
        process.signal(signal.SIGTERM)
        process.waitExit()
        assert "not all clients were gone" not in process.output(), "it did not wait for them"
