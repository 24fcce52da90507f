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
    def test_letsEverybodyIn(self) -> None:
        assert Chain().authenticate(HANDSHAKE) == Identity()

    def test_allowsEveryJoin(self) -> None:
        assert Chain().mayJoin(FakePeer(), FakeRoom()) is None

    def test_passesEveryMessage(self) -> None:
        message = makeMessage()
        assert Chain().filterMessage(FakePeer(), FakeRoom(), message) is message

    def test_saysThatItNeedNotBeAsked(self) -> None:
        chain = Chain()
        assert (chain.judgesJoins, chain.judgesMessages, chain.events) == (False, False, frozenset())


class TestAuthenticators:
    def test_theFirstThatKnowsTheClientDecides(self, bench: Bench) -> None:
        asked: list[str] = []

        def knows(name: str, identity: Identity | None) -> Authenticator:
            def authenticate(handshake: Handshake) -> Identity | None:
                asked.append(name)
                return identity

            return Authenticator(authenticate, name)

        chain = bench.chain(knows("a", None), knows("b", ANN), knows("c", Identity("bob")))
        assert chain.authenticate(HANDSHAKE) == ANN
        assert asked == ["a", "b"]

    def test_aClientThatNobodyKnowsIsRefused(self, bench: Bench) -> None:
        with pytest.raises(Refused) as refused:
            bench.chain(Authenticator(lambda handshake: None)).authenticate(HANDSHAKE)
        assert refused.value.code == "unauthorized"

    def test_aRefusalEndsTheSearch(self, bench: Bench) -> None:
        with pytest.raises(Refused) as refused:
            bench.chain(Authenticator(no, "a"), Authenticator(lambda handshake: ANN, "b")).authenticate(HANDSHAKE)
        assert refused.value.reply() == {"code": "not-today", "message": "Come back tomorrow.", "day": "tomorrow"}

    def test_whatAnIdentityHoldsIsMadeReadOnly(self, bench: Bench) -> None:
        roles: Any = ["host", "member"]
        identity = Identity("ann", roles, {"team": "blue"}, 12)
        got: Any = bench.chain(Authenticator(lambda handshake: identity)).authenticate(HANDSHAKE)
        assert (got.userId, got.roles, got.expiresAt) == ("ann", frozenset({"host", "member"}), 12)
        assert dict(got.claims) == {"team": "blue"}
        with pytest.raises(TypeError):
            got.claims["team"] = "red"


class TestRoomPolicies:
    def test_allMustAllowIt(self, bench: Bench) -> None:
        asked: list[Any] = []
        peer, room = FakePeer(), FakeRoom()
        chain = bench.chain(Policy(lambda *given: asked.append(given), "a"), Policy(lambda *given: None, "b"))
        assert chain.judgesJoins
        assert chain.mayJoin(peer, room) is None
        assert asked == [(peer, room)]

    def test_theFirstRefusalEndsIt(self, bench: Bench) -> None:
        asked: list[Any] = []
        chain = bench.chain(Policy(no, "a"), Policy(lambda *given: asked.append(given), "b"))
        with pytest.raises(Refused, match="not-today"):
            chain.mayJoin(FakePeer(), FakeRoom())
        assert asked == []


