"""How sessions are watched. One object serves all sessions of a revision; a session holds only its next deadline.

Revision 4: the server pings `interval` after the handshake and after each pong; no pong within `timeout` is the
end. Any packet in between extends that once, because a large upload holds up the pong that waits behind it.

Revision 3: the client pings, the server answers. A ping is due `interval` after the handshake and after each ping; no
ping within `timeout` from then on is the end, and any packet in between extends that once, as above. Browsers let the
timers of a hidden page fire once a minute. So a client on WebSocket whose ping is late is sent a ping of that
protocol, which its browser answers without the page; the answer is as good as a ping.

Clients of revision 4 that send pings themselves, as some for microcontrollers do, are answered as well.

So a silent client is gone after `interval` + `timeout`, whatever it sent before. An upgrade changes nothing here.
Source: Engine.IO protocol, revisions 3 and 4, "Heartbeat" and "Timeouts".
"""

from __future__ import annotations

from rtcsignal.deadlines import Deadline, DeadlineQueue, Deadlines
from rtcsignal.engineio.liveness.probes import Probes
from rtcsignal.engineio.packet import PING, PONG
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.errors import ProtocolError

__all__ = ["ClientHeartbeat", "ServerHeartbeat"]

_ASK_BEFORE_SECONDS = 30.0
"""Seconds before the end at which a client of revision 3 is asked, if its ping is late by then."""


def _await(session: Session, answers: DeadlineQueue) -> None:
    """The client has until the end of a deadline of `answers`."""
    session.heard = False
    session.deadline = answers.start(_late, (session, answers), _ended(session))


def _late(watched: tuple[Session, DeadlineQueue]) -> None:
    session, answers = watched
    if not session.heard:
        session.abort(CloseReason.PING_TIMEOUT)
    else:
        session.deadline = answers.start(_over, session, session.deadline)


def _over(session: Session) -> None:
    session.abort(CloseReason.PING_TIMEOUT)


def _ended(session: Session) -> Deadline | None:
    """End the session's deadline; if it has come by itself, it is returned."""
    deadline = session.deadline
    return deadline if deadline is not None and not deadline.cancel() else None


class ServerHeartbeat(Probes):
    """Revision 4: the server pings.

    Args:
        deadlines: Where deadlines come from.
        interval: Seconds from a pong to the next ping.
        timeout: Seconds to wait for a pong.
    """

    def __init__(self, deadlines: Deadlines, interval: float, timeout: float) -> None:
        super().__init__(deadlines)
        self._intervals = deadlines.after(interval)
        self._timeouts = deadlines.after(timeout)

    def start(self, session: Session) -> None:
        _ended(session)
        session.deadline = self._intervals.start(self._ping, session)

    def received(self, session: Session, kind: str, data: str | bytes) -> None:
        if kind == PING and isinstance(data, str):
            self.start(session)
            session.transport.sendPacket(PONG + data)
            return
        if kind != PONG:
            raise ProtocolError("a client of revision 4 may not send this packet")
        # An unsolicited pong changes nothing: it may neither start a second heartbeat nor delay the ping.
        if session.deadline is not None and session.deadline.queue is self._timeouts:
            if session.witness is not None:
                session.witness.answered()
            self.start(session)

    def ponged(self, session: Session) -> None:
        """The browser lives, but here it is the page that is asked."""

    def _ping(self, session: Session) -> None:
        _await(session, self._timeouts)
        if session.witness is not None:
            session.witness.asked()
        session.transport.sendPacket(PING)


class ClientHeartbeat(Probes):
    """Revision 3: the client pings.

    Args:
        deadlines: Where deadlines come from.
        interval: Seconds from ping to ping that the client was told.
        timeout: Seconds by which one may be late.
    """

    def __init__(self, deadlines: Deadlines, interval: float, timeout: float) -> None:
        super().__init__(deadlines)
        late = max(timeout - _ASK_BEFORE_SECONDS, timeout / 8)
        self._intervals = deadlines.after(interval)
        self._delays = deadlines.after(late)
        self._rests = deadlines.after(timeout - late)
        self._timeouts = deadlines.after(timeout)

    def start(self, session: Session) -> None:
        _ended(session)
        session.deadline = self._intervals.start(self._due, session)

    def received(self, session: Session, kind: str, data: str | bytes) -> None:
        if kind != PING or not isinstance(data, str):
            raise ProtocolError("a client of revision 3 may not send this packet")
        self.start(session)
        if session.witness is not None:
            # It waits for the answer to its ping before it sends the next.
            session.witness.answered()
            session.witness.asked()
        session.transport.sendPacket(PONG + data)

    def ponged(self, session: Session) -> None:
        if session.deadline is not None:  # it has begun to be watched
            self.start(session)

    def _due(self, session: Session) -> None:
        session.heard = False
        session.deadline = self._delays.start(self._ask, session, _ended(session))

    def _ask(self, session: Session) -> None:
        session.deadline = self._rests.start(_late, (session, self._timeouts), _ended(session))
        session.transport.ping()
