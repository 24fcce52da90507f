"""Workers share their rooms, and what becomes of one is told once, and soon."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.clients.loop_thread import LoopThread
from tests.cluster.members import Member, gather
from tests.support.lanes import writeConfig
from tests.support.processes import Process, childrenOf, startProcess, twistdCommand, waitGone
from tests.support.redis_server import runRedis

MEMBERS = 12


@contextmanager
def workers(folder: Path, count: int) -> Iterator[Process]:
    """A server of several workers, which all know each other."""
    with runRedis(folder) as redis:
        limits = {"connections_per_address": 0, "events_per_second": 0, "log_lines_per_second": 0}
        config = {"backplane": {"url": f"redis://127.0.0.1:{redis.port}"}, "workers": count, "limits": limits}
        writeConfig(folder / "server.conf", config)
        command = twistdCommand("--config", "server.conf", "--listen", "tcp:0:interface=127.0.0.1")
        with startProcess(command, cwd=str(folder)) as process:
            for number in range(1, count + 1):
                process.waitOutput(rf"worker {number}: backplane up, {count} nodes")
            yield process
            assert "Traceback" not in process.output()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server of three workers."""
    with workers(tmp_path_factory.mktemp("workers"), 3) as process:
        yield process


async def cameTogether(url: str, room: str) -> list[Member]:
    """Members in one room, each on whatever worker it has come to."""
    members = [await Member(f"{room} {number}", url).connect() for number in range(MEMBERS)]
    for member in members:
        await member.join(room)
    for member in members:
        await member.until(lambda each: len(each.rosters.get(room, ())) == MEMBERS)
    return members


async def goneOf(members: list[Member], room: str) -> tuple[list[Member], list[Member]]:
    """Wait until those that are left know who is gone: those that are, and those that are left."""
    left = [member for member in members if member.isOpen]
    gone = [member for member in members if not member.isOpen]
    for member in left:
        await member.until(lambda each: each.rosters[room] == {other.user for other in left})
    return gone, left


def farewells(member: Member) -> list[tuple[str, str]]:
    """Whom it has heard leave, and why."""
    return sorted((event[1], event[2]["reason"]) for event in member.events if event[0] == "user-left")


def test_aRoomIsThatOfAllWorkers(pythonLoop: LoopThread, server: Process) -> None:
    members = pythonLoop.call(cameTogether(server.url, "all"))
    for _ in range(20):
        pythonLoop.call(gather(member.say("all") for member in members))
    pythonLoop.call(
        gather(
            member.until(lambda each: sum(event[0] == "broadcast" for event in each.events) == 20 * MEMBERS)
            for member in members
        )
    )
    assert [member.wrong for member in members] == [[]] * MEMBERS
    assert [member.gaps for member in members] == [0] * MEMBERS
    pythonLoop.call(gather(member.close() for member in members))


def test_whoWasOnAWorkerThatIsKilledHasLeftForTheOthers(pythonLoop: LoopThread, server: Process) -> None:
    members = pythonLoop.call(cameTogether(server.url, "killed"))
    victim = min(childrenOf(server.pid))
    os.kill(victim, signal.SIGKILL)
    waitGone({victim})
    # Before the lease of the worker has run out, which takes eight seconds.
    pythonLoop.call(gather(member.until(lambda each: not each.isOpen or farewells(each), 7) for member in members))
    gone, left = pythonLoop.call(goneOf(members, "killed"))
    for member in left:
        assert farewells(member) == [(each.user, "timeout") for each in sorted(gone, key=lambda each: each.user)]
        assert member.wrong == []
    server.waitOutput(r"worker \d serves \(process \d+\)")
    pythonLoop.call(gather(member.close() for member in members))


def test_whoWasOnAWorkerThatEndsHasLeftForTheOthers(pythonLoop: LoopThread, server: Process) -> None:
    members = pythonLoop.call(cameTogether(server.url, "ended"))
    os.kill(max(childrenOf(server.pid)), signal.SIGTERM)
    pythonLoop.call(gather(member.until(lambda each: not each.isOpen or farewells(each)) for member in members))
    gone, left = pythonLoop.call(goneOf(members, "ended"))
    for member in left:
        assert farewells(member) == [(each.user, "shutdown") for each in sorted(gone, key=lambda each: each.user)]
    pythonLoop.call(gather(member.close() for member in members))
