"""Fixtures of the tests in memory."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rtcsignal.engineio.options import EngineOptions
from rtcsignal.socketio.server import SocketOptions
from tests.engineio.conftest import clock, log, revision
from tests.engineio.memory import SelectingClock
from tests.socketio.world import World

__all__ = ["clock", "log", "revision"]
from tests.support.lanes import FAST

WorldFactory = Callable[..., World]


@pytest.fixture
def makeWorld(clock: SelectingClock) -> Iterator[WorldFactory]:
    """``makeWorld(namespaces=..., engine=..., **options)``: a `World`, of which nothing may be left."""
    worlds: list[World] = []

    def make(namespaces: dict[str, Any] | None = None, engine: EngineOptions | None = None, **options: Any) -> World:
        worlds.append(World(clock, SocketOptions(**options), engine or EngineOptions(fast=FAST), namespaces))
        return worlds[-1]

    yield make
    for world in worlds:
        world.finish()
    # A failure that nobody handled is logged when its Deferred goes.
    gc.collect(1)


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    """A server as it comes."""
    return makeWorld()
