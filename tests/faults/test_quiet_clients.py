"""What a quiet member of a room costs: as much as docs/security.md says, and not half as much."""

from __future__ import annotations

import re
from itertools import count

import pytest

from tests.docs.pages import DOCS
from tests.faults.target import Target
from tests.support.sharedservers import SharedServers
from tests.wire.socketio import event
from tests.wire.wire import Wire

CONFIG = {"limits": {"connections_per_address": 0}, "socketio": {"fast": True}}
BEFORE, MORE = 100, 300


def figure(transport: str) -> float:
    """What the page says, in KiB."""
    page = (DOCS / "security.md").read_text(encoding="utf-8")
    found = re.search(rf"^\| a quiet member of a room on {transport}\b.* \| ([\d.]+) KiB \|$", page, re.MULTILINE)
    assert found is not None
    return float(found[1])


@pytest.mark.parametrize("transport", ["WebSocket", "polling"])
def test_theyCostWhatThePageSays(servers: SharedServers, transport: str) -> None:
    target = Target(servers(CONFIG))
    wire, numbers = Wire(target.address), count()

    def come(clients: int) -> None:
        for number, _ in zip(numbers, range(clients), strict=False):
            peer = wire.peer(4, transport.lower())
            peer.send("40")
            peer.receive()
            peer.send(event("join-room", {"userId": f"u{number}", "roomName": f"r{number // 2}"}))
            peer.receive()

    come(BEFORE)
    before = target.kilobytes()
    come(MORE)
    each = (target.kilobytes() - before) / MORE
    wire.endSessions()
    wire.closeAll()
    assert figure(transport) / 2 < each <= figure(transport)
