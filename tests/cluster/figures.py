"""What it costs to share rooms: processor time of nodes and of Redis, side by side; by hand.

    python -m tests.cluster.figures [messages] [joins] [memory] [flush] [kill] [stopped]
"""

from __future__ import annotations

import json
import re
import resource
import signal
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.clients.loop_thread import LoopThread
from tests.cluster.nodes import Nodes, runNodes
from tests.support.processor import processorSeconds

__all__ = ["main"]

_MASK = bytes(4)


class Line:
    """A client as cheap as can be.

    Args:
        port: That of its node.
        user: Its user id.
    """

    def __init__(self, port: int, user: str) -> None:
        self.user = user
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        self._rest = b""
        self._texts: deque[bytes] = deque()
        while b"\r\n\r\n" not in self._rest:
            self._rest += self._socket.recv(65536)
        self._rest = self._rest.partition(b"\r\n\r\n")[2]
        self._split()
        self.send(b"40")
        self.texts(lambda text: text.startswith(b"40"))

    def send(self, *texts: bytes) -> None:
        """Send messages, in one write."""
        self._socket.sendall(b"".join(map(_frame, texts)))

    def texts(self, last: Callable[[bytes], bool]) -> int:
        """Read messages until one is the last; how many there were."""
        count = 0
        while True:
            while self._texts:
                text = self._texts.popleft()
                if text == b"2":
                    self.send(b"3")
                    continue
                count += 1
                if last(text):
                    return count
            data = self._socket.recv(1 << 20)
            if not data:
                raise ConnectionError("the node has gone")
            self._rest += data
            self._split()

    def _split(self) -> None:
        at, data = 0, self._rest
        while at + 2 <= len(data):
            size, start = data[at + 1], at + 2
            if size == 126:
                if at + 4 > len(data):
                    break
                [size], start = struct.unpack_from(">H", data, at + 2), at + 4
            elif size == 127:
                if at + 10 > len(data):
                    break
                [size], start = struct.unpack_from(">Q", data, at + 2), at + 10
            if start + size > len(data):
                break
            self._texts.append(data[start : start + size])
            at = start + size
        self._rest = data[at:]

    def ask(self, event: str, **body: object) -> None:
        """Ask, and wait for the answer."""
        self.send(b"427" + json.dumps([event, {"userId": self.user, **body}]).encode())
        self.texts(lambda text: text.startswith(b"437"))

    def joinAll(self, rooms: Iterable[str]) -> None:
        """Join rooms, one behind the other, and wait until all are joined."""
        names = list(rooms)
        self.send(
            *(b"42" + json.dumps(["join-room", {"userId": self.user, "roomName": name}]).encode() for name in names)
        )
        self.ask("leave-room", roomName="none")

    def drain(self) -> None:
        """Read for ever, in a thread."""

        def read() -> None:
            try:
                self.texts(lambda text: False)
            except OSError:
                pass

        threading.Thread(target=read, daemon=True).start()


def _frame(text: bytes) -> bytes:
    head = bytes((0x81, 0x80 | len(text))) if len(text) < 126 else struct.pack(">BBH", 0x81, 0xFE, len(text))
    return head + _MASK + text


def spent(nodes: Nodes) -> list[float]:
    """Processor seconds of each node, and of Redis."""
    redis = nodes.redis.process
    return [processorSeconds(process.pid) for process in nodes.processes] + [
        processorSeconds(redis.pid) if redis is not None else 0.0
    ]


