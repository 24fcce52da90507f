"""Threads of plugins in the server in memory."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet import reactor
from twisted.internet.threads import blockingCallFromThread, deferToThread
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from rtcsignal.api import ConfigError, IRoomPolicy, IServices, Refused
from rtcsignal.testing import InMemoryServer
from tests.policy.bench import Filter, Policy
from tests.support.processes import runToEnd


@implementer(IRoomPolicy)
class GuestList:
    """Looks into a database, as the documentation shows it."""

    name = "guest-list"

    def __init__(self, database: Path, closes: bool = True) -> None:
        self._database = database
        self._closes = closes

    def start(self, services: IServices) -> Any:
        self.pool = ConnectionPool("sqlite3", str(self._database), check_same_thread=False)
        return self.pool.runOperation("CREATE TABLE IF NOT EXISTS guests (user)")

    def stop(self) -> None:
        if self._closes:
            self.pool.close()

    async def mayJoin(self, peer: Any, room: Any) -> None:
        if not await self.pool.runQuery("SELECT 1 FROM guests WHERE user = ?", (peer.userId,)):
            await self.pool.runOperation("INSERT INTO guests VALUES (?)", (peer.userId,))
            raise Refused("not-invited")


@pytest.mark.parametrize("closes", [True, False])
def test_aDatabaseIsLookedUp(tmp_path: Path, closes: bool) -> None:
    for _ in range(2):
        with InMemoryServer(GuestList(tmp_path / "guests.sqlite", closes)) as server:
            client = server.connect()
            first, second = client.join("kitchen", "ann"), client.join("kitchen", "ann")
            assert (first.code, second.ok) == ("not-invited", True)
        (tmp_path / "guests.sqlite").unlink()


def test_aCallIsMadeInAnotherThreadAndGoesOnInThisOne() -> None:
    threads: list[Any] = []

    async def mayJoin(peer: Any, room: Any) -> None:
        threads.append(await deferToThread(threading.current_thread))
        threads.append(threading.current_thread())

    with InMemoryServer(Policy(mayJoin)) as server:
        assert server.connect().join("kitchen", "ann").ok
        assert threads[0] is not threads[1]
        assert threads[1] is threading.current_thread()


def test_aFailureComesBackToo() -> None:
    with InMemoryServer(Policy(lambda peer, room: deferToThread(divmod, 1, 0))) as server:
        assert server.connect().join("kitchen", "ann").code == "internal"


def test_noTimeGoesByMeanwhile() -> None:
    with InMemoryServer(Policy(lambda peer, room: deferToThread(time.sleep, 0.2))) as server:
        before = server.clock.seconds()
        assert server.connect().join("kitchen", "ann").ok
        assert server.clock.seconds() == before


def test_filtersMayUseThemAndWhatWasAskedFirstGoesFirst() -> None:
    async def filterMessage(peer: Any, room: Any, message: Any) -> Any:
        return message.replace(body=await deferToThread(lambda: message.body + 1))

    with InMemoryServer(Filter(filterMessage)) as server:
        ann = server.connect()
        ann.join("kitchen", "ann")
        ann.take()
        for number in range(5):
            ann.emit("broadcast", number)
        server.advance(0)
        assert [body for _, body in ann.take("broadcast")] == [1, 2, 3, 4, 5]


def test_aThreadMayCallBackAndWaitForTheAnswer() -> None:
    def work() -> Any:
        return blockingCallFromThread(reactor, threading.current_thread)  # type: ignore[arg-type]

    found: list[Any] = []
    with InMemoryServer(Policy(lambda peer, room: deferToThread(work).addCallback(found.append))) as server:
        assert server.connect().join("kitchen", "ann").ok
        assert found == [threading.current_thread()]


def test_oneThatNeverEndsIsNotWaitedFor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtcsignal.testing.threads._MOST_SECONDS", 0.1)
    go = threading.Event()
    with InMemoryServer(Policy(lambda peer, room: deferToThread(go.wait))) as server:
        answer = server.connect().join("kitchen", "ann")
        assert not answer.given
        server.advance(2.1)
        assert answer.code == "timeout"
        go.set()


def test_whatAThreadRaisesThatNobodyWaitsForIsLogged(loggedFailures: Any) -> None:
    with InMemoryServer() as server:
        reactor.callInThread(divmod, 1, 0)  # type: ignore[attr-defined]
        server.advance(0)
    loggedFailures.expect(ZeroDivisionError)


PLAIN = """
import sys
from twisted.internet.threads import deferToThread
from zope.interface import implementer
from rtcsignal.api import IRoomPolicy
from rtcsignal.testing import InMemoryServer

assert TRIAL or "twisted.internet.reactor" not in sys.modules

@implementer(IRoomPolicy)
class Policy:
    name = "policy"

    def mayJoin(self, peer, room):
        return deferToThread(lambda: None)

def test():
    with InMemoryServer(Policy()) as server:
        assert server.connect().join("kitchen", "ann").ok
        server.advance(1)

if TRIAL:
    from twisted.trial.unittest import TestCase
    class Case(TestCase):
        def test_it(self):
            test()
else:
    test()
"""


@pytest.mark.parametrize("runner", [[], ["-m", "twisted.trial"]], ids=["no reactor that runs", "trial"])
def test_theProcessEndsByItself(tmp_path: Path, runner: list[str]) -> None:
    path = tmp_path / "test_plain.py"
    path.write_text(PLAIN.replace("TRIAL", str(bool(runner))))
    ended = runToEnd([sys.executable, *runner, str(path) if not runner else "test_plain"], tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_afterwardsPoolsAreWhatTheyWere() -> None:
    before = ThreadPool.callInThreadWithCallback
    with InMemoryServer(), InMemoryServer():
        assert ThreadPool.callInThreadWithCallback is not before
    assert ThreadPool.callInThreadWithCallback is before
    with pytest.raises(ConfigError), InMemoryServer(use=["nothing-like-this"]):
        pass
    assert ThreadPool.callInThreadWithCallback is before
    with InMemoryServer() as server:
        server.__exit__(None, None, None)
    with InMemoryServer():
        pass
    assert ThreadPool.callInThreadWithCallback is before
