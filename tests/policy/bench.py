"""Plugins made of functions, in a chain on a clock of the test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from zope.interface import implementer

from rtcsignal.api import IAuthenticator, IMessageFilter, IRoomObserver, IRoomPolicy
from rtcsignal.deadlines import Deadlines
from rtcsignal.policy.chain import ActivePlugin, Chain
from rtcsignal.policy.counts import Counters
from rtcsignal.policy.guard import Guard, Treatment

__all__ = ["Authenticator", "Bench", "Filter", "Observer", "Policy", "failureOf", "resultOf"]


@implementer(IAuthenticator)
class Authenticator:
    def __init__(self, authenticate: Callable[..., Any], name: str = "authenticator") -> None:
        self.name = name
        self.authenticate = authenticate


@implementer(IRoomPolicy)
class Policy:
    def __init__(self, mayJoin: Callable[..., Any], name: str = "policy") -> None:
        self.name = name
        self.mayJoin = mayJoin


@implementer(IMessageFilter)
class Filter:
    def __init__(self, filterMessage: Callable[..., Any], name: str = "filter") -> None:
        self.name = name
        self.filterMessage = filterMessage


@implementer(IRoomObserver)
class Observer:
    def __init__(
        self, joined: Callable[..., Any], left: Callable[..., Any] | None = None, name: str = "observer"
    ) -> None:
        self.name = name
        self.joined = joined
        self.left = left or joined


class Bench:
    """Makes chains, and keeps what was counted.

    Attributes:
        clock: The time of the answers.
        watch: What the stopwatch for calls shows, in seconds.
        counters: By the plugins' names.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.watch = 0.0
        self.counters: dict[str, Counters] = {}
        self._deadlines = Deadlines(self.clock)

    def chain(self, *plugins: Any, **treatment: Any) -> Chain:
        """A chain of plugins, all treated in the same way."""
        return Chain(self.active(plugin, **treatment) for plugin in plugins)

    def active(self, plugin: Any, **treatment: Any) -> ActivePlugin:
        """A plugin with its guard."""
        counters = self.counters.setdefault(plugin.name, Counters())
        guard = Guard(plugin.name, Treatment(**treatment), counters, self._deadlines, lambda: self.watch)
        return ActivePlugin(plugin, guard)


def resultOf(answer: Any) -> Any:
    """The answer, also if it came by a Deferred, which must have fired."""
    if not isinstance(answer, Deferred):
        return answer
    results: list[Any] = []
    answer.addCallback(results.append)
    assert results, "no answer yet"
    return results[0]


def failureOf(answer: Any) -> BaseException:
    """The exception with which a Deferred has failed."""
    assert isinstance(answer, Deferred)
    errors: list[BaseException | None] = []
    answer.addErrback(lambda failure: errors.append(failure.value))
    assert errors, "no failure yet"
    assert errors[0] is not None
    return errors[0]