def _messages(nodes: Nodes) -> None:
    text = b"42" + json.dumps(["broadcast", {"userId": "a", "msgType": 3, "x": "x" * 250}]).encode()

    def run(there: int, window: int, count: int) -> list[float]:
        sender, receiver = Line(nodes[0].port, "a"), Line(nodes[there].port, "b")
        room = f"m{there}{window}"
        sender.ask("join-room", roomName=room)
        receiver.ask("join-room", roomName=room)
        time.sleep(0.2)
        sender.drain()
        before = spent(nodes)
        for _ in range(count // window):
            sender.send(*[text] * window)
            for _ in range(window):
                receiver.texts(lambda text: b"broadcast" in text)
        return [(after - then) / count * 1e6 for after, then in zip(spent(nodes), before, strict=True)]

    for window, count in ((16, 48_000), (1, 12_000)):
        rounds = []
        for _ in range(2):
            local, remote = run(0, window, count), run(1, window, count)
            rounds.append((local, remote))
        for local, remote in rounds:
            parts = ", ".join(f"{value:.1f}" for value in remote)
            print(f"messages of {len(text)} B, {window} at once: local {sum(local):.1f} us; elsewhere {parts} us "
                  f"(sender, receiver, Redis); above local: {sum(remote) - sum(local):.1f} us")  # fmt: skip


def _joins(nodes: Nodes) -> None:
    count = 3000
    lines = [Line(nodes[number].port, f"j{number}") for number in range(2)]
    for where, number, line in (("first of a room", 0, lines[0]), ("second of a room", 1, lines[1])):
        before, times = spent(nodes), []
        for index in range(count):
            began = time.perf_counter()
            line.ask("join-room", roomName=f"j{index}")
            times.append(time.perf_counter() - began)
        after = spent(nodes)
        node, redis = after[number] - before[number], after[-1] - before[-1]
        other = after[1 - number] - before[1 - number]
        print(f"joins {where}: node {node / count * 1e6:.0f} us, other {other / count * 1e6:.0f} us, "
              f"Redis {redis / count * 1e6:.0f} us, p50 {statistics.median(times) * 1000:.2f} ms")  # fmt: skip


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def _used(nodes: Nodes) -> int:
    client = nodes.redis.client()
    found = re.search(rb"used_memory:([0-9]+)", client("INFO", "memory"))
    client.close()
    return int(found[1]) if found else 0


def _fill(nodes: Nodes, name: str, members: int, lines: int = 20) -> list[Line]:
    """So many memberships on each of two nodes, in rooms of two."""
    made = []
    for number in range(2):
        for which in range(lines):
            line = Line(nodes[number].port, f"{name}{number}-{which}")
            each = members // lines
            line.joinAll(f"{name} {which} {index}" for index in range(each))
            line.drain()
            made.append(line)
    return made


def _memory(nodes: Nodes) -> None:
    _fill(nodes, "warm", 1000)
    used = _used(nodes)
    count = 5000
    lines = []
    before = _resident(nodes[0].pid)
    lines += _fill(nodes, "k", count)
    time.sleep(1)
    print(f"Redis: {(_used(nodes) - used) / count:.0f} B a room of two on two nodes; "
          f"node: {(_resident(nodes[0].pid) - before) / count:.0f} B a room with both members")  # fmt: skip
    before = _resident(nodes[0].pid)
    for which in range(20):
        line = Line(nodes[1].port, f"more{which}")
        line.joinAll(f"k {which} {index}" for index in range(count // 20))
        line.drain()
    time.sleep(1)
    print(f"node: {(_resident(nodes[0].pid) - before) / count:.0f} B a further member elsewhere")


def _whole(nodes: Nodes, expected: int) -> bool:
    client = nodes.redis.client()
    count = sum(client("HLEN", key) - 1 for key in client("KEYS", "rtcsignal:*:r:*"))
    client.close()
    return bool(count == expected)


def _flush(nodes: Nodes) -> None:
    _fill(nodes, "f", 5000)
    time.sleep(1)
    assert _whole(nodes, 10_000)
    marks = nodes.marks()
    before = spent(nodes)
    client = nodes.redis.client()
    client("FLUSHALL")
    began = time.perf_counter()
    for number in range(2):
        nodes[number].waitOutput("backplane up, 2 nodes", start=marks[number])
    took = time.perf_counter() - began
    assert _whole(nodes, 10_000)
    parts = ", ".join(f"{after - then:.2f}" for after, then in zip(spent(nodes), before, strict=True))
    print(f"FLUSHALL with 10,000 members: whole after {took:.1f} s; processor seconds {parts} (nodes, Redis)")
    print(nodes.problems())


def _kill(nodes: Nodes) -> None:
    _fill(nodes, "d", 10_000)
    time.sleep(1)
    client = nodes.redis.client()
    client("CONFIG", "SET", "latency-monitor-threshold", 5)
    client("LATENCY", "RESET")
    nodes[1].signal(signal.SIGKILL)
    began = time.perf_counter()
    worst = 0.0
    while True:
        asked = time.perf_counter()
        client("PING")
        worst = max(worst, time.perf_counter() - asked)
        if client("EXISTS", "nothing") == 0 and time.perf_counter() - began > 5 and _whole(nodes, 10_000):
            break
        time.sleep(0.01)
    print(f"kill -9 with 10,000 members: gone after {time.perf_counter() - began:.1f} s, Redis blocked at most "
          f"{worst * 1000:.0f} ms; LATENCY: {client('LATENCY', 'LATEST')}")  # fmt: skip
    print(nodes.problems())


def _stopped(nodes: Nodes) -> None:
    one, two = Line(nodes[0].port, "s1"), Line(nodes[1].port, "s2")
    one.ask("join-room", roomName="s")
    two.ask("join-room", roomName="s")
    text = b"42" + json.dumps(["broadcast", {"userId": "s1", "msgType": 3, "x": "x" * 250}]).encode()
    one.drain()
    for _ in range(20):
        one.send(*[text] * 100)
    time.sleep(1)
    before = _resident(nodes[0].pid)
    nodes.redis.signal(signal.SIGSTOP)
    for _ in range(200):
        one.send(*[text] * 100)
        time.sleep(0.05)
    print(f"Redis stopped: RSS grew by {(_resident(nodes[0].pid) - before) / 1024:.0f} KiB under 20,000 messages")
    nodes.redis.signal(signal.SIGCONT)
    nodes.waitUp(2, nodes.marks())
    print(nodes.problems(), [line for line in nodes[0].output().splitlines() if "holds" in line][-1:])


def main() -> None:
    """See above."""
    asked = sys.argv[1:] or ["messages", "joins", "memory", "flush", "kill", "stopped"]
    loop = LoopThread("figures")
    for name in asked:
        with tempfile.TemporaryDirectory() as folder, runNodes(Path(folder), loop, 2, hasRelays=False) as nodes:
            globals()[f"_{name}"](nodes)
    loop.stop()


if __name__ == "__main__":
    main()
