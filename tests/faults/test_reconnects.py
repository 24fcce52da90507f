"""A client that sends, closes and comes back gets no more than one that stays."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support.processes import Process
from tests.support.sharedservers import SharedServers
from tests.wire.socketio import event
from tests.wire.wire import SOCKETIO_PATH, Wire

_KIB = 1024
_RATE = 256 * _KIB
_BURST = 256 * _KIB
_FREE = 192 * _KIB
"""What is read before the account is looked at: a slice of a new client, and a read or two of the network."""

_TIMES = 12
Sender = Callable[[Wire, int], None]

_EVENT = event("nobody-listens", "a" * 25 * _KIB)


@pytest.fixture
def server(servers: SharedServers) -> Process:
    """It is slow to take bytes, and does not mind how many events they are."""
    return servers({"limits": {"bytes_per_second": _RATE, "bytes_burst": _BURST}})


def sendOnWebSocket(wire: Wire, revision: int) -> None:
    """A hundred KiB, of which the server has said that it has handled them."""
    socket = wire.socket(revision, path=SOCKETIO_PATH)
    socket.send(*["40"] if revision == 4 else [])
    socket.send(*[_EVENT] * 4, event("join-room", {"userId": "ann", "roomName": "reconnects"}, ack="7"))
    while not str(socket.receive()).startswith("437"):
        pass
    socket.close()


def sendByPosts(wire: Wire, revision: int) -> None:
    """The same on polling."""
    session = wire.polling(revision, path=SOCKETIO_PATH)
    if revision == 4:
        session.send("40")
    session.send(*[_EVENT] * 4)
    session.send("1")


@pytest.mark.parametrize("revision", [3, 4])
@pytest.mark.parametrize("send", [sendOnWebSocket, sendByPosts], ids=["websocket", "polling"])
def test_aReconnectDoesNotRefillTheBucketOfBytes(server: Process, send: Sender, revision: int) -> None:
    way = 1 if send is sendOnWebSocket else 2
    wire = Wire(("127.0.0.1", server.port), f"127.2.{way}.{revision}")
    began = time.monotonic()
    for _ in range(_TIMES):
        try:
            send(wire, revision)
        finally:
            wire.closeAll()
    ended = time.monotonic()  # a busy machine makes it later, which does no harm
    assert _TIMES * 4 * len(_EVENT) < _BURST + _FREE + _RATE * (ended - began)
