"""The server under attack, seen from outside: who still talks, what it costs, what it writes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.patience import PATIENCE
from tests.support.processes import ROOT, Process, checkoutEnvironment
from tests.wire.engine import EngineSocket
from tests.wire.rawhttp import Connection, ConnectionEnded
from tests.wire.rawws import WebSocket, upgradeBytes
from tests.wire.socketio import Peer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

__all__ = ["Bystanders", "Target", "joined", "quietly", "unread", "watched"]

_TROUBLE = re.compile(r"Traceback|Unhandled|\berror\b.*Error|#critical|#error")
_MOST_LINES = 400
_LINES_PER_SECOND = 30
"""What the limit on log lines lets through for each of the three kinds of lines that a test may cause."""

_MOST_DELAY = 0.5
"""Seconds of the server's processor that a bystander's message may wait: twice what is promised, because the same work
takes longer where caches and cores are shared with others."""

_MOST_SLEEP = 3.0
"""Seconds that it may do nothing while a bystander waits; the host of a virtual machine may have been elsewhere."""

_MORE_DESCRIPTORS = 8


class Bystanders:
    """The pair that talks meanwhile.

    Args:
        server: Where they talk.
    """

    def __init__(self, server: Process) -> None:
        self._process: subprocess.Popen[str] = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.bystander", str(server.port), str(server.pid)],
            cwd=ROOT,
            env=checkoutEnvironment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.report()
        except BaseException:
            self.stop()
            raise

    def report(self) -> dict[str, Any]:
        """What they noticed since the last time."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write("\n")
        stdin.flush()
        line = stdout.readline()
        assert line, "the bystanders were disturbed so much that they gave up"
        report: dict[str, Any] = json.loads(line)
        return report

    def stop(self) -> None:
        """They leave."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self._process.kill()
        self._process.wait()


class Target:
    """A server, and everything that is measured of it.

    Args:
        process: The server.
        bystanders: Who talks there meanwhile; None if nobody does.
    """

    def __init__(self, process: Process, bystanders: Bystanders | None = None) -> None:
        self.process = process
        self._bystanders = bystanders
        self._numbers = iter(range(1, 250 * 250))

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return "127.0.0.1", self.process.port

    def newSource(self) -> str:
        """An address of this machine that nobody has used, so that limits per address begin anew."""
        number = next(self._numbers)
        return f"127.1.{number // 250}.{1 + number % 250}"

    def kilobytes(self) -> int:
        """The memory that it has (RSS)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s*(\d+) kB", status)
        assert found is not None
        return int(found[1])

    def descriptors(self) -> int:
        """How many files it has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def processorSeconds(self) -> float:
        """How much of a processor it has used."""
        return self.process.processorSeconds()

    def load(self, seconds: float) -> float:
        """How much of a processor it uses for so many seconds, 1.0 being all of one."""
        began, spent = time.monotonic(), self.processorSeconds()
        time.sleep(seconds)
        return (self.processorSeconds() - spent) / (time.monotonic() - began)

    def begin(self) -> None:
        """Something is about to happen to it."""
        self._began = time.monotonic()
        self._logged = len(self.process.output())
        self._open = self.descriptors()
        if self._bystanders is not None:
            self._bystanders.report()

    def logged(self) -> str:
        """What it has written since then."""
        return self.process.output()[self._logged :]

    def assertLogIsShort(self, most: int) -> None:
        """It has written no more than so many lines since then, and what may be written later in a long test."""
        logged = self.logged()
        assert logged.count("\n") < most + _LINES_PER_SECOND * (time.monotonic() - self._began), logged[:3000]

    def end(self) -> None:
        """It is over: nobody was held up, nothing is left, the log is short and without failures, calls work."""
        assert self.process.running, self.process.output()[-3000:]
        self.assertCallWorks()
        self.assertNobodyNoticed()
        logged = self.logged()
        assert _TROUBLE.search(logged) is None, logged[:3000]
        self.assertLogIsShort(_MOST_LINES)
        self.waitUntil(lambda: self.descriptors() <= self._open + _MORE_DESCRIPTORS)

    def assertNobodyNoticed(self) -> None:
        """It runs, and those who talk meanwhile still do and were not held up."""
        assert self.process.running, self.process.output()[-3000:]
        if self._bystanders is not None:
            self.waitUntil(self._haveTalked)

    def _haveTalked(self) -> bool:
        assert self._bystanders is not None
        report = self._bystanders.report()
        assert report["worst"] < _MOST_DELAY, report
        assert report["asleep"] < _MOST_SLEEP, report
        return bool(report["count"])

    def waitUntil(self, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until something is so, which it must be soon."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it is still not so"
            time.sleep(0.02)

    def assertCallWorks(self) -> None:
        """Three people of both generations and transports set up a call, from an address of their own."""
        wire = Wire(self.address, self.newSource())
        room = f"call {next(self._numbers)}"
        people = {
            name: joined(wire.namespacePeer(revision, transport), name, room)
            for name, revision, transport in (("ann", 3, "websocket"), ("ben", 4, "polling"), ("cas", 4, "websocket"))
        }
        for name, peer in people.items():
            peer.send(event("broadcast", {"userId": name, "msgType": 1, "sdp": "v=0\r\n"}))
        expected = {f'42["broadcast",{{"userId":"{name}","msgType":1,"sdp":"v=0\\r\\n"}}]' for name in people}
        for peer in people.values():
            heard: set[str] = set()
            while not expected <= heard:
                heard.add(str(peer.receive()))
        for peer in people.values():
            peer.send("1")
        wire.closeAll()


@contextmanager
def watched(process: Process) -> Iterator[Target]:
    """A server as a target, where two people talk all the time."""
    bystanders = Bystanders(process)
    try:
        yield Target(process, bystanders)
    finally:
        bystanders.stop()


def joined(peer: Peer, name: str, room: str) -> Peer:
    """The peer, once it is in the room and has heard it."""
    peer.send(event("join-room", {"userId": name, "roomName": room}, ack="900"))
    while not (packet := str(peer.receive())).startswith("43900"):
        pass
    assert '"ok":true' in packet, packet
    assert json.loads(str(peer.receive())[2:]) == ["user-joined", name, {"roomName": room}]
    return peer


def quietly(connection: Connection, data: bytes, seconds: float = 0.5) -> bool:
    """Send as much as the server takes within a moment; whether that was everything."""
    connection.patience(seconds)
    try:
        connection.send(data)
    except (ConnectionEnded, TimeoutError):
        return False
    finally:
        connection.patience()
    return True


def unread(wire: Wire, revision: int, name: str, room: str) -> Connection:
    """The connection of a member on WebSocket that will not read, with little room in the network."""
    connection = wire.connection(receiveBuffer=4096)
    target = f"{SOCKETIO_PATH}?EIO={revision}&transport=websocket"
    peer = EngineSocket(WebSocket(connection, upgradeBytes(target)), revision)
    peer.readHandshake()
    peer.send(*["40"] if revision == 4 else [])
    peer.send(event("join-room", {"userId": name, "roomName": room}))
    return connection
