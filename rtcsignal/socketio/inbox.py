"""What has come for a connection when it was the turn of others."""

from __future__ import annotations

from collections import deque

from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.rates import TokenBucket
from rtcsignal.socketio.sources import Source
from rtcsignal.socketio.turns import Turns
from rtcsignal.socketio.work import Work

__all__ = ["Inbox"]


class Inbox:
    """The part of a connection that knows `Turns`: keeps what has come, and the end as the last of it.

    Attributes:
        source: Where its client comes from.
        fanOut: What it may still send to receivers; kept by `Turns`.
        heldSize: How much has come from the client that waits for its turn.
    """

    __slots__ = ("_held", "_isOver", "fanOut", "heldSize", "source")

    source: Source

    def __init__(self) -> None:
        self._held: deque[str | bytes | CloseReason] | None = None
        self._isOver = False
        self.heldSize = 0
        self.fanOut: TokenBucket | None = None

    @property
    def session(self) -> Session:
        """Its session."""
        raise NotImplementedError

    def textReceived(self, text: str) -> None:
        """Handle a text message."""
        raise NotImplementedError

    def binaryReceived(self, data: bytes) -> None:
        """Handle a binary message."""
        raise NotImplementedError

    def _end(self, reason: CloseReason) -> None:
        """The session is over, and everything that its client has sent has been handled."""
        raise NotImplementedError

    def catchUp(self, until: int, work: Work) -> None:
        """Handle what is held; see `Client`."""
        held, self._held = self._held, None
        while held and work.done < until and not self._isOver:
            item = held.popleft()
            self.heldSize -= 1 + len(item)
            if isinstance(item, CloseReason):
                self._end(item)
                break
            try:
                self._handleHeld(item)
            except Exception as error:
                self.session.failed(error)
        if self._isOver:
            self.heldSize = 0
        elif again := self._sizeOfHeld():  # the server has ended the connection meanwhile
            self.heldSize = again
        elif held:
            self._held = held

    def _sizeOfHeld(self) -> int:
        return sum(1 + len(item) for item in self._held or ())

    def _handleHeld(self, item: str | bytes) -> None:
        if isinstance(item, str):
            self.textReceived(item)
        else:
            self.binaryReceived(item)

    def _hold(self, item: str | bytes | CloseReason, turns: Turns) -> None:
        """It is the turn of others: handle this later."""
        if self._held is None:
            self._held = deque()
        self._held.append(item)
        self.heldSize += 1 + len(item)
        turns.hold(self, 1 + len(item))

    def _forgetHeld(self) -> None:
        """The server ends the connection: what its client has sent means nothing any more."""
        if self._held is not None:
            self._held.clear()
