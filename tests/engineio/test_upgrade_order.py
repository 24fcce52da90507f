"""Whatever is sent at whichever step of an upgrade: nothing is lost, doubled or out of order, in either direction."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from twisted.internet.task import Clock
from txaio import tx

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from tests.engineio.memory import SelectingClock
from tests.engineio.strategies import revisions
from tests.engineio.world import Answer, Poller, Socket, World

MOST: Final = 16
"""Packets in one answer."""


@pytest.fixture(autouse=True)
def autobahnsClock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Autobahn's timers run on a clock that nobody turns."""
    clock = Clock()
    monkeypatch.setattr(tx.config, "loop", clock)
    return clock


class Client:
    """A client that upgrades as one of the protocol does, but at times that a test chooses.

    Attributes:
        sent: What the server sent.
        received: What the client got, in order.
        said: What the client sent.
    """

    def __init__(self, revision: Revision) -> None:
        self.world = World(SelectingClock(), EngineOptions(), HttpLimits())
        self.poller = Poller(self.world, revision, {})
        self.socket: Socket | None = None
        self.upgraded = False
        self.waiting: Answer | None = None
        self.sent: list[str | bytes] = []
        self.received: list[str | bytes] = []
        self.said: list[str | bytes] = []
        self._numbers: Iterator[int] = count()
        self._binary = b"\x04" if revision == 3 else b""

    def serverSends(self, attachments: int) -> None:
        """The server sends a message, with attachments behind it."""
        number = next(self._numbers)
        parts = tuple(bytes([number % 256, part]) for part in range(attachments))
        self.poller.session.send(EncodedMessage(str(number), parts))
        self.sent += [f"4{number}", *parts]

    def turn(self) -> None:
        """A turn of the reactor, in which both sides take what there is."""
        self.world.clock.advance(0.002)
        self.collect()

    def poll(self) -> None:
        """A poll, if none is waiting."""
        if self.waiting is None and not self.upgraded:
            self.waiting = self.poller.poll()
            self.collect()

    def post(self) -> None:
        """A post of two messages, before the upgrade."""
        number = next(self._numbers)
        if not self.upgraded:
            assert self.poller.post(f"4{number}", b"post").status == 200
            self.said += [str(number), b"post"]

    def write(self) -> None:
        """Two messages over the WebSocket, after the upgrade."""
        number = next(self._numbers)
        if self.upgraded and self.socket is not None:
            self.socket.send(f"4{number}", self._binary + b"write")
            self.said += [str(number), b"write"]

    def open(self) -> None:
        """The WebSocket, once."""
        if self.socket is None:
            self.socket = self.poller.socket()

    def probe(self) -> None:
        """The probe; the server answers it."""
        if self.socket is not None and not self.probed:
            self.socket.send("2probe")
            assert self.socket.take() == ["3probe"]

    def breakOff(self) -> None:
        """The WebSocket breaks before it has taken over."""
        if self.socket is not None and not self.upgraded:
            self.socket.hangUp()
            self.socket = None

    @property
    def probed(self) -> bool:
        return self.poller.session.phase.value in ("upgrading", "websocket")

    def upgrade(self) -> None:
        """The upgrade packet, which a client sends when its poll has ended."""
        self.collect()
        if self.socket is not None and self.probed and self.waiting is None and not self.upgraded:
            self.socket.send("5")
            self.upgraded = True

    def collect(self) -> None:
        """Take what the server has sent."""
        if self.waiting is not None and self.waiting.given:
            assert len(self.waiting.packets) <= MOST
            self.received += [packet for packet in self.waiting.packets if packet != "6"]
            self.waiting = None
        if self.upgraded and self.socket is not None:
            prefix = len(self._binary)
            self.received += [each if isinstance(each, str) else each[prefix:] for each in self.socket.take()]

    def finish(self) -> None:
        """Everything that is still on its way arrives."""
        for _ in range(3 + len(self.sent) // MOST):
            self.turn()
            self.poll()
        self.collect()


STEPS = ("open", "probe", "poll", "turn", "post", "upgrade", "write", "breakOff")


@given(
    revisions,
    st.lists(st.sampled_from(STEPS) | st.integers(0, 2), max_size=40),
)
def test_anyOrderOfStepsDeliversEverythingOnceAndInOrder(revision: Revision, steps: list[str | int]) -> None:
    """A number lets the server send a message with so many attachments."""
    client = Client(revision)
    for step in steps:
        if isinstance(step, int):
            client.serverSends(step)
        else:
            getattr(client, step)()
    client.finish()
    assert client.received == client.sent
    assert client.poller.application.received == client.said
    assert client.poller.application.closed == []


@pytest.mark.parametrize("polling", [True, False], ids=["a poll waits", "no poll waits"])
@pytest.mark.parametrize("turning", [True, False], ids=["in turns", "all at once"])
def test_whatIsSentAtEveryStepArrives(revision: Revision, polling: bool, turning: bool) -> None:
    client = Client(revision)
    for step in ("open", "probe", "poll", "upgrade", "write"):
        client.serverSends(1)
        if polling:
            client.poll()
        client.serverSends(2)
        getattr(client, step)()
        client.serverSends(0)
        if turning:
            client.turn()
    client.finish()
    assert client.upgraded
    assert client.received == client.sent


class Upgrading(RuleBasedStateMachine):
    """The same, chosen step by step: only steps that do something, and the order is right after each."""

    client: Client

    @initialize(revision=revisions)
    def begin(self, revision: Revision) -> None:
        self.client = Client(revision)

    @rule(attachments=st.integers(0, 2))
    def serverSends(self, attachments: int) -> None:
        self.client.serverSends(attachments)

    @rule()
    def turn(self) -> None:
        self.client.turn()

    @precondition(lambda self: self.client.waiting is None and not self.client.upgraded)
    @rule()
    def poll(self) -> None:
        self.client.poll()

    @precondition(lambda self: not self.client.upgraded)
    @rule()
    def post(self) -> None:
        self.client.post()

    @precondition(lambda self: self.client.socket is None)
    @rule()
    def open(self) -> None:
        self.client.open()

    @precondition(lambda self: self.client.socket is not None and not self.client.probed)
    @rule()
    def probe(self) -> None:
        self.client.probe()

    @precondition(lambda self: self.client.socket is not None and not self.client.upgraded)
    @rule()
    def breakOff(self) -> None:
        self.client.breakOff()

    @precondition(lambda self: self.client.probed and not self.client.upgraded)
    @rule()
    def upgrade(self) -> None:
        self.client.upgrade()

    @precondition(lambda self: self.client.upgraded)
    @rule()
    def write(self) -> None:
        self.client.write()

    @invariant()
    def inOrder(self) -> None:
        if hasattr(self, "client"):
            assert self.client.sent[: len(self.client.received)] == self.client.received

    def teardown(self) -> None:
        if hasattr(self, "client"):
            self.client.finish()
            assert self.client.received == self.client.sent
            assert self.client.poller.application.received == self.client.said


TestUpgrading = Upgrading.TestCase
TestUpgrading.settings = settings(max_examples=40, stateful_step_count=30)
