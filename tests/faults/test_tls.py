"""A server that does TLS itself: who never begins it, who never ends it, who is one too many."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bench.certificate import writeCertificate
from tests.faults.target import Target, joined
from tests.support.patience import PATIENCE
from tests.support.sharedservers import SharedServers
from tests.wire.rawhttp import requestBytes
from tests.wire.rawtls import RawTls, anyCertificate
from tests.wire.rawws import CLOSE, frame, upgradeBytes
from tests.wire.socketio import PollingPeer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

PLACES = 5
LIMITS = {"connections_per_address": PLACES}
HASTY = {"header_seconds": 3, "idle_seconds": 3}
FILLER = "x" * 900_000
COUNT = 5  # more than the network can hold
POLL = f"{SOCKETIO_PATH}?EIO=4&transport=polling"
UPGRADE = f"{SOCKETIO_PATH}?EIO=4&transport=websocket"

LAST_WORDS = {
    "a head that is none": b"BAD\r\n\r\n",
    "an upgrade for no session": upgradeBytes(f"{UPGRADE}&sid=none"),
    "a version that nobody speaks": upgradeBytes(UPGRADE).replace(b"Version: 13", b"Version: 12"),
    "a key that is none": upgradeBytes(UPGRADE).replace(b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Key: !"),
    "a WebSocket that is closed": upgradeBytes(UPGRADE) + frame(CLOSE, b"\x03\xe8"),
    "a frame that breaks the rules": upgradeBytes(UPGRADE) + b"\xff\xff\xff",
    "a poll, and nothing more": requestBytes("GET", f"{POLL}&sid=none"),
    "a page, and nothing more": requestBytes("GET", "/status"),
    "nothing": b"",
}

TOO_LARGE = requestBytes("POST", POLL, [("Content-Length", "9000000")])
REFUSED = {
    "a frame that breaks the rules": upgradeBytes(UPGRADE) + b"\xff\xff\xff",
    "a body that is too large": TOO_LARGE,
    "a body that is too large behind a page": requestBytes("GET", "/status") + TOO_LARGE,
}


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    key, certificate = writeCertificate(tmp_path_factory.mktemp("tls"))
    return f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}"


@pytest.fixture(params=[LIMITS], ids=["patient"])
def target(request: pytest.FixtureRequest, servers: SharedServers, endpoint: str) -> Iterator[Target]:
    """A server; in the end it must have let go of everything, and written nothing alarming."""
    sealed = Target(servers({"limits": request.param}, listen=endpoint))
    opened = sealed.descriptors()
    yield sealed
    sealed.waitUntil(lambda: sealed.descriptors() <= opened)
    assert "Traceback" not in sealed.process.output()


@pytest.mark.parametrize("target", [HASTY], indirect=True, ids=["hasty"])
def test_whoeverDoesNotConfirmTheEndOfAConnectionDoesNotKeepIt(target: Target) -> None:
    opened = target.descriptors()
    clients = []
    for words in LAST_WORDS.values():
        clients.append(client := RawTls(target.address))
        client.push(client.sealed(words) if words else b"")
    silent = socket.create_connection(target.address, PATIENCE)
    assert target.descriptors() > opened
    target.waitUntil(lambda: target.descriptors() <= opened)
    silent.close()
    for client in clients:
        client.close()


def test_whoeverSaysGoodbyeBeforeAnAnswerIsReadDoesNotKeepTheConnection(
    servers: SharedServers, endpoint: str, room: str
) -> None:
    target = Target(servers({"limits": {"events_per_second": 0, "send_queue_bytes": 0}}, listen=endpoint))
    opened = target.descriptors()
    wire = Wire(target.address, target.newSource(), anyCertificate())
    slow = joined(wire.namespacePeer(4, "polling"), "slow", room)
    ann = joined(wire.namespacePeer(4), "ann", room)
    assert isinstance(slow, PollingPeer)
    for _ in range(COUNT):
        ann.send(event("broadcast", {"userId": "ann", "filler": FILLER}))
        ann.receive()
    client = RawTls(target.address, receiveBuffer=65_536)
    client.push(client.sealed(requestBytes("GET", slow.session.target)) + client.goodbye())
    assert client.waitEnd() > COUNT * len(FILLER)
    wire.endSessions()
    wire.closeAll()
    target.waitUntil(lambda: target.descriptors() <= opened)
    client.close()


@pytest.mark.parametrize("words", REFUSED.values(), ids=REFUSED)
def test_aGoodbyeInAnswerToARefusalIsAnEndAndNoFailure(target: Target, words: bytes) -> None:
    client = RawTls(target.address)
    client.push(client.sealed(words))
    client.readUntil(b"\r\n\r\n")
    client.push(client.goodbye())
    client.waitEnd()
    client.close()


def test_connectionsAboveTheLimitAreCutBeforeTheHandshake(target: Target) -> None:
    opened = target.descriptors()
    crowd = [socket.create_connection(target.address) for _ in range(8 * PLACES)]
    ended = 0
    for each in crowd[4 * PLACES :]:
        each.settimeout(PATIENCE)
        try:
            ended += not each.recv(1)
        except ConnectionResetError:
            ended += 1
    assert ended == 4 * PLACES
    assert target.descriptors() <= opened + 4 * PLACES
    for each in crowd:
        each.close()
