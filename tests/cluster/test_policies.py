"""The built-in policies hold across real nodes; what two clients do at once on two of them is judged once each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.loop_thread import LoopThread
from tests.cluster.members import Member, gather
from tests.cluster.nodes import Nodes, runNodes

USE = [
    "room-password",
    {"host": {"rooms": ["hosted*"]}},
    {"one-session-per-user": {"rooms": {"single*": "replace"}}},
    {"lobby": {"rooms": ["lobby*"], "first": True, "members": True}},
]


@pytest.fixture(scope="module")
def policed(pythonLoop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Two nodes with policies."""
    with runNodes(tmp_path_factory.mktemp("policies"), pythonLoop, 2, plugins={"use": USE}) as nodes:
        yield nodes


class Two:
    """The same, and the clients of one test."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.loop = nodes.loop
        self._members: list[Member] = []

    def member(self, number: int, user: str) -> Member:
        self._members.append(self.nodes.member(number, user))
        return self._members[-1]

    def close(self) -> None:
        self.loop.call(gather(member.close() for member in self._members))


@pytest.fixture
def two(policed: Nodes) -> Iterator[Two]:
    """The nodes, whose clients all go in the end."""
    found = Two(policed)
    yield found
    found.close()
    assert policed.problems() == []


def heard(member: Member, event: str) -> list[Any]:
    return [arguments for name, *arguments in member.events if name == event]


def join(nodes: Two, number: int, user: str, room: str, **more: Any) -> Member:
    member = nodes.member(number, user)
    answer = nodes.loop.call(member.join(room, **more))
    assert answer["ok"], answer
    return member


def waitFor(nodes: Two, member: Member, event: str) -> Any:
    nodes.loop.call(member.until(lambda each: heard(each, event)))
    return heard(member, event)[-1]


def test_aPasswordThatIsSetOnOneNodeHoldsOnTheOther(two: Two) -> None:
    for attempt in range(10):
        members = [two.member(number, f"user {number}") for number in range(2)]
        name = f"secret {attempt}"
        answers = two.loop.call(gather(each.join(name, password=f"p{n}") for n, each in enumerate(members)))
        assert sorted(answer["ok"] for answer in answers) == [False, True], "both have set one"
        loser = next(answer for answer in answers if not answer["ok"])
        assert loser["error"]["code"] == "wrong-password"


def test_aSessionIsReplacedOnWhicheverNode(two: Two) -> None:
    watcher = join(two, 1, "watcher", "single room")
    first = join(two, 0, "ann", "single room")
    join(two, 1, "ann", "single room")
    assert waitFor(two, first, "replaced") == [{"roomName": "single room", "userId": "ann"}]
    two.loop.call(watcher.until(lambda each: len(heard(each, "user-joined")) == 3))
    assert heard(watcher, "user-left") == [["ann", {"roomName": "single room", "reason": "replaced"}]]
    assert two.nodes.rosters()["single room"] == ["ann", "watcher"]


def test_aRoomHasOneHost(two: Two) -> None:
    ann, bob = join(two, 0, "ann", "hosted room"), join(two, 1, "bob", "hosted room")
    assert waitFor(two, bob, "host") == [{"roomName": "hosted room", "userId": "ann"}]
    body = {"roomName": "hosted room", "targetUserId": "bob"}
    assert two.loop.call(bob.ask("lock", {"roomName": "hosted room"}))["error"]["code"] == "not-the-host"
    assert two.loop.call(ann.ask("lock", {"roomName": "hosted room"}))["ok"]
    assert two.loop.call(two.member(1, "eve").join("hosted room"))["error"]["code"] == "room-locked"
    assert two.loop.call(ann.ask("kick", body))["kicked"] == 1
    assert waitFor(two, bob, "user-left") == ["bob", {"roomName": "hosted room", "reason": "kicked"}]
    assert two.loop.call(bob.join("hosted room"))["error"]["code"] == "kicked"


def test_whoWaitsIsLetInFromAnotherNode(two: Two) -> None:
    ann, bob = join(two, 0, "ann", "lobby room"), two.member(1, "bob")
    assert two.loop.call(bob.join("lobby room"))["error"]["hosts"] == 1
    assert waitFor(two, ann, "knock")[0]["userId"] == "bob"
    assert two.loop.call(ann.ask("admit", {"roomName": "lobby room", "targetUserId": "bob"}))["admitted"] == 1
    admitted = waitFor(two, bob, "admitted")[0]
    assert two.loop.call(two.member(0, "bob").join("lobby room", **{"pass": admitted["pass"]}))["ok"]
