"""The room policies together, in the order that the documentation recommends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rtcsignal.api import Identity
from rtcsignal.testing import InMemoryServer, MemoryClient

USE: list[Any] = [
    {"allow-rooms": {"rooms": {"meeting-*": []}}},
    "room-password",
    {"host": {"keep_out": 60}},
    {"one-session-per-user": {"rooms": {"*": "replace"}}},
    {"room-size": {"most": 3}},
    {"lobby": {"first": True}},
]
ROOM = "meeting-1"


@pytest.fixture(params=[USE, USE[::-1]], ids=["in order", "in the opposite order"])
def server(request: pytest.FixtureRequest) -> Iterator[InMemoryServer]:
    with InMemoryServer(use=request.param) as running:
        yield running


@pytest.fixture
def ann(server: InMemoryServer) -> MemoryClient:
    """The first one, who sets a password and is the host."""
    client = server.connect()
    assert client.join(ROOM, "ann", password="sesame").ok
    assert client.take("host") == [("host", {"roomName": ROOM, "userId": "ann"})]
    client.take()
    return client


def enter(server: InMemoryServer, ann: MemoryClient, user: str, **more: Any) -> MemoryClient:
    """Somebody knocks, is admitted, and joins."""
    client = server.connect()
    assert client.join(ROOM, user, password="sesame", **more).code == "waiting"
    assert ann.request("admit", {"targetUserId": user}).ok
    assert client.join(ROOM, user, password="sesame", **more).ok
    return client


def test_aMeeting(server: InMemoryServer, ann: MemoryClient) -> None:
    ben, cat = enter(server, ann, "ben"), enter(server, ann, "cat")
    assert server.members(ROOM) == ["ann", "ben", "cat"]
    assert ann.request("kick", {"targetUserId": "ben"}).ok
    assert ben.join(ROOM, "ben", password="sesame").code in {"kicked", "waiting"}
    assert ann.request("lock").ok
    dan = server.connect()
    assert dan.join(ROOM, "dan", password="sesame").code in {"room-locked", "waiting"}
    assert ann.request("close").ok
    server.advance(1)
    assert server.hub.rooms == {}
    assert (ann.connected, cat.connected) == (True, True)


def test_whoIsAdmittedToAFullRoomComesInWhenThereIsAPlace(
    server: InMemoryServer, ann: MemoryClient
) -> None:
    ben = enter(server, ann, "ben")
    late = server.connect()
    late.join(ROOM, "late", password="sesame")
    ann.request("admit", {"targetUserId": "late"})
    enter(server, ann, "cat")
    assert late.join(ROOM, "late", password="sesame").code == "room-full"
    ben.lose()
    assert late.join(ROOM, "late", password="sesame").ok


def test_theHostsSecondPageGoesOnAsTheHost(server: InMemoryServer, ann: MemoryClient) -> None:
    ben = enter(server, ann, "ben")
    again = enter(server, ann, "ann")
    assert not ann.connected
    assert [event for event in ben.take() if event[0] != "pass"][-3:] == [
        ("user-left", "ann", {"roomName": ROOM, "reason": "replaced"}),
        ("user-joined", "ann", {"roomName": ROOM}),
        ("host", {"roomName": ROOM, "userId": "ann"}),
    ]
    assert again.request("lock").ok


def test_aLostConnectionComesBackWithItsPass(server: InMemoryServer, ann: MemoryClient) -> None:
    ben = server.connect()
    ben.join(ROOM, "ben", password="sesame", tab="one")
    ann.request("admit", {"targetUserId": "ben"})
    text = ben.take("admitted")[0][1]["pass"]
    assert ben.join(ROOM, "ben", password="sesame", tab="one").ok
    again = server.connect()
    assert again.join(ROOM, "ben", password="sesame", tab="one", **{"pass": text}).ok
    assert not ben.connected
    assert server.members(ROOM) == ["ann", "ben"]


def test_everythingSurvivesAReload(server: InMemoryServer, ann: MemoryClient) -> None:
    ben = enter(server, ann, "ben", tab="one")
    late = server.connect()
    late.join(ROOM, "late", password="sesame")
    assert server.reload()
    assert ben.request("lock").code == "not-the-host"
    assert ann.request("admit", {"targetUserId": "late"}).ok
    assert late.join(ROOM, "late", password="other").code == "wrong-password"
    assert late.join(ROOM, "late", password="sesame").ok


def test_nothingIsLeft(server: InMemoryServer, ann: MemoryClient) -> None:
    ben = enter(server, ann, "ben")
    waiting = server.connect()
    waiting.join(ROOM, "cat", password="sesame")
    for client in (waiting, ben, ann):
        client.lose()
    server.advance(1)
    assert (server.hub.rooms, len(server.hub.waiting)) == ({}, 0)
    assert server.clock.getDelayedCalls() == []


def test_whoDoesNotKnowThePasswordCannotKnock() -> None:
    with InMemoryServer(use=USE) as server:
        ann, eve = server.connect(), server.connect()
        ann.join(ROOM, "ann", password="sesame")
        assert eve.join(ROOM, "eve").code == "password-needed"
        assert eve.join("kitchen", "eve").code == "room-not-allowed"
        assert ann.take("knock") == []


def test_aModeratorComesInWithoutWaiting() -> None:
    with InMemoryServer(use=USE) as server:
        ann, moderator = server.connect(), server.connect(Identity(roles=frozenset({"host"})))
        ann.join(ROOM, "ann", password="sesame")
        assert moderator.join(ROOM, "mod").code == "password-needed"
        assert moderator.join(ROOM, "mod", password="sesame").ok
        assert ann.request("kick", {"targetUserId": "mod"}).code == "not-allowed"
