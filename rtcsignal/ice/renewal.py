"""Renewals: who gets new credentials when, before the old ones run out, and not a crowd at once."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

__all__ = ["DUE", "RELOAD_SECONDS", "SPREAD", "Renewal", "Renewals"]

DUE, SPREAD = 0.75, 0.1
"""When something is renewed, as a part of the time for which it is good: at this one, at random earlier or later."""

RELOAD_SECONDS = 5.0
"""After a reload everyone has heard of it within this time."""

_LATE_SECONDS = 0.02
_COMPACT_FROM = 64


class Renewal:
    """Somebody whose credentials are renewed.

    Attributes:
        whom: Who; None when they are forgotten.
        due: When, on the clock; None if they are not renewed.
    """

    __slots__ = ("due", "queuedFor", "whom")

    def __init__(self, whom: Any) -> None:
        self.whom: Any = whom
        self.due: float | None = None
        self.queuedFor: float | None = None


class Renewals:
    """All renewals of a server, with one timer.

    Args:
        clock: The time.
        renew: Called with each `Renewal` that is due.
        uniform: A random number between two others.
    """

    def __init__(
        self,
        clock: IReactorTime,
        renew: Callable[[Renewal], None],
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._clock = clock
        self._renew = renew
        self._uniform = uniform
        # Each entry is there once. One that is due later than its place says is put back when that comes.
        self._queue: list[tuple[float, int, Renewal]] = []
        self._count = 0
        self._forgotten = 0
        self._timer: IDelayedCall | None = None

    def __len__(self) -> int:
        """How many there are."""
        return len(self._queue) - self._forgotten

    def given(self, renewal: Renewal, ttl: float) -> None:
        """Somebody was given something.

        Args:
            renewal: Whose.
            ttl: For how many seconds it is good.
        """
        self.after(renewal, max(ttl * self._uniform(DUE - SPREAD, DUE + SPREAD), 1.0))

    def soon(self, renewal: Renewal) -> None:
        """What somebody has is no longer right."""
        self.after(renewal, self._uniform(0.0, RELOAD_SECONDS))

    def after(self, renewal: Renewal, seconds: float) -> None:
        """Renew in so many seconds, and not when it was due before."""
        renewal.due = at = self._clock.seconds() + seconds
        if renewal.queuedFor is None or at < renewal.queuedFor:
            self._put(renewal, at)
            self._schedule()

    def forget(self, renewal: Renewal) -> None:
        """Nothing is renewed for them any more."""
        renewal.whom = renewal.due = None
        if renewal.queuedFor is not None:
            renewal.queuedFor = None
            self._forgotten += 1
            if self._forgotten == len(self._queue):
                self.stop()
            elif self._forgotten > _COMPACT_FROM and 2 * self._forgotten > len(self._queue):
                self._queue = [entry for entry in self._queue if entry[2].queuedFor == entry[0]]
                heapq.heapify(self._queue)
                self._forgotten = 0

    def stop(self) -> None:
        """Nothing is renewed any more."""
        self._queue.clear()
        self._forgotten = 0
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _put(self, renewal: Renewal, at: float) -> None:
        if renewal.queuedFor is not None:
            self._forgotten += 1  # the place that it has had
        renewal.queuedFor = at
        self._count += 1
        heapq.heappush(self._queue, (at, self._count, renewal))

    def _schedule(self) -> None:
        if not self._queue:
            return
        wait = max(self._queue[0][0] - self._clock.seconds(), 0.0)
        if self._timer is None or not self._timer.active():
            self._timer = self._clock.callLater(wait, self._fire)
        elif self._timer.getTime() > self._queue[0][0]:
            self._timer.reset(wait)

    def _fire(self) -> None:
        now = self._clock.seconds() + _LATE_SECONDS
        while self._queue and self._queue[0][0] <= now:
            at, _, renewal = heapq.heappop(self._queue)
            if renewal.queuedFor != at:
                self._forgotten -= 1
                continue
            renewal.queuedFor = None
            if renewal.due is not None and renewal.due > now:
                self._put(renewal, renewal.due)
            elif renewal.due is not None:
                renewal.due = None
                self._renew(renewal)
        self._schedule()
