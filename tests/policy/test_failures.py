"""Plugins that fail: every gate stays closed, the log names the plugin once, and the breaker spares it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from rtcsignal.api import Handshake, Identity, Message, Refused
from rtcsignal.policy.chain import Chain
from rtcsignal.testing import FakePeer, FakeRoom, InMemoryServer, makeMessage
from tests.policy.bench import Authenticator, Bench, Filter, Policy, failureOf, resultOf
from tests.policy.conftest import LogLines

HANDSHAKE = Handshake("/")


def divide(*arguments: Any) -> Any:
    return 1 / 0


def join(chain: Chain) -> str:
    """The code of the refusal of a join, which must be refused at once."""
    with pytest.raises(Refused) as refused:
        chain.mayJoin(FakePeer(), FakeRoom())
    return refused.value.code


class TestExceptions:
    def test_theyRefuseWithoutTellingWhy(self, bench: Bench) -> None:
        with pytest.raises(Refused) as refused:
            bench.chain(Policy(divide)).mayJoin(FakePeer(), FakeRoom())
        assert refused.value.reply() == {"code": "internal", "message": ""}
        assert bench.counters["policy"].errors == 1

    def test_theLogSaysWhichPluginWhereAndWhatInOneLine(self, bench: Bench, log: LogLines) -> None:
        join(bench.chain(Policy(divide, "my-policy")))
        (line,) = log.about("my-policy")
        assert "mayJoin failed: ZeroDivisionError: division by zero at" in line
        assert f"{__file__}:{divide.__code__.co_firstlineno + 1} in divide" in line
        assert "\n" not in line

    def test_lateOnesAreTheSame(self, bench: Bench, log: LogLines) -> None:
        source: Deferred[None] = Deferred()

        async def mayJoin(peer: Any, room: Any) -> None:
            await source
            divide()

        answer = bench.chain(Policy(mayJoin)).mayJoin(FakePeer(), FakeRoom())
        source.callback(None)
        assert failureOf(answer).args[0] == "internal"
        assert log.about("ZeroDivisionError", "in divide", "called from", "in mayJoin")
        assert not log.about("defer.py")

    def test_theSameFailureIsLoggedOnceAMinute(self, bench: Bench, log: LogLines) -> None:
        chain = bench.chain(Policy(divide))
        for _ in range(5):
            join(chain)
        assert len(log.about("ZeroDivisionError")) == 1
        bench.clock.advance(61)
        join(chain)
        assert len(log.about("ZeroDivisionError", "and 4 times more")) == 1

    def test_aPluginThatFailsInAThousandWaysCannotFloodTheLog(self, bench: Bench, log: LogLines) -> None:
        kinds = iter([type(f"Error{number}", (Exception,), {}) for number in range(1000)])

        def mayJoin(peer: Any, room: Any) -> None:
            raise next(kinds)

        for _ in range(1000):
            with pytest.raises(Refused):
                bench.chain(Policy(mayJoin)).mayJoin(FakePeer(), FakeRoom())
        single = bench.chain(Policy(mayJoin))
        assert single.judgesJoins
        assert len(log.about("policy", "Error")) == 1000  # each of those chains was a new one

        kinds = iter([type(f"Fault{number}", (Exception,), {}) for number in range(1000)])
        for _ in range(100):
            for _ in range(9):
                with pytest.raises(Refused):
                    single.mayJoin(FakePeer(), FakeRoom())
            bench.clock.advance(31)
        assert len(log.about("Fault")) <= 160

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit(), RecursionError()])
    def test_notEvenTheExceptionsThatEndProgramsGetOut(self, bench: Bench, error: BaseException) -> None:
        def mayJoin(peer: Any, room: Any) -> None:
            raise error

        assert join(bench.chain(Policy(mayJoin))) == "internal"

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
    def test_norLater(self, bench: Bench, error: BaseException) -> None:
        asked: Deferred[None] = Deferred()

        async def mayJoin(peer: Any, room: Any) -> None:
            await asked
            raise error

        answer = bench.chain(Policy(mayJoin)).mayJoin(FakePeer(), FakeRoom())
        asked.callback(None)
        refused = failureOf(answer)
        assert isinstance(refused, Refused)
        assert refused.code == "internal"
        assert bench.counters["policy"].pending == 0

    @pytest.mark.parametrize(
        "text", ["v=0\r\no=- 1 2 IN IP4 192.0.2.1", "bad candidate:1 1 udp 2122", "m=audio 9 UDP", "in a=fingerprint"]
    )
    def test_textsOfExceptionsThatMayHoldAnSdpAreLeftOut(
        self, bench: Bench, log: LogLines, text: str
    ) -> None:
        def mayJoin(peer: Any, room: Any) -> None:
            raise ValueError(text)

        join(bench.chain(Policy(mayJoin)))
        (line,) = log.about("ValueError")
        assert text.split()[-1] not in line
        assert "left out" in line

    def test_textsOfExceptionsCannotBreakTheLine(self, bench: Bench, log: LogLines) -> None:
        def mayJoin(peer: Any, room: Any) -> None:
            raise ValueError("one\ntwo")

        join(bench.chain(Policy(mayJoin)))
        assert log.about("ValueError: one\\x0atwo")


class Strange:
    """Cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError


