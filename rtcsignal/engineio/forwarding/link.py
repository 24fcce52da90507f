"""A link to another node: one connection, on which many requests wait for their answers at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IConnector
from twisted.internet.protocol import ClientFactory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from rtcsignal.engineio.forwarding.directory import NodeAddress
from rtcsignal.engineio.forwarding.frames import (
    VERSION,
    Answer,
    Ask,
    Asked,
    Cancel,
    Frame,
    FrameError,
    Frames,
    Hello,
    Lost,
    Ping,
    encoded,
)
from rtcsignal.engineio.http.exchange import Request, Response

__all__ = ["CONNECT_SECONDS", "Link", "Unreachable"]

CONNECT_SECONDS = 4.0
"""How long a node may take to accept a connection."""

_TICK_SECONDS = 1.0
_MOST_UNANSWERED = 3
_MOST_UNSENT = 16 * 2**20
"""Bytes that wait for a connection to come about."""


class Unreachable(Exception):
    """The node that has the session cannot be asked, or has not answered."""


class Link(Protocol):
    """A link, from the first request for a node until it breaks.

    Args:
        reactor: Connects and waits.
        address: How to reach the node.
        ended: Called with the reason when the link is of no further use.
    """

    transport: Any

    def __init__(self, reactor: Any, address: NodeAddress, ended: Callable[[Link, str], None]) -> None:
        self.address = address
        self._ended = ended
        self._waiting: dict[int, Deferred[Response]] = {}
        self._number = 0
        self._frames = Frames(0)
        self._unsent: list[bytes] | None = [encoded(Hello(VERSION, address.token))]
        self._unsentBytes = 0
        self._unanswered = 0
        self._reason = ""
        self._isOver = False
        self._ticks = LoopingCall(self._tick)
        self._ticks.clock = reactor
        self._connector: IConnector = reactor.connectTCP(
            address.host, address.port, _Connecting(self), timeout=CONNECT_SECONDS
        )

    def ask(self, request: Request) -> Deferred[Response]:
        """Have a request answered.

        Returns:
            Fires with the answer; fails with `Unreachable`. Cancelling it means that the client has gone away.
        """
        self._number += 1
        number = self._number
        answer: Deferred[Response] = Deferred(lambda _: self._cancel(number))
        if self._isOver or self._unsentBytes > _MOST_UNSENT:
            answer.errback(Unreachable())
            return answer
        self._waiting[number] = answer
        self._send(Ask(number, Asked.of(request), request.body))
        if not self._ticks.running and self._unsent is None:
            self._ticks.start(_TICK_SECONDS)
        return answer

    def lost(self, request: Request) -> None:
        """The connection of a POST broke before its body was complete."""
        if not self._isOver:
            self._send(Lost(Asked.of(request)))

    def close(self) -> None:
        """End it; what waits for an answer gets none."""
        self._connector.disconnect()

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)
        unsent, self._unsent, self._unsentBytes = self._unsent or [], None, 0
        self.transport.write(b"".join(unsent))
        if self._waiting:
            self._ticks.start(_TICK_SECONDS)

    def dataReceived(self, data: bytes) -> None:
        self._unanswered = 0
        self._frames.add(data)
        try:
            for frame in self._frames.read():
                if isinstance(frame, Answer):
                    waiting = self._waiting.pop(frame.number, None)
                    if waiting is not None:
                        waiting.callback(frame.response)
        except FrameError as error:
            self._abort(str(error))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.end(self._reason or reason.getErrorMessage())

    def end(self, reason: str) -> None:
        """It is over, or did not come about."""
        if self._isOver:
            return
        self._isOver = True
        if self._ticks.running:
            self._ticks.stop()
        self._ended(self, reason)
        waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.errback(Unreachable())

    def _send(self, frame: Frame) -> None:
        data = encoded(frame)
        if self._unsent is None:
            self.transport.write(data)
        else:
            self._unsent.append(data)
            self._unsentBytes += len(data)

    def _cancel(self, number: int) -> None:
        if self._waiting.pop(number, None) is not None and not self._isOver:
            self._send(Cancel(number))

    def _tick(self) -> None:
        """While anything waits: a poll may take long, but the node must answer pings."""
        if not self._waiting:
            self._ticks.stop()
            self._unanswered = 0
        elif self._unanswered >= _MOST_UNANSWERED:
            self._abort("it does not answer")
        else:
            self._unanswered += 1
            self._send(Ping())

    def _abort(self, reason: str) -> None:
        self._reason = reason
        self.transport.abortConnection()


class _Connecting(ClientFactory):
    """Makes the connection of a link.

    Args:
        link: The link.
    """

    noisy = False

    def __init__(self, link: Link) -> None:
        self._link = link

    def buildProtocol(self, addr: IAddress | None) -> Link:
        return self._link

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        self._link.end(reason.getErrorMessage())
