"""Many deadlines, few timers.

Nearly all deadlines of a server have one of a handful of durations: a ping interval, a ping timeout, ten seconds
for headers. Deadlines of one duration end in the order in which they began, so a queue and a single timer of the
reactor serve any number of them; starting and cancelling one costs next to nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

__all__ = ["Deadline", "DeadlineQueue", "Deadlines"]

_log = Logger()
_COMPACT_FROM = 64
_ROUNDING = 1e-9


class Deadline:
    """One deadline. It is over when it has been cancelled or has come.

    Attributes:
        queue: Where it was started.
        at: When it is due, on the clock's scale.
    """

    __slots__ = ("_action", "_argument", "at", "queue")

    def __init__(self, queue: DeadlineQueue, at: float, action: Callable[[Any], None], argument: Any) -> None:
        self.queue = queue
        self.at = at
        self._action: Callable[[Any], None] | None = action
        self._argument = argument

    @property
    def isRunning(self) -> bool:
        """It is neither cancelled nor has it come."""
        return self._action is not None

    def cancel(self) -> bool:
        """The action will not run. Does nothing the second time, or when it has run.

        Returns:
            Whether it was running.
        """
        if self._action is None:
            return False
        self._forget()
        self.queue._cancelled()
        return True

    def _forget(self) -> None:
        self._action = self._argument = None


class DeadlineQueue:
    """Deadlines of one duration.

    Args:
        clock: The time, and the one timer.
        seconds: The duration.
        granularity: Deadlines may come up to so many seconds late, so that many end in one turn.
    """

    def __init__(self, clock: IReactorTime, seconds: float, granularity: float = 0.0) -> None:
        self.seconds = seconds
        self._clock = clock
        self._granularity = granularity
        self._queue: deque[Deadline] = deque()
        self._idle = 0
        self._timer: IDelayedCall | None = None

    def __len__(self) -> int:
        """How many deadlines are running."""
        return len(self._queue) - self._idle

    def start(
        self, action: Callable[[Any], None], argument: Any, after: Deadline | None = None
    ) -> Deadline:
        """Call ``action(argument)`` when the duration is over.

        Args:
            action: What to do.
            argument: What to do it with.
            after: The duration begins when this deadline was due, not now: lateness does not add up.
        """
        began = self._clock.seconds() if after is None else after.at
        deadline = Deadline(self, began + self.seconds, action, argument)
        self._queue.append(deadline)
        if self._timer is None:
            self._schedule()
        return deadline

    def stop(self) -> None:
        """Forget all deadlines; none will come."""
        for deadline in self._queue:
            deadline._forget()
        self._queue.clear()
        self._idle = 0
        self._unschedule()

    def _cancelled(self) -> None:
        self._idle += 1
        if self._idle == len(self._queue):
            self.stop()
        elif self._idle > _COMPACT_FROM and 2 * self._idle > len(self._queue):
            self._queue = deque(deadline for deadline in self._queue if deadline._action is not None)
            self._idle = 0

    def _schedule(self) -> None:
        wait = self._queue[0].at - self._clock.seconds() + self._granularity
        self._timer = self._clock.callLater(max(wait, 0.0), self._fire)

    def _unschedule(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def catchUp(self) -> None:
        """Run what is due, although the reactor has not found the time yet."""
        if self._queue and self._timer is not None and self._queue[0].at <= self._clock.seconds():
            self._unschedule()
            self._fire()

    def _fire(self) -> None:
        now = self._clock.seconds() + _ROUNDING
        while self._queue and (self._queue[0]._action is None or self._queue[0].at <= now):
            deadline = self._queue.popleft()
            action, argument = deadline._action, deadline._argument
            if action is None:
                self._idle -= 1
                continue
            deadline._forget()
            try:
                action(argument)
            except Exception:
                _log.failure("a deadline's action failed")
        if self._timer is None or not self._timer.active():
            self._timer = None
            if self._queue:
                self._schedule()


class Deadlines:
    """The queues of a server, one for each duration.

    Args:
        clock: The time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.clock = clock
        self._queues: dict[float, DeadlineQueue] = {}

    def after(self, seconds: float) -> DeadlineQueue:
        """The queue for deadlines of `seconds`.

        Long deadlines come up to one percent late, at most a quarter of a second; those below a second are exact.
        """
        queue = self._queues.get(seconds)
        if queue is None:
            granularity = min(seconds / 100, 0.25) if seconds >= 1 else 0.0
            queue = self._queues[seconds] = DeadlineQueue(self.clock, seconds, granularity)
        return queue

    def catchUp(self) -> None:
        """Run what is due: the caller must not find anything that should be gone."""
        for queue in list(self._queues.values()):
            queue.catchUp()

    def __len__(self) -> int:
        """How many deadlines are running."""
        return sum(map(len, self._queues.values()))

    def stop(self) -> None:
        """Forget all deadlines."""
        for queue in self._queues.values():
            queue.stop()
