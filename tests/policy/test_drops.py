"""Message filters that drop everything: most have forgotten to return the message."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import succeed

from rtcsignal.api import Message, Refused
from rtcsignal.testing import InMemoryServer
from rtcsignal.testing.drops import forgetsReturn
from tests.policy.bench import Filter
from tests.policy.conftest import LogLines


def forgetful(peer: Any, room: Any, message: Message) -> Any:
    """Looks on, and forgets to hand the message on."""
    peer.data["seen"] = message.kind


async def forgetfulLater(peer: Any, room: Any, message: Message) -> Any:
    await succeed(None)
    peer.data["seen"] = message.kind


def severe(peer: Any, room: Any, message: Message) -> Any:
    return None


def choosy(peer: Any, room: Any, message: Message) -> Any:  # noqa: RET503 - as people write it
    if message.kind == "offer":
        return message


def rarely(peer: Any, room: Any, message: Message) -> Any:
    if message.body == "change":
        return message.replace(body="changed")
    return message if message.body == "pass" else None


def nested(peer: Any, room: Any, message: Message) -> Any:
    def unused() -> int:
        return 1

    peer.data["seen"] = lambda: 2


def raising(peer: Any, room: Any, message: Message) -> Any:
    raise Refused("no")


def told(log: LogLines) -> list[str]:
    return log.about("does it forget")


def speak(server: InMemoryServer, count: int, body: Any = 1) -> None:
    ann = server.connect()
    assert ann.join("kitchen", "ann").ok
    for _ in range(count):
        ann.broadcast(body)


class TestTheLog:
    @pytest.mark.parametrize("method", [forgetful, forgetfulLater, severe])
    def test_namesAFilterThatHasDroppedItsFirstHundredOnce(
        self, log: LogLines, method: Callable[..., Any]
    ) -> None:
        with InMemoryServer(Filter(method), dropsAll=True) as server:
            speak(server, 99)
            assert told(log) == []
            speak(server, 150)
        (line,) = told(log)
        assert re.search(r"plugin filter: filterMessage has dropped each of its first 100 messages", line)
        assert f"({__file__}:{method.__code__.co_firstlineno})" in line

    @pytest.mark.parametrize("body", ["pass", "change"])
    def test_saysNothingOfOneThatHasPassedAny(self, log: LogLines, body: str) -> None:
        with InMemoryServer(Filter(rarely), dropsAll=True) as server:
            speak(server, 50)
            speak(server, 1, body)
            speak(server, 150)
        assert told(log) == []

    def test_doesNotCountWhatIsRefused(self, log: LogLines) -> None:
        with InMemoryServer(Filter(raising)) as server:
            speak(server, 150)
        assert told(log) == []


class TestTheKit:
    @pytest.mark.parametrize("method", [forgetful, forgetfulLater, nested])
    def test_failsOnAFilterThatHasForgottenIt(self, method: Callable[..., Any]) -> None:
        server = InMemoryServer(Filter(method))
        server.__enter__()
        speak(server, 1)
        with pytest.raises(AssertionError, match=r"^filter \(.*test_drops\.py:\d+\) has dropped every message: return"):
            server.__exit__(None, None, None)

    def test_alsoBeforeItIsReplaced(self) -> None:
        with InMemoryServer(Filter(forgetful), dropsAll=False) as server:
            speak(server, 1)
            with pytest.raises(AssertionError, match="has dropped every message"):
                server.reload(Filter(severe))
            server._dropsAll = True

    def test_unlessItIsToldThatThisIsMeant(self) -> None:
        with InMemoryServer(Filter(forgetful), dropsAll=True) as server:
            speak(server, 1)

    @pytest.mark.parametrize("method", [severe, choosy, raising, lambda peer, room, message: None])
    def test_doesNotMindOneThatSaysSoItself(self, method: Callable[..., Any]) -> None:
        with InMemoryServer(Filter(method)) as server:
            speak(server, 3)

    def test_doesNotMindOneThatWasNotAsked(self) -> None:
        with InMemoryServer(Filter(forgetful)) as server:
            speak(server, 0)

    def test_doesNotHideAnotherFailure(self) -> None:
        server = InMemoryServer(Filter(forgetful))
        server.__enter__()
        speak(server, 1)
        server.__exit__(ZeroDivisionError, ZeroDivisionError(), None)


def test_ofWhatHasNoSourceNothingIsSaid() -> None:
    scope: dict[str, Any] = {}
    exec("def method(peer, room, message):\n    pass", scope)
    assert not forgetsReturn(scope["method"])
    assert not forgetsReturn(print)
