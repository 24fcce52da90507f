"""What breaks between nodes, while members come, go and talk: nobody hears of what has not changed, and all agree.

More of it, and for longer, by hand: ``python -m tests.cluster.churn``.
"""

from __future__ import annotations

import signal
import time

import pytest

from tests.clients.loop_thread import LoopThread
from tests.cluster.churn import FAULTS, Churn
from tests.cluster.members import gather
from tests.cluster.nodes import Nodes, runNodes
from tests.support.patience import PATIENCE


def waits(seconds: float) -> None:
    """Something lasts that long, whatever comes of it."""
    time.sleep(seconds)


@pytest.mark.parametrize(
    ("fault", "seconds"), [("flush", 1), ("cuts", 3), ("stall", 1), ("redisDies", 1), ("stop", 1), ("redisStops", 1)]
)
def test_whatPassesIsNotNoticed(three: Nodes, fault: str, seconds: float) -> None:
    churn = Churn(three, seed=len(fault), each=4)
    running = three.loop.start(churn.run())
    waits(0.5)
    FAULTS[fault](three, seconds)
    three.loop.call(gather(member.until(lambda member: len(member.events) > 100) for member in churn.members))
    churn.stop()
    running.result(PATIENCE)
    assert three.settled(churn.members) == []
    three.loop.call(gather(member.close() for member in churn.members))
    assert three.settled([]) == []


class TestANode:
    """Slow, because a lease is eight seconds."""

    def test_thatIsKilledLeavesNothing(self, pythonLoop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> None:
        with runNodes(tmp_path_factory.mktemp("killed"), pythonLoop, 3) as nodes:
            churn = Churn(nodes, seed=5, each=4)
            running = pythonLoop.start(churn.run())
            waits(0.5)
            marks = nodes.marks()
            nodes[1].signal(signal.SIGKILL)
            nodes[0].waitOutput("backplane up, 2 nodes", start=marks[0])
            churn.stop()
            running.result(PATIENCE)
            members = [member for member in churn.members if member.isOpen]
            assert len(members) == 8
            assert nodes.settled(members) == []
            assert {event[2]["reason"] for member in members for event in member.events if event[0] == "user-left"} == {
                "left",
                "timeout",
            }
            pythonLoop.call(gather(member.close() for member in churn.members))

    def test_thatEndsSaysSo(self, pythonLoop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> None:
        with runNodes(tmp_path_factory.mktemp("ended"), pythonLoop, 2) as nodes:
            one, other = nodes.member(0, "one"), nodes.member(1, "other")
            pythonLoop.call(gather([one.join("r"), other.join("r")]))
            nodes[1].signal(signal.SIGTERM)
            pythonLoop.call(one.until(lambda member: member.events[-1][0] == "user-left"))
            assert one.events[-1][1:] == ("other", {"roomName": "r", "reason": "shutdown"})
            assert nodes[1].waitExit() == 0
            assert nodes.rosters() == {"r": ["one"]}
            pythonLoop.call(gather([one.close(), other.close()]))


def test_aServerStartsWithoutRedisAndJoinsItLater(
    pythonLoop: LoopThread, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with runNodes(tmp_path_factory.mktemp("late"), pythonLoop, 2) as nodes:
        nodes.redis.kill()
        process = nodes.start()
        process.waitOutput("backplane down: ")
        members = [nodes.member(number, f"m{number}") for number in range(3)]
        answers = pythonLoop.call(gather(member.join("r") for member in members))
        assert [len(answer["members"]) for answer in answers] == [1, 1, 1]
        marks = nodes.marks()
        nodes.redis.start()
        nodes.waitUp(3, marks)
        assert nodes.settled(members) == []
        assert all(len(member.rosters["r"]) == 3 for member in members)
        pythonLoop.call(gather(member.close() for member in members))
