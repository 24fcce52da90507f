"""Crowds: all who were there come back at once, and floods on polling, where a client waits for each answer."""

from __future__ import annotations

import signal
import socket
import struct
from pathlib import Path

import pytest

from tests.faults.target import Target, joined
from tests.support.sharedservers import SharedServers
from tests.wire.payloads import encode
from tests.wire.rawhttp import Connection, requestBytes
from tests.wire.rawws import textFrame, upgradeBytes
from tests.wire.socketio import PollingPeer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

HOMES, CLIENTS_OF_A_HOME = 3, 100
MOST_SECONDS = 3.0

_TOTAL_RETRANS = 100
"""Where Linux's struct tcp_info counts the segments that were sent again, the first one of a connection too."""

FLOODS = {
    "events that nobody knows": event("nothing"),
    "broadcasts": event("broadcast", {"userId": "u"}),
    "broadcasts of another": event("broadcast", {"userId": "other"}),
    "joins": event("join-room", {"userId": "u", "roomName": "r"}),
    "acknowledgements of nothing": "430[]",
    "namespaces that there are not": "40/x,",
}


def arrivals(home: Wire, revision: int) -> list[Connection]:
    """The connections of a home whose people have said all that it takes to be in a room, and heard nothing yet."""
    opening = upgradeBytes(f"{SOCKETIO_PATH}?EIO={revision}&transport=websocket")
    hello = textFrame("40") if revision == 4 else b""
    connections = []
    for number in range(CLIENTS_OF_A_HOME):
        connection = home.connection()
        join = event("join-room", {"userId": f"user {number}", "roomName": f"storm {number % 10}"}, ack="7")
        connection.send(opening + hello + textFrame(join))
        connections.append(connection)
    return connections


def test_allWhoLoseTheirConnectionsAtOnceAreBackInTheirRoomsSoon(target: Target, revision: int) -> None:
    def enter() -> list[Connection]:
        homes = [Wire(target.address, target.newSource()) for _ in range(HOMES)]
        connections = [connection for home in homes for connection in arrivals(home, revision)]
        for connection in connections:
            assert connection.readUntil(b'"ok":true')
        return connections

    for connection in enter():
        connection.reset()
    spent = target.processorSeconds()
    connections = enter()
    assert target.processorSeconds() - spent < MOST_SECONDS
    for connection in connections:
        connection.close()


def test_aThousandWhoComeWhileTheServerHasNoTimeWaitAndAreAnswered(servers: SharedServers) -> None:
    """More than the queue holds would be left to the second try of their kernels, a second later."""
    most = int(Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii"))
    process = servers({"limits": {"connections_per_address": 0}, "web": {"demo": True}})
    wire = Wire(("127.0.0.1", process.port))
    process.signal(signal.SIGSTOP)
    try:
        connections = [wire.connection() for _ in range(min(1_000, most))]
        for connection in connections:
            connection.send(requestBytes("GET", "/status"))
    finally:
        process.signal(signal.SIGCONT)
    assert {connection.readResponse().status for connection in connections} == {200}
    assert sum(map(sentAgain, connections)) == 0
    wire.closeAll()


def sentAgain(connection: Connection) -> int:
    """How many segments the kernel had to send more than once."""
    information = connection.option(socket.IPPROTO_TCP, socket.TCP_INFO, _TOTAL_RETRANS + 4)
    return int(struct.unpack_from("=I", information, _TOTAL_RETRANS)[0])


@pytest.mark.parametrize("packet", FLOODS.values(), ids=FLOODS.keys())
def test_aFloodOfPacketsInPostsIsSlowedDown(
    target: Target, attacker: Wire, revision: int, room: str, packet: str
) -> None:
    peer = joined(attacker.namespacePeer(revision, "polling"), "u", room)
    assert isinstance(peer, PollingPeer)
    spent = target.processorSeconds()
    session, flood = peer.session, requestBytes("POST", peer.session.target, (), encode(revision, *[packet] * 800))
    connection = attacker.connection()
    connection.send(flood * 20)
    assert connection.isQuiet(0.5)  # three hundred too many are three seconds, and the rest is not read
    assert session.post(encode(revision, packet)).status == 400  # nor does another connection help
    connection.close()
    assert target.processorSeconds() - spent < 1
