"""Plugins that take their time: coroutines and Deferreds, the time limit, and what is given up."""

from __future__ import annotations

import weakref
from collections.abc import Awaitable, Generator
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import deferLater

from rtcsignal.api import Handshake, Identity, Refused
from rtcsignal.errors import forgetTraceback
from rtcsignal.testing import FakePeer, FakeRoom, makeMessage
from tests.policy.bench import Authenticator, Bench, Filter, Policy, failureOf, resultOf
from tests.policy.conftest import LogLines

ANN = Identity("ann")
HANDSHAKE = Handshake("/")


class Patient:
    """Awaitable, and neither a coroutine nor a Deferred."""

    def __init__(self, result: Deferred[Any]) -> None:
        self._result = result

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._result.__await__()


class TestWaysToAnswer:
    @pytest.mark.parametrize("way", ["coroutine", "deferred", "awaitable"])
    def test_anAnswerMayComeLaterInAnyWay(self, bench: Bench, way: str) -> None:
        source: Deferred[Any] = Deferred()

        async def coroutine() -> Any:
            return await source

        def authenticate(handshake: Handshake) -> Awaitable[Any]:
            return {"coroutine": coroutine, "deferred": lambda: source, "awaitable": lambda: Patient(source)}[way]()

        answer: Any = bench.chain(Authenticator(authenticate)).authenticate(HANDSHAKE)
        assert not answer.called
        source.callback(ANN)
        assert resultOf(answer) == ANN

    def test_aDeferredThatHasFiredIsAsGoodAsItsResult(self, bench: Bench) -> None:
        chain = bench.chain(Policy(lambda peer, room: succeed(None)), Filter(lambda *given: succeed(given[2])))
        message = makeMessage()
        assert chain.mayJoin(FakePeer(), FakeRoom()) is None
        assert chain.filterMessage(FakePeer(), FakeRoom(), message) is message

    def test_aCoroutineThatNeedNotWaitAnswersAtOnce(self, bench: Bench) -> None:
        async def mayJoin(peer: Any, room: Any) -> None:
            raise Refused("full")

        with pytest.raises(Refused, match="full"):
            bench.chain(Policy(mayJoin)).mayJoin(FakePeer(), FakeRoom())

    def test_aRefusalThatComesAtOnceLeavesNoCycle(self, bench: Bench) -> None:
        async def mayJoin(peer: Any, room: Any) -> None:
            raise Refused("full")

        known: Any = None
        try:
            bench.chain(Policy(mayJoin)).mayJoin(FakePeer(), FakeRoom())
        except Refused as refused:
            known = weakref.ref(refused)
            forgetTraceback(refused)
        assert known() is None

    def test_whatTakesTimeHasNeverFiredWhenItIsGiven(self, bench: Bench) -> None:
        """Otherwise the signalling would take it for an answer that is there, and let the next one in."""
        chain = bench.chain(Policy(lambda *given: succeed(None), "a"), Policy(lambda *given: Deferred(), "b"))
        answer: Any = chain.mayJoin(FakePeer(), FakeRoom())
        assert not answer.called


