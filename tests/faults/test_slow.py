"""Members who do not read, or whose network has died: their queues are short, and the others go on."""

from __future__ import annotations

import json
import time

import pytest

from tests.faults.target import Target, joined, quietly, unread
from tests.support.sharedservers import SharedServers
from tests.wire.engine import EngineSocket
from tests.wire.rawws import textFrame
from tests.wire.socketio import Peer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

FILLER = "x" * 60_000
SECONDS = 1.0


def talks(speaker: Peer, until: str, seconds: float = 30.0, size: int = 60_000, pause: float = 0.0) -> int:
    """Broadcasts until somebody has left, hearing every echo; how many that took."""
    deadline, count = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        speaker.send(event("broadcast", {"userId": "ann", "filler": FILLER[:size]}))
        count += 1
        while not (news := str(speaker.receive())).startswith('42["broadcast"'):
            if json.loads(news[2:])[:2] == ["user-left", until]:
                return count
        time.sleep(pause)
    raise AssertionError(f"{until} is still there after {count} messages")


def test_packetsCountAsWellAsBytes(attacker: Wire, revision: int, room: str) -> None:
    """Each of the speakers may say 500 things at once."""
    speakers = [joined(attacker.namespacePeer(4), f"speaker {number}", room) for number in range(3)]
    joined(attacker.namespacePeer(revision, "polling"), "slow", room)
    for speaker in speakers:
        speaker.send(*[event("broadcast", number) for number in range(450)])
    while '"user-left","slow"' not in (news := str(speakers[0].receive())):
        assert news
    assert '"slow-consumer"' in news


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_whatWaitsForAMemberWhoDoesNotReadIsBounded(
    servers: SharedServers, revision: int, transport: str, room: str
) -> None:
    """On a server that lets the speakers speak as fast as they can."""
    target = Target(servers({"limits": {"events_per_second": 0}}))
    attacker = Wire(target.address)
    ann = joined(attacker.namespacePeer(4), "ann", room)
    before = target.kilobytes()
    for number in range(5):
        if transport == "polling":
            joined(attacker.namespacePeer(revision, "polling"), f"slow {number}", room)
        else:
            unread(attacker, revision, f"slow {number}", room)
        assert talks(ann, f"slow {number}") < 100
    assert target.kilobytes() - before < 20_000
    attacker.endSessions()
    attacker.closeAll()


def test_anUpgradeThatIsNeverFinishedHoldsUpNobody(attacker: Wire, revision: int, room: str) -> None:
    ann = joined(attacker.namespacePeer(4), "ann", room)
    for _ in range(20):
        session = attacker.polling(revision, path=SOCKETIO_PATH)
        attacker.probed(session)
    ann.send(event("broadcast", {"userId": "ann"}))
    assert "broadcast" in str(ann.receive())


def test_whatWaitedForMembersWhoAreGoneIsLetGoOf(target: Target, revision: int, room: str) -> None:
    def comeAndGo(number: int) -> None:
        wire = Wire(target.address, target.newSource())
        slow = [unread(wire, revision, f"slow {n}", f"{room} {number}") for n in range(30)]
        for name in ("ann", "bob"):
            peer = joined(wire.namespacePeer(4), name, f"{room} {number}")
            assert isinstance(peer, EngineSocket)
            quietly(
                peer.socket.connection, textFrame(event("broadcast", {"userId": name, "filler": "x" * 60_000})) * 50
            )
        wire.request("GET", "/status")
        for connection in slow:
            connection.reset()
        wire.closeAll()
        target.assertCallWorks()

    comeAndGo(0)
    before = target.kilobytes()
    for number in (1, 2):
        comeAndGo(number)
    assert target.kilobytes() - before < 20_000
