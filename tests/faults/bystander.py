"""Two people in a room who talk to each other all the time, while somebody else is attacked or attacks.

    python -m tests.faults.bystander PORT PID

A process of its own, so that the attacker, who is busy, does not hold it up. For each line on its standard input it
writes one: a JSON object with the number of messages that arrived since the line before, the most that the server, the
process PID, worked while one of them was under way ("worst"), and the longest that it slept meanwhile ("asleep"), both
in seconds. What others on the machine do counts for neither. One of the two is of revision 3, the other of revision 4.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from tests.support.processor import processorSeconds, queuedSeconds
from tests.wire.engine import EngineSocket
from tests.wire.socketio import Peer, event
from tests.wire.wire import Wire

__all__ = ["Pair"]

SOURCE = "127.0.0.77"
_PAUSE = 0.02  # half of what the limit on events allows
_HEARTBEAT = 1.0


@dataclass(frozen=True)
class Moment:
    """The clocks that tell how long somebody waits, in seconds.

    Attributes:
        now: The time of day, as far as differences go.
        worked: What the server has used of the processors.
        queued: How long the server, or whoever looks, was ready to run and had no processor.
    """

    now: float
    worked: float
    queued: float

    @classmethod
    def of(cls, server: int) -> Moment:
        """This moment, for the thread that asks."""
        queued = queuedSeconds(server) + queuedSeconds(os.getpid(), threading.get_native_id())
        return cls(time.monotonic(), processorSeconds(server), queued)

    def asleep(self, until: Moment) -> float:
        """How long since then the server could have worked, and did not."""
        return (until.now - self.now) - (until.worked - self.worked) - (until.queued - self.queued)


class Pair:
    """The two.

    Args:
        port: The server's.
        server: Its process id.
    """

    def __init__(self, port: int, server: int) -> None:
        self._server = server
        wire = Wire(("127.0.0.1", port), SOURCE)
        self._peers = [wire.namespacePeer(revision) for revision in (3, 4)]
        for peer, name in zip(self._peers, ("ann", "bob"), strict=True):
            peer.send(event("join-room", {"userId": name, "roomName": "bystanders"}))
            assert isinstance(peer.receive(), str)
        assert "bob" in str(self._peers[0].receive())
        self._lock = threading.Lock()
        self._count, self._worst, self._asleep = 0, 0.0, 0.0
        self._since: Moment | None = None
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
            if self._since is not None:
                self._worst = max(self._worst, processorSeconds(self._server) - self._since.worked)
            report = {"count": self._count, "worst": self._worst, "asleep": self._asleep}
            self._count, self._worst, self._asleep = 0, 0.0, 0.0
            return report

    def _say(self, sender: Peer, name: str, receiver: Peer, target: str) -> None:
        started = Moment.of(self._server)
        with self._lock:
            self._since = started
        body = {"userId": name, "targetUserId": target, "at": started.now}
        sender.send(event("broadcast", body))
        packet = str(receiver.receive())
        assert json.loads(packet[2:]) == ["broadcast", body], packet
        arrived = Moment.of(self._server)
        with self._lock:
            self._since = None
            self._count += 1
            self._worst = max(self._worst, arrived.worked - started.worked)
            self._asleep = max(self._asleep, started.asleep(arrived))


def main() -> None:
    """Talk until the standard input ends."""
    pair = Pair(int(sys.argv[1]), int(sys.argv[2]))

    def talk() -> None:
        while True:
            pair.talk()
            time.sleep(_PAUSE)

    threading.Thread(target=talk, daemon=True).start()
    for _ in sys.stdin:
        print(json.dumps(pair.report()), flush=True)


if __name__ == "__main__":
    main()
