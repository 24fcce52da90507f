"""Plugins replaced at any time, between any requests and their answers, against a simple model.

The model: a request is judged by the set that was in use when it was asked, and by no other; nobody notices a reload;
every set is started once and stopped once, when it owes nobody an answer.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.defer import Deferred
from zope.interface import implementer

from rtcsignal.api import ConfigError, IMessageFilter, IRoomPolicy, Refused
from rtcsignal.testing import InMemoryServer
from rtcsignal.testing.client import Answer, MemoryClient

_ROOMS = ("kitchen", "garden")
_MOST = 4


@implementer(IRoomPolicy, IMessageFilter)
class Generation:
    """A plugin that answers when the machine likes, signs every message, and keeps a diary.

    Attributes:
        questions: What it has been asked and has not answered: the Deferred, and what yes is.
    """

    name = "generation"

    def __init__(self, machine: ReloadMachine, number: int, starts: bool = True) -> None:
        self.number = number
        self.diary: list[str] = []
        self.questions: list[tuple[Deferred[Any], Any]] = []
        self._machine = machine
        self._starts = starts

    def start(self, services: Any) -> None:
        if not self._starts:
            raise ConfigError("it does not want to")
        self.diary.append("started")

    def stop(self) -> None:
        self.diary.append("stopped")
        assert self.questions == [], "stopped while somebody waits for it"

    def mayJoin(self, peer: Any, room: Any) -> Any:
        return self._ask(None)

    def filterMessage(self, peer: Any, room: Any, message: Any) -> Any:
        return self._ask(message.replace(body={**message.body, "by": self.number}))

    def _ask(self, yes: Any) -> Any:
        assert self in (self._machine.current, self._machine.answering), "a set that was replaced is asked"
        assert self.diary == ["started"]
        if not self._machine.slow:
            return yes
        answer: Deferred[Any] = Deferred()
        self.questions.append((answer, yes))
        return answer


class Person:
    """A client, and what it waits for."""

    def __init__(self, client: MemoryClient, number: int) -> None:
        self.client = client
        self.name = f"user {number}"
        self.answers: list[Answer] = []
        self.heard: list[int] = []


class ReloadMachine(RuleBasedStateMachine):
    """A server whose plugins are replaced, and its clients."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = False
        self.answering: Generation | None = None
        self.count = 0
        self.people: list[Person] = []
        self.current = Generation(self, 0)
        self.generations = [self.current]
        self.server = InMemoryServer(self.current, timeout=1e6)
        self.server.__enter__()

    @precondition(lambda self: len(self.people) < _MOST)
    @rule()
    def connect(self) -> None:
        self.count += 1
        person = Person(self.server.connect(), self.count)
        assert person.client.connected
        self.people.append(person)

    @precondition(lambda self: self.people)
    @rule(data=st.data(), roomName=st.sampled_from(_ROOMS), slow=st.booleans())
    def join(self, data: st.DataObject, roomName: str, slow: bool) -> None:
        person = data.draw(st.sampled_from(self.people))
        self.slow = slow
        person.answers.append(person.client.join(roomName, person.name))

    @precondition(lambda self: self.people)
    @rule(data=st.data(), slow=st.booleans())
    def broadcast(self, data: st.DataObject, slow: bool) -> None:
        person = data.draw(st.sampled_from(self.people))
        self.slow = slow
        self.count += 1
        person.answers.append(person.client.broadcast({"n": self.count}))

    @precondition(lambda self: any(generation.questions for generation in self.generations))
    @rule(data=st.data(), yes=st.booleans(), slow=st.booleans())
    def answer(self, data: st.DataObject, yes: bool, slow: bool) -> None:
        """Of whichever set. It is asked for what else belongs to that request, the one in use now for what follows."""
        asked = [generation for generation in self.generations if generation.questions]
        generation = data.draw(st.sampled_from(asked))
        answer, value = generation.questions.pop(0)
        self.slow, self.answering = slow, generation
        if yes:
            answer.callback(value)
        else:
            answer.errback(Refused("not-today"))
        self.answering = None
        self.server.advance(0)

    @rule()
    def reload(self) -> None:
        fresh = Generation(self, len(self.generations))
        self.generations.append(fresh)
        before, self.current = self.current, fresh
        assert self.server.reload(fresh)
        assert ("stopped" in before.diary) == (not before.questions)

    @rule()
    def reloadFails(self) -> None:
        """Everything stays as it was."""
        before = list(self.current.diary)
        assert not self.server.reload(Generation(self, -1, starts=False))
        assert self.current.diary == before

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        person = data.draw(st.sampled_from(self.people))
        self.people.remove(person)
        person.client.lose()
        for generation in self.generations:
            generation.questions = [each for each in generation.questions if not each[0].called]

    @invariant()
    def nobodyNoticesAReload(self) -> None:
        for person in self.people:
            assert person.client.connected

    @invariant()
    def messagesComeInOrderAndSignedByASetThatWasInUse(self) -> None:
        for person in self.people:
            for _, body in person.client.take("broadcast"):
                assert 0 <= body["by"] <= self.current.number
                person.heard.append(body["n"])
            assert len(set(person.heard)) == len(person.heard)

    @invariant()
    def requestsAreAnsweredInTheirTurn(self) -> None:
        waiting = any(generation.questions for generation in self.generations)
        for person in self.people:
            given = [answer.given for answer in person.answers]
            assert given == sorted(given, reverse=True)
            assert waiting or all(given), "waits for nothing"

    @invariant()
    def everySetIsStoppedWhenItOwesNothing(self) -> None:
        for generation in self.generations:
            replaced = generation is not self.current
            assert generation.diary == ["started", *(["stopped"] if replaced and not generation.questions else [])]

    def teardown(self) -> None:
        self.slow = False
        while any(generation.questions for generation in self.generations):
            for generation in self.generations:
                self.answering = generation
                for answer, yes in generation.questions[:1]:
                    generation.questions.pop(0)
                    answer.callback(yes)
        self.requestsAreAnsweredInTheirTurn()
        self.server.__exit__(None, None, None)
        assert all(generation.diary == ["started", "stopped"] for generation in self.generations)
        assert self.server.hub.rooms == {}


TestReloads = ReloadMachine.TestCase
TestReloads.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)
