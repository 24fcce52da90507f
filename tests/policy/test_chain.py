"""The chain with plugins that answer at once: whom it asks, in which order, and what comes of the answers."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from zope.interface import implementer

from rtcsignal.api import (
    Handshake,
    Identity,
    IEventHandler,
    IMessageFilter,
    IRoomPolicy,
    Message,
    Refused,
)
from rtcsignal.policy.chain import Chain
from rtcsignal.testing import FakePeer, FakeRoom, makeMessage
from tests.policy.bench import Authenticator, Bench, Filter, Policy

ANN = Identity("ann")
HANDSHAKE = Handshake("/")


def no(*arguments: Any) -> None:
    raise Refused("not-today", "Come back tomorrow.", {"day": "tomorrow"})


class TestAnEmptyChain:
    def test_lets_everybody_in(self) -> None:
        assert Chain().authenticate(HANDSHAKE) == Identity()

    def test_allows_every_join(self) -> None:
        assert Chain().mayJoin(FakePeer(), FakeRoom()) is None

    def test_passes_every_message(self) -> None:
        message = makeMessage()
        assert Chain().filterMessage(FakePeer(), FakeRoom(), message) is message

    def test_says_that_it_need_not_be_asked(self) -> None:
        chain = Chain()
        assert (chain.judgesJoins, chain.judgesMessages, chain.events) == (False, False, frozenset())


class TestAuthenticators:
    def test_the_first_that_knows_the_client_decides(self, bench: Bench) -> None:
        asked: list[str] = []

        def knows(name: str, identity: Identity | None) -> Authenticator:
            def authenticate(handshake: Handshake) -> Identity | None:
                asked.append(name)
                return identity

            return Authenticator(authenticate, name)

        chain = bench.chain(knows("a", None), knows("b", ANN), knows("c", Identity("bob")))
        assert chain.authenticate(HANDSHAKE) == ANN
        assert asked == ["a", "b"]

    def test_a_client_that_nobody_knows_is_refused(self, bench: Bench) -> None:
        with pytest.raises(Refused) as refused:
            bench.chain(Authenticator(lambda handshake: None)).authenticate(HANDSHAKE)
        assert refused.value.code == "unauthorized"

    def test_a_refusal_ends_the_search(self, bench: Bench) -> None:
        with pytest.raises(Refused) as refused:
            bench.chain(Authenticator(no, "a"), Authenticator(lambda handshake: ANN, "b")).authenticate(HANDSHAKE)
        assert refused.value.reply() == {"code": "not-today", "message": "Come back tomorrow.", "day": "tomorrow"}

    def test_what_an_identity_holds_is_made_read_only(self, bench: Bench) -> None:
        roles: Any = ["host", "member"]
        identity = Identity("ann", roles, {"team": "blue"}, 12)
        got: Any = bench.chain(Authenticator(lambda handshake: identity)).authenticate(HANDSHAKE)
        assert (got.userId, got.roles, got.expiresAt) == ("ann", frozenset({"host", "member"}), 12)
        assert dict(got.claims) == {"team": "blue"}
        with pytest.raises(TypeError):
            got.claims["team"] = "red"


class TestRoomPolicies:
    def test_all_must_allow_it(self, bench: Bench) -> None:
        asked: list[Any] = []
        peer, room = FakePeer(), FakeRoom()
        chain = bench.chain(Policy(lambda *given: asked.append(given), "a"), Policy(lambda *given: None, "b"))
        assert chain.judgesJoins
        assert chain.mayJoin(peer, room) is None
        assert asked == [(peer, room)]

    def test_the_first_refusal_ends_it(self, bench: Bench) -> None:
        asked: list[Any] = []
        chain = bench.chain(Policy(no, "a"), Policy(lambda *given: asked.append(given), "b"))
        with pytest.raises(Refused, match="not-today"):
            chain.mayJoin(FakePeer(), FakeRoom())
        assert asked == []


class TestMessageFilters:
    def test_each_gets_what_the_one_before_made(self, bench: Bench) -> None:
        def add(word: str) -> Filter:
            return Filter(lambda peer, room, message: message.replace(body=[*message.body, word]), word)

        chain = bench.chain(add("a"), add("b"))
        assert chain.judgesMessages
        got: Any = chain.filterMessage(FakePeer(), FakeRoom(), makeMessage([]))
        assert got.body == ["a", "b"]

    def test_a_message_that_is_dropped_reaches_no_further_filter(self, bench: Bench) -> None:
        seen: list[Any] = []
        chain = bench.chain(Filter(lambda *given: None, "a"), Filter(lambda *given: seen.append(given), "b"))
        assert chain.filterMessage(FakePeer(), FakeRoom(), makeMessage()) is None
        assert seen == []
        assert bench.counters["a"].dropped == 1

    def test_the_same_message_comes_out_if_nobody_changed_it(self, bench: Bench) -> None:
        message = makeMessage({"msgType": 1})
        chain = bench.chain(Filter(lambda peer, room, message: message))
        assert chain.filterMessage(FakePeer(), FakeRoom(), message) is message

    def test_a_new_body_may_be_built_on_the_read_only_one(self, bench: Bench) -> None:
        chain = bench.chain(Filter(lambda peer, room, message: message.replace(body=message.body | {"seen": True})))
        got: Any = chain.filterMessage(FakePeer(), FakeRoom(), makeMessage({"msgType": 1}))
        assert got.body == {"msgType": 1, "seen": True}

    def test_a_message_may_be_sent_to_somebody_else(self, bench: Bench) -> None:
        message = makeMessage({"msgType": 1})
        chain = bench.chain(Filter(lambda peer, room, message: message.replace(targetUserId="bob")))
        got: Any = chain.filterMessage(FakePeer(), FakeRoom(), message)
        assert (got.targetUserId, got.body) == ("bob", message.body)

    def test_bytes_are_messages_too(self, bench: Bench) -> None:
        chain = bench.chain(Filter(lambda peer, room, message: message.replace(body={"data": message.body})))
        got: Any = chain.filterMessage(FakePeer(), FakeRoom(), makeMessage(b"\0"))
        assert got.body == {"data": b"\0"}


@implementer(IRoomPolicy, IMessageFilter)
class Both:
    """Two interfaces in one plugin."""

    name = "both"

    def mayJoin(self, peer: Any, room: Any) -> None:
        raise Refused("full")

    def filterMessage(self, peer: Any, room: Any, message: Message) -> Message:
        return message


class TestCounters:
    def test_calls_and_refusals_by_code_are_counted_for_the_plugin_as_a_whole(self, bench: Bench) -> None:
        chain = bench.chain(Both())
        for _ in range(3):
            with pytest.raises(Refused):
                chain.mayJoin(FakePeer(), FakeRoom())
        chain.filterMessage(FakePeer(), FakeRoom(), makeMessage())
        counters = bench.counters["both"]
        assert (counters.calls, counters.refusals, counters.errors) == (4, {"full": 3}, 0)

    def test_the_time_of_calls_is_measured(self, bench: Bench) -> None:
        def slow(*arguments: Any) -> None:
            bench.watch += 0.01

        def slowAndWrong(*arguments: Any) -> None:
            bench.watch += 0.02
            raise Refused("no")

        bench.chain(Policy(slow)).mayJoin(FakePeer(), FakeRoom())
        with pytest.raises(Refused):
            bench.chain(Policy(slowAndWrong)).mayJoin(FakePeer(), FakeRoom())
        assert bench.counters["policy"].seconds == pytest.approx(0.03)

    def test_beyond_fifty_codes_they_are_counted_together(self, bench: Bench) -> None:
        numbers = iter(range(60))

        def refuse(*arguments: Any) -> None:
            raise Refused(f"code-{next(numbers)}")

        chain = bench.chain(Policy(refuse))
        for _ in range(60):
            with pytest.raises(Refused):
                chain.mayJoin(FakePeer(), FakeRoom())
        assert bench.counters["policy"].refusals["other"] == 10


@implementer(IEventHandler)
class Knocker:
    name = "knocker"
    events = ("knock", "ring")

    def handleEvent(self, peer: Any, room: Any, event: str, body: Any) -> Any:
        if not body:
            raise Refused("bad-arguments", "Say who you are.")
        return {"heard": [peer.userId, room.name, event, body["who"]]} if event == "ring" else None


class TestEventHandlers:
    def test_each_event_goes_to_the_plugin_that_takes_it(self, bench: Bench) -> None:
        chain = bench.chain(Knocker())
        assert chain.events == {"knock", "ring"}
        got = chain.handleEvent(FakePeer(), FakeRoom(), "ring", {"who": "me"})
        assert got == {"heard": ["ann", "room", "ring", "me"]}
        assert chain.handleEvent(FakePeer(), FakeRoom(), "knock", {"who": "me"}) is None

    @pytest.mark.parametrize("answer", ["yes", True, {"ok": False}, {"when": object()}])
    def test_answers_of_another_kind_are_failures(self, bench: Bench, answer: Any) -> None:
        knocker = Knocker()
        knocker.handleEvent = lambda *given: answer  # type: ignore[method-assign]
        with pytest.raises(Refused, match="internal"):
            bench.chain(knocker).handleEvent(FakePeer(), FakeRoom(), "knock", {})

    def test_an_answer_after_a_failure_is_a_success(self, bench: Bench) -> None:
        answers = [1, None]
        knocker = Knocker()
        knocker.handleEvent = lambda *given: answers.pop(0)  # type: ignore[method-assign]
        chain = bench.chain(knocker)
        with pytest.raises(Refused, match="internal"):
            chain.handleEvent(FakePeer(), FakeRoom(), "knock", {})
        assert chain.handleEvent(FakePeer(), FakeRoom(), "knock", {}) is None
        assert bench.counters["knocker"].errors == 1

    def test_an_event_of_a_plugin_that_is_not_used_any_more_is_refused(self) -> None:
        with pytest.raises(Refused, match="unavailable"):
            Chain().handleEvent(FakePeer(), FakeRoom(), "knock", {})

    def test_it_may_be_refused(self, bench: Bench) -> None:
        with pytest.raises(Refused, match="bad-arguments"):
            bench.chain(Knocker()).handleEvent(FakePeer(), FakeRoom(), "knock", {})


def test_plain_answers_are_given_plainly(bench: Bench) -> None:
    """The fast path: no Deferred, whatever the number of plugins."""
    chain = bench.chain(
        *(Policy(lambda peer, room: None, f"p{number}") for number in range(5)),
        *(Filter(lambda peer, room, message: message, f"f{number}") for number in range(5)),
        Authenticator(lambda handshake: ANN),
    )
    answers = [
        chain.mayJoin(FakePeer(), FakeRoom()),
        chain.filterMessage(FakePeer(), FakeRoom(), makeMessage()),
        chain.authenticate(HANDSHAKE),
    ]
    assert not any(isinstance(answer, Deferred) for answer in answers)