class Slippery:
    """Cannot even be looked at."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("hands off")


class TestWrongAnswers:
    @pytest.mark.parametrize("answer", [True, False, "no", 0, Strange(), object()])
    def test_ofAPolicyCountAsFailuresAndRefuse(self, bench: Bench, log: LogLines, answer: Any) -> None:
        assert join(bench.chain(Policy(lambda peer, room: answer))) == "internal"
        assert bench.counters["policy"].errors == 1
        assert log.about("policy", "mayJoin returned", "to say no, raise Refused")

    @pytest.mark.parametrize(
        "answer",
        [
            "no",
            True,
            {"msgType": 1},
            makeMessage().replace(targetUserId=7),
            makeMessage().replace(body=object()),
        ],
    )
    def test_ofAFilterToo(self, bench: Bench, answer: Any) -> None:
        chain = bench.chain(Filter(lambda peer, room, message: answer))
        with pytest.raises(Refused, match="internal"):
            chain.filterMessage(FakePeer(), FakeRoom(), makeMessage())
        assert bench.counters["filter"].errors == 1

    @pytest.mark.parametrize(
        "answer",
        [
            "ann",
            True,
            Identity(userId=7),  # type: ignore[arg-type]
            Identity(userId=""),
            Identity(userId="a\nb"),
            Identity(roles="member"),  # type: ignore[arg-type]
            Identity(roles=[1]),  # type: ignore[arg-type]
            Identity(claims=["a"]),  # type: ignore[arg-type]
            Identity(expiresAt="tomorrow"),  # type: ignore[arg-type]
            Identity(expiresAt=True),
            Identity(expiresAt=float("nan")),
            Identity(signedIn="yes"),  # type: ignore[arg-type]
        ],
    )
    def test_ofAnAuthenticatorToo(self, bench: Bench, answer: Any) -> None:
        with pytest.raises(Refused, match="internal"):
            bench.chain(Authenticator(lambda handshake: answer)).authenticate(HANDSHAKE)
        assert bench.counters["authenticator"].errors == 1

    def test_whatCannotBeLookedAtToo(self, bench: Bench, log: LogLines) -> None:
        assert join(bench.chain(Policy(lambda peer, room: Slippery()))) == "internal"
        assert log.about("policy", "mayJoin failed: RuntimeError: hands off")

    def test_lateOnesToo(self, bench: Bench) -> None:
        assert join(bench.chain(Policy(lambda peer, room: succeed("yes")))) == "internal"

    @pytest.mark.parametrize(
        "refused",
        [
            Refused("Not A Word"),
            Refused(""),
            Refused("a" * 65),
            Refused(404),  # type: ignore[arg-type]
            Refused("no", 7),  # type: ignore[arg-type]
            Refused("no", "", {"when": object()}),
        ],
    )
    def test_aRefusalThatCannotBeToldIsOneOfThem(self, bench: Bench, refused: Refused) -> None:
        def mayJoin(peer: Any, room: Any) -> None:
            raise refused

        assert join(bench.chain(Policy(mayJoin))) == "internal"
        assert bench.counters["policy"].refusals == {}


class Bare(Refused):
    """Forgets what it is made of."""

    def __init__(self, room: str) -> None:
        self.room = room


class Mute(Exception):
    """Cannot even be written down."""

    def __str__(self) -> str:
        raise RuntimeError


class Deaf(Identity):
    """Raises when it is asked."""

    @property
    def userId(self) -> str:
        raise RuntimeError("who?")


class TestWhatIsRaisedByWhatIsRaised:
    """Exceptions and answers of classes that fail when they are looked at."""

    @pytest.mark.parametrize("isLate", [False, True])
    @pytest.mark.parametrize(
        ("error", "line"),
        [
            (Bare("kitchen"), "returned a Bare whose code, message or data cannot be read"),
            (Mute(), "failed: Mute: (its text cannot be read)"),
        ],
    )
    def test_isAFailureLikeAnyOther(
        self, bench: Bench, log: LogLines, error: Exception, line: str, isLate: bool
    ) -> None:
        def mayJoin(peer: Any, room: Any) -> Deferred[None]:
            if isLate:
                return fail(error)
            raise error

        assert join(bench.chain(Policy(mayJoin))) == "internal"
        assert bench.counters["policy"].errors == 1
        assert log.about(line)

    def test_soIsAnAnswer(self, bench: Bench, log: LogLines) -> None:
        deaf = object.__new__(Deaf)
        for answer in (deaf, succeed(deaf)):
            with pytest.raises(Refused, match="internal"):
                bench.chain(Authenticator(lambda handshake, it=answer: it)).authenticate(HANDSHAKE)
        assert log.about("authenticate failed: RuntimeError: who?")

    def test_nobodyBehindItWaitsForEver(self) -> None:
        pending: Deferred[None] = Deferred()
        with InMemoryServer(Policy(lambda peer, room: pending if peer.userId == "ann" else None)) as server:
            answers = [server.connect().join("kitchen", user) for user in ("ann", "bob")]
            pending.errback(Bare("kitchen"))
            assert (answers[0].code, answers[1].ok) == ("internal", True)


class TestTheBreaker:
    def test_afterTenFailuresInARowThePluginIsNotAskedForThirtySeconds(
        self, bench: Bench, log: LogLines
    ) -> None:
        chain = bench.chain(Policy(divide))
        assert [join(chain) for _ in range(12)] == ["internal"] * 10 + ["unavailable"] * 2
        counters = bench.counters["policy"]
        assert (counters.calls, counters.errors, counters.unavailable) == (10, 10, 2)
        assert log.about("failed too often in a row", "30 s")

    def test_thenItIsTriedAgain(self, bench: Bench, log: LogLines) -> None:
        answers: list[Callable[[], Any]] = [divide] * 10
        chain = bench.chain(Policy(lambda peer, room: answers.pop(0)() if answers else None))
        for _ in range(10):
            join(chain)
        bench.clock.advance(30)
        assert chain.mayJoin(FakePeer(), FakeRoom()) is None
        assert log.about("works again")
        assert chain.mayJoin(FakePeer(), FakeRoom()) is None

    def test_refusalsAreNoFailures(self, bench: Bench) -> None:
        def mayJoin(peer: Any, room: Any) -> None:
            raise Refused("full")

        chain = bench.chain(Policy(mayJoin))
        assert {join(chain) for _ in range(30)} == {"full"}

    def test_answersThatDoNotComeAreFailures(self, bench: Bench) -> None:
        chain = bench.chain(Policy(lambda peer, room: Deferred()))
        answers = [chain.mayJoin(FakePeer(), FakeRoom()) for _ in range(10)]
        bench.clock.advance(2.1)
        assert {failureOf(answer).args[0] for answer in answers} == {"timeout"}
        assert join(chain) == "unavailable"

    def test_aPluginThatNeverAnswersCostsItsTimeOnlyOnceInThirtySeconds(self, bench: Bench) -> None:
        chain = bench.chain(Policy(lambda peer, room: Deferred()))
        for _ in range(10):
            answer = chain.mayJoin(FakePeer(), FakeRoom())
            bench.clock.advance(2.1)
            failureOf(answer)
        bench.clock.advance(30.1)
        tried = chain.mayJoin(FakePeer(), FakeRoom())
        assert join(chain) == "unavailable"
        bench.clock.advance(2.1)
        assert failureOf(tried).args[0] == "timeout"
        assert join(chain) == "unavailable"


class TestFailOpen:
    """``fail: open``: a plugin that fails counts as if it were not there."""

    def test_aJoinIsAllowed(self, bench: Bench) -> None:
        chain = bench.chain(Policy(divide), failOpen=True)
        assert [chain.mayJoin(FakePeer(), FakeRoom()) for _ in range(12)] == [None] * 12
        assert bench.counters["policy"].unavailable == 2

    def test_aMessagePassesAsItIs(self, bench: Bench) -> None:
        message = makeMessage()
        chain = bench.chain(Filter(divide), failOpen=True)
        assert chain.filterMessage(FakePeer(), FakeRoom(), message) is message

    def test_theNextAuthenticatorIsAsked(self, bench: Bench) -> None:
        broken, known = Authenticator(divide, "a"), Authenticator(lambda handshake: Identity("ann"), "b")
        chain = Chain([bench.active(broken, failOpen=True), bench.active(known)])
        assert chain.authenticate(HANDSHAKE) == Identity("ann")

    def test_ifItWasTheOnlyAuthenticatorEverybodyComesIn(self, bench: Bench) -> None:
        assert bench.chain(Authenticator(divide), failOpen=True).authenticate(HANDSHAKE) == Identity()

    def test_butNotIfAnotherOneDoesNotKnowTheClient(self, bench: Bench) -> None:
        unknown = Authenticator(lambda handshake: None, "b")
        chain = Chain([bench.active(Authenticator(divide, "a"), failOpen=True), bench.active(unknown)])
        with pytest.raises(Refused, match="unauthorized"):
            chain.authenticate(HANDSHAKE)

    def test_anAnswerThatDoesNotComeCountsAsAFailure(self, bench: Bench) -> None:
        answer = bench.chain(Policy(lambda peer, room: Deferred()), failOpen=True).mayJoin(FakePeer(), FakeRoom())
        bench.clock.advance(2.1)
        assert resultOf(answer) is None

    def test_itsRefusalsCount(self, bench: Bench) -> None:
        assert join(bench.chain(Policy(lambda peer, room: fail(Refused("full"))), failOpen=True)) == "full"


class TestBlocking:
    def test_aCallThatBlocksForMoreThanFiftyMillisecondsIsNamed(self, bench: Bench, log: LogLines) -> None:
        def mayJoin(peer: Any, room: Any) -> None:
            bench.watch += 0.075

        assert bench.chain(Policy(mayJoin, "slow")).mayJoin(FakePeer(), FakeRoom()) is None
        assert log.about("slow", "mayJoin blocked the server for 75 ms")
        assert bench.counters["slow"].blocked == 1

    def test_alsoIfItRaisesOrWaitsAfterwards(self, bench: Bench) -> None:
        def raising(peer: Any, room: Any) -> None:
            bench.watch += 0.06
            raise Refused("full")

        async def waiting(peer: Any, room: Any) -> None:
            bench.watch += 0.06

        join(bench.chain(Policy(raising)))
        resultOf(bench.chain(Policy(waiting)).mayJoin(FakePeer(), FakeRoom()))
        assert bench.counters["policy"].blocked == 2

    def test_alsoIfItHasWaitedBefore(self, bench: Bench, log: LogLines) -> None:
        pending: list[Deferred[None]] = [Deferred(), Deferred()]

        async def mayJoin(peer: Any, room: Any) -> None:
            await pending[0]
            bench.watch += 0.075
            with pytest.raises(ValueError, match="x"):
                await pending[1]
            bench.watch += 0.03
            raise Refused("full")

        answer = bench.chain(Policy(mayJoin, "slow")).mayJoin(FakePeer(), FakeRoom())
        bench.watch += 5
        pending[0].callback(None)
        assert log.about("slow", "mayJoin blocked the server for 75 ms")
        bench.watch += 5
        pending[1].errback(ValueError("x"))
        assert isinstance(failureOf(answer), Refused)
        counters = bench.counters["slow"]
        assert (counters.blocked, round(counters.seconds, 3)) == (1, 0.105)

    def test_thisIsLoggedOnceAMinute(self, bench: Bench, log: LogLines) -> None:
        def filterMessage(peer: Any, room: Any, message: Message) -> Message:
            bench.watch += 0.06
            return message

        chain = bench.chain(Filter(filterMessage))
        for _ in range(100):
            chain.filterMessage(FakePeer(), FakeRoom(), makeMessage())
        assert len(log.about("blocked")) == 1

    def test_quickCallsAreNotNamed(self, bench: Bench, log: LogLines) -> None:
        def mayJoin(peer: Any, room: Any) -> None:
            bench.watch += 0.049

        bench.chain(Policy(mayJoin)).mayJoin(FakePeer(), FakeRoom())
        assert not log.about("blocked")


def test_oneInstanceOfARefusalCanBeRaisedForEver(bench: Bench) -> None:
    full = Refused("full", "This room is full.")

    def mayJoin(peer: Any, room: Any) -> None:
        raise full

    chain = bench.chain(Policy(mayJoin))
    depths = []
    for _ in range(100):
        join(chain)
        depth, traceback = 0, full.__traceback__
        while traceback is not None:
            depth, traceback = depth + 1, traceback.tb_next
        depths.append(depth)
    assert depths[0] == depths[-1]