class TestMessageFilters:
    def test_eachGetsWhatTheOneBeforeMade(self, bench: Bench) -> None:
        def add(word: str) -> Filter:
            return Filter(lambda peer, room, message: message.replace(body=[*message.body, word]), word)

        chain = bench.chain(add("a"), add("b"))
        assert chain.judgesMessages
        got: Any = chain.filterMessage(FakePeer(), FakeRoom(), makeMessage([]))
        assert got.body == ["a", "b"]

    def test_aMessageThatIsDroppedReachesNoFurtherFilter(self, bench: Bench) -> None:
        seen: list[Any] = []
        chain = bench.chain(Filter(lambda *given: None, "a"), Filter(lambda *given: seen.append(given), "b"))
        assert chain.filterMessage(FakePeer(), FakeRoom(), makeMessage()) is None
        assert seen == []
        assert bench.counters["a"].dropped == 1

    def test_theSameMessageComesOutIfNobodyChangedIt(self, bench: Bench) -> None:
        message = makeMessage({"msgType": 1})
        chain = bench.chain(Filter(lambda peer, room, message: message))
        assert chain.filterMessage(FakePeer(), FakeRoom(), message) is message

    def test_aNewBodyMayBeBuiltOnTheReadOnlyOne(self, bench: Bench) -> None:
        chain = bench.chain(Filter(lambda peer, room, message: message.replace(body=message.body | {"seen": True})))
        got: Any = chain.filterMessage(FakePeer(), FakeRoom(), makeMessage({"msgType": 1}))
        assert got.body == {"msgType": 1, "seen": True}

    def test_aMessageMayBeSentToSomebodyElse(self, bench: Bench) -> None:
        message = makeMessage({"msgType": 1})
        chain = bench.chain(Filter(lambda peer, room, message: message.replace(targetUserId="bob")))
        got: Any = chain.filterMessage(FakePeer(), FakeRoom(), message)
        assert (got.targetUserId, got.body) == ("bob", message.body)

    def test_bytesAreMessagesToo(self, bench: Bench) -> None:
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
    def test_callsAndRefusalsByCodeAreCountedForThePluginAsAWhole(self, bench: Bench) -> None:
        chain = bench.chain(Both())
        for _ in range(3):
            with pytest.raises(Refused):
                chain.mayJoin(FakePeer(), FakeRoom())
        chain.filterMessage(FakePeer(), FakeRoom(), makeMessage())
        counters = bench.counters["both"]
        assert (counters.calls, counters.refusals, counters.errors) == (4, {"full": 3}, 0)

    def test_theTimeOfCallsIsMeasured(self, bench: Bench) -> None:
        def slow(*arguments: Any) -> None:
            bench.watch += 0.01

        def slowAndWrong(*arguments: Any) -> None:
            bench.watch += 0.02
            raise Refused("no")

        bench.chain(Policy(slow)).mayJoin(FakePeer(), FakeRoom())
        with pytest.raises(Refused):
            bench.chain(Policy(slowAndWrong)).mayJoin(FakePeer(), FakeRoom())
        assert bench.counters["policy"].seconds == pytest.approx(0.03)

    def test_beyondFiftyCodesTheyAreCountedTogether(self, bench: Bench) -> None:
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
    def test_eachEventGoesToThePluginThatTakesIt(self, bench: Bench) -> None:
        chain = bench.chain(Knocker())
        assert chain.events == {"knock", "ring"}
        got = chain.handleEvent(FakePeer(), FakeRoom(), "ring", {"who": "me"})
        assert got == {"heard": ["ann", "room", "ring", "me"]}
        assert chain.handleEvent(FakePeer(), FakeRoom(), "knock", {"who": "me"}) is None

    @pytest.mark.parametrize("answer", ["yes", True, {"ok": False}, {"when": object()}])
    def test_answersOfAnotherKindAreFailures(self, bench: Bench, answer: Any) -> None:
        knocker = Knocker()
        knocker.handleEvent = lambda *given: answer  # type: ignore[method-assign]
        with pytest.raises(Refused, match="internal"):
            bench.chain(knocker).handleEvent(FakePeer(), FakeRoom(), "knock", {})

    def test_anAnswerAfterAFailureIsASuccess(self, bench: Bench) -> None:
        answers = [1, None]
        knocker = Knocker()
        knocker.handleEvent = lambda *given: answers.pop(0)  # type: ignore[method-assign]
        chain = bench.chain(knocker)
        with pytest.raises(Refused, match="internal"):
            chain.handleEvent(FakePeer(), FakeRoom(), "knock", {})
        assert chain.handleEvent(FakePeer(), FakeRoom(), "knock", {}) is None
        assert bench.counters["knocker"].errors == 1

    def test_anEventOfAPluginThatIsNotUsedAnyMoreIsRefused(self) -> None:
        with pytest.raises(Refused, match="unavailable"):
            Chain().handleEvent(FakePeer(), FakeRoom(), "knock", {})

    def test_itMayBeRefused(self, bench: Bench) -> None:
        with pytest.raises(Refused, match="bad-arguments"):
            bench.chain(Knocker()).handleEvent(FakePeer(), FakeRoom(), "knock", {})


def test_plainAnswersAreGivenPlainly(bench: Bench) -> None:
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
