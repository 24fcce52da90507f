"""The two clocks of a server: one measures, the other tells the time of day.

Everything that waits or counts uses the clock that measures, which is passed around as the reactor or as `clock`:
deadlines, heartbeats, token buckets, caches, limits on the log. The wall clock is what the machine believes the time to
be. It is corrected now and then, in steps too, forwards and backwards, so it is used only for times that other systems
have set or will read: when a token expires, the Date header, times in logs and events. It is passed around as `wall`, a
function, and only this module knows where it comes from.

Twisted measures with the wall clock: after a step backwards no timer of a reactor fires until the old time is reached
again, and after a step forwards all of them fire at once. `measureSteadily` replaces `seconds` of a reactor, which its
timers use.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.python import runtime

__all__ = ["WallClock", "measureSteadily", "steadySeconds", "wallClock"]

WallClock = Callable[[], float]
"""Tells seconds since the epoch (1970, UTC), as the machine believes them to be now."""

wallClock: WallClock = time.time

_monotonic = time.monotonic
_START = time.time() - time.monotonic()


def steadySeconds() -> float:
    """The time on a clock that never goes back or jumps.

    Returns:
        Seconds since the epoch as the wall clock told them when the process started, plus the time since then. So it
        can be compared only with itself: once the wall clock has been set, the two differ.
    """
    return _monotonic() + _START


def measureSteadily(reactor: Any) -> bool:
    """Let a reactor measure with `steadySeconds`: its timers, and all that asks it for the time.

    Timers that run already keep what is left of them. Does nothing the second time, nor to what measures with something
    else than the wall clock, such as the clock of a test.

    Args:
        reactor: The reactor, running or not.

    Returns:
        Whether it measures so now.
    """
    seconds = getattr(reactor, "seconds", None)
    if seconds is runtime.seconds:
        shift = steadySeconds() - wallClock()
        for call in reactor.getDelayedCalls():
            call.time += shift
            call.seconds = steadySeconds
        reactor.seconds = steadySeconds
    return getattr(reactor, "seconds", None) is steadySeconds
