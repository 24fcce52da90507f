"""Memory is given back when the process has grown, and code that was replaced goes."""

from __future__ import annotations

import gc
import weakref
from types import ModuleType

import pytest
from twisted.internet.task import Clock

from rtcsignal.service.sweeping import Sweeper, forgetCode, residentBytes

MIB = 2**20


class World:
    """A process of any size, and a collector that is slow."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.size = 50 * MIB
        self.frees = 0
        self.takes = 0.0
        self.collected: list[float] = []
        self._stopwatch = 0.0
        self.sweeper = Sweeper(self.clock, lambda: self.size, self._collect, lambda: self._stopwatch)

    def _collect(self) -> None:
        self.collected.append(self.clock.seconds())
        self.size -= self.frees
        self._stopwatch += self.takes

    def after(self, seconds: float, grown: float) -> None:
        """Time goes by, and the process grows at once."""
        self.size += int(grown * MIB)
        self.clock.pump([1.0] * round(seconds))


@pytest.fixture
def world() -> World:
    world = World()
    world.sweeper.start()
    return world


class TestSweeper:
    def test_aProcessThatDoesNotGrowIsLeftAlone(self, world: World) -> None:
        for grown in (0, 0.5, 1.25, -3):
            world.after(10, grown)
        assert world.collected == []

    def test_oneThatHasGrownIsSwept(self, world: World) -> None:
        world.frees = 10 * MIB
        world.after(3, 11)
        assert world.collected == [1]
        world.after(3, 5)
        assert world.collected == [1, 4]

    def test_whatCannotBeFreedIsNotTriedAgain(self, world: World) -> None:
        world.after(100, 11)
        assert world.collected == [1]

    def test_itGrowsFromTheLeastThatItHad(self, world: World) -> None:
        world.after(2, -20)
        world.after(2, 5)
        assert len(world.collected) == 1

    def test_aSlowCollectorRunsRarely(self, world: World) -> None:
        world.takes = 0.05
        for _ in range(30):
            world.after(1, 5)
        assert world.collected == [1, 11, 21]

    def test_itStops(self, world: World) -> None:
        world.sweeper.stop()
        world.sweeper.stop()
        assert world.clock.getDelayedCalls() == []

    def test_whereTheSystemDoesNotTellItDoesNothing(self) -> None:
        clock = Clock()
        sweeper = Sweeper(clock, lambda: 0)
        sweeper.start()
        assert clock.getDelayedCalls() == []
        sweeper.stop()


def test_theSizeOfThisProcessIsKnown() -> None:
    assert residentBytes() > 10 * MIB


CODE = """
from typing import Optional

class Plugin:
    other: Optional["Plugin"] = None
    def method(self): pass

Maybe = Optional[Plugin]
"""


def _code() -> weakref.ref[type]:
    module = ModuleType("replaced")
    exec(CODE, vars(module))
    return weakref.ref(module.Plugin)


@pytest.mark.parametrize("frozen", [False, True])
def test_codeThatIsNotUsedGoesAlsoIfItWasFrozen(frozen: bool) -> None:
    code = _code()
    if frozen:
        gc.freeze()
    try:
        assert code() is not None
        forgetCode()
        assert code() is None
        assert (gc.get_freeze_count() > 1_000) is frozen
    finally:
        gc.unfreeze()
