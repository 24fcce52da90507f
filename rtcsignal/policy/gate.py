"""A gate: one method of one plugin. Whatever the plugin does, a call ends in an answer or in `Refused`.

The fast way is a plain call with a plain answer: no Deferred, no closure, one test of the answer's class. All else
goes the long way: exceptions, answers that come later or never, wrong answers, plugins that are only watched.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from types import CoroutineType, TracebackType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from rtcsignal.errors import Refused, forgetTraceback
from rtcsignal.policy.answers import DROP, FILTER_MESSAGE, USED, AnswerRules, checkRefusal
from rtcsignal.policy.breaker import Breaker
from rtcsignal.policy.guard import Guard
from rtcsignal.policy.steps import measured

__all__ = ["Gate"]


class Gate:
    """One method of one plugin.

    Args:
        guard: The plugin's guard.
        method: The method, bound.
        answers: What it may answer.
        enforced: What it answers counts. If not, no one waits for it, and its failures are only logged.

    Attributes:
        breaker: The guard's; that of an observer never opens.
        counters: The guard's.
    """

    __slots__ = ("_answers", "_enforced", "_plain", "_stopwatch", "breaker", "counters", "guard", "method")

    def __init__(self, guard: Guard, method: Callable[..., Any], answers: AnswerRules, enforced: bool = True) -> None:
        self.guard = guard
        self.method = method
        self._answers = answers
        self._plain = answers.plain
        self._enforced = enforced and not guard.treatment.shadow
        # What is told of comings and goings must be told of all of them, and harms no one when it fails.
        self.breaker = guard.breaker if enforced else Breaker(guard.clock, failures=0)
        self.counters = guard.counters
        self._stopwatch = guard.stopwatch

    def ask(self, instead: Any, *arguments: Any) -> Any:
        """Call the method.

        Args:
            instead: The answer if the plugin counts as if it were not there.
            arguments: For the method; the first is whom it is about, a peer or a handshake.

        Returns:
            The answer, or a Deferred of it.

        Raises:
            Refused: The plugin says no, or fails; also the way in which the Deferred fails.
        """
        if not self.breaker.sound and not self.breaker.allows():
            self.counters.unavailable += 1
            return self._unanswered("unavailable", "This cannot be decided at the moment.", instead)
        self.counters.calls += 1
        began = self._stopwatch()
        try:
            answer = self.method(*arguments)
        except BaseException as error:
            return self.interrupted(error, began, instead, arguments[0])
        return self.answered(answer, began, instead, arguments[0])

    def answered(self, answer: Any, began: float, instead: Any, subject: Any) -> Any:
        """The method has given something back, which may be an answer that takes time: what that comes to.

        Args:
            answer: What it gave back.
            began: When it was called, on the guard's stopwatch.
            instead: As in `ask`.
            subject: Whom the call was about.

        Returns:
            As `ask`.

        Raises:
            Refused: ``internal``: it is not what it may answer.
        """
        try:
            if answer is not instead and answer.__class__ not in self._plain:
                answer = self._started(answer, subject)
        except BaseException as error:
            return self.interrupted(error, began, instead, subject)
        self._measure(began, subject)
        if answer is instead and self.breaker.sound:
            return answer
        if isinstance(answer, Deferred):
            return self._wait(answer, instead, subject)
        return self.returned(answer, instead, subject)

    def interrupted(self, error: BaseException, began: float, instead: Any, subject: Any) -> Any:
        """The method has raised within its call: what that comes to.

        Args:
            error: What it raised.
            began: When it was called, on the guard's stopwatch.
            instead: As in `ask`.
            subject: Whom the call was about.

        Returns:
            The answer, if the plugin counts as if it were not there.

        Raises:
            Refused: As `raised`.
        """
        self._measure(began, subject)
        return self.raised(error, error.__traceback__, instead, subject)

    def returned(self, answer: Any, instead: Any, subject: Any) -> Any:
        """The method has answered: what that comes to.

        Raises:
            Refused: ``internal``: it is not what it may answer.
        """
        try:
            answer = self._answers.check(answer, instead)
        except BaseException as error:  # `WrongAnswer`, or what its answer raises when it is looked at
            return self.raised(error, error.__traceback__, instead, subject)
        self._succeeded()
        verdict = self._answers.verdict(answer, instead)
        if not self._enforced:
            if verdict:
                self.guard.wouldHave(self._answers.method, verdict, subject)
            return instead
        if verdict == DROP:
            self.guard.drops(self.method)
        elif self._answers is FILTER_MESSAGE:
            self.guard.passed = True
        return answer

    def raised(self, error: BaseException, traceback: TracebackType | None, instead: Any, subject: Any) -> Any:
        """The method has raised: what that comes to.

        Raises:
            Refused: The plugin refuses; or ``internal``: it has failed.
        """
        if isinstance(error, Refused) and self._answers.mayRefuse:
            wrong = checkRefusal(error)
            if wrong is None:
                return self._refused(error, instead, subject)
            error = wrong
        self.guard.failed(self._answers.method, error, traceback, subject)
        forgetTraceback(error)
        self._failed()
        return self._unanswered("internal", "", instead)

    def late(self, instead: Any, subject: Any) -> Any:
        """The method has not answered in time: what that comes to.

        Raises:
            Refused: ``timeout``.
        """
        self.guard.late(self._answers.method, subject)
        self._failed()
        return self._unanswered("timeout", "The answer took too long.", instead)

    def abandoned(self) -> None:
        """The answer is not wanted any more."""
        self.breaker.abandoned()

    def _measure(self, began: float, subject: Any) -> None:
        self.guard.called(self._answers.method, self._stopwatch() - began, subject)

    def _started(self, answer: Any, subject: Any) -> Any:
        """What is no plain answer: a coroutine is started, other things stay what they are."""
        if not isinstance(answer, CoroutineType):
            if isinstance(answer, Deferred) or not hasattr(answer, "__await__"):
                return answer
            answer = _awaited(answer)
        return Deferred.fromCoroutine(measured(answer, self._stopwatch, partial(self._took, subject)))

    def _took(self, subject: Any, seconds: float) -> None:
        self.guard.called(self._answers.method, seconds, subject)

    def _wait(self, call: Deferred[Any], instead: Any, subject: Any) -> Any:
        result = _Awaited(self, call, instead, subject).result
        if not self._enforced:
            return instead
        if not result.called:
            return result
        # It has come already. As a plain answer it cannot be mistaken for one that takes time.
        outcome: list[Any] = []
        result.addBoth(outcome.append)
        if not isinstance(outcome[0], Failure):
            return outcome[0]
        # Whatever is raised here knows this frame by its traceback, so the frame must not know it.
        raise outcome.pop().value.with_traceback(None) from None

    def _refused(self, refused: Refused, instead: Any, subject: Any) -> Any:
        self._succeeded()
        if not self._enforced:
            self.guard.wouldHave(self._answers.method, refused.code, subject)
            forgetTraceback(refused)
            return instead
        self.counters.refused(refused.code)
        # A plugin may raise one instance again and again; its traceback would grow each time.
        raise refused.with_traceback(None) from None

    def _unanswered(self, code: str, message: str, instead: Any) -> Any:
        if self.guard.treatment.failOpen or self._answers.soft or not self._enforced:
            return instead
        raise Refused(code, message) from None

    def _succeeded(self) -> None:
        if not self.breaker.sound and self.breaker.succeeded():
            self.guard.closed()

    def _failed(self) -> None:
        if self.breaker.failed():
            self.guard.opened()


class _Awaited:
    """An answer that has not come yet. It comes, is late, or is not wanted any more, whatever is first."""

    __slots__ = ("_began", "_call", "_deadline", "_gate", "_guard", "_instead", "_subject", "_waiting", "result")

    def __init__(self, gate: Gate, call: Deferred[Any], instead: Any, subject: Any) -> None:
        self.result: Deferred[Any] = Deferred(self._unwanted)
        self._gate, self._guard = gate, gate.guard
        self._instead = instead
        self._subject = subject
        self._began = self._guard.clock.seconds()
        self._call = call
        self._waiting = True
        self._deadline = self._guard.waits(_Awaited._late, self)
        call.addCallbacks(self._came, self._failed)

    def _came(self, answer: Any) -> Any:
        if self._over():
            self._settle(self._gate.returned, answer)
        return answer

    def _failed(self, failure: Failure) -> Any:
        if self._over():
            self._settle(self._gate.raised, failure.value, failure.getTracebackObject())
        return USED

    def _late(self) -> None:
        if self._guard.probes:  # it waits for a client, and not the server for it
            self._deadline = self._guard.waitsOn(_Awaited._late, self)
            return
        self._over()
        self._settle(self._gate.late)
        self._cancel()

    def _unwanted(self, result: Deferred[Any]) -> None:
        self._over()
        self._gate.abandoned()
        self._cancel()
        self._guard.waited(self._began)

    def _over(self) -> bool:
        """From now on the answer is not waited for.

        Returns:
            Whether it was until now.
        """
        waiting, self._waiting = self._waiting, False
        self._deadline.cancel()
        return waiting

    def _settle(self, judge: Callable[..., Any], *arguments: Any) -> None:
        try:
            answer = judge(*arguments, self._instead, self._subject)
        except Refused as refused:
            self.result.errback(refused)
        else:
            self.result.callback(answer)
        self._guard.waited(self._began)

    def _cancel(self) -> None:
        try:
            self._call.cancel()
        except BaseException as error:
            self._guard.failed("cancel", error, error.__traceback__, self._subject)


async def _awaited(answer: Awaitable[Any]) -> Any:
    return await answer
