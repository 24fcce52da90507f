"""Keys with which clients come back: what a real server writes, and what it keeps of those who wait."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.soak import holds, settled
from tests.support.lanes import writeConfig
from tests.support.processes import Process, startProcess, twistdCommand
from tests.wire.socketio import Peer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

ROOM = "kitchen"
WINDOW = 8
MOST, MOST_BYTES = 6, 40_000
CONFIG: dict[str, Any] = {
    "socketio": {
        "ping_interval": 1,
        "ping_timeout": 1,
        "recovery": {"window": WINDOW, "clients": MOST, "total_bytes": MOST_BYTES},
    },
    "limits": {"events_per_second": 0, "joins_per_second": 0},
}


@pytest.fixture
def server(tmp_path: Path, revision: int) -> Iterator[Process]:
    """A server that writes all that it can write."""
    config = {**CONFIG, "plugins": {"use": [{"audit": {"file": str(tmp_path / "audit.jsonl")}}]}}
    writeConfig(tmp_path / "server.conf", config)
    arguments = ("--config", str(tmp_path / "server.conf"), "--listen", "tcp:0:interface=127.0.0.1")
    with startProcess(twistdCommand(*arguments, "--log-level", "debug"), cwd=str(tmp_path)) as process:
        yield process


@pytest.fixture
def wire(server: Process) -> Iterator[Wire]:
    made = Wire(("127.0.0.1", server.port))
    yield made
    made.closeAll()


def newKey() -> str:
    return "".join(random.choices(string.ascii_letters + string.digits + "_-", k=43))


def entered(wire: Wire, revision: int, **auth: str) -> Peer:
    """A client that has connected, with its key in the way of its generation."""
    query = "".join(f"&{name}={value}" for name, value in auth.items()) if revision == 3 else ""
    peer: Peer = wire.socket(revision, path=SOCKETIO_PATH, query=query)
    if revision == 4:
        peer.send("40" + json.dumps(auth))
    assert str(peer.receive()).startswith("40")
    return peer


def asked(peer: Peer, name: str, *arguments: Any) -> dict[str, Any]:
    """The answer to a request, whatever comes before it."""
    peer.send(event(name, *arguments, ack="77"))
    while not (packet := str(peer.receive())).startswith("4377"):
        pass
    answer: dict[str, Any] = json.loads(packet[4:])[0]
    return answer


def test_noneIsWrittenAnywhere(server: Process, wire: Wire, revision: int, tmp_path: Path) -> None:
    keys = [newKey() for _ in range(4)]
    for turn in range(2):
        peer = entered(wire, revision, resume=keys[0])
        answer = asked(peer, "join-room", {"userId": "ann", "roomName": ROOM, "resume": keys[0]})
        assert answer["ok"], (turn, answer)
        wire.closeAll()
    former = entered(wire, revision)
    assert asked(former, "join-room", {"userId": "ben", "roomName": ROOM, "resume": keys[1]})["ok"]
    later = entered(wire, revision)
    body = {"userId": "ben", "roomName": ROOM, "resume": keys[2], "replaces": keys[1]}
    assert asked(later, "join-room", body)["ok"]
    assert asked(later, "join-room", {"userId": "ben", "roomName": ROOM, "resume": keys[3]})["ok"] is False
    assert asked(later, "broadcast", {"msgType": 1}, {"n": 1})["n"] == 1
    wrong = f"{keys[3]}.{keys[3]}"
    refused = asked(later, "join-room", {"userId": "ben", "roomName": "cellar", "resume": wrong})
    assert refused["error"]["code"] == "bad-resume-key"
    wire.request("GET", f"{SOCKETIO_PATH}?EIO=9&transport=polling&resume={keys[3]}")
    wire.request("GET", f"/nowhere?resume={keys[3]}")
    wire.closeAll()
    holds(server)
    written = server.output() + (tmp_path / "audit.jsonl").read_text("ascii")
    assert "bad-resume-key" in written
    assert "a client is back" in written
    for key in keys:
        assert key not in written
        assert key not in json.dumps(refused)


def test_nothingIsLeftOfThoseWhoDoNotComeBackAndBoundsHold(server: Process, wire: Wire, revision: int) -> None:
    there = entered(wire, revision)
    assert asked(there, "join-room", {"userId": "there", "roomName": ROOM, "resume": newKey()})["ok"]
    for number in range(3 * MOST):
        lost = Wire(wire.address)
        peer = entered(lost, revision)
        assert asked(peer, "join-room", {"userId": f"u{number}", "roomName": ROOM, "resume": newKey()})["ok"]
        lost.closeAll()
    for _ in range(200):
        there.send(event("broadcast", {"text": "x" * 1_000}))
    asked(there, "broadcast", "end")
    held, problems = holds(server)
    assert problems == []
    assert 0 < held["away"] <= MOST, held
    assert 0 < held["kept"] <= MOST_BYTES, held
    wire.closeAll()
    held, problems = settled(server)
    assert (problems, {name: count for name, count in held.items() if count}) == ([], {})
