"""Probes: clients that are asked for a sign of life at once, because somebody waits for what becomes of them.

A connection whose other end is gone without a word looks alive until the heartbeat. A ping of the WebSocket protocol
is answered without the page, by clients of every generation, and whatever else comes from the client is as good.
Clients on polling cannot be asked, nor those that are not read at the moment: the heartbeat decides about them.
Source: RFC 6455 section 5.5.2.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

from rtcsignal.deadlines import Deadlines
from rtcsignal.engineio.liveness.inquiry import Inquiry
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session

__all__ = ["Probes"]

_FRESH_SECONDS = 1.0
"""How long an answer holds good: strangers must not be able to make a client send pongs all the time."""


class Probes:
    """The part of a heartbeat that asks clients out of turn.

    Args:
        deadlines: For the answers.
    """

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines

    def ask(self, session: Session, seconds: float, patience: float) -> Deferred[bool]:
        """See `Session.probe`."""
        if not session.isOpen:
            return succeed(False)
        mark = session.transport.mark
        if mark is None:
            return succeed(True)
        inquiry, now = session.inquiry, self._deadlines.clock.seconds()
        if inquiry is None or (inquiry.answeredAt is not None and now - inquiry.answeredAt >= _FRESH_SECONDS):
            inquiry = session.inquiry = Inquiry(mark)
            if patience:
                inquiry.deadline = self._deadlines.after(patience).start(self._waited, (session, seconds))
        elif inquiry.answeredAt is not None:
            return succeed(True)
        answer = inquiry.wait()
        if not inquiry.isAsked and not patience:
            self._send(session, inquiry, seconds)
        return answer

    def answered(self, session: Session) -> None:
        """A pong came."""
        if session.inquiry is not None:
            session.inquiry.answer(self._deadlines.clock.seconds(), True)

    def ended(self, inquiry: Inquiry) -> None:
        """The session of an inquiry is over, and everybody knows."""
        inquiry.answer(self._deadlines.clock.seconds(), False)

    def _waited(self, asked: tuple[Session, float]) -> None:
        session, seconds = asked
        inquiry = session.inquiry
        if inquiry is not None and not self._hasHeard(session, inquiry):
            self._send(session, inquiry, seconds)

    def _send(self, session: Session, inquiry: Inquiry, seconds: float) -> None:
        if inquiry.deadline is not None:
            inquiry.deadline.cancel()
        inquiry.isAsked = True
        inquiry.deadline = self._deadlines.after(seconds).start(self._late, session)
        session.transport.ping()

    def _late(self, session: Session) -> None:
        inquiry = session.inquiry
        if inquiry is not None and not self._hasHeard(session, inquiry):
            session.abort(CloseReason.PING_TIMEOUT)

    def _hasHeard(self, session: Session, inquiry: Inquiry) -> bool:
        """Whether anything has come since the inquiry began, or could not have come: it is answered then."""
        if session.transport.mark == inquiry.mark:
            return False
        self.answered(session)
        return True
