"""The POSTs of a polling client: one at a time, each of which hands in its packets, when it is its turn."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from rtcsignal.engineio.allowances.frameturns import Turn
from rtcsignal.engineio.allowances.intake import Allowance, Intake
from rtcsignal.engineio.http.exchange import Request, Response, badRequest
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.polling.form import NO_STORE, PollingForm
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.errors import ProtocolError

__all__ = ["Posts"]

_POSTED = Response(200, b"ok", (("Content-Type", "text/html"), NO_STORE))


class Posts:
    """Takes what a client posts.

    Args:
        session: The session, which is carried by polling.
        form: How the client writes it.
        intake: Accounts for it.
        clock: The time.
        most: Most packets of one POST; 0 for no limit.

    Attributes:
        allowance: How many bytes the client may post.
    """

    __slots__ = ("_clock", "_form", "_isRunning", "_most", "_pause", "_session", "_turns", "allowance")

    def __init__(self, session: Session, form: PollingForm, intake: Intake, clock: IReactorTime, most: int) -> None:
        self._session = session
        self._form = form
        self._turns = intake.turns
        self.allowance = Allowance(intake, session.request.address)
        self._clock = clock
        self._most = most
        self._isRunning = False
        self._pause = 0.0

    def started(self) -> None:
        """The headers of a POST have come.

        Raises:
            RequestError: Another one is running; the session is closed for it.
        """
        if self._isRunning:
            self._session.abort(CloseReason.TRANSPORT_ERROR)
            raise badRequest()
        self._isRunning = True

    def lost(self) -> None:
        """The connection of a POST broke before its body was complete."""
        self._isRunning = False
        if self._session.phase is not Phase.WEBSOCKET:  # which carries the session by now
            self._session.abort(CloseReason.TRANSPORT_ERROR)

    def refused(self) -> None:
        """The POST was too large, or too slow; the session goes on."""
        self._isRunning = False

    def take(self, request: Request) -> Response | Deferred[Response]:
        """The whole of a POST for which `started` was called.

        Returns:
            The answer; a Deferred while the client is to send nothing more.
        """
        if self._turns.step():
            return self._handle(request)
        turn = Turn()
        self._turns.wait(turn, self._session.request.address)
        return turn.taken.addCallback(lambda _: self._handle(request))

    def pause(self, seconds: float) -> None:
        """The answer to the running POST is held back so long; the client sends nothing before it has it."""
        self._pause = max(self._pause, seconds)

    def _handle(self, request: Request) -> Response | Deferred[Response]:
        session, turns = self._session, self._turns
        self.pause(self.allowance.spend(len(request.body)))
        try:
            for packet in self._form.packets(request, session.revision, self._most):
                turns.step()
                session.packetReceived(packet)
        except ProtocolError:
            self._isRunning = False
            session.abort(CloseReason.PARSE_ERROR)
            return badRequest().response()
        answer = self._taken()
        if isinstance(answer, Deferred):
            return answer.addBoth(self._ended)
        return self._ended(answer)

    def _taken(self) -> Response | Deferred[Response]:
        """The answer to a POST whose packets have been handed in, once no one wants it to wait any more."""
        pause, self._pause = self._pause, 0.0
        return deferLater(self._clock, pause).addCallback(lambda _: self._taken()) if pause else _POSTED

    def _ended(self, result: Response) -> Response:
        self._isRunning = False
        return result
