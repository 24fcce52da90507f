"""Rooms whose members are on different nodes: real processes, a real Redis, and the clients that people have."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.clients.kinds import NPM_CLIENTS, Kind
from tests.clients.loop_thread import LoopThread
from tests.clients.node_client import NodeProcess
from tests.clients.opener import Clients
from tests.cluster.members import gather
from tests.cluster.nodes import Nodes


def published(nodes: Nodes) -> int:
    """How many messages Redis was given."""
    client = nodes.redis.client()
    found = re.search(rb"cmdstat_publish:calls=([0-9]+)", client("INFO", "commandstats"))
    client.close()
    return int(found[1]) if found else 0


def test_clientsOfAllGenerationsMeet(three: Nodes, nodeProcess: NodeProcess, pythonLoop: LoopThread) -> None:
    clients = Clients(nodeProcess, pythonLoop, three[0].url)
    members = []
    for number, library in enumerate(NPM_CLIENTS):
        kind = Kind(library, ("polling", "websocket", "upgrade")[number % 3], "/")
        member = clients.connect(kind, f"user {library}", url=three[number % len(three)].url)
        answer = member.join("meeting")
        assert [each["userId"] for each in answer["members"]] == [f"user {each}" for each in NPM_CLIENTS[: number + 1]]
        members.append(member)
    for member in members:
        joined = [member.next() for _ in range(len(members) - members.index(member))]
        assert [event[:2] for event in joined] == [
            ("user-joined", other.name) for other in members[members.index(member) :]
        ]
    message = {"msgType": 1, "sdp": "é\u2028", "numbers": [1.0, 12345678901234567890]}
    for sender in members:
        assert sender.ask("broadcast", message) == {"ok": True, "delivered": len(members)}
        for member in members:
            assert member.next()[0] == "broadcast"
    first, last = members[0], members[-1]
    assert first.ask("broadcast", {**message, "targetUserId": last.name}) == {"ok": True, "delivered": 1}
    assert last.next()[1]["targetUserId"] == last.name
    assert last.leave("meeting") == {"ok": True}
    for member in members:
        member.expect("user-left", last.name, {"roomName": "meeting", "reason": "left"})
    clients.closeAll()


def test_aLimitHoldsForAllNodesTogether(three: Nodes) -> None:
    members = [three.member(number % 3, f"m{number}") for number in range(18)]
    answers = three.loop.call(gather(member.join("small room") for member in members))
    assert sum(answer["ok"] for answer in answers) == 5
    refused = {answer["error"]["code"] for answer in answers if not answer["ok"]}
    assert refused == {"room-full"}
    assert len(three.rosters()["small room"]) == 5
    assert three.settled(members) == []
    three.loop.call(gather(member.close() for member in members))
    assert three.settled([]) == []


def test_messagesGoOnlyToNodesWithMembers(three: Nodes) -> None:
    one, same, other, far = (three.member(*each) for each in ((0, "a"), (0, "b"), (1, "c"), (2, "d")))
    three.loop.call(gather([one.join("local"), same.join("local"), far.join("elsewhere")]))
    before = published(three)
    for _ in range(50):
        three.loop.call(one.say("local"))
    three.loop.call(same.until(lambda member: sum(event[0] == "broadcast" for event in member.events) == 50))
    assert published(three) == before
    three.loop.call(other.join("local"))
    three.loop.call(one.until(lambda member: "c" in member.rosters["local"]))  # its node knows
    before = published(three)
    for _ in range(50):
        three.loop.call(one.say("local"))
    three.loop.call(other.until(lambda member: sum(event[0] == "broadcast" for event in member.events) == 50))
    assert published(three) == before + 50
    assert three.settled([one, same, other, far]) == []
    three.loop.call(gather(member.close() for member in (one, same, other, far)))


@pytest.mark.parametrize("size", [20, 1_000_000])
def test_garbageIsDropped(three: Nodes, size: int) -> None:
    members = [three.member(number, f"g{number}") for number in range(3)]
    three.loop.call(gather(member.join("garbage") for member in members))
    client = three.redis.client()
    channels = client("PUBSUB", "CHANNELS", "rtcsignal:*")
    assert len(channels) == 3
    junk: list[Any] = [b"", b"\xff" * size, b"x" * size, b"\x93\x01\xa1M", b"\x93\x02\xa1M\xa1x", b"\x90" * size]
    for channel in channels:
        for item in junk * (1 if size > 1000 else 50):
            client("PUBLISH", channel, item)
    client.close()
    for member in members:
        three.loop.call(member.say("garbage"))
    for member in members:
        three.loop.call(member.until(lambda each: sum(event[0] == "broadcast" for event in each.events) == 3))
    assert three.settled(members) == []
    assert all(process.output().count("was dropped") < 10 for process in three.processes)
    three.loop.call(gather(member.close() for member in members))