class TestOrder:
    def test_theChainGoesOnWhereItWaited(self, bench: Bench) -> None:
        asked: list[str] = []
        sources: list[Deferred[Any]] = [Deferred(), Deferred()]

        async def first(peer: Any, room: Any, message: Any) -> Any:
            asked.append("first")
            return message.replace(body=[*message.body, await sources[0]])

        def second(peer: Any, room: Any, message: Any) -> Any:
            asked.append("second")
            return message.replace(body=[*message.body, "plain"])

        async def third(peer: Any, room: Any, message: Any) -> Any:
            asked.append("third")
            return message.replace(body=[*message.body, await sources[1]])

        chain = bench.chain(Filter(first, "a"), Filter(second, "b"), Filter(third, "c"))
        answer: Any = chain.filterMessage(FakePeer(), FakeRoom(), makeMessage([]))
        assert asked == ["first"]
        sources[0].callback("late")
        assert asked == ["first", "second", "third"]
        sources[1].callback("later")
        assert resultOf(answer).body == ["late", "plain", "later"]

    def test_aLateRefusalEndsIt(self, bench: Bench) -> None:
        asked: list[Any] = []
        source: Deferred[None] = Deferred()
        chain = bench.chain(Policy(lambda peer, room: source, "a"), Policy(lambda *given: asked.append(given), "b"))
        answer = chain.mayJoin(FakePeer(), FakeRoom())
        source.errback(Refused("full"))
        assert failureOf(answer).args == ("full", "")
        assert asked == []
        assert bench.counters["a"].refusals == {"full": 1}

    def test_aLateNoneDropsTheMessage(self, bench: Bench) -> None:
        source: Deferred[None] = Deferred()
        answer = bench.chain(Filter(lambda *given: source)).filterMessage(FakePeer(), FakeRoom(), makeMessage())
        source.callback(None)
        assert resultOf(answer) is None
        assert bench.counters["filter"].dropped == 1

    def test_aLateNoneOfAnAuthenticatorAsksTheNext(self, bench: Bench) -> None:
        source: Deferred[None] = Deferred()
        chain = bench.chain(Authenticator(lambda handshake: source, "a"), Authenticator(lambda handshake: ANN, "b"))
        answer = chain.authenticate(HANDSHAKE)
        source.callback(None)
        assert resultOf(answer) == ANN

    def test_aClientThatNobodyKnowsIsRefusedLateAsWell(self, bench: Bench) -> None:
        source: Deferred[None] = Deferred()
        answer = bench.chain(Authenticator(lambda handshake: source)).authenticate(HANDSHAKE)
        source.callback(None)
        assert failureOf(answer).args[0] == "unauthorized"

    def test_allPoliciesAreAskedOneAfterTheOther(self, bench: Bench) -> None:
        sources: list[Deferred[None]] = [Deferred(), Deferred()]
        asked: list[int] = []

        def policy(number: int) -> Policy:
            async def mayJoin(peer: Any, room: Any) -> None:
                asked.append(number)
                await sources[number]

            return Policy(mayJoin, f"p{number}")

        allowed: list[None] = []
        answer: Any = bench.chain(policy(0), policy(1)).mayJoin(FakePeer(), FakeRoom())
        answer.addCallback(allowed.append)
        assert asked == [0]
        sources[0].callback(None)
        assert asked == [0, 1]
        assert allowed == []
        sources[1].callback(None)
        assert allowed == [None]


class TestTheTimeLimit:
    def test_afterTwoSecondsWithoutAnAnswerItIsRefused(self, bench: Bench, log: LogLines) -> None:
        answer: Any = bench.chain(Policy(lambda peer, room: Deferred())).mayJoin(FakePeer(), FakeRoom())
        bench.clock.advance(1.9)
        assert not answer.called
        bench.clock.advance(0.2)
        refused = failureOf(answer)
        assert isinstance(refused, Refused)
        assert refused.code == "timeout"
        assert bench.counters["policy"].timeouts == 1
        assert log.about("policy", "mayJoin", "did not answer within 2 s")

    def test_theConfigurationMaySetAnotherLimit(self, bench: Bench) -> None:
        chain = bench.chain(Policy(lambda peer, room: Deferred()), timeout=0.5)
        answer = chain.mayJoin(FakePeer(), FakeRoom())
        bench.clock.advance(0.6)
        assert failureOf(answer).args[0] == "timeout"

    def test_aCoroutineThatIsLateIsCancelled(self, bench: Bench) -> None:
        ended: list[str] = []

        async def mayJoin(peer: Any, room: Any) -> None:
            try:
                await deferLater(bench.clock, 60)
            except CancelledError:
                ended.append("cancelled")
                raise

        answer = bench.chain(Policy(mayJoin)).mayJoin(FakePeer(), FakeRoom())
        bench.clock.advance(2.1)
        assert failureOf(answer).args[0] == "timeout"
        assert ended == ["cancelled"]
        assert bench.clock.getDelayedCalls() == []

    @pytest.mark.parametrize("refuses", [True, False])
    def test_whatComesAfterTheLimitChangesNothing(self, bench: Bench, refuses: bool) -> None:
        source: Deferred[Any] = Deferred(lambda cancelled: None)

        async def mayJoin(peer: Any, room: Any) -> None:
            try:
                await source
            except CancelledError:
                await stubborn
            if refuses:
                raise Refused("too-late")

        stubborn: Deferred[None] = Deferred()
        answer = bench.chain(Policy(mayJoin)).mayJoin(FakePeer(), FakeRoom())
        bench.clock.advance(2.1)
        assert failureOf(answer).args[0] == "timeout"
        stubborn.callback(None)
        counters = bench.counters["policy"]
        assert (counters.refusals, counters.timeouts, counters.errors) == ({}, 1, 0)

    def test_aDeferredThatCannotBeCancelledHarmsNobody(self, bench: Bench, log: LogLines) -> None:
        def broken(cancelled: Deferred[Any]) -> None:
            raise ZeroDivisionError

        answer = bench.chain(Policy(lambda peer, room: Deferred(broken))).mayJoin(FakePeer(), FakeRoom())
        bench.clock.advance(2.1)
        assert failureOf(answer).args[0] == "timeout"
        assert log.about("cancel failed: ZeroDivisionError")

    def test_answersInTimeLeaveNoTimer(self, bench: Bench) -> None:
        resultOf(bench.chain(Policy(lambda peer, room: succeed(None))).mayJoin(FakePeer(), FakeRoom()))
        assert bench.clock.getDelayedCalls() == []

    def test_eachPluginHasItsOwnTime(self, bench: Bench) -> None:
        def slow(peer: Any, room: Any) -> Any:
            return deferLater(bench.clock, 1.5)

        answer: Any = bench.chain(Policy(slow, "a"), Policy(slow, "b")).mayJoin(FakePeer(), FakeRoom())
        bench.clock.advance(1.5)
        bench.clock.advance(1.5)
        assert resultOf(answer) is None


