"""Any interleaving of handshakes, messages, upgrades, losses, closes and time on both revisions, against a model.

The model knows a session as two lists of messages and a reason for its end, and nothing of the server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from txaio import tx

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.exchange import RequestError
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.invariants import checkEngine
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from tests.engineio.memory import SelectingClock
from tests.engineio.strategies import revisions
from tests.engineio.world import Answer, Poller, Recorder, Socket, World

_MOST = 4
_OURS = ("1", "2", "3", "6")
"""What is no message: close, ping, pong and noop."""


@pytest.fixture(autouse=True)
def autobahnsClock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machines set is undone."""
    monkeypatch.setattr(tx.config, "loop", None)


class Actor:
    """A client as the protocol has it, and what the model believes of it.

    Attributes:
        sent: What the server sent it.
        received: What it got.
        said: What it sent.
        end: Why its session has ended; None while it has not.
    """

    def __init__(self, world: World, revision: Revision, polling: bool) -> None:
        self.revision = revision
        self.poller: Poller | None = world.poller(revision) if polling else None
        self.socket: Socket | None = None if polling else world.socket(revision)
        self.session: Session = world.session(world.sids[-1])
        self.world = world
        self.upgraded = not polling
        self.probed = False
        self.waiting: Answer | None = None
        self.sent: list[str | bytes] = []
        self.received: list[str | bytes] = []
        self.said: list[str | bytes] = []
        self.end: CloseReason | None = None
        self.pings = 0

    @property
    def application(self) -> Recorder:
        """What the server's application has seen."""
        (application,) = (each for each in self.world.applications if each.session is self.session)
        assert isinstance(application, Recorder)
        return application

    @property
    def polls(self) -> Poller:
        """Its polling side, which it must have."""
        assert self.poller is not None
        return self.poller

    @property
    def link(self) -> Socket:
        """Its WebSocket, which it must have."""
        assert self.socket is not None
        return self.socket

    def collect(self) -> None:
        """Take what has come."""
        if self.waiting is not None and self.waiting.given:
            self._take(self.waiting.packets if self.waiting.status == 200 else [])
            self.waiting = None
        if self.socket is not None:
            prefix = 1 if self.revision == 3 else 0
            packets = self.socket.take()
            self._take([each if isinstance(each, str) else each[prefix:] for each in packets])

    def _take(self, packets: list[str | bytes]) -> None:
        self.pings += packets.count("2")
        self.received += [packet for packet in packets if packet not in _OURS and packet != "3probe"]

    def keepAlive(self) -> None:
        """Do what the revision wants for the heartbeat."""
        if not self.upgraded and self.waiting is None:
            self.waiting = self.polls.poll()
        self.collect()
        answer = "2" if self.revision == 3 else "3" if self.pings else ""
        self.pings = 0
        if answer and self.upgraded:
            self.link.send(answer)
        elif answer:
            assert self.polls.post(answer).status == 200

    def say(self, *messages: str | bytes) -> None:
        """Send messages, on what carries the session."""
        texts = [f"4{message}" if isinstance(message, str) else message for message in messages]
        if self.upgraded:
            binary = b"\x04" if self.revision == 3 else b""
            self.link.send(*(each if isinstance(each, str) else binary + each for each in texts))
        else:
            assert self.polls.post(*texts).status == 200
        self.said += messages


