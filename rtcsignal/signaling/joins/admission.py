"""Admissions: one join at a time for each room, so that a policy which counts is never overtaken."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

__all__ = ["Admissions"]

_Attempt: TypeAlias = Callable[[], Any]


class Admissions:
    """Serializes what may take time, by room. A room in which no one waits costs nothing."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[tuple[_Attempt, Deferred[Any]]]] = {}

    def run(self, roomName: str, attempt: _Attempt) -> Any:
        """Make an attempt as soon as no other one for the room is under way.

        Returns:
            The attempt's result, or a Deferred of it: at once if no other is before it and it takes no time.
        """
        waiting = self._waiting.get(roomName)
        if waiting is not None:
            turn: Deferred[Any] = Deferred()
            waiting.append((attempt, turn))
            return turn
        result = attempt()
        if _isPending(result):
            self._waiting[roomName] = deque()
            result.addBoth(self._done, roomName)
        return result

    def _done(self, result: Any, roomName: str) -> Any:
        """The attempt under way is over: make those that wait, up to the first that takes time.

        A loop, not a chain: however many wait, the stack does not grow.
        """
        waiting = self._waiting[roomName]
        while waiting:
            attempt, turn = waiting.popleft()
            try:
                outcome = attempt()
            except Exception:
                turn.errback(Failure())
                continue
            if _isPending(outcome):
                outcome.addBoth(self._done, roomName).chainDeferred(turn)
                return result
            if isinstance(outcome, Deferred):
                outcome.chainDeferred(turn)
            else:
                turn.callback(outcome)
        del self._waiting[roomName]
        return result


def _isPending(result: Any) -> bool:
    """It is a Deferred that has no result yet, or waits for another one."""
    return isinstance(result, Deferred) and (not result.called or bool(result.paused))
