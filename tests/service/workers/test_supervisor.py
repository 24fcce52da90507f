"""The supervisor, with workers in memory: who is started, replaced, asked, told and buried, and when."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from select import select
from typing import Any

import msgspec
import pytest
from twisted.logger import LogEvent, formatEvent

from rtcsignal.errors import ConfigError
from rtcsignal.service.config.plugins import Plugins
from rtcsignal.service.config.schema import Config
from rtcsignal.service.config.web import Web
from rtcsignal.service.workers.messages import (
    Failed,
    Holds,
    Incarnation,
    Line,
    Pong,
    Ready,
    Reload,
    Reloaded,
    Report,
    Stop,
)
from tests.service.workers.crew import CONFIG, Crew
from tests.support.logs import observed

MakeCrew = Callable[..., Crew]
OTHER = msgspec.structs.replace(CONFIG, plugins=Plugins(folders=("/other",)))


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """The lines that are logged."""
    found: list[str] = []

    def observe(event: LogEvent) -> None:
        if str(event.get("log_namespace")).startswith("rtcsignal"):
            found.append(formatEvent(event))

    with observed(observe):
        yield found


@pytest.fixture
def makeCrew() -> Iterator[MakeCrew]:
    """``makeCrew(config, environ, reread)``: a supervisor that stops in the end."""
    made: list[Crew] = []

    def make(*arguments: Any, **named: Any) -> Crew:
        made.append(Crew(*arguments, **named))
        return made[-1]

    yield make
    for crew in made:
        if crew.supervisor.running:
            crew.finish()


@pytest.fixture
def crew(makeCrew: MakeCrew) -> Crew:
    """A supervisor of three workers."""
    return makeCrew()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        yield listening


def told(manager: socket.socket) -> list[bytes]:
    """What the service manager has been told."""
    found = []
    while True:
        try:
            found.append(manager.recv(100))
        except BlockingIOError:
            return found


class TestStart:
    def test_eachWorkerGetsItsConfiguration(self, crew: Crew) -> None:
        crew.begin()
        starts = [worker.start for worker in crew.workers]
        assert [start.number for start in starts] == [1, 2, 3]
        assert [start.config.backplane.node for start in starts] == ["here-1", "here-2", "here-3"]
        assert {start.config.listen for start in starts} == {CONFIG.listen}
        assert [len(start.sockets) for start in starts] == [1, 1, 1]

    def test_portsOfLinksFollowEachOther(self, makeCrew: MakeCrew) -> None:
        backplane = msgspec.structs.replace(
            CONFIG.backplane, listen="tcp:4000:interface=127.0.0.1", address="10.0.0.5:5000"
        )
        crew = makeCrew(msgspec.structs.replace(CONFIG, backplane=backplane))
        crew.begin()
        sections = [worker.start.config.backplane for worker in crew.workers]
        assert [section.listen.split(":")[1] for section in sections] == ["4000", "4001", "4002"]
        assert [section.address for section in sections] == ["10.0.0.5:5000", "10.0.0.5:5001", "10.0.0.5:5002"]

    def test_theServerIsReadyWhenAllServe(
        self, makeCrew: MakeCrew, manager: socket.socket, tmp_path: Path, lines: list[str]
    ) -> None:
        config = msgspec.structs.replace(CONFIG, web=Web(demo=True))
        crew = makeCrew(config, {"NOTIFY_SOCKET": str(tmp_path / "notify"), "HOME": "/"})
        crew.begin()
        assert "NOTIFY_SOCKET" not in crew.workers[0].environ
        assert crew.workers[0].environ["HOME"] == "/"
        for worker in crew.workers[:2]:
            worker.say(Ready())
        assert (told(manager), lines) == ([], [])
        crew.workers[2].say(Ready())
        assert told(manager) == [b"READY=1"]
        assert lines[0].startswith("listening on tcp:127.0.0.1:")
        assert lines[1].startswith("open http://127.0.0.1:")
        assert lines[2] == "3 workers serve"

    def test_oneThatCannotStartIsTheEnd(self, crew: Crew, lines: list[str]) -> None:
        crew.begin()
        crew.workers[1].say(Failed("no such plugin"))
        crew.workers[2].say(Failed("no such plugin"))
        assert crew.failed == ["no such plugin"]
        assert lines == ["worker 2 cannot start: no such plugin"]
        crew.failed.clear()

    def test_aPortInUseIsTheEnd(self, makeCrew: MakeCrew, lines: list[str]) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            endpoint = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            crew = makeCrew(msgspec.structs.replace(CONFIG, listen=(endpoint,)))
            crew.begin()
        assert crew.failed == [f"cannot listen on {endpoint}: Address already in use"]
        assert crew.workers == []

    def test_anEndBeforeItStartsNoWorker(self, makeCrew: MakeCrew) -> None:
        crew = makeCrew()
        crew.supervisor.privilegedStartService()
        crew.supervisor.startService()
        crew.finish()
        for hook, arguments, named in crew.whenRunningHooks:
            hook(*arguments, **named)
        assert crew.workers == []


class TestDeath:
    def test_aWorkerThatHasServedIsReplacedSoonAndBuried(self, crew: Crew, lines: list[str]) -> None:
        _, second, _ = crew.beginReady()
        second.say(Incarnation("abcdef.1"), Incarnation("abcdef.2"))
        crew.wait(11, *crew.workers)
        second.end(None, 9)
        assert lines[-1] == "worker 2 (process 101) has ended: killed by SIGKILL"
        assert crew.buried == ["abcdef.2"]
        crew.advance(0.19)
        assert len(crew.workers) == 3
        crew.advance(0.02)
        assert crew.workers[3].start.number == 2
        assert crew.workers[3].start.sockets == second.start.sockets
        crew.workers[3].say(Ready())
        assert lines[-1] == "worker 2 serves (process 103)"

    def test_oneThatEndsByItselfHasToldTheClusterSo(self, crew: Crew, lines: list[str]) -> None:
        first, *_ = crew.beginReady()
        first.say(Incarnation("abcdef.1"))
        first.end()
        assert crew.buried == []
        assert lines[-1] == "worker 1 (process 100) has ended: exit code 0"

    def test_oneThatFailsAgainAndAgainIsWaitedForLonger(self, crew: Crew) -> None:
        crew.beginReady()
        others = crew.workers[1:3]
        crew.workers[0].end(1)
        delays: list[float] = []
        for _ in range(8):
            began = crew.seconds()
            while len(crew.workers) == 3 + len(delays):
                crew.wait(0.1, *others)
            delays.append(crew.seconds() - began)
            crew.workers[-1].end(1)
        assert delays == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10], abs=0.11)

    def test_itsSocketsRestMeanwhileIfOthersServe(self, crew: Crew) -> None:
        crew.beginReady()
        crew.wait(11, *crew.workers)
        (port,) = crew.supervisor.ports
        sockets = [port.of(number) for number in (1, 2, 3)]
        crew.workers[0].end(1)
        assert [_listens(each) for each in sockets] == [True, True, True]
        crew.wait(0.3, *crew.workers[1:3])
        # Those that wait already go to another worker.
        waiting = []
        while not select([sockets[0]], [], [], 0)[0]:
            waiting.append(socket.create_connection(sockets[0].getsockname()))
        crew.workers[-1].end(1)
        assert [_listens(each) for each in sockets] == [False, True, True]
        rescued = socket.socket(fileno=os.dup(crew.descriptors[crew.workers[1].start.rescued]))
        port_, (number, *_), _, _ = socket.recv_fds(rescued, 1, 1)
        with socket.socket(fileno=number) as connection:
            assert port_ == b"\0"
            assert connection.getpeername() == waiting[-1].getsockname()
        for each in (rescued, *waiting):
            each.close()
        crew.wait(0.5, *crew.workers[1:3])
        crew.workers[-1].end(1)
        assert _listens(sockets[0]) is False

    def test_theLastOnesDoNotRest(self, crew: Crew) -> None:
        crew.beginReady()
        (port,) = crew.supervisor.ports
        for worker in list(crew.workers):
            worker.end(1)
        crew.wait(0.3)
        for worker in crew.workers[3:]:
            worker.end(1)
        assert all(_listens(port.of(number)) for number in (1, 2, 3))

    def test_oneThatCannotStartLaterIsNoEnd(self, crew: Crew) -> None:
        crew.beginReady()
        crew.workers[0].end(1)
        crew.wait(0.3)
        crew.workers[3].say(Failed("no such plugin"))
        assert crew.failed == []


def _listens(one: socket.socket) -> bool:
    return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


class TestHanging:
    def test_oneThatDoesNotAnswerForTenSecondsIsKilled(self, crew: Crew, lines: list[str]) -> None:
        first, second, third = crew.beginReady()
        second.say(Pong())
        crew.wait(9.5, first, third)
        assert [worker.killed for worker in crew.workers] == [False, False, False]
        crew.wait(2, first, third)
        assert [worker.killed for worker in crew.workers] == [False, True, False]
        assert "worker 2 (process 101) has not answered for 10 s: it is killed" in lines
        second.end(None, 9)
        crew.supervisor.kill()
        assert first.killed

    def test_aSupervisorThatWasStoppedItselfKillsNoOne(self, crew: Crew) -> None:
        workers = crew.beginReady()
        crew.wait(2, *workers)
        crew.advance(60)
        crew.wait(5, *workers)
        assert not any(worker.killed for worker in workers)

    def test_oneThatNeverAnswersIsKilled(self, crew: Crew) -> None:
        crew.begin()
        crew.workers[2].say(Line(0.0, "x", "info", "starting"))
        crew.workers[0].say(Pong())
        crew.workers[1].say(Pong())
        crew.wait(59, *crew.workers[:2])
        assert not crew.workers[2].killed
        crew.wait(2, *crew.workers[:2])
        assert [worker.killed for worker in crew.workers] == [False, False, True]

    def test_theWatchdogIsAnsweredWhileAllAnswer(
        self, makeCrew: MakeCrew, manager: socket.socket, tmp_path: Path
    ) -> None:
        crew = makeCrew(environ={"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "2000000"})
        first, second, third = crew.beginReady()
        crew.wait(5, first, second, third)
        assert told(manager).count(b"WATCHDOG=1") >= 5
        crew.wait(4, first, second)
        told(manager)
        crew.wait(5, first, second)
        assert told(manager) == []
        third.say(Pong())
        crew.wait(3, first, second, third)
        assert b"WATCHDOG=1" in told(manager)


class TestReload:
    def config(self, crew: Crew) -> Config:
        """What the supervisor's next worker would get, but for its number."""
        crew.workers[0].end(1)
        crew.wait(0.3)
        return crew.workers[-1].start.config

    def test_isTriedInOneAndThenDoneByAll(self, makeCrew: MakeCrew, lines: list[str]) -> None:
        crew = makeCrew(reread=lambda: OTHER)
        first, second, third = crew.beginReady()
        crew.supervisor.reload()
        assert [len(worker.told) for worker in crew.workers] == [2, 1, 1]
        assert isinstance(first.told[1], Reload)
        assert first.told[1].config.plugins == OTHER.plugins
        assert first.told[1].config.backplane.node == "here-1"
        first.say(Reloaded(True))
        second.say(Reloaded(True))
        third.say(Reloaded(True))
        assert [len(worker.told) for worker in crew.workers] == [2, 2, 2]
        assert lines[-1] == "all workers have the plugins of the configuration as it is now"
        assert self.config(crew).plugins == OTHER.plugins

    def test_isDoneNowhereIfTheFirstCannot(self, makeCrew: MakeCrew, lines: list[str]) -> None:
        crew = makeCrew(reread=lambda: OTHER)
        first, second, _ = crew.beginReady()
        crew.supervisor.reload()
        first.say(Reloaded(False))
        assert len(second.told) == 1
        assert lines[-1] == "not reloaded: worker 1 could not take it over"
        assert self.config(crew).plugins == CONFIG.plugins

    def test_isDoneNowhereIfTheFirstDiesOfIt(self, makeCrew: MakeCrew, lines: list[str]) -> None:
        crew = makeCrew(reread=lambda: OTHER)
        first, second, _ = crew.beginReady()
        crew.supervisor.reload()
        first.end(1)
        assert len(second.told) == 1
        assert "not reloaded: worker 1 could not take it over" in lines

    def test_anotherOneThatCannotIsReplaced(self, makeCrew: MakeCrew) -> None:
        crew = makeCrew(reread=lambda: OTHER)
        first, second, third = crew.beginReady()
        crew.supervisor.reload()
        first.say(Reloaded(True))
        second.say(Reloaded(False))
        assert isinstance(second.told[-1], Stop)
        second.end()
        crew.wait(0.3)
        assert crew.workers[3].start.config.plugins == OTHER.plugins
        third.say(Reloaded(True))

    def test_aWorkerThatStartsMeanwhileFollows(self, makeCrew: MakeCrew) -> None:
        crew = makeCrew(reread=lambda: OTHER)
        first, second, third = crew.beginReady()
        third.end(1)
        crew.wait(0.3)
        crew.supervisor.reload()
        first.say(Reloaded(True))
        second.say(Reloaded(True))
        late = crew.workers[3]
        assert late.start.config.plugins == CONFIG.plugins
        late.say(Ready())
        assert isinstance(late.told[-1], Reload)
        late.say(Reloaded(True))

    def test_waitsUntilAllServe_andTwoAreTwo(self, makeCrew: MakeCrew) -> None:
        read: list[int] = []

        def reread() -> Config:
            read.append(1)
            return OTHER

        crew = makeCrew(reread=reread)
        crew.begin()
        crew.supervisor.reload()
        assert read == []
        for worker in crew.workers:
            worker.say(Ready())
        assert read == [1]
        crew.supervisor.reload()
        for worker in crew.workers:
            worker.say(Reloaded(True))
        assert read == [1, 1]
        for worker in crew.workers:
            worker.say(Reloaded(True))

    def test_mistakesAreLines(self, makeCrew: MakeCrew, lines: list[str]) -> None:
        def reread() -> Config:
            raise ConfigError(["server.conf:1:1: one", "server.conf:2:1: two"])

        crew = makeCrew(reread=reread)
        crew.beginReady()
        crew.supervisor.reload()
        assert lines[-2:] == ["not reloaded: server.conf:1:1: one", "not reloaded: server.conf:2:1: two"]

    def test_withoutAFileThereIsNothingToReload(self, crew: Crew, lines: list[str]) -> None:
        crew.beginReady()
        crew.supervisor.reload()
        assert lines[-1] == "nothing was reloaded: there is no configuration file"

    def test_withoutAWorkerNothingIsReloaded(self, makeCrew: MakeCrew, lines: list[str]) -> None:
        crew = makeCrew(reread=lambda: msgspec.structs.replace(OTHER, web=Web(demo=True)))
        for worker in list(crew.beginReady()):
            worker.end(1)
        crew.supervisor.reload()
        assert "rest needs a restart" in lines[-2]
        assert lines[-1] == "not reloaded: no worker serves at the moment"


