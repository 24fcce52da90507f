"""Random joins, leaves and messages on real nodes, while something breaks; by hand.

    python -m tests.cluster.churn [--seed 1] [--seconds 20] [--nodes 3] [--fault NAME] [--outage 8]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.clients.loop_thread import LoopThread
from tests.cluster.members import Member
from tests.cluster.nodes import Nodes, runNodes
from tests.support.redis_server import Redis

__all__ = ["FAULTS", "Churn"]

ROOMS = [f"room {number}" for number in range(6)]


class Churn:
    """Members who come, go and talk.

    Args:
        nodes: Where.
        seed: What they do follows from this.
        each: How many of each node.

    Attributes:
        members: Who.
        operations: How much they have done.
    """

    def __init__(self, nodes: Nodes, seed: int, each: int = 6) -> None:
        self.random = random.Random(seed)
        self.nodes = nodes
        self.members = [
            nodes.member(number, f"u{number}{chr(97 + count)}") for number in range(len(nodes)) for count in range(each)
        ]
        self.operations = 0
        self._stopped = False

    async def run(self, pause: float = 0.004) -> None:
        """Go on until `stop`."""
        chances = [random.Random(self.random.random()) for _ in self.members]
        await asyncio.gather(*(self._live(*each, pause) for each in zip(self.members, chances, strict=True)))

    async def _live(self, member: Member, chance: random.Random, pause: float) -> None:
        while not self._stopped:
            self.operations += 1
            try:
                await self._act(member, chance)
            except (asyncio.CancelledError, ConnectionError):
                await member.ended()
                return  # with its node
            await asyncio.sleep(chance.expovariate(1 / (pause * len(self.members))))

    @staticmethod
    async def _act(member: Member, chance: random.Random) -> None:
        room = chance.choice(ROOMS)
        if room not in member.rosters:
            await member.join(room)
        elif chance.random() < 0.4:
            await member.leave(room)
        else:
            await member.say(room)

    def stop(self) -> None:
        """Let them stop."""
        self._stopped = True


def stop(nodes: Nodes, outage: float) -> None:
    """A node stops for a while."""
    nodes[1].signal(signal.SIGSTOP)
    time.sleep(outage)
    nodes[1].signal(signal.SIGCONT)


def kill(nodes: Nodes, outage: float) -> None:
    """A node is killed."""
    nodes[1].signal(signal.SIGKILL)
    time.sleep(outage)


def flush(nodes: Nodes, outage: float) -> None:
    """Redis forgets everything."""
    client = nodes.redis.client()
    client("FLUSHALL")
    client.close()


def redisStops(nodes: Nodes, outage: float) -> None:
    """Redis stops for a while."""
    nodes.redis.signal(signal.SIGSTOP)
    time.sleep(outage)
    nodes.redis.signal(signal.SIGCONT)


def redisDies(nodes: Nodes, outage: float) -> None:
    """Redis is killed, and comes back empty."""
    nodes.redis.kill()
    time.sleep(outage)
    nodes.redis.start()


def stall(nodes: Nodes, outage: float) -> None:
    """A node does not reach Redis, and nobody is told."""
    nodes.relays[1].stall()
    time.sleep(outage)
    nodes.relays[1].flow()


def cuts(nodes: Nodes, outage: float) -> None:
    """The connection of a node is cut ten times."""
    for _ in range(10):
        nodes.relays[1].cut()
        time.sleep(outage / 10)


def promotion(nodes: Nodes, outage: float) -> None:
    """A replica that has missed the last changes takes the place of Redis."""
    folder = Path(tempfile.mkdtemp(dir=nodes.folder))
    with socket.create_server(("127.0.0.1", 0)) as free:
        replica = Redis(folder, free.getsockname()[1])
    client = nodes.redis.client()
    client("CONFIG", "SET", "repl-diskless-sync-delay", 0)
    replica.start("--replicaof", "127.0.0.1", str(nodes.redis.port))
    other = replica.client()
    while b"master_link_status:up" not in other("INFO", "replication"):
        time.sleep(0.1)
    other("REPLICAOF", "NO", "ONE")
    time.sleep(outage)
    client.close()
    other.close()
    for relay in nodes.relays:
        relay.aim(replica.port)
    nodes.redis.kill()
    nodes.redis = replica


def oldDump(nodes: Nodes, outage: float) -> None:
    """Redis comes back with what it knew a while ago."""
    client = nodes.redis.client()
    client("SAVE")
    client.close()
    time.sleep(outage)
    nodes.redis.kill()
    nodes.redis.start()


def nothing(nodes: Nodes, outage: float) -> None:
    """All is well."""
    time.sleep(outage)


FAULTS: dict[str, Callable[[Nodes, float], None]] = {
    each.__name__: each for each in (nothing, stop, kill, flush, redisStops, redisDies, stall, cuts, promotion, oldDump)
}


def main() -> int:
    """See above."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--outage", type=float, default=8)
    parser.add_argument("--pause", type=float, default=0.004)
    parser.add_argument("--after", type=float, default=15)
    parser.add_argument("--fault", choices=FAULTS, default="nothing")
    options = parser.parse_args()
    loop = LoopThread("churn")
    with tempfile.TemporaryDirectory() as folder, runNodes(Path(folder), loop, options.nodes) as nodes:
        churn = Churn(nodes, options.seed)
        running = loop.start(churn.run(options.pause))
        time.sleep(options.seconds)
        FAULTS[options.fault](nodes, options.outage)
        time.sleep(options.after)
        churn.stop()
        running.result(60)
        members = [member for member in churn.members if member.isOpen]
        problems = nodes.settled(members)
        for process in nodes.processes:
            lines = process.output().splitlines()
            print(*[line for line in lines if "backplane" in line or "holds" in line], sep="\n")
        gaps, heard = sum(member.gaps for member in members), sum(len(member.events) for member in members)
        left = [event[2]["reason"] for member in members for event in member.events if event[0] == "user-left"]
        print({reason: left.count(reason) for reason in set(left)})
        print(f"{churn.operations} operations, {heard} events, {gaps} messages not heard, {len(problems)} problems")
        print(*problems[:20], sep="\n")
        if problems:
            for member in members:
                if member.wrong:
                    print(member.user, member.wrong[:3])
        for member in churn.members:
            loop.call(member.close())
        nodes.redis.stop()
    loop.stop()
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
