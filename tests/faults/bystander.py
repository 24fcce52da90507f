"""Two people in a room who talk to each other all the time, while somebody else is attacked or attacks.

    python -m tests.faults.bystander PORT

A process of its own, so that the attacker, who is busy, does not hold it up. For each line on its standard input it
writes one: a JSON object with the number of messages that arrived since the line before, and the longest time that one
took, in seconds. One of the two is of revision 3, the other of revision 4.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

from tests.wire.engine import EngineSocket
from tests.wire.socketio import Peer, event
from tests.wire.wire import Wire

__all__ = ["Pair"]

SOURCE = "127.0.0.77"
_PAUSE = 0.02  # half of what the limit on events allows
_HEARTBEAT = 1.0


class Pair:
    """The two.

    Args:
        port: The server's.
    """

    def __init__(self, port: int) -> None:
        wire = Wire(("127.0.0.1", port), SOURCE)
        self._peers = [wire.namespacePeer(revision) for revision in (3, 4)]
        for peer, name in zip(self._peers, ("ann", "bob"), strict=True):
            peer.send(event("join-room", {"userId": name, "roomName": "bystanders"}))
            assert isinstance(peer.receive(), str)
        assert "bob" in str(self._peers[0].receive())
        self._lock = threading.Lock()
        self._count, self._worst = 0, 0.0
        self._since: float | None = None
        self._pinged = time.monotonic()

    def talk(self) -> None:
        """One message each way."""
        ann, bob = self._peers
        self._say(ann, "ann", bob, "bob")
        self._say(bob, "bob", ann, "ann")
        if time.monotonic() - self._pinged > _HEARTBEAT:
            assert isinstance(ann, EngineSocket)
            ann.send("2")
            self._pinged = time.monotonic()

    def report(self) -> dict[str, Any]:
        """What happened since the last report; a message that is still under way counts with the time so far."""
        with self._lock:
            pending = 0.0 if self._since is None else time.monotonic() - self._since
            report = {"count": self._count, "worst": max(self._worst, pending)}
            self._count, self._worst = 0, 0.0
            return report

    def _say(self, sender: Peer, name: str, receiver: Peer, target: str) -> None:
        started = time.monotonic()
        with self._lock:
            self._since = started
        body = {"userId": name, "targetUserId": target, "at": started}
        sender.send(event("broadcast", body))
        packet = str(receiver.receive())
        assert json.loads(packet[2:]) == ["broadcast", body], packet
        with self._lock:
            self._since = None
            self._count += 1
            self._worst = max(self._worst, time.monotonic() - started)


def main() -> None:
    """Talk until the standard input ends."""
    pair = Pair(int(sys.argv[1]))

    def talk() -> None:
        while True:
            pair.talk()
            time.sleep(_PAUSE)

    threading.Thread(target=talk, daemon=True).start()
    for _ in sys.stdin:
        print(json.dumps(pair.report()), flush=True)


if __name__ == "__main__":
    main()