class TestLog:
    def test_whatWorkersSayIsLogged(self, crew: Crew, lines: list[str]) -> None:
        first, *_ = crew.beginReady()
        first.say(Line(12.5, "rtcsignal.some", "info", "two\nlines {with} braces"))
        assert lines[-1] == "worker 1: two\nlines {with} braces"

    def test_whatTheyWritePastTheirLogIsLoggedToo(self, crew: Crew, lines: list[str]) -> None:
        first, *_ = crew.beginReady()
        first.writePast(2, b"Fatal Python error: ")
        first.writePast(2, b"it is tired\n\nand more")
        first.writePast(first.output, b"no message\n")
        first.end(None, 6)
        assert lines[-4:] == [
            "worker 1: Fatal Python error: it is tired",
            "worker 1: no message",
            "worker 1: and more",
            "worker 1 (process 100) has ended: killed by SIGABRT",
        ]

    def test_numbersAreAddedUpAndCountsNeverFall(self, crew: Crew, lines: list[str]) -> None:
        first, second, third = crew.beginReady()
        crew.supervisor.report()
        for worker in (first, second):
            worker.say(Holds({"rooms": 2, "nodes": 3, "published": 10}))
        assert not lines[-1].startswith("all workers hold")
        third.say(Holds({"rooms": 1, "nodes": 3, "published": 5}))
        assert lines[-1] == "all workers hold rooms 5, nodes 3, published 25"
        crew.supervisor.report()
        first.say(Holds({"rooms": 3, "published": 11}))
        second.say(Holds({"rooms": 3, "published": 11}))
        third.end(1)  # what it would have said is lost, and what it has said is not
        assert lines[-1] == "all workers hold rooms 6, published 27"
        crew.wait(0.3, first, second)
        crew.workers[3].say(Ready())
        crew.supervisor.report()
        crew.supervisor.report()
        for worker in (first, second, crew.workers[3]):
            worker.say(Holds({"rooms": 1, "published": 12}))
            worker.say(Holds({"rooms": 1, "published": 13}))
        assert lines[-1] == "all workers hold rooms 3, published 43"

    def test_aReportIsThatOfAll(self, crew: Crew, lines: list[str]) -> None:
        crew.beginReady()
        crew.workers[1].end(1)
        crew.supervisor.report()
        assert [type(worker.told[-1]) for worker in (crew.workers[0], crew.workers[2])] == [Report, Report]
        assert lines[-3:] == [
            "worker 1 serves (process 100)",
            "worker 2 has ended (process None)",
            "worker 3 serves (process 102)",
        ]


class TestEnd:
    def test_allAreToldAndWaitedFor(self, crew: Crew) -> None:
        workers = crew.beginReady()
        stopped = crew.supervisor.stopService()
        assert all(isinstance(worker.told[-1], Stop) for worker in workers)
        for worker in workers[:2]:
            worker.end()
        workers[2].say(Ready())
        assert [stopped.called] == [False]
        crew.advance(9.4)
        assert [worker.killed for worker in workers] == [False, False, False]
        crew.advance(0.2)
        assert [worker.killed for worker in workers] == [False, False, True]
        workers[2].end(None, 9)
        assert stopped.called
        assert not crew.isBurying

    def test_noOneIsReplacedAnyMore(self, crew: Crew) -> None:
        crew.beginReady()[0].end(1)
        crew.finish()
        crew.advance(1)
        assert len(crew.workers) == 3