class TestGivingUp:
    def test_whenTheClientHasGoneThePluginIsCancelled(self, bench: Bench) -> None:
        ended: list[Deferred[Any]] = []
        answer: Any = bench.chain(Authenticator(lambda handshake: Deferred(ended.append))).authenticate(HANDSHAKE)
        answer.cancel()
        assert isinstance(failureOf(answer), CancelledError)
        assert len(ended) == 1
        assert bench.clock.getDelayedCalls() == []

    def test_thisIsNoFailureOfThePlugin(self, bench: Bench) -> None:
        chain = bench.chain(Authenticator(lambda handshake: Deferred()))
        for _ in range(20):
            answer: Any = chain.authenticate(HANDSHAKE)
            answer.cancel()
            failureOf(answer)
        counters = bench.counters["authenticator"]
        assert (counters.errors, counters.timeouts, counters.pending, counters.calls) == (0, 0, 0, 20)


class TestCounting:
    def test_theTimeOfWaitingIsCountedApart(self, bench: Bench) -> None:
        source: Deferred[None] = Deferred()
        answer = bench.chain(Policy(lambda peer, room: source)).mayJoin(FakePeer(), FakeRoom())
        assert bench.counters["policy"].pending == 1
        bench.clock.advance(1.25)
        source.callback(None)
        assert resultOf(answer) is None
        counters = bench.counters["policy"]
        assert (counters.pending, counters.waitSeconds, counters.seconds) == (0, 1.25, 0)


class TestOneDeferredForTwoRequests:
    """A plugin that hands out the Deferred of a look-up under way makes a mistake; it must let nobody in by it."""

    def test_ifItSucceedsBothGetItsResult(self, bench: Bench) -> None:
        shared: Deferred[Any] = Deferred()
        chain = bench.chain(Authenticator(lambda handshake: shared))
        answers = [chain.authenticate(HANDSHAKE), chain.authenticate(HANDSHAKE)]
        shared.callback(ANN)
        assert [resultOf(answer) for answer in answers] == [ANN, ANN]

    def test_ifItFailsBothAreRefused(self, bench: Bench, log: LogLines) -> None:
        shared: Deferred[Any] = Deferred()
        chain = bench.chain(Policy(lambda peer, room: shared))
        answers = [chain.mayJoin(FakePeer(), FakeRoom()), chain.mayJoin(FakePeer(), FakeRoom())]
        shared.errback(Refused("full"))
        assert [failureOf(answer).args[0] for answer in answers] == ["full", "internal"]
        assert log.about("returned a Deferred that it had returned before")
