"""The message filters of a chain: every message goes from one to the next, and most come out as they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from rtcsignal.policy.breaker import Breaker
from rtcsignal.policy.counts import Counters
from rtcsignal.policy.gate import Gate
from rtcsignal.policy.guard import BLOCKING_SECONDS

__all__ = ["Filters"]


class Filters:
    """Asks filters in turn. What is usual, a plain call that gives the message back, is judged here, not in its gate.

    Args:
        gates: The filters.

    Attributes:
        culprit: The name of the filter that has dropped or refused a message last.
    """

    __slots__ = ("_gates", "_steps", "_stopwatch", "culprit")

    def __init__(self, gates: Sequence[Gate]) -> None:
        self._gates = gates
        self.culprit = ""
        self._steps = self._stepsNow()
        self._stopwatch = gates[0].guard.stopwatch if gates else perf_counter

    def __bool__(self) -> bool:
        """There are some."""
        return bool(self._steps)

    def _stepsNow(self) -> tuple[tuple[Gate, Callable[..., Any], Breaker, Counters], ...]:
        """The filters with what is asked. Those that have passed a message are not watched any more."""
        return tuple(
            (gate, gate.method if gate.guard.passed else partial(self._watched, gate), gate.breaker, gate.counters)
            for gate in self._gates
        )

    def _watched(self, gate: Gate, peer: Any, room: Any, message: Any) -> Any:
        """Ask a filter that has not passed a message yet: it may be one that forgets to return them."""
        answer = gate.method(peer, room, message)
        if answer is message or gate.guard.passed:
            gate.guard.passed = True
            self._steps = self._stepsNow()
        return answer

    def ask(self, peer: Any, room: Any, message: Any, start: int = 0) -> Any:
        """Hand a message from filter to filter.

        Args:
            peer: The sender.
            room: Where it is sent.
            message: The message, as those before `start` have made it.
            start: Those before this one have been asked.

        Returns:
            A `Message`, None to drop it, or a Deferred of either.

        Raises:
            Refused: One of them says no.
        """
        stopwatch = self._stopwatch
        began = stopwatch()
        for gate, method, breaker, counters in self._steps[start:] if start else self._steps:
            if breaker.sound:
                counters.calls += 1
                try:
                    answer = method(peer, room, message)
                except BaseException as error:
                    self.culprit = gate.guard.name
                    answer = gate.interrupted(error, began, message, peer)
                else:
                    now = stopwatch()
                    took = now - began
                    if answer is message and took <= BLOCKING_SECONDS and breaker.sound:
                        counters.seconds += took
                        began = now
                        continue
                    self.culprit = gate.guard.name
                    answer = gate.answered(answer, began, message, peer)
            else:
                self.culprit = gate.guard.name
                answer = gate.ask(message, peer, room, message)
            if answer.__class__ is Deferred:
                start = self._gates.index(gate) + 1
                return answer.addCallbacks(self._goOn, self._refused, (peer, room, start), errbackArgs=(start,))
            if answer is None:
                return None
            message = answer
            began = stopwatch()
        return message

    def _goOn(self, message: Any, peer: Any, room: Any, start: int) -> Any:
        self.culprit = self._gates[start - 1].guard.name
        return None if message is None else self.ask(peer, room, message, start)

    def _refused(self, failure: Failure, start: int) -> Failure:
        self.culprit = self._gates[start - 1].guard.name
        return failure
