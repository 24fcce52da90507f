"""The plugins of a running server: started, replaced without anybody noticing, and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from zope.interface import implementer

from rtcsignal.api import ConfigError, Handshake, IAuthenticator, Identity, IMessageFilter, IRoomPolicy, Refused
from rtcsignal.policy.guard import BLOCKING_SECONDS, Treatment
from rtcsignal.policy.loader import Entry, PluginSet, loadPlugins
from rtcsignal.policy.pluginhost import PluginHost
from rtcsignal.policy.running import START_SECONDS, STOP_SECONDS
from rtcsignal.signaling.gates import OpenGates
from rtcsignal.signaling.hub import Hub
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.testing import FakePeer, FakeRoom, InMemoryServer
from tests.policy.bench import failureOf, resultOf
from tests.policy.conftest import LogLines
from tests.policy.sources import Use, Wanted, policy

Folder = Callable[..., Path]


@implementer(IRoomPolicy)
class Living:
    """A policy that keeps a diary."""

    def __init__(self, name: str, diary: list[str], answer: Any = None) -> None:
        self.name = name
        self.answer = answer
        self._diary = diary

    def start(self, services: Any) -> Any:
        self.services = services
        self._diary.append(f"{self.name} starts")

    def stop(self) -> Any:
        self._diary.append(f"{self.name} stops")

    def mayJoin(self, peer: Any, room: Any) -> Any:
        self._diary.append(f"{self.name} is asked")
        return self.answer


class Starting(Living):
    """Takes its time to start, until its answer has come."""

    def start(self, services: Any) -> Any:
        super().start(services)
        return self.answer


class World:
    """A hub and a host."""

    def __init__(self, *plugins: Any) -> None:
        self.clock = Clock()
        self.hub = Hub(SignalingOptions(), OpenGates(), self.clock, self.clock.seconds)
        self.host = PluginHost(setOf(*plugins), self.hub, self.clock, self.clock.seconds)

    def reload(self, *plugins: Any) -> bool:
        return bool(resultOf(self.host.reload(lambda: setOf(*plugins))))

    def ask(self) -> Any:
        return self.hub.gates.mayJoin(FakePeer(), FakeRoom())

    def turn(self) -> None:
        """What is to be done in the next turn of the reactor."""
        self.clock.advance(0)


def setOf(*plugins: Any) -> PluginSet:
    return PluginSet([Entry(plugin, Treatment()) for plugin in plugins])


@pytest.fixture
def diary() -> list[str]:
    return []


class TestStart:
    def test_pluginsAreStartedInTheirOrderAndStoppedInTheOppositeOne(self, diary: list[str]) -> None:
        world = World(Living("a", diary), Living("b", diary))
        resultOf(world.host.start())
        resultOf(world.host.stop())
        assert diary == ["a starts", "b starts", "b stops", "a stops"]

    def test_theLogSaysTheOrderInWhichTheyAreAsked(self, diary: list[str], log: LogLines) -> None:
        @implementer(IAuthenticator, IMessageFilter)
        class Two:
            name = "two"

            def authenticate(self, handshake: Any) -> None: ...

            def filterMessage(self, peer: Any, room: Any, message: Any) -> Any: ...

        resultOf(World(Living("b", diary), Two(), Living("a", diary)).host.start())
        assert log.about("plugins: authenticators: two; room policies: b, a; message filters: two")

    def test_withoutPluginsItSaysSo(self, log: LogLines) -> None:
        resultOf(World().host.start())
        assert log.about("plugins: none")

    def test_startAndStopMayTakeTime(self, diary: list[str]) -> None:
        class Slow(Living):
            async def start(self, services: Any) -> None:
                await Deferred.fromCoroutine(wait(services))
                super().start(services)

            def stop(self) -> Any:
                super().stop()
                return stopped

        async def wait(services: Any) -> None:
            done: Deferred[None] = Deferred()
            services.clock.callLater(1, done.callback, None)
            await done

        stopped: Deferred[None] = Deferred()
        world = World(Slow("a", diary), Living("b", diary))
        starting = world.host.start()
        assert diary == []
        world.clock.advance(1)
        assert diary == ["a starts", "b starts"]
        resultOf(starting)
        stopping = world.host.stop()
        assert diary[2:] == ["b stops", "a stops"]
        assert not stopping.called
        stopped.callback(None)
        resultOf(stopping)

    def test_aMethodThatIsMissingIsNotMissed(self) -> None:
        @implementer(IRoomPolicy)
        class Plain:
            name = "plain"

            def mayJoin(self, peer: Any, room: Any) -> None: ...

        world = World(Plain())
        resultOf(world.host.start())
        resultOf(world.host.stop())

    def test_ifSomeDoNotStartAllAreNamedAndNoneRuns(self, diary: list[str]) -> None:
        class Broken(Living):
            def start(self, services: Any) -> Any:
                raise ValueError("no database")

        world = World(Living("a", diary), Broken("b", diary), Broken("c", diary))
        error: Any = failureOf(world.host.start())
        assert isinstance(error, ConfigError)
        assert [problem.partition(" at ")[0] for problem in error.problems] == [
            "plugin b: start failed: ValueError: no database",
            "plugin c: start failed: ValueError: no database",
        ]
        assert diary == ["a starts", "a stops"]

    def test_oneMaySayItselfWhyItDoesNotStart(self, diary: list[str]) -> None:
        class Particular(Living):
            def start(self, services: Any) -> Any:
                raise ConfigError(["the file is empty", "so is the other one"])

        error: Any = failureOf(World(Particular("a", diary)).host.start())
        assert error.problems == ("plugin a: the file is empty", "plugin a: so is the other one")

    def test_oneThatDoesNotComeToAnEndIsGivenUp(self, diary: list[str]) -> None:
        class Endless(Living):
            async def start(self, services: Any) -> None:
                while True:
                    try:
                        await Deferred()
                    except CancelledError:
                        diary.append("does not mind")

        world = World(Endless("a", diary))
        starting = world.host.start()
        world.clock.advance(START_SECONDS)
        error: Any = failureOf(starting)
        assert error.problems == ("plugin a: start took longer than 10 s",)

    def test_whoConnectsMeanwhileWaits(self, diary: list[str]) -> None:
        class Slow(Living):
            def start(self, services: Any) -> Any:
                return started

        started: Deferred[None] = Deferred()
        world = World(Slow("a", diary))
        starting = world.host.start()
        patient: Any = world.hub.gates.authenticate(Handshake("/"))
        gone: Any = world.hub.gates.authenticate(Handshake("/"))
        gone.cancel()
        failureOf(gone)
        assert not patient.called
        for ask in (world.ask, lambda: world.hub.gates.filterMessage(FakePeer(), FakeRoom(), object())):  # type: ignore[arg-type]
            with pytest.raises(Refused, match="unavailable"):
                ask()
        started.callback(None)
        resultOf(starting)
        assert resultOf(patient) == Identity()
        assert world.ask() is None

    def test_aServerThatIsStoppedWhileItStartsStopsWhatHasStarted(self, diary: list[str]) -> None:
        started: Deferred[None] = Deferred()
        world = World(Starting("a", diary, started))
        starting = world.host.start()
        resultOf(world.host.stop())
        started.callback(None)
        resultOf(starting)
        assert diary == ["a starts", "a stops"]


class TestReload:
    def test_theNewOnesStartBeforeTheOldOnesStop(self, diary: list[str]) -> None:
        world = World(Living("old", diary))
        resultOf(world.host.start())
        assert world.reload(Living("new", diary))
        world.ask()
        assert diary == ["old starts", "new starts", "old stops", "new is asked"]

    def test_requestsUnderWayEndWithThePluginsWithWhichTheyBegan(self, diary: list[str]) -> None:
        answer: Deferred[None] = Deferred()
        world = World(Living("old", diary, answer))
        resultOf(world.host.start())
        pending = world.ask()
        assert world.reload(Living("new", diary))
        world.turn()
        assert "old stops" not in diary
        answer.callback(None)
        assert resultOf(pending) is None
        world.turn()
        assert diary[-1] == "old stops"

    def test_aRequestThatAsksAnOldPluginTwiceFindsItRunning(self, diary: list[str]) -> None:
        """As a message for two rooms does: the second question comes in the turn of the first answer."""
        answers: list[Deferred[None]] = [Deferred(), Deferred()]
        old = Living("old", diary, answers[0])
        world = World(old)
        resultOf(world.host.start())
        gates = world.hub.gates

        def again(_: None) -> Any:
            old.answer = answers[1]
            return gates.mayJoin(FakePeer(), FakeRoom())

        pending: Any = world.ask()
        pending.addCallback(again)
        world.reload(Living("new", diary))
        answers[0].callback(None)
        world.turn()
        assert "old stops" not in diary
        answers[1].callback(None)
        assert resultOf(pending) is None
        world.turn()
        assert diary[-1] == "old stops"

    def test_soDoesOneThatAsksAgainBeforeTheNextTurn(self, diary: list[str]) -> None:
        answers: list[Deferred[None]] = [Deferred(), Deferred()]
        old = Living("old", diary, answers[0])
        world = World(old)
        resultOf(world.host.start())
        gates = world.hub.gates
        world.ask()
        world.reload(Living("new", diary))
        answers[0].callback(None)
        old.answer = answers[1]
        gates.mayJoin(FakePeer(), FakeRoom())
        world.turn()
        assert "old stops" not in diary
        answers[1].callback(None)
        world.turn()
        assert diary[-1] == "old stops"

    def test_aPluginThatNeverAnswersDoesNotKeepItsSetForEver(self, diary: list[str]) -> None:
        world = World(Living("old", diary, Deferred()))
        resultOf(world.host.start())
        pending = world.ask()
        world.reload(Living("new", diary))
        world.clock.advance(2.1)
        assert failureOf(pending).args[0] == "timeout"
        world.turn()
        assert diary[-1] == "old stops"

    def test_mistakesKeepTheOldOnesAndAllAreLogged(self, diary: list[str], log: LogLines) -> None:
        def broken() -> PluginSet:
            raise ConfigError(["a.py:1: SyntaxError", "b.py:2: NameError"])

        world = World(Living("old", diary))
        resultOf(world.host.start())
        assert resultOf(world.host.reload(broken)) is False
        world.ask()
        assert diary == ["old starts", "old is asked"]
        assert log.about("not reloaded: a.py:1: SyntaxError")
        assert log.about("not reloaded: b.py:2: NameError")
        assert log.about("the plugins stay as they were")

    def test_soDoesOneThatDoesNotStart(self, diary: list[str], log: LogLines) -> None:
        class Broken(Living):
            def start(self, services: Any) -> Any:
                raise ValueError("no database")

        world = World(Living("old", diary))
        resultOf(world.host.start())
        assert not world.reload(Living("new", diary), Broken("broken", diary))
        assert diary == ["old starts", "new starts", "new stops"]
        assert log.about("not reloaded: plugin broken: start failed: ValueError: no database")

    def test_aPluginThatIsInBothSetsGoesOn(self, diary: list[str]) -> None:
        shared = Living("shared", diary)
        world = World(shared, Living("old", diary))
        resultOf(world.host.start())
        assert world.reload(Living("new", diary), shared)
        assert diary == ["shared starts", "old starts", "new starts", "old stops"]
        shared.services.callLater(1, diary.append, "later")
        world.clock.advance(1)
        resultOf(world.host.stop())
        assert diary[4:] == ["later", "shared stops", "new stops"]

    def test_alsoWhenTheNewSetCannotBeUsed(self, diary: list[str]) -> None:
        class Broken(Living):
            def start(self, services: Any) -> Any:
                raise ValueError

        shared = Living("shared", diary)
        world = World(shared)
        resultOf(world.host.start())
        assert not world.reload(shared, Broken("broken", diary))
        assert diary == ["shared starts"]
        resultOf(world.host.stop())
        assert diary == ["shared starts", "shared stops"]

    def test_theLogNamesPluginsWhoseCodeIsNotReadAgain(self, diary: list[str], log: LogLines) -> None:
        world = World()
        resultOf(world.host.start())
        entry = Entry(Living("installed", diary), Treatment(), "rtc-third 1.2", fresh=False)
        resultOf(world.host.reload(lambda: PluginSet([entry])))
        assert log.about("the code of installed is not read again without a restart")

    def test_countersGoOn(self, diary: list[str]) -> None:
        world = World(Living("a", diary))
        resultOf(world.host.start())
        world.ask()
        world.reload(Living("a", diary))
        world.ask()
        assert world.host.counters["a"].calls == 2

    def test_whatAPluginKeepsWithTheServerStays(self, diary: list[str]) -> None:
        first, second, other = (Living(name, diary) for name in ("first", "first", "other"))
        world = World(first)
        resultOf(world.host.start())
        first.services.data["seen"] = 7
        assert world.reload(second, other)
        assert second.services.data == {"seen": 7}
        assert other.services.data == {}

    def test_twoAtOnceAreDoneOneAfterTheOther(self, diary: list[str]) -> None:
        started: Deferred[None] = Deferred()
        world = World()
        resultOf(world.host.start())
        first = world.host.reload(lambda: setOf(Starting("slow", diary, started)))
        second = world.host.reload(lambda: setOf(Living("last", diary)))
        assert diary == ["slow starts"]
        started.callback(None)
        assert (resultOf(first), resultOf(second)) == (True, True)
        world.turn()
        assert diary == ["slow starts", "last starts", "slow stops"]

    def test_anyNumberWhileOneIsUnderWayAreDoneAsOneWithWhatWasWantedLast(
        self, diary: list[str]
    ) -> None:
        started: Deferred[None] = Deferred()
        world = World()
        resultOf(world.host.start())
        loads: list[int] = []

        def load(number: int) -> PluginSet:
            loads.append(number)
            return setOf(Living(f"number-{number}", diary))

        first = world.host.reload(lambda: setOf(Starting("slow", diary, started)))
        further = [world.host.reload(lambda number=number: load(number)) for number in range(100)]  # type: ignore[misc]
        started.callback(None)
        assert [resultOf(each) for each in (first, *further)] == [True] * 101
        assert loads == [99]
        world.turn()
        assert diary == ["slow starts", "number-99 starts", "slow stops"]

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), RuntimeError("x")])
    def test_whateverIsRaisedWhilePluginsAreLoadedIsLoggedAndTheOldOnesStay(
        self, diary: list[str], log: LogLines, error: BaseException
    ) -> None:
        def load() -> PluginSet:
            raise error

        world = World(Living("a", diary))
        resultOf(world.host.start())
        assert resultOf(world.host.reload(load)) is False
        (line,) = log.about("not reloaded: ")
        assert f"not reloaded: {type(error).__name__}" in line
        assert f" at {__file__}:" in line
        assert world.reload(Living("b", diary))
        world.turn()
        assert diary == ["a starts", "b starts", "a stops"]

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
    def test_oneThatRaisesWhatEndsProgramsAsItStartsOrStopsEndsNothing(
        self, diary: list[str], log: LogLines, error: BaseException
    ) -> None:
        class Mean(Living):
            def start(self, services: Any) -> None:
                super().start(services)
                if self.answer == "start":
                    raise error

            def stop(self) -> None:
                super().stop()
                raise error

        world = World(Living("a", diary), Mean("mean", diary))
        resultOf(world.host.start())
        assert not world.reload(Living("b", diary), Mean("mean", diary, "start"))
        assert log.about(f"not reloaded: plugin mean: start failed: {type(error).__name__}")
        assert world.reload(Living("c", diary))
        world.turn()
        assert log.about(f"plugin mean: stop failed: {type(error).__name__}")
        assert diary == [
            *("a starts", "mean starts", "b starts", "mean starts", "b stops"),
            *("c starts", "mean stops", "a stops"),
        ]

    def test_oneThatBlocksAsItStartsOrStopsWhileOthersAreServedIsNamed(
        self, diary: list[str], log: LogLines
    ) -> None:
        class Blocking(Living):
            def start(self, services: Any) -> None:
                self._block()

            def stop(self) -> None:
                self._block()

            def _block(self) -> None:
                end = perf_counter() + BLOCKING_SECONDS
                while perf_counter() <= end:
                    pass

        world = World(Blocking("first", diary))
        resultOf(world.host.start())
        assert not log.about("blocked")
        assert world.reload(Blocking("second", diary))
        assert log.about("plugin second: start blocked the server for ")
        world.turn()
        assert log.about("plugin first: stop blocked the server for ")

    def test_beforeTheStartAndAfterTheEndNothingIsReplaced(self, diary: list[str]) -> None:
        world = World()
        assert not world.reload(Living("a", diary))
        resultOf(world.host.start())
        resultOf(world.host.stop())
        assert not world.reload(Living("a", diary))
        assert diary == []

    def test_ifTheServerStopsMeanwhileTheNewOnesStopToo(self, diary: list[str]) -> None:
        started: Deferred[None] = Deferred()
        world = World()
        resultOf(world.host.start())
        reloading = world.host.reload(lambda: setOf(Starting("slow", diary, started)))
        resultOf(world.host.stop())
        started.callback(None)
        assert resultOf(reloading) is False
        assert diary == ["slow starts", "slow stops"]


class TestStop:
    def test_setsThatStillAnswerAreStoppedAsWell(self, diary: list[str]) -> None:
        world = World(Living("old", diary, Deferred()))
        resultOf(world.host.start())
        world.ask()
        world.reload(Living("new", diary))
        resultOf(world.host.stop())
        assert diary[-2:] == ["old stops", "new stops"]

    def test_oneThatFailsOrTakesTooLongIsLoggedAndTheOthersStop(
        self, diary: list[str], log: LogLines
    ) -> None:
        class Failing(Living):
            def stop(self) -> Any:
                raise ValueError("cannot")

        class Slow(Living):
            def stop(self) -> Any:
                return Deferred()

        world = World(Living("a", diary), Failing("failing", diary), Slow("slow", diary))
        resultOf(world.host.start())
        stopping = world.host.stop()
        world.clock.advance(STOP_SECONDS)
        resultOf(stopping)
        assert diary[-1] == "a stops"
        assert log.about("failing: stop failed: ValueError: cannot")
        assert log.about("slow: stop took longer than 3 s")
        assert world.clock.getDelayedCalls() == []

    def test_severalSetsThatTakeTooLongTakeNoLongerThanOne(self, diary: list[str]) -> None:
        class Slow(Living):
            def stop(self) -> Any:
                return Deferred()

        world = World(Slow("old", diary, Deferred()))
        resultOf(world.host.start())
        world.ask().addErrback(lambda _: None)
        world.reload(Slow("new", diary))
        stopping = world.host.stop()
        world.clock.advance(STOP_SECONDS)
        resultOf(stopping)
        assert world.clock.getDelayedCalls() == []


class TestWithMembers:
    def test_nobodyIsDisconnectedAndNoMessageIsLostOrReordered(self, folder: Folder) -> None:
        path = folder(a=policy("first"))
        with InMemoryServer(use=["first"], folders=[str(path)]) as server:
            clients = [server.connect() for _ in range(200)]
            for number, client in enumerate(clients):
                client.join(f"room-{number // 10}", f"user-{number}")
            for round_ in range(20):
                for client in clients:
                    client.emit("broadcast", round_)
                (path / "a.py").write_text(policy("first", body=f"self.number = {round_}"))
                assert server.reload()
            assert all(client.connected for client in clients)
            for client in clients:
                numbers = [each[1] for each in client.take("broadcast")]
                assert numbers == sorted(numbers)
                assert len(numbers) == 200

    def test_aFileThatBlocksAsItIsImportedIsNamed(self, folder: Folder, log: LogLines) -> None:
        path = folder(a=policy("first"), b=policy("second"))
        world = World()
        resultOf(world.host.start())
        wait = "from time import perf_counter\nbegan = perf_counter()\nwhile perf_counter() < began + 0.06: pass\n"
        (path / "a.py").write_text(wait + policy("first"))
        assert resultOf(world.host.reload(lambda: loadPlugins(Wanted([str(path)], [Use("first")]))))
        assert log.about(f"importing {path}/a.py blocked the server for ")

    def test_theNewRulesHoldForTheNextJoin(self, folder: Folder) -> None:
        path = folder(a=policy("first"))
        with InMemoryServer(use=["first"], folders=[str(path)]) as server:
            assert server.connect().join("room", "ann").ok
            (path / "a.py").write_text(policy("first", body="raise Refused('closed')"))
            assert server.reload()
            assert server.connect().join("room", "bob").code == "closed"
            (path / "a.py").write_text("x = (")
            assert not server.reload()
            assert server.connect().join("room", "bob").code == "closed"
            assert server.members("room") == ["ann"]
