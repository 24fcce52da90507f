"""``services.probe``, as a plugin of somebody's own uses it."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from zope.interface import implementer

from rtcsignal.api import IPeer, IRoom, IRoomPolicy, IServices, Refused
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, InMemoryServer


@implementer(IRoomPolicy)
class OneAtATime:
    """Lets someone in when the one who is there is gone, and then takes its own time."""

    name = "one-at-a-time"

    def __init__(self, seconds: tuple[float, ...] = (), after: Deferred[None] | None = None) -> None:
        self.seconds = seconds
        self.after = after

    def start(self, services: IServices) -> None:
        self.services = services

    async def mayJoin(self, peer: IPeer, room: IRoom) -> None:
        for other in room.peers():
            if await self.services.probe(other, *self.seconds):
                raise Refused("occupied")
        if self.after is not None and room.size == 0:
            await self.after


def test_aPolicyMayWaitForIt() -> None:
    """That takes longer than the two seconds that an answer may take otherwise."""
    with InMemoryServer(OneAtATime()) as server:
        first = server.connect()
        assert first.join("kitchen", "ann").ok
        assert server.connect().join("kitchen", "ben").code == "occupied"
        first.isSilent = True
        server.advance(1)
        answer = server.connect().join("kitchen", "ben")
        server.advance(2.8)
        assert not answer.given
        server.advance(0.5)
        assert answer.ok
        assert server.members("kitchen") == ["ben"]
        assert server.counters("one-at-a-time").timeouts == 0


@pytest.mark.parametrize("seconds", [0.25, 7.5])
def test_itSaysHowLong(seconds: float) -> None:
    with InMemoryServer(OneAtATime((seconds,))) as server:
        first = server.connect()
        assert first.join("kitchen", "ann").ok
        first.isSilent = True
        answer = server.connect().join("kitchen", "ben")
        server.advance(seconds - 0.1)
        assert not answer.given
        server.advance(0.3)
        assert answer.ok


def test_itsOwnTimeIsLimitedAsEver() -> None:
    with InMemoryServer(OneAtATime(after=Deferred())) as server:
        answer = server.connect().join("kitchen", "ann")
        server.advance(2.5)
        assert answer.code == "timeout"


def test_whoGoesMeanwhileIsAnAnswer() -> None:
    with InMemoryServer(OneAtATime()) as server:
        first = server.connect()
        assert first.join("kitchen", "ann").ok
        first.isSilent = True
        answer = server.connect().join("kitchen", "ben")
        first.lose()
        assert answer.ok


def test_withFakes() -> None:
    services, plugin = FakeServices(), OneAtATime()
    plugin.start(services)
    absent = FakePeer("ann", away=True, awayUntil=60.0)
    outcomes: list[Any] = []
    Deferred.fromCoroutine(plugin.mayJoin(FakePeer("ben"), FakeRoom("kitchen", [absent]))).addBoth(outcomes.append)
    assert outcomes == [None], "nobody is at the other end of a peer that is away"
