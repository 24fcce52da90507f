"""An inquiry: what is known of whether a client is still there, since somebody wanted to know."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from rtcsignal.deadlines import Deadline

__all__ = ["Inquiry"]


class Inquiry:
    """One question, and everybody who waits for the answer.

    ::

        WATCHED ---- nothing comes from the client for a while ---> ASKED      it is sent a ping
        WATCHED, ASKED ---- something comes ----------------------> ANSWERED
        ASKED ---- nothing comes in time -------------------------> ANSWERED   its session is over

    Args:
        mark: What `Transport.mark` was when the inquiry began.

    Attributes:
        mark: The same as was given.
        isAsked: The client has been sent a ping.
        answeredAt: When it was answered, on the clock of the deadlines; None while it is not.
        deadline: Until when something has to come.
    """

    __slots__ = ("_waiting", "answeredAt", "deadline", "isAsked", "mark")

    def __init__(self, mark: int) -> None:
        self.mark = mark
        self.isAsked = False
        self.answeredAt: float | None = None
        self.deadline: Deadline | None = None
        self._waiting: list[Deferred[bool]] = []

    def wait(self) -> Deferred[bool]:
        """The answer, when there is one."""
        waiting: Deferred[bool] = Deferred()
        self._waiting.append(waiting)
        return waiting

    def answer(self, now: float, isThere: bool) -> None:
        """The answer is known. Does nothing if it was before.

        Args:
            now: The time.
            isThere: What it is.
        """
        if self.answeredAt is not None:
            return
        self.answeredAt = now
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(isThere)
