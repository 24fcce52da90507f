"""What a plugin is given when it starts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent
from zope.interface import implementer
from zope.interface.verify import verifyObject

from rtcsignal.api import IRoomObserver, IServices
from rtcsignal.policy.logs import PluginLogger
from rtcsignal.testing import InMemoryServer
from tests.policy.conftest import LogLines
from tests.support.logs import observed


@implementer(IRoomObserver)
class Plugin:
    """Keeps its services and whom it has seen."""

    name = "my-plugin"
    services: Any

    def __init__(self) -> None:
        self.peers: dict[str, Any] = {}

    def start(self, services: Any) -> None:
        self.services = services

    def joined(self, peer: Any, room: Any) -> None:
        self.peers[peer.userId] = peer

    def left(self, peer: Any, room: Any, reason: str) -> None:
        del self.peers[peer.userId]


@pytest.fixture
def plugin() -> Plugin:
    return Plugin()


class TestTheInterface:
    def test_isProvided(self, plugin: Plugin) -> None:
        with InMemoryServer(plugin) as server:
            assert verifyObject(IServices, plugin.services)
            assert plugin.services.clock is server.clock
            assert plugin.services.name == "my-plugin"


class TestCallLater:
    def test_callsWithAllArguments(self, plugin: Plugin) -> None:
        calls: list[Any] = []
        with InMemoryServer(plugin) as server:
            plugin.services.callLater(5, lambda *given, **named: calls.append((given, named)), 1, 2, three=3)
            server.advance(5.1)
            assert calls == [((1, 2), {"three": 3})]

    def test_canBeCancelled(self, plugin: Plugin) -> None:
        calls: list[Any] = []
        with InMemoryServer(plugin) as server:
            plugin.services.callLater(5, calls.append, 1).cancel()
            server.advance(6)
            assert calls == []

    def test_isCancelledWhenThePluginIsStopped(self, plugin: Plugin) -> None:
        calls: list[Any] = []
        with InMemoryServer(plugin) as server:
            plugin.services.callLater(5, calls.append, 1)
            plugin.services.callLater(7, calls.append, 2).cancel()
        server.advance(6)
        assert calls == []
        with pytest.raises(RuntimeError, match="my-plugin has been stopped"):
            plugin.services.callLater(1, calls.append, 1)

    def test_coroutinesThatRunAreCancelledToo(self, plugin: Plugin, log: LogLines) -> None:
        ended: list[str] = []

        async def endless() -> None:
            try:
                await Deferred()
            finally:
                ended.append("ended")

        with InMemoryServer(plugin) as server:
            plugin.services.callLater(0, endless)
            server.advance(1)
            assert ended == []
        assert ended == ["ended"]
        assert not log.about("failed")

    def test_oneThatCannotBeCancelledDoesNotKeepThePluginFromItsEnd(
        self, plugin: Plugin, log: LogLines
    ) -> None:
        def cancelled(deferred: Any) -> None:
            raise OSError("cannot be cancelled")

        with InMemoryServer(plugin) as server:
            plugin.services.callLater(0, lambda: Deferred(cancelled))
            server.advance(1)
        assert log.about("cancel failed: OSError: cannot be cancelled")
        with pytest.raises(RuntimeError, match="my-plugin has been stopped"):
            plugin.services.callLater(1, print)

    @pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
    def test_notEvenTheExceptionsThatEndProgramsGetOut(
        self, plugin: Plugin, log: LogLines, error: BaseException
    ) -> None:
        def function() -> None:
            raise error

        with InMemoryServer(plugin) as server:
            plugin.services.callLater(0, function)
            server.advance(0.1)
            (line,) = log.about(f"plugin my-plugin: callLater failed: {type(error).__name__}")
            assert line.endswith(" in function")
            assert server.counters("my-plugin").errors == 1

    @pytest.mark.parametrize("late", [False, True])
    def test_whatACallRaisesIsLoggedWithThePluginsName(
        self, plugin: Plugin, log: LogLines, late: bool
    ) -> None:
        source: Deferred[None] = Deferred()

        async def coroutine() -> None:
            await source
            raise ValueError("later")

        def function() -> None:
            raise ValueError("later")

        with InMemoryServer(plugin) as server:
            plugin.services.callLater(0, coroutine if late else function)
            server.advance(0.1)
            source.callback(None)
            assert log.about("my-plugin", "callLater failed: ValueError: later")
            assert server.counters("my-plugin").errors == 1


class TestRooms:
    def test_allOrOneOfThemCanBeSeen(self, plugin: Plugin) -> None:
        with InMemoryServer(plugin) as server:
            server.connect().join("a", "ann")
            server.connect().join("b", "bob")
            assert [room.name for room in plugin.services.rooms()] == ["a", "b"]
            assert [peer.userId for peer in plugin.services.room("b").peers()] == ["bob"]
            assert plugin.services.room("c") is None

    def test_anEventCanBeSentToOne(self, plugin: Plugin) -> None:
        with InMemoryServer(plugin) as server:
            client = server.connect()
            client.join("a", "ann")
            plugin.services.emit("a", "news", {"text": "hello"})
            plugin.services.emit("nobody-here", "news")
            assert client.take("news") == [("news", {"text": "hello"})]


class TestKick:
    def test_putsAMemberOutOfItsRoomAndTellsEverybody(self, plugin: Plugin) -> None:
        with InMemoryServer(plugin) as server:
            ann, bob = server.connect(), server.connect()
            for client, name in ((ann, "ann"), (bob, "bob")):
                client.join("a", name)
            bob.join("b", "bob")
            peer = next(peer for peer in plugin.services.room("a").peers() if peer.userId == "bob")
            plugin.services.kick(peer, "too-loud")
            gone = ("user-left", "bob", {"roomName": "a", "reason": "too-loud"})
            assert ann.take("user-left") == [gone]
            assert bob.take("user-left") == [gone]
            assert bob.connected
            assert (server.members("a"), server.members("b")) == (["ann"], ["bob"])
            plugin.services.kick(peer)
            assert ann.take("user-left") == []

    def test_theOnePutOutMayComeAgain(self, plugin: Plugin) -> None:
        with InMemoryServer(plugin) as server:
            ann = server.connect()
            ann.join("a", "ann")
            plugin.services.kick(plugin.peers["ann"])
            assert ann.take("user-left")[0][2]["reason"] == "kicked"
            assert ann.join("a", "ann").ok


@implementer(ILogObserver)
class Events:
    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        self.events.append(event)


@pytest.fixture
def events() -> Any:
    with observed(Events()) as observer:
        yield observer.events


class TestTheLogger:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def logger(self, clock: Clock) -> PluginLogger:
        return PluginLogger("my-plugin", clock)

    def test_itsLinesCarryThePluginsName(self, plugin: Plugin, events: list[LogEvent]) -> None:
        with InMemoryServer(plugin):
            plugin.services.log.warn("look at {this}", this=7)
        (event,) = [event for event in events if event.get("this") == 7]
        assert event["log_namespace"] == "plugin.my-plugin"

    def test_aFloodIsCutShortAndTheRestIsCounted(
        self, logger: PluginLogger, clock: Clock, log: LogLines
    ) -> None:
        for number in range(10_000):
            logger.info("line {number}", number=number)
        assert len(log.lines) == 100
        clock.advance(1)
        for _ in range(50):
            logger.info("more")
        assert len(log.about("more")) == 10
        assert log.about("9900 lines about plugin my-plugin were left out")

    @pytest.mark.parametrize("text", ["x" * 100_000, "\n" * 100_000], ids=["printable", "control characters"])
    def test_aLineIsCutShortToo(self, logger: PluginLogger, log: LogLines, text: str) -> None:
        logger.info(text)
        logger.info("{text}", text=text)
        assert len(log.lines) == 2
        assert max(map(len, log.lines)) < 50_000

    def test_whoFallsSilentAfterAFloodIsCountedAsWell(
        self, logger: PluginLogger, clock: Clock, log: LogLines
    ) -> None:
        for _ in range(150):
            logger.info("line")
        clock.advance(1.9)
        assert not log.about("left out")
        clock.advance(0.2)
        assert log.lines[100:] == ["info: 50 lines about plugin my-plugin were left out"]
        assert clock.getDelayedCalls() == []

    def test_soIsWhoIsStoppedRightAfter(self, plugin: Plugin, log: LogLines) -> None:
        with InMemoryServer(plugin):
            for _ in range(150):
                plugin.services.log.info("line")
        assert log.about("50 lines about plugin my-plugin were left out")
        for _ in range(150):
            plugin.services.log.info("line")

    @pytest.mark.parametrize("write", [lambda log: log.info("{x}", x="a\nb"), lambda log: log.info("a\nb")])
    def test_textsCannotBreakOutOfTheirLine(
        self, logger: PluginLogger, log: LogLines, write: Callable[[Any], None]
    ) -> None:
        write(logger)
        assert log.lines == ["info: a\\x0ab"]

    def test_anEventWithoutATextIsAnEvent(self, logger: PluginLogger, events: list[LogEvent]) -> None:
        logger.info(number=7)
        assert events[-1]["number"] == 7
