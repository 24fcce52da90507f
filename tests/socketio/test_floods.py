"""Clients that send more events than they may."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from tests.socketio.conftest import WorldFactory
from tests.socketio.world import Client, World


class TestFloods:
    """Sixteen events a second, four at once; who owes more than four is closed."""

    @pytest.fixture
    def world(self, makeWorld: WorldFactory) -> World:
        return makeWorld(eventsPerSecond=16, eventsBurst=4)

    def test_aBurstIsTakenAtOnce(self, world: World, revision: Revision) -> None:
        client = self.fresh(world, revision)
        client.send(*['2["a"]'] * 4)
        client.send("1")
        assert len(world.root.events) == 4

    @staticmethod
    def fresh(world: World, revision: Revision) -> Client:
        """A member with a full bucket."""
        client = world.member(revision)
        world.clock.advance(1)
        return client

    def test_beyondItTheClientIsNotReadForAWhile(self, world: World, revision: Revision) -> None:
        client = self.fresh(world, revision)
        client.send(*['2["a"]'] * 6)
        assert len(world.root.events) == 6, "what has been read is handled"
        client.send('2["b"]')
        transport = client.socket.visitor.transport
        reading = [transport.reading]
        world.clock.advance(2 / 16)
        reading.append(transport.reading)
        assert reading == [False, True]
        client.socket.visitor.link.turn()
        assert world.root.events[-1] == ("b",)
        assert client.alive

    def test_whoOwesTooMuchIsClosed(self, world: World, revision: Revision) -> None:
        client = self.fresh(world, revision)
        client.send(*['2["a"]'] * 9)
        assert len(world.root.events) == 8
        assert world.root.reasons == ["too many events"]
        assert client.code == 1008

    def test_whoKeepsToTheRateIsNeverHeldUp(self, world: World, revision: Revision) -> None:
        client = self.fresh(world, revision)
        for _ in range(50):
            client.send('2["a"]')
            world.clock.advance(1 / 16)
            assert client.socket.visitor.transport.reading
        assert len(world.root.events) == 50

    def test_attachmentsAreNoEvents(self, world: World, revision: Revision) -> None:
        client = self.fresh(world, revision)
        for _ in range(4):
            client.send('52-["a"]', b"1", b"2")
        assert client.socket.visitor.transport.reading
        assert len(world.root.events) == 4

    def test_aPollersPostIsAnsweredLater(self, world: World, revision: Revision) -> None:
        poller = world.poller(revision)
        if revision == 4:
            poller.post("40")
        world.clock.advance(1)
        answer = poller.post(*['42["a"]'] * 6)
        assert not answer.given
        world.clock.advance(2 / 16)
        assert answer.status == 200

    @pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
    def test_withoutALimitThereIsNone(self, makeWorld: WorldFactory, revision: Revision, fast: bool) -> None:
        """Whole messages are not the fragments that have a limit of their own, whichever way they take."""
        world = makeWorld(eventsPerSecond=0, engine=EngineOptions(fast=fast))
        client = world.member(revision)
        client.send(*['2["a"]'] * 2_000)
        world.clock.advance(0)
        assert len(world.root.events) == 2_000
        assert world.sockets.options.mostWait == 0
