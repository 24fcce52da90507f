"""Some real nodes on one real Redis."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.clients.loop_thread import LoopThread
from tests.cluster.members import Member
from tests.cluster.relay import Relay
from tests.support.lanes import writeConfig
from tests.support.patience import PATIENCE
from tests.support.processes import Process, startProcess, twistdCommand
from tests.support.redis_server import Redis, runRedis

__all__ = ["Nodes", "runNodes"]

UP = r"backplane up, {} node"


class Nodes:
    """Nodes, each of which reaches Redis through a relay of its own.

    Args:
        folder: Where they keep their files.
        loop: Where clients and relays run.
        redis: The Redis.
        stack: Ends everything.
        config: What all of them have in their configuration besides.

    Attributes:
        redis: The Redis.
        folder: Where they keep their files.
        relays: The relay of each.
        hasRelays: They use these.
    """

    def __init__(
        self, folder: Path, loop: LoopThread, redis: Redis, stack: ExitStack, config: Mapping[str, Any]
    ) -> None:
        self.redis = redis
        self.loop = loop
        self.relays: list[Relay] = []
        self.hasRelays = True
        self.folder = folder
        self._stack = stack
        self._config = config
        self._running: list[Any] = []
        self.processes: list[Process] = []

    def __len__(self) -> int:
        return len(self.processes)

    def __getitem__(self, number: int) -> Process:
        return self.processes[number]

    def start(self) -> Process:
        """One more."""
        number = len(self.processes)
        relay = Relay(self.loop, self.redis.port)
        self._stack.callback(relay.stop)
        self.relays.append(relay)
        limits = {"connections_per_address": 0, "events_per_second": 0, "log_lines_per_second": 5, "rooms_per_peer": 0}
        config = {**self._config, "limits": limits}
        config["backplane"] = {
            "url": f"redis://127.0.0.1:{relay.port if self.hasRelays else self.redis.port}",
            "node": f"node-{number}",
            **self._config.get("backplane", {}),
        }
        path = self.folder / f"node{number}.conf"
        writeConfig(path, config)
        command = twistdCommand("--config", str(path), "--listen", "tcp:0:interface=127.0.0.1")
        process = self._stack.enter_context(startProcess(command, cwd=str(self.folder)))
        self.processes.append(process)
        return process

    def waitUp(self, count: int | None = None, start: list[int] | None = None) -> None:
        """Wait until every node knows so many."""
        for number, process in enumerate(self.processes):
            if process.running:
                process.waitOutput(UP.format(count or len(self)), start=start[number] if start else 0)

    def marks(self) -> list[int]:
        """How much each has written."""
        return [len(process.output()) for process in self.processes]

    def member(self, number: int, user: str) -> Member:
        """A client of a node."""
        return self.loop.call(Member(user, self[number].url).connect())

    def rosters(self) -> dict[str, list[str]]:
        """Who is in which room, as Redis has it."""
        client = self.redis.client()
        try:
            found = {}
            for key in client("KEYS", "rtcsignal:*:r:*"):
                room = key.decode().split(":r:", 1)[1]
                items = client("HGETALL", key)
                values = [value for member, value in zip(items[::2], items[1::2], strict=True) if member]
                found[room] = sorted(json.loads(value.split(b" ", 2)[2])[0] for value in values)
            return found
        finally:
            client.close()

    def problems(self) -> list[str]:
        """What the nodes say is wrong with them."""
        found = []
        for process in self.processes:
            if process.running:
                start = len(process.output())
                process.signal(signal.SIGUSR2)
                process.waitOutput(r"consistent: (?:yes|no)", start=start)
                found += [line for line in process.output()[start:].splitlines() if "inconsistent:" in line]
        return found

    def settled(self, members: list[Member]) -> list[str]:
        """The common checks: wait until all agree.

        Args:
            members: All who are connected.

        Returns:
            What is wrong, in the end.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            problems = self._disagreements(members)
            if not problems:
                break
            time.sleep(0.1)
        wrong = [each for member in members for each in member.wrong]
        traces = [process.output() for process in self.processes if "Traceback" in process.output()]
        return [*problems, *wrong, *self.problems(), *traces]

    def _disagreements(self, members: list[Member]) -> list[str]:
        rosters = self.rosters()
        problems = []
        inRooms: dict[str, list[str]] = {}
        for member in members:
            for room, roster in member.rosters.items():
                inRooms.setdefault(room, []).append(member.user)
                if sorted(roster) != rosters.get(room):
                    problems.append(f"{member.user} knows {sorted(roster)} in {room}, and Redis {rosters.get(room)}")
        if {room: sorted(users) for room, users in inRooms.items()} != rosters:
            problems.append(f"{inRooms} are in rooms, and Redis has {rosters}")
        return problems


@contextmanager
def runNodes(folder: Path, loop: LoopThread, count: int, hasRelays: bool = True, **config: Any) -> Iterator[Nodes]:
    """Some nodes that are up, while the block lasts."""
    with ExitStack() as stack:
        redis = stack.enter_context(runRedis(folder))
        nodes = Nodes(folder, loop, redis, stack, config)
        nodes.hasRelays = hasRelays
        for _ in range(count):
            nodes.start()
        nodes.waitUp()
        yield nodes
