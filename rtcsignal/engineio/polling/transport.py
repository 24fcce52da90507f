"""The long-polling transport: a GET waits for packets, a POST (see `Posts`) brings them. Requests are values.

At most one poll and one POST run at a time; an overlapping one closes the session, because it means that two
clients share an id or that one has lost track. What is sent while no poll waits is kept, up to a limit. Packets
sent in one turn of the reactor leave in one answer, but never more than clients are known to take; the next poll gets
the rest at once.
Source: Engine.IO protocol, "HTTP long-polling" and "Upgrade".
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.engineio.allowances.intake import Allowance, Intake
from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.compression import Compression
from rtcsignal.engineio.http.exchange import Headers, Request, Response
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.packet import CLOSE, NOOP
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.polling.form import PollingForm
from rtcsignal.engineio.polling.payload import encodePayload
from rtcsignal.engineio.polling.posts import Posts
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session

__all__ = ["PollingTransport", "Probing"]

_OVERLAP = Response(400, b"", (("Content-Type", "text/html"),))
_STALL_FROM = 65_536
_MOST_IN_ANSWER = 16  # python-engineio of every version gives up its connection over more


class Probing(Protocol):
    """A WebSocket that is about to take over from polling."""

    @property
    def deadline(self) -> Deadline:
        """The end of its time."""

    def sessionClosed(self) -> None:
        """The session ended before the upgrade did."""


class PollingTransport:
    """Carries a session by polls and posts.

    Args:
        session: The session.
        options: Limits.
        deadlines: For its deadlines.
        intake: Accounts for what is posted.
        compression: Compresses answers.

    Attributes:
        probe: The WebSocket that tries to take over, or None.
        posts: What takes the POSTs.
    """

    transportName = "polling"
    mark = None

    __slots__ = (
        "_clock",
        "_compression",
        "_deadlines",
        "_flushing",
        "_form",
        "_left",
        "_lingering",
        "_options",
        "_outbox",
        "_poll",
        "_queued",
        "_session",
        "_stall",
        "posts",
        "probe",
    )

    def __init__(
        self,
        session: Session,
        options: EngineOptions,
        deadlines: Deadlines,
        intake: Intake,
        compression: Compression,
    ) -> None:
        self.probe: Probing | None = None
        self._session = session
        self._form = PollingForm.of(session.request)
        self._options = options
        self._deadlines = deadlines
        self._clock = deadlines.clock
        self.posts = Posts(session, self._form, intake, deadlines.clock, options.maxPackets)
        self._compression = compression
        self._outbox: list[str | bytes] = []
        self._queued = 0
        self._left = 0
        self._poll: tuple[Request, Deferred[Response]] | None = None
        self._flushing: IDelayedCall | None = None
        self._lingering: Deadline | None = None
        self._stall: Deadline | None = None

    @property
    def allowance(self) -> Allowance:
        """How many bytes the client may post."""
        return self.posts.allowance

    @property
    def answersByScripts(self) -> bool:
        """Its polls are answered by scripts (JSONP)."""
        return self._form.callback is not None

    def deadlines(self) -> list[Deadline | None]:
        """Those that it has, besides its session's heartbeat; some may be over."""
        return [self._lingering, self._stall, None if self.probe is None else self.probe.deadline]

    def send(self, message: EncodedMessage) -> None:
        for packet in message.packets():
            self._put(packet)

    def sendPacket(self, text: str) -> None:
        self._put(text)

    def close(self, reason: CloseReason, words: str = "") -> None:
        """A waiting poll is told now; the next one is, if it comes in time and the session still has its sid."""
        self.allowance.end()
        if self.probe is not None:
            self.probe.sessionClosed()
        if self._session.phase is Phase.CLOSING:
            self._outbox.append(CLOSE)
            linger = self._deadlines.after(self._options.closeTimeout)
            self._lingering = linger.start(PollingTransport._finish, self)
            self._answer()
        else:
            self._outbox[_MOST_IN_ANSWER - 1 :] = [CLOSE]
            self._answer()
            self._forget()

    def clientClosed(self) -> None:
        self.allowance.end()
        if self._poll is not None:
            self._outbox = [NOOP]
            self._answer()
        if self.probe is not None:
            self.probe.sessionClosed()
        self._forget()

    def pauseReading(self, seconds: float) -> None:
        self.posts.pause(seconds)

    def ping(self) -> None:
        """Does nothing: HTTP has no ping."""

    def handshake(self, request: Request, headers: Headers) -> Response | Deferred[Response]:
        """The answer to the handshake: whatever has been sent so far.

        A client that comes back before it may send does not learn its sid earlier than that.

        Args:
            request: The handshake.
            headers: For the answer.
        """
        wait = self.allowance.wait
        if wait:
            return deferLater(self._clock, wait, self._greeting, request, headers).addErrback(self._greetingLost)
        return self._greeting(request, headers)

    def _greeting(self, request: Request, headers: Headers) -> Response:
        response = self._response(request, self._take())
        self._finishIfTold()
        return response.plus(*headers)

    def _greetingLost(self, failure: Failure) -> Failure:
        self._session.abort(CloseReason.TRANSPORT_ERROR)
        return failure

    def poll(self, request: Request) -> Response | Deferred[Response]:
        """A GET.

        Returns:
            The answer, at once if there is something to say. Cancelling the Deferred means that the client has
            gone away.
        """
        if self._poll is not None:
            self._session.abort(CloseReason.TRANSPORT_ERROR)
            return _OVERLAP
        if self._outbox:
            response = self._response(request, self._take())
            self._finishIfTold()
            return response
        if self._session.phase is Phase.UPGRADING:
            return self._response(request, [NOOP])
        answer: Deferred[Response] = Deferred(lambda _: self._pollLost())
        self._poll = (request, answer)
        return answer

    def releasePoll(self) -> None:
        """The upgrade waits for the poll to end: answer it, with a noop if there is nothing else."""
        if self._poll is not None:
            if not self._outbox:
                self._outbox.append(NOOP)
            self._answer()

    def takeAll(self) -> list[str | bytes]:
        """The upgrade is done: everything that was not sent, in order. The transport is not used any more."""
        self.releasePoll()
        packets = self._outbox
        self._forget()
        return packets

    def _put(self, packet: str | bytes) -> None:
        options = self._options
        self._outbox.append(packet)
        self._queued += len(packet)
        if (options.sendQueue and self._queued > options.sendQueue) or (
            options.sendPackets and len(self._outbox) - self._left > options.sendPackets and self._poll is None
        ):
            # Not now: the sender may be in the middle of a fan-out.
            self._clock.callLater(0, self._session.close, CloseReason.SLOW_CONSUMER)
            self._clear()
        elif self._poll is not None:
            if self._flushing is None:
                self._flushing = self._clock.callLater(0, self._flush)
        elif self._queued > _STALL_FROM and self._stall is None:
            self._expectPoll()

    def _expectPoll(self) -> None:
        """Much waits: some of it must be fetched in time."""
        if self._options.sendSeconds:
            self._stall = self._deadlines.after(self._options.sendSeconds).start(PollingTransport._stalled, self)

    def _stalled(self) -> None:
        self._stall = None
        self._session.close(CloseReason.SLOW_CONSUMER)

    def _flush(self) -> None:
        self._flushing = None
        if self._poll is not None and self._outbox:
            self._answer()

    def _answer(self) -> None:
        if self._poll is not None:
            (request, answer), self._poll = self._poll, None
            answer.callback(self._response(request, self._take()))
            self._finishIfTold()

    def _response(self, request: Request, packets: list[str | bytes]) -> Response:
        payload = encodePayload(packets, self._session.revision, self._form.base64)
        return self._compression.of(request, self._form.response(payload))

    def _take(self) -> list[str | bytes]:
        """What the next answer brings."""
        packets = self._outbox
        if len(packets) <= _MOST_IN_ANSWER:
            self._clear()
            return packets
        packets, rest, queued = packets[:_MOST_IN_ANSWER], packets[_MOST_IN_ANSWER:], self._queued
        self._clear()
        self._outbox, self._left, self._queued = rest, len(rest), queued - sum(map(len, packets))
        if self._queued > _STALL_FROM:
            self._expectPoll()
        return packets

    def _clear(self) -> None:
        self._outbox, self._queued, self._left = [], 0, 0
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _pollLost(self) -> None:
        self._poll = None
        self._session.abort(CloseReason.TRANSPORT_ERROR)

    def _finishIfTold(self) -> None:
        """The session is over if it was to end, and its client has been sent everything."""
        if self._session.phase is Phase.CLOSING and not self._outbox:
            self._finish()

    def _finish(self) -> None:
        self._forget()
        self._session.lost(CloseReason.FORCED)

    def _forget(self) -> None:
        self._clear()
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
