"""The soak: any number of connections that come and go in every way, and then nothing may be left of them.

    python -m tests.faults.soak --cycles 100000 [--workers 8]

A real ``twistd rtcsignal`` is asked before and after: for what it holds (SIGUSR2), for its descriptors and memory, and,
by a plugin, for the objects that are alive. Plugins are reloaded meanwhile.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.lives import LIVES, Visitor, readUntil
from tests.support.processes import ROOT, Process, startProcess, twistdCommand
from tests.wire.rawhttp import Connection
from tests.wire.rawws import WebSocket, textFrame, upgradeBytes

__all__ = ["Findings", "leaks", "left", "reload", "soak", "soaked", "warm"]

CONFIG: dict[str, Any] = {
    "socketio": {
        "ping_interval": 1,
        "ping_timeout": 2,
        "upgrade_timeout": 3,
        "connect_timeout": 5,
        "recovery": {"window": 8},
    },
    "limits": {"header_seconds": 3, "body_seconds": 3, "idle_seconds": 5},
    "plugins": {
        "folders": [str(ROOT / "tests" / "faults" / "plugins")],
        "use": [{"soaking": {"timeout": 0.5}}],
    },
}

_SETTLE_SECONDS = 60.0
_PARTS = 4
_MOST_GROWTH_KIB = 16_384
"""Eight clients at once leave holes; it does not grow with the cycles."""



@dataclass(frozen=True)
class Findings:
    """What a process is made of.

    Attributes:
        holds: What it says that it holds, by name.
        problems: What it says does not fit together.
        objects: How many objects are alive, by class.
        descriptors: How many are open.
        kilobytes: Its resident memory.
    """

    holds: dict[str, int]
    problems: list[str]
    objects: Counter[str]
    descriptors: int
    kilobytes: int


@contextmanager
def soaked(folder: str) -> Iterator[Process]:
    """A server to be soaked."""
    path = Path(folder) / "server.conf"
    path.write_text(json.dumps(CONFIG), encoding="utf-8")
    command = twistdCommand("--config", str(path), "--listen", "tcp:0:interface=127.0.0.1")
    with startProcess(command, cwd=folder) as process:
        yield process


def holds(process: Process) -> tuple[dict[str, int], list[str]]:
    """What a process says that it holds, and what is wrong with that."""
    start = len(process.output())
    process.signal(signal.SIGUSR2)
    process.waitOutput(r"consistent: .*$", start=start)
    said = process.output()[start:]
    match = re.search(r"holds (.*)$", said, re.MULTILINE)
    assert match is not None, said
    pairs = (part.rsplit(" ", 1) for part in match[1].split(", "))
    return {name: int(count) for name, count in pairs}, re.findall(r"inconsistent: (.*)$", said, re.MULTILINE)


def settled(process: Process) -> tuple[dict[str, int], list[str]]:
    """The same, when it holds nothing any more or has had the time for that."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        held, problems = holds(process)
        if not any(held.values()) or time.monotonic() > deadline:
            return held, problems
        time.sleep(0.25)


def objects(process: Process) -> Counter[str]:
    """How many objects are alive, by class, while one client asks."""
    connection = Connection(("127.0.0.1", process.port))
    join = '420["join-room",{"userId":"counter","roomName":"counting"}]'
    packets = b"".join(map(textFrame, (join, '421["count-objects",{}]')))
    socket = WebSocket(connection, upgradeBytes("/socket.io/?EIO=3&transport=websocket") + packets)
    answer = json.loads(readUntil(socket, '"objects":')[3:])
    socket.close()
    counted: dict[str, int] = answer[0]["objects"]
    return Counter(counted)


def look(process: Process) -> Findings:
    """Everything about a process, when it has come to rest."""
    settled(process)
    alive = objects(process)
    held, problems = settled(process)
    status = Path(f"/proc/{process.pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match is not None
    return Findings(held, problems, alive, len(os.listdir(f"/proc/{process.pid}/fd")), int(match[1]))


def reload(process: Process) -> None:
    """Replace the plugins."""
    start = len(process.output())
    process.signal(signal.SIGHUP)
    process.waitOutput("reloaded, plugins", start=start)


def warm(process: Process, kinds: tuple[str, ...] = tuple(LIVES)) -> Findings:
    """Everything about a process that has done everything once, also a reload, and will not grow by that any more."""
    soak(process, 2 * len(kinds), kinds=kinds)
    reload(process)
    soak(process, len(kinds), kinds=kinds)
    return look(process)


def left(process: Process, before: Findings) -> tuple[Findings, list[str]]:
    """What is left of all that has been, once what may still be under way has ended."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    while True:
        after = look(process)
        found = leaks(before, after)
        if not found or time.monotonic() > deadline:
            return after, found
        time.sleep(0.5)


def soak(process: Process, cycles: int, workers: int = 1, kinds: tuple[str, ...] = tuple(LIVES)) -> Counter[str]:
    """Live so many lives, from some processes at once.

    Returns:
        How many of each kind went as they should.
    """
    port = process.port
    if workers == 1:
        return _work(port, 0, cycles, kinds)
    shares = [cycles // workers + (number < cycles % workers) for number in range(workers)]
    lived: Counter[str] = Counter()
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        work = [(port, number + 1, share, kinds) for number, share in enumerate(shares)]
        for part in pool.starmap(_work, work):
            lived.update(part)
    return lived


def _work(port: int, seed: int, cycles: int, kinds: tuple[str, ...]) -> Counter[str]:
    visitor = Visitor(("127.0.0.1", port), seed)
    visitor.live(cycles, kinds)
    return visitor.lived


def leaks(before: Findings, after: Findings) -> list[str]:
    """What there is more of than before."""
    found = [f"holds {count} {name}" for name, count in after.holds.items() if count]
    found += [f"inconsistent: {problem}" for problem in after.problems]
    more = after.objects - before.objects
    found += [f"{count} more of {kind}" for kind, count in sorted(more.items())]
    if after.descriptors > before.descriptors:
        found.append(f"{after.descriptors} descriptors, before {before.descriptors}")
    if after.kilobytes > before.kilobytes + _MOST_GROWTH_KIB:
        found.append(f"{after.kilobytes} KiB, before {before.kilobytes}")
    return found


def main() -> int:
    """Soak a server of our own, and say what is left."""
    parser = argparse.ArgumentParser(description="Connections come and go; nothing may be left of them")
    parser.add_argument("--cycles", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=8, help="processes; a life is mostly waiting")
    options = parser.parse_args()
    lived: Counter[str] = Counter()
    failed = False
    with tempfile.TemporaryDirectory() as folder, soaked(folder) as process:
        before = warm(process)
        print(f"at first: {before.kilobytes} KiB, {before.descriptors} descriptors", flush=True)
        began = time.monotonic()
        for _ in range(_PARTS):
            lived.update(soak(process, options.cycles // _PARTS, options.workers))
            reload(process)
            took = time.monotonic() - began
            after, found = left(process, before)
            failed = failed or bool(found)
            print(
                f"after {sum(lived.values())} lives, {took:.0f} s: {after.kilobytes} KiB, "
                f"{after.descriptors} descriptors, left: {'; '.join(found) or 'nothing'}",
                flush=True,
            )
        trouble = re.findall(r"^.*(?:Traceback|Unhandled).*$", process.output(), re.MULTILINE)
    print(f"lives of {len(lived)} kinds, the rarest {min(lived.values())} times")
    print("\n".join(trouble[:10]) or "no traceback in the log")
    return 1 if failed or trouble else 0


if __name__ == "__main__":
    sys.exit(main())
