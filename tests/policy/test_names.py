"""Addresses of hosts: looked up in a few threads that nobody waits for, and kept for a while."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IReactorPluggableNameResolver, IResolutionReceiver
from twisted.internet.task import Clock
from zope.interface import implementer
from zope.interface.verify import verifyObject

from rtcsignal.policy.names import Names, NamingReactor
from tests.support.patience import PATIENCE

V4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0))
V6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 0, 0, 0))


class Loop(Clock):
    """A clock whose other threads leave what is to be done in its own until the test does it."""

    def __init__(self) -> None:
        super().__init__()
        self._left = threading.Condition()
        self._calls: list[Callable[[], None]] = []

    def callFromThread(self, function: Callable[..., None], *arguments: Any) -> None:
        """Called in another thread."""
        with self._left:
            self._calls.append(lambda: function(*arguments))
            self._left.notify_all()

    def run(self, count: int = 1) -> None:
        """Do so much of what other threads have left, once it is there."""
        with self._left:
            assert self._left.wait_for(lambda: len(self._calls) >= count, PATIENCE)
            calls, self._calls = self._calls[:count], self._calls[count:]
        for call in calls:
            call()


@implementer(IResolutionReceiver)
class Asker:
    """Somebody who wants to know an address."""

    def __init__(self) -> None:
        self.found: list[Any] = []
        self.told: list[Any] | None = None

    def resolutionBegan(self, resolution: Any) -> None:
        self.resolution = resolution

    def addressResolved(self, address: Any) -> None:
        self.found.append(address)

    def resolutionComplete(self) -> None:
        assert self.told is None
        self.told = self.found


class Resolver:
    """Instead of the system's: every host that it is asked for waits until it is answered."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked: list[str] = []
        self._answers: dict[str, list[Any] | Exception] = {}

    def getaddrinfo(self, host: str, *arguments: Any) -> list[Any]:
        with self._changed:
            self._asked.append(host)
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: host in self._answers, PATIENCE)
            answer = self._answers.pop(host)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def asked(self, count: int) -> list[str]:
        """The hosts, once it was asked for so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self._asked) >= count, PATIENCE)
            return sorted(self._asked)

    def answer(self, host: str, *places: Any, error: Exception | None = None) -> None:
        with self._changed:
            self._answers[host] = error or list(places)
            self._changed.notify_all()


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Resolver:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver.getaddrinfo)
    return resolver


@pytest.fixture
def loop() -> Loop:
    return Loop()


@pytest.fixture
def names(loop: Loop) -> Names:
    return Names(loop, atOnce=2, seconds=5)


def ask(names: Names, host: str, port: int = 80, *more: Any) -> Asker:
    asker = Asker()
    assert names.resolveHostName(asker, host, port, *more) is asker.resolution
    assert asker.resolution.name == host
    return asker


def test_theAddressesOfAHostAreFound(names: Names, loop: Loop, resolver: Resolver) -> None:
    asker = ask(names, "example.org")
    resolver.answer("example.org", V4, V6, (socket.AF_UNIX, 0, 0, "", ()))
    loop.run()
    assert asker.told == [IPv4Address("TCP", "192.0.2.1", 80), IPv6Address("TCP", "2001:db8::1", 80)]
    assert loop.getDelayedCalls() == []


def test_addressesOfAKindCanBeAskedFor(names: Names, loop: Loop, resolver: Resolver) -> None:
    asker = ask(names, "example.org", 53, [IPv6Address], "UDP")
    resolver.answer("example.org", V4, V6)
    loop.run()
    assert asker.told == [IPv6Address("UDP", "2001:db8::1", 53)]


@pytest.mark.parametrize(
    ("host", "address"),
    [("192.0.2.7", IPv4Address("TCP", "192.0.2.7", 80)), ("2001:db8::7", IPv6Address("TCP", "2001:db8::7", 80))],
)
def test_anAddressIsItsOwn(names: Names, host: str, address: Any) -> None:
    assert ask(names, host).told == [address]


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), UnicodeError("no name"), OSError("broken")])
def test_whatCannotBeFoundHasNone(names: Names, loop: Loop, resolver: Resolver, error: Exception) -> None:
    asker = ask(names, "example.org")
    resolver.answer("example.org", error=error)
    loop.run()
    assert asker.told == []


def test_whoAsksForTheSameWaitsForTheSame(names: Names, loop: Loop, resolver: Resolver) -> None:
    askers = [ask(names, "example.org", port) for port in (80, 443)]
    resolver.answer("example.org", V4)
    loop.run()
    assert [asker.told for asker in askers] == [[IPv4Address("TCP", "192.0.2.1", port)] for port in (80, 443)]
    assert resolver.asked(1) == ["example.org"]


def test_thereAreAFewLookupsAtATime(names: Names, loop: Loop, resolver: Resolver) -> None:
    askers = [ask(names, f"{name}.example.org") for name in "abc"]
    assert resolver.asked(2) == ["a.example.org", "b.example.org"]
    resolver.answer("b.example.org", V4)
    loop.run()
    assert resolver.asked(3) == ["a.example.org", "b.example.org", "c.example.org"]
    resolver.answer("a.example.org", V4)
    resolver.answer("c.example.org", V6)
    loop.run(2)
    assert all(asker.told for asker in askers)


class TestKeeping:
    def test_aFoundHostIsKeptForAWhile(self, names: Names, loop: Loop, resolver: Resolver) -> None:
        ask(names, "example.org")
        resolver.answer("example.org", V4)
        loop.run()
        loop.advance(29)
        assert ask(names, "example.org", 443).told == [IPv4Address("TCP", "192.0.2.1", 443)]
        loop.advance(1)
        assert ask(names, "example.org").told is None
        assert resolver.asked(2) == ["example.org", "example.org"]
        resolver.answer("example.org", V4)
        loop.run()

    def test_onlySoMany(self, names: Names, loop: Loop, resolver: Resolver) -> None:
        for number in range(101):
            ask(names, f"n{number}")
            resolver.answer(f"n{number}", V4)
            loop.run()
        assert ask(names, "n100").told
        assert ask(names, "n1").told
        assert ask(names, "n0").told is None
        resolver.answer("n0", V4)
        loop.run()


class TestSlowness:
    def test_whatTakesTooLongIsNotFound(self, names: Names, loop: Loop, resolver: Resolver) -> None:
        asker = ask(names, "example.org")
        loop.advance(4.9)
        assert [asker.told] == [None]
        loop.advance(0.1)
        assert asker.told == []
        resolver.answer("example.org", V4)
        loop.run()
        assert ask(names, "example.org").told == [IPv4Address("TCP", "192.0.2.1", 80)]

    def test_whatNobodyWaitsForAnyMoreIsNotLookedUp(self, names: Names, loop: Loop, resolver: Resolver) -> None:
        askers = [ask(names, name) for name in "abcd"]
        askers[2].resolution.cancel()
        resolver.asked(2)
        resolver.answer("a", V4)
        loop.run()
        assert resolver.asked(3) == ["a", "b", "d"]
        assert askers[2].told is None
        for name in "bd":
            resolver.answer(name, V4)
        loop.run(2)

    def test_withoutThreadsNothingIsFound(self, names: Names, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", fail)
        assert [ask(names, name).told for name in "abc"] == [[], [], []]


def test_aReactorWithNamesIsAReactorInAllElse(names: Names) -> None:
    loop = Loop()
    reactor: Any = NamingReactor(loop, names)
    assert verifyObject(IReactorPluggableNameResolver, reactor)
    assert reactor.callLater == loop.callLater
    other: Any = Names(reactor)
    assert [reactor.nameResolver, reactor.installNameResolver(other), reactor.nameResolver] == [names, names, other]