class SessionMachine(RuleBasedStateMachine):
    """A server, its clients, and the model."""

    def __init__(self) -> None:
        super().__init__()
        self.actors: list[Actor] = []
        self.gone: list[Actor] = []
        self.numbers: Iterator[int] = count()

    @initialize(fast=st.booleans())
    def begin(self, fast: bool) -> None:
        config: Any = tx.config
        config.loop = SelectingClock()
        self.world = World(config.loop, EngineOptions(fast=fast, sessionsPerAddress=0), HttpLimits())

    def _somebody(self, data: st.DataObject, fits: Callable[[Actor], object] = bool) -> Actor:
        return data.draw(st.sampled_from([actor for actor in self.actors if fits(actor)]))

    def _ends(self, actor: Actor, reason: CloseReason) -> None:
        """The model's side of an end."""
        actor.end = reason
        self.actors.remove(actor)
        self.gone.append(actor)

    @precondition(lambda self: len(self.actors) < _MOST)
    @rule(revision=revisions, polling=st.booleans())
    def connect(self, revision: Revision, polling: bool) -> None:
        self.actors.append(Actor(self.world, revision, polling))

    @precondition(lambda self: self.actors)
    @rule(data=st.data(), attachments=st.integers(0, 2))
    def serverSends(self, data: st.DataObject, attachments: int) -> None:
        actor, number = self._somebody(data), next(self.numbers)
        parts = tuple(bytes([number % 256, part]) for part in range(attachments))
        actor.session.send(EncodedMessage(str(number), parts))
        actor.sent += [f"4{number}", *parts]

    @precondition(lambda self: self.actors)
    @rule(data=st.data())
    def clientSends(self, data: st.DataObject) -> None:
        self._somebody(data).say(str(next(self.numbers)), b"binary")

    @precondition(lambda self: any(not a.upgraded and a.waiting is None for a in self.actors))
    @rule(data=st.data())
    def poll(self, data: st.DataObject) -> None:
        actor = self._somebody(data, lambda a: not a.upgraded and a.waiting is None)
        actor.waiting = actor.polls.poll()

    @precondition(lambda self: any(a.socket is None for a in self.actors))
    @rule(data=st.data())
    def openUpgrade(self, data: st.DataObject) -> None:
        actor = self._somebody(data, lambda a: a.socket is None)
        actor.socket = actor.polls.socket()

    @precondition(lambda self: any(a.socket is not None and not a.upgraded for a in self.actors))
    @rule(data=st.data())
    def openAnotherUpgrade(self, data: st.DataObject) -> None:
        """Only one WebSocket can try at a time."""
        actor = self._somebody(data, lambda a: a.socket is not None and not a.upgraded)
        other = actor.polls.socket()
        assert other.take() == []
        assert other.code == 1008

    @precondition(lambda self: any(a.socket is not None and not a.upgraded and not a.probed for a in self.actors))
    @rule(data=st.data())
    def probe(self, data: st.DataObject) -> None:
        actor = self._somebody(data, lambda a: a.socket is not None and not a.upgraded and not a.probed)
        actor.link.send("2probe")
        actor.probed = True

    @precondition(lambda self: any(a.socket is not None and not a.upgraded for a in self.actors))
    @rule(data=st.data())
    def upgrade(self, data: st.DataObject) -> None:
        """With "5", whether there was a probe or not; clients wait for their poll to end before that."""
        actor = self._somebody(data, lambda a: a.socket is not None and not a.upgraded)
        actor.collect()
        if actor.waiting is None:
            actor.link.send("5")
            actor.upgraded = True

    @precondition(lambda self: any(a.socket is not None and not a.upgraded for a in self.actors))
    @rule(data=st.data(), wrong=st.sampled_from(["4early", "2", "x", b"\x04b", None]))
    def upgradeFails(self, data: st.DataObject, wrong: str | bytes | None) -> None:
        """The WebSocket says what it may not, or is lost: the session goes on as if it had not been there."""
        actor = self._somebody(data, lambda a: a.socket is not None and not a.upgraded)
        actor.collect()
        if wrong is None:
            actor.link.hangUp()
        else:
            actor.link.send(wrong)
            assert actor.link.take() == []
            assert actor.link.code == 1008
        actor.socket, actor.probed = None, False

    @precondition(lambda self: any(a.upgraded for a in self.actors))
    @rule(data=st.data())
    def socketIsLost(self, data: st.DataObject) -> None:
        actor = self._somebody(data, lambda a: a.upgraded)
        actor.collect()
        actor.link.hangUp()
        self._ends(actor, CloseReason.TRANSPORT_CLOSE)

    @precondition(lambda self: any(a.waiting is not None for a in self.actors))
    @rule(data=st.data())
    def pollIsLost(self, data: st.DataObject) -> None:
        actor = self._somebody(data, lambda a: a.waiting is not None)
        actor.collect()
        if actor.waiting is not None:
            actor.waiting.goAway()
            self._ends(actor, CloseReason.TRANSPORT_ERROR)

    @precondition(lambda self: any(not a.upgraded for a in self.actors))
    @rule(data=st.data(), how=st.sampled_from(["lost", "overlap", "nonsense"]))
    def postFails(self, data: st.DataObject, how: str) -> None:
        actor = self._somebody(data, lambda a: not a.upgraded)
        if how == "nonsense":
            assert actor.polls.postBody(b"\xff", "text/plain").status == 400
            self._ends(actor, CloseReason.PARSE_ERROR)
            return
        posts = actor.polls.startPost()
        assert posts is not None
        if how == "lost":
            posts.lost()
        else:
            with pytest.raises(RequestError):
                actor.polls.startPost()
        self._ends(actor, CloseReason.TRANSPORT_ERROR)

    @precondition(lambda self: self.actors)
    @rule(data=st.data())
    def clientCloses(self, data: st.DataObject) -> None:
        actor = self._somebody(data)
        if actor.upgraded:
            actor.link.send("1")
        else:
            assert actor.polls.post("1").status == 200
        self._ends(actor, CloseReason.TRANSPORT_CLOSE)

    @precondition(lambda self: self.actors)
    @rule(data=st.data())
    def serverCloses(self, data: st.DataObject) -> None:
        """Whoever is closed by the server gets what was sent before."""
        actor = self._somebody(data)
        actor.session.close()
        self._ends(actor, CloseReason.FORCED)
        if not actor.upgraded and (actor.waiting is None or actor.waiting.packets[-1] != "1"):
            actor.collect()
            actor.waiting = actor.polls.poll()
            assert actor.waiting.packets[-1] == "1"
        actor.collect()
        assert actor.received == actor.sent

    @precondition(lambda self: self.actors)
    @rule()
    def turn(self) -> None:
        self.world.clock.advance(0.01)
        for actor in self.actors:
            actor.collect()

    @precondition(lambda self: self.actors)
    @rule(data=st.data(), silent=st.booleans())
    def timePasses(self, data: st.DataObject, silent: bool) -> None:
        """Long enough for upgrades to fail, or for somebody to be missed who said something lately and nothing now."""
        sleeper = self._somebody(data) if silent else None
        for _ in range(24 if silent else 3):
            self.world.clock.advance(5)
            for actor in self.actors:
                if actor is not sleeper:
                    actor.keepAlive()
        for actor in self.actors:
            if not actor.upgraded and actor.socket is not None:
                actor.collect()
                assert not actor.link.connected, "an upgrade that is not finished in time fails"
                actor.socket, actor.probed = None, False
        if sleeper is not None:
            self._ends(sleeper, CloseReason.PING_TIMEOUT)

    @invariant()
    def nothingIsLostDoubledOrOutOfOrder(self) -> None:
        for actor in (*self.actors, *self.gone):
            assert actor.received == actor.sent[: len(actor.received)]
            assert actor.application.received == actor.said

    @invariant()
    def everySessionEndsOnceAndForItsReason(self) -> None:
        for actor in self.actors:
            assert actor.application.closed == []
            assert actor.session.isOpen
        for actor in self.gone:
            assert actor.application.closed == [actor.end]
            assert not actor.session.isOpen

    @invariant()
    def allFitsTogether(self) -> None:
        if hasattr(self, "world"):
            self.world.turn()
            assert list(checkEngine(self.world.engine)) == []

    def teardown(self) -> None:
        for actor in self.gone:
            actor.session.send(EncodedMessage("too late"))
            assert actor.poller is None or actor.poller.poll().status == 400
        for actor in self.actors:
            for _ in range(3):
                self.world.clock.advance(0.01)
                actor.keepAlive()
            assert actor.received == actor.sent
        self.nothingIsLostDoubledOrOutOfOrder()
        if hasattr(self, "world"):
            self.world.clock.advance(40)
            self.world.finish()


TestSessions = SessionMachine.TestCase
TestSessions.settings = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
