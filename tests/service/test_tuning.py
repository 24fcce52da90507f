"""Lean turns of the reactor, and what they need of Twisted's without a promise of its."""

from __future__ import annotations

import gc
import resource
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.epollreactor import EPollReactor
from twisted.internet.pollreactor import PollReactor
from twisted.python.failure import Failure

from rtcsignal.service.tuning import freezeGarbage, raiseDescriptorLimit, useLeanTurns
from tests.conftest import LoggedFailures


class Descriptor:
    """One end of a pair of sockets, watched by a reactor; it writes down what happens."""

    def __init__(self, reactor: Any, happened: list[str]) -> None:
        self.reactor = reactor
        self.happened = happened
        self.socket, self.other = socket.socketpair()
        self.socket.setblocking(False)
        self.result: Exception | None = None
        self.error: Exception | None = None
        reactor.addReader(self)

    def fileno(self) -> int:
        return self.socket.fileno()

    def logPrefix(self) -> str:
        return "descriptor"

    def doRead(self) -> Exception | None:
        self.happened.append(self.socket.recv(100).decode())
        if self.error is not None:
            raise self.error
        return self.result

    def doWrite(self) -> None:
        self.happened.append("written")
        self.reactor.removeWriter(self)

    def connectionLost(self, reason: Failure) -> None:
        self.happened.append(f"lost: {reason.value}")
        self.close()

    def close(self) -> None:
        self.socket.close()
        self.other.close()


class World:
    """A reactor of its own with lean turns; what happens in them comes in order."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.reactor: Any = EPollReactor()
        self.descriptors: list[Descriptor] = []
        self.isLean = useLeanTurns(self.reactor, lambda: self.happened.append("flush"))

    def descriptor(self) -> Descriptor:
        self.descriptors.append(Descriptor(self.reactor, self.happened))
        return self.descriptors[-1]

    def turn(self) -> list[str]:
        """What happens in one turn."""
        self.happened.clear()
        self.reactor.doIteration(0)
        return list(self.happened)


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.reactor.removeAll()
    for descriptor in world.descriptors:
        descriptor.close()
    world.reactor._poller.close()
    for internal in tuple(world.reactor._internalReaders):
        internal.connectionLost(Failure(Exception("done")))


def test_theEpollReactorOfThisTwistedHasWhatTheyNeed(world: World) -> None:
    assert world.isLean


def test_whatHasComeIsReadBetweenTwoFlushes(world: World) -> None:
    world.descriptor().other.send(b"hello")
    assert world.turn() == ["flush", "hello", "flush"]
    assert world.turn() == ["flush", "flush"]


def test_aSocketThatTakesMoreIsToldToWrite(world: World) -> None:
    world.reactor.addWriter(world.descriptor())
    assert world.turn() == ["flush", "written", "flush"]


def test_aSocketThatIsDoneIsLost(world: World) -> None:
    descriptor = world.descriptor()
    descriptor.result = ValueError("done")
    descriptor.other.send(b"hello")
    assert world.turn() == ["flush", "hello", "lost: done", "flush"]
    assert world.turn() == ["flush", "flush"]


def test_aSocketWhoseOtherEndHasGoneIsLost(world: World) -> None:
    descriptor = world.descriptor()
    descriptor.result = ValueError("gone")
    descriptor.other.close()
    assert world.turn() == ["flush", "", "lost: gone", "flush"]


def test_oneThatRaisesIsLostAndLogged(world: World, loggedFailures: LoggedFailures) -> None:
    descriptor, other = world.descriptor(), world.descriptor()
    descriptor.error = ValueError("broken")
    descriptor.other.send(b"first")
    other.other.send(b"second")
    assert sorted(world.turn()) == ["first", "flush", "flush", "lost: broken", "second"]
    assert loggedFailures.expect(ValueError) == [descriptor.error]


def test_oneThatGoesInTheSameTurnIsNotRead(world: World) -> None:
    descriptors = [world.descriptor(), world.descriptor()]

    def readAndEndTheOther(this: Descriptor, that: Descriptor) -> None:
        def doRead() -> None:
            this.happened.append("read")
            world.reactor.removeReader(that)

        this.doRead = doRead  # type: ignore[method-assign]

    readAndEndTheOther(descriptors[0], descriptors[1])
    readAndEndTheOther(descriptors[1], descriptors[0])
    for descriptor in descriptors:
        descriptor.other.send(b"x")
    assert world.turn() == ["flush", "read", "flush"]


def test_otherReactorsAreLeftAsTheyAre() -> None:
    reactor: Any = object.__new__(PollReactor)
    assert not useLeanTurns(reactor, lambda: None)
    assert "doIteration" not in vars(reactor)


def test_aReactorWithoutWhatTheyNeedIsLeftAsItIs() -> None:
    reactor: Any = object.__new__(EPollReactor)
    assert not useLeanTurns(reactor, lambda: None)
    assert "doIteration" not in vars(reactor)


def test_theCollectorStaysOnAndLeavesAloneWhatIsThere() -> None:
    before = gc.get_threshold()
    try:
        freezeGarbage()
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > before[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)


def test_theProcessMayOpenAsManyFilesAsTheSystemGrants() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        assert raiseDescriptorLimit() == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_aSystemThatDoesNotGrantWhatItSaysChangesNothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raiseDescriptorLimit() == soft
