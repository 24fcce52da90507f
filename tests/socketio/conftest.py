"""Fixtures of the tests in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rtcsignal.engineio.options import EngineOptions
from rtcsignal.socketio.server import SocketOptions
from tests.engineio.conftest import clock, log, revision
from tests.engineio.memory import SelectingClock
from tests.socketio.world import World
from tests.support.lanes import FAST
from tests.support.worlds import finishing

__all__ = ["clock", "log", "revision"]

WorldFactory = Callable[..., World]


@pytest.fixture
def makeWorld(clock: SelectingClock) -> Iterator[WorldFactory]:
    """``makeWorld(namespaces=..., engine=..., **options)``: a `World`, of which nothing may be left."""

    def make(namespaces: dict[str, Any] | None = None, engine: EngineOptions | None = None, **options: Any) -> World:
        return World(clock, SocketOptions(**options), engine or EngineOptions(fast=FAST), namespaces)

    with finishing(make) as makeOne:
        yield makeOne


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    """A server as it comes."""
    return makeWorld()
