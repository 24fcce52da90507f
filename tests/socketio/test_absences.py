"""Absences: each has a deadline of its own, and there are only so many."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.deadlines import Deadlines
from rtcsignal.socketio.recovery import RecoveryOptions
from tests.socketio.conftest import WorldFactory
from tests.socketio.world import World


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    return makeWorld(recovery=RecoveryOptions(window=60, held=2))


def lose(world: World) -> Any:
    client = world.client(4)
    client.send("0")
    client.hangUp()
    return world.root.peer


def test_knowsWhoIsAway(world: World) -> None:
    absences = world.sockets.recovery._absences
    first = lose(world)
    assert first in absences
    assert len(absences) == len(absences.deadlines) == 1
    assert absences.end(first)
    assert first not in absences
    assert not absences.end(first)
    absences.begin(first, 5)
    world.clock.advance(6)
    assert len(absences) == 0


def test_theOneWhoHasWaitedLongestIsGivenUp(world: World) -> None:
    peers = [lose(world) for _ in range(3)]
    assert [peer for peer, _ in world.root.gone] == peers[:1]
    assert tuple(world.sockets.recovery.waiting) == tuple(peers[1:])


def test_deadlinesOfDifferentLengthsDoNotWaitForEachOther(world: World) -> None:
    world.root.wait = lambda peer, window: 60 if not world.root.lostOnes else 5
    long, short = lose(world), lose(world)
    world.clock.advance(6)
    assert [peer for peer, _ in world.root.gone] == [short]
    assert long.away
    assert isinstance(world.sockets.deadlines, Deadlines)
