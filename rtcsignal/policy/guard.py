"""What the server knows of one plugin in use: how it is treated, what it did, and what the log was told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from types import TracebackType
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.policy.answers import WrongAnswer
from rtcsignal.policy.breaker import SECONDS, Breaker
from rtcsignal.policy.counts import Counters
from rtcsignal.policy.logs import OncePerMinute, describe, placeOf, whoIs
from rtcsignal.policy.shape import shownPlace

__all__ = ["BLOCKING_SECONDS", "SUSPICIOUS_DROPS", "TIMEOUT_SECONDS", "Guard", "Treatment"]

TIMEOUT_SECONDS = 2.0
"""How long an answer may take, unless the configuration says otherwise."""

BLOCKING_SECONDS = 0.05
"""A call that does not return for longer is named in the log: everyone waits meanwhile."""


SUSPICIOUS_DROPS = 100
"""A message filter that has passed none of so many messages is named in the log: it may have forgotten a return."""


@dataclass(frozen=True)
class Treatment:
    """How the server treats a plugin: what the configuration says about it besides the plugin's own options.

    Attributes:
        timeout: Seconds within which an asynchronous answer must come.
        failOpen: When it fails it counts as if it were not there; otherwise what was asked is refused.
        shadow: Its verdicts are logged and counted, and not enforced.
    """

    timeout: float = TIMEOUT_SECONDS
    failOpen: bool = False
    shadow: bool = False


class Guard:
    """One plugin in use.

    Args:
        name: The plugin's name.
        treatment: What the configuration says.
        counters: Count what it does.
        deadlines: The time, and the time limits of its answers.
        stopwatch: Seconds on a clock that does not jump, to measure calls.

    Attributes:
        breaker: Stops the server from asking it when it fails again and again.
        passed: As a message filter it has passed a message on.
        dropped: How many messages it has dropped before that.
        idle: Called whenever its last asynchronous answer has come; may be replaced.
        probes: How many clients it is asking for a sign of life, which takes as long as it takes.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        treatment: Treatment,
        counters: Counters,
        deadlines: Deadlines,
        stopwatch: Callable[[], float] = perf_counter,
    ) -> None:
        self.name = name
        self.treatment = treatment
        self.counters = counters
        self.breaker = Breaker(deadlines.clock)
        self.clock: IReactorTime = deadlines.clock
        self.stopwatch = stopwatch
        self.idle: Callable[[], None] = _nothing
        self.passed = False
        self.probes = 0
        self.dropped = 0
        self._pending = 0
        self._deadlines = deadlines
        self._complaints = OncePerMinute(deadlines.clock.seconds)

    @property
    def busy(self) -> bool:
        """Some of its answers have not come yet."""
        return self._pending > 0

    def waits(self, action: Callable[[Any], None], argument: Any) -> Deadline:
        """The server begins to wait for an answer.

        Args:
            action: Called with `argument` when it does not come in time.
        """
        self._pending += 1
        self.counters.pending += 1
        return self.waitsOn(action, argument)

    def waitsOn(self, action: Callable[[Any], None], argument: Any) -> Deadline:
        """The same for one that it waits for already: it gets as much time again."""
        return self._deadlines.after(self.treatment.timeout).start(action, argument)

    def waited(self, began: float) -> None:
        """The server does not wait for an answer any more.

        Args:
            began: When it began to, on the clock.
        """
        self.counters.waitSeconds += self.clock.seconds() - began
        self.counters.pending -= 1
        self._pending -= 1
        if not self._pending:
            self.idle()

    # What follows takes the subject of a call, whom it is about: the peer or the handshake, None if it is nobody.

    def failed(
        self, method: str, error: BaseException, traceback: TracebackType | None, subject: Any = None
    ) -> None:
        """A call has ended as it must not."""
        self.counters.errors += 1
        if isinstance(error, WrongAnswer):
            text = str(error)
            self._complain((method, text), "{method} returned {error}", subject, method=method, error=text)
            return
        place = placeOf(traceback)
        self._complain(
            (method, type(error), place),
            "{method} failed: {error} at {place}",
            subject,
            method=method,
            error=describe(error),
            place=place,
        )

    def late(self, method: str, subject: Any = None) -> None:
        """An answer has not come in time."""
        self.counters.timeouts += 1
        text, seconds = "{method} did not answer within {seconds:g} s", self.treatment.timeout
        self._complain((method, "late"), text, subject, method=method, seconds=seconds)

    def called(self, method: str, seconds: float, subject: Any = None) -> None:
        """A call has returned after so long."""
        self.counters.seconds += seconds
        if seconds > BLOCKING_SECONDS:
            self.counters.blocked += 1
            self._complain(
                (method, "blocked"),
                "{method} blocked the server for {milliseconds:.0f} ms",
                subject,
                method=method,
                milliseconds=seconds * 1000,
            )

    def wouldHave(self, method: str, verdict: str, subject: Any = None) -> None:
        """A verdict that is not enforced."""
        self.counters.wouldHave(verdict)
        self._complain(
            (method, "shadow", verdict),
            "{method} would have said {verdict}; it is not enforced",
            subject,
            method=method,
            verdict=verdict,
        )

    def drops(self, method: Callable[..., Any]) -> None:
        """A message filter drops a message.

        Args:
            method: Its method.
        """
        self.counters.dropped += 1
        if self.passed:
            return
        self.dropped += 1
        if self.dropped == SUSPICIOUS_DROPS:
            self._log.warn(
                "plugin {plugin}: filterMessage has dropped each of its first {count} messages; does it forget to "
                "return them? ({place})",
                plugin=self.name,
                count=self.dropped,
                place=shownPlace(method),
            )

    def opened(self) -> None:
        """It is not asked for a while."""
        text = "plugin {plugin} failed too often in a row: it is not asked for {seconds:g} s"
        self._log.error(text, plugin=self.name, seconds=SECONDS)

    def closed(self) -> None:
        """It is asked as usual again."""
        self._log.info("plugin {plugin} works again", plugin=self.name)

    def _complain(self, key: Any, text: str, subject: Any, **fields: Any) -> None:
        """Write a line, unless the same was written within the last minute."""
        left = self._complaints.due(key)
        if left is not None:
            more = f" (and {left} times more since this was last said)" if left else ""
            text = "plugin {plugin}: " + text + "{who}{more}"
            self._log.warn(text, plugin=self.name, who=whoIs(subject), more=more, **fields)


def _nothing() -> None:
    pass
