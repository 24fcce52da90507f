"""Back-pressure in both directions: a client that sends too fast is not read, one that does not read is not either.

A client that does not read what it is sent must not make the server write more, with pings for instance: so while a
transport's buffer is full nothing is read from its client, and after a while the client is given up.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from rtcsignal.deadlines import Deadline, DeadlineQueue
from rtcsignal.engineio.allowances.frameturns import FrameTurns
from rtcsignal.engineio.allowances.intake import SLICE, Allowance
from rtcsignal.engineio.stream.farewell import endIfClientLeft
from rtcsignal.engineio.websocket.fastlane import FastLane

__all__ = ["Backpressure"]


class Backpressure(FastLane):
    """What a connection does when its transport's buffer is full, or when its client is to be read more slowly.

    It is the producer that the transport pauses.

    Attributes:
        clock: For pauses.
        stalls: For the deadline of a client that has stopped reading; None for no limit.
        fast: Use the fast path, once the client has seen the 101.
        isHeld: What has been read is kept, too, until the pause is over, or until it is this connection's turn.
        turns: Where it waits for its turn.
        stall: That deadline; None if the client reads.
        farewells: For the deadline of a client that is to confirm the end.
    """

    __slots__ = ("_congested",)

    clock: IReactorTime
    transport: Any
    stalls: DeadlineQueue | None = None
    fast = False
    isHeld = False
    turns: FrameTurns

    farewells: DeadlineQueue

    _waiting = 0
    _isInLine = False
    stall: Deadline | None = None
    _farewell: Deadline | None = None
    _pause: IDelayedCall | None = None
    _allowance: Allowance | None = None

    def __init__(self) -> None:
        super().__init__()
        self._congested = False
        self.credit = SLICE

    @property
    def address(self) -> str:
        """Where the client is; "" if that is not known."""
        raise NotImplementedError

    def stalled(self) -> None:
        """The client has not read for as long as it may."""
        raise NotImplementedError

    def drop(self) -> None:
        """Cut the connection."""
        raise NotImplementedError

    def awaitFarewell(self) -> None:
        """The connection is being closed, for which the client may take so long; see `stream.farewell`."""
        self._farewell = self.farewells.start(Backpressure._endFarewell, self)

    def _endFarewell(self) -> None:
        self._farewell = None
        self.drop()

    def pressureEnds(self) -> None:
        """The connection is gone."""
        if self._farewell is not None:
            self._farewell.cancel()
            self._farewell = None
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        self._endStall()

    def pauseReading(self, seconds: float) -> None:
        """Read nothing from the client for so long from now. What has been read already is still handled."""
        if self._pause is None:
            self.transport.pauseProducing()
            self._pause = self.clock.callLater(seconds, self._endPause)
        elif self._pause.getTime() < self.clock.seconds() + seconds:
            self._pause.reset(seconds)

    def pauseProducing(self) -> None:
        """The transport's buffer is full: count what is added, and read no more from a client that does not read."""
        if not self._congested:  # transports say it again with every write
            self._congested = True
            self._waiting = 0
            self.stall = self.stalls.start(Backpressure._endPatience, self) if self.stalls is not None else None
            self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        """The transport's buffer is empty again."""
        self._congested = False
        self._endStall()
        if not endIfClientLeft(self.transport):
            self._resumeReading()

    def _endPatience(self) -> None:
        self.stall = None
        self.stalled()

    def _endStall(self) -> None:
        if self.stall is not None:
            self.stall.cancel()
            self.stall = None

    def creditSpent(self) -> None:
        """More has come than was accounted for."""
        if self._allowance is not None:
            self.credit, wait = self._allowance.advance(-self.credit)
            if wait:
                self.pauseReading(wait)

    def accountBegins(self, allowance: Allowance) -> None:
        """A session begins, or comes from another transport. What has come before counts as well.

        Args:
            allowance: What its client may send. If that has to wait, so has what it has sent already.
        """
        self._allowance = allowance
        self.credit += allowance.credit - SLICE
        if wait := allowance.wait:
            self.isHeld = True
            self.takesFrames = False
            self.pauseReading(wait)

    def accountEnds(self) -> None:
        """The session is over."""
        if self._allowance is not None:
            self._allowance.credit, self.credit = self.credit, 0
            self._allowance.end()

    def mayStep(self) -> bool:
        """Whether this connection may read on in this turn; else it waits in line for another."""
        if self.turns.step():
            return True
        self._waitInLine()
        return False

    def stepTaken(self) -> None:
        """The fast path has taken a step that costs as much as those of Autobahn."""
        if not self.turns.step() and self.state == self.STATE_OPEN:
            self._waitInLine()

    def takeTurn(self) -> None:
        self._isInLine = False
        if self.state != self.STATE_CLOSED:
            self._readOn()
            self._resumeReading()

    def _waitInLine(self) -> None:
        if not self._isInLine:
            self._isInLine = self.isHeld = True
            self.takesFrames = False
            self.transport.pauseProducing()
            self.turns.wait(self, self.address)

    def _endPause(self) -> None:
        self._pause = None
        if self.isHeld and not self._isInLine:
            self._readOn()
        self._resumeReading()

    def _readOn(self) -> None:
        """Handle what has been read and kept."""
        self.isHeld = False
        self.takesFrames = self.fast
        data, self.data = self.data, b""
        self.credit += len(data)  # it has been counted
        self.dataReceived(data)

    @property
    def isRead(self) -> bool:
        """What the client sends is read, and not left in the network for now."""
        return not self._congested and self._pause is None and not self._isInLine

    def _resumeReading(self) -> None:
        if self.isRead:
            self.transport.resumeProducing()
