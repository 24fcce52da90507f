"""Absolute deadlines of a real server: whoever drips, whatever it drips, is cut when its time is over."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator

import pytest

from tests.faults.target import Target, joined, watched
from tests.support.patience import PATIENCE
from tests.support.sharedservers import SharedServers
from tests.wire.engine import EngineSocket, Polling
from tests.wire.rawhttp import Connection, ConnectionEnded, requestBytes
from tests.wire.rawws import BINARY, CLOSE, CONTINUATION, PING, Closed, WebSocket, frame, textFrame, upgradeBytes
from tests.wire.socketio import Peer, event, isConnected
from tests.wire.wire import SOCKETIO_PATH, Wire

SECONDS = 3.0
CONFIG = {
    "socketio": {"connect_timeout": SECONDS, "upgrade_timeout": SECONDS},
    "limits": {"header_seconds": SECONDS, "body_seconds": SECONDS, "attachment_seconds": SECONDS},
}
PAUSE = 0.03

CHUNKED = ("Transfer-Encoding", "chunked")
LONG = [("X", "y" * 6_000)]  # drips for longer than anybody waits
PAGE = requestBytes("GET", "/status", LONG)
POLL = requestBytes("GET", f"{SOCKETIO_PATH}?EIO=4&transport=polling", LONG)
UPGRADE = upgradeBytes(f"{SOCKETIO_PATH}?EIO=4&transport=websocket", LONG)
TO_BE_ATTACHED = '451-["broadcast",{"_placeholder":true,"num":0}]'


@pytest.fixture(scope="module")
def strict(servers: SharedServers) -> Iterator[Target]:
    with watched(servers(CONFIG)) as target:
        yield target


@pytest.fixture
def target(strict: Target) -> Iterator[Target]:
    strict.begin()
    yield strict
    strict.end()


class Drip:
    """Somebody who sends a piece now and then.

    Args:
        connection: Where.
        pieces: What.
        socket: The WebSocket on that connection, if there is one.
    """

    def __init__(self, connection: Connection, pieces: Iterable[bytes], socket: WebSocket | None = None) -> None:
        self._connection, self._pieces, self._socket = connection, iter(pieces), socket

    def goesOn(self) -> bool:
        """Sends a piece; whether the server still bears that."""
        try:
            self._connection.send(next(self._pieces))
            while not self._connection.isQuiet(0):
                if self._socket is None or self._socket.readFrame().opcode == CLOSE:
                    return False
        except (ConnectionEnded, Closed):
            return False
        return True


def bytesOf(data: bytes) -> Iterator[bytes]:
    """Each of them alone."""
    return (data[at : at + 1] for at in range(len(data)))


def assertEachEndsInTime(drips: dict[str, Drip]) -> None:
    """They all drip at the same time, no piece is the end of one, and nothing begins their time anew."""
    begun = {name for name, drip in drips.items() if drip.goesOn()}
    assert begun == drips.keys()
    deadline = time.monotonic() + PATIENCE
    going = dict(drips)
    while going:
        assert time.monotonic() < deadline, going.keys()
        time.sleep(PAUSE)
        going = {name: drip for name, drip in going.items() if drip.goesOn()}


def test_headsAndBodiesOfRequests(attacker: Wire) -> None:
    def later(rest: bytes, first: str) -> Drip:
        connection = attacker.connection()
        assert connection.request("GET", first).status in (200, 400)
        return Drip(connection, bytesOf(rest))

    def body(session: Polling, header: tuple[str, str], rest: Iterator[bytes]) -> Drip:
        connection = attacker.connection()
        connection.send(requestBytes("POST", session.target, [header]))
        return Drip(connection, rest)

    sessions = [attacker.polling(revision, path=SOCKETIO_PATH) for revision in (3, 4, 3, 4)]
    for session in sessions:
        session.send("40/socket.io,")
    assertEachEndsInTime(
        {
            "nothing at all": Drip(attacker.connection(), itertools.repeat(b"")),
            "the head of a page": Drip(attacker.connection(), bytesOf(PAGE)),
            "the head of a poll": Drip(attacker.connection(), bytesOf(POLL)),
            "the head of a WebSocket": Drip(attacker.connection(), bytesOf(UPGRADE)),
            "the head of another page": later(PAGE, "/status"),
            "the head of another poll": later(POLL, f"{SOCKETIO_PATH}?EIO=4"),
            "the head of a WebSocket behind a page": later(UPGRADE, "/status"),
            "the head of a WebSocket behind a poll": later(UPGRADE, f"{SOCKETIO_PATH}?EIO=4"),
            **{
                f"a body of EIO={session.revision}": body(session, ("Content-Length", "1000"), bytesOf(b"4" * 1000))
                for session in sessions[:2]
            },
            **{
                f"chunks of EIO={session.revision}": body(session, CHUNKED, itertools.repeat(b"1\r\n4\r\n"))
                for session in sessions[2:]
            },
        }
    )
    assert all(session.gone() for session in sessions)


def test_whateverComesInPlaceOfWhatIsWaitedFor(
    target: Target, attacker: Wire, revision: int, room: str
) -> None:
    listener = joined(attacker.namespacePeer(4), "listener", room)

    def drip(peer: Peer, *pieces: bytes) -> Drip:
        assert isinstance(peer, EngineSocket)
        return Drip(peer.socket.connection, itertools.cycle(pieces), peer.socket)

    def member(name: str, *packets: str) -> Peer:
        peer = joined(attacker.namespacePeer(revision), name, room)
        peer.send(*packets)
        return peer

    heartbeat = textFrame("2" if revision == 3 else "3")
    sessions = [attacker.polling(revision, path=SOCKETIO_PATH) for _ in range(2)]
    for session in sessions:
        session.send("40/socket.io,")
    drips = {
        "heartbeats and no attachment": drip(member("one", TO_BE_ATTACHED), heartbeat, frame(PING)),
        "an attachment in fragments": drip(
            member("two", TO_BE_ATTACHED), frame(BINARY, b"\x04", fin=False), *[frame(CONTINUATION, fin=False)] * 900
        ),
        "pings and no probe": drip(attacker.upgrade(sessions[0]), frame(PING)),
        "pings and no upgrade": drip(attacker.probed(sessions[1]), frame(PING)),
    }
    if revision == 4:  # in the other one there is always a namespace
        socket = attacker.socket(4, path=SOCKETIO_PATH)
        drips["heartbeats and no namespace"] = drip(socket, heartbeat, frame(PING))
        socket = attacker.socket(4, path=SOCKETIO_PATH)
        drips["namespaces that there are not"] = drip(socket, textFrame("40/x,"))
    assertEachEndsInTime(drips)
    for session in sessions:
        assert isConnected(session.receive()[-1], revision, "/socket.io"), "an upgrade that is late is none"
    left = []
    listener.send(event("broadcast", {"end": 1}))
    while '"end":1' not in (packet := str(listener.receive())):
        left += [packet] if "user-left" in packet else []
    assert sorted('"one"' in packet for packet in left) == [False, True]
