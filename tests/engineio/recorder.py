"""An application that keeps what it gets."""

from __future__ import annotations

from collections.abc import Callable

from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session

__all__ = ["Recorder"]


class Recorder:
    """An application that keeps what it gets.

    Attributes:
        received: The messages, text and binary.
        closed: Why the session ended, as often as it was told.
        react: Called with each message, if it is set.
        reactToEnd: Called with the reason of the end, if it is set.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.received: list[str | bytes] = []
        self.closed: list[CloseReason] = []
        self.react: Callable[[str | bytes], object] | None = None
        self.reactToEnd: Callable[[CloseReason], object] | None = None

    def textReceived(self, text: str) -> None:
        self._messageReceived(text)

    def binaryReceived(self, data: bytes) -> None:
        self._messageReceived(data)

    def sessionClosed(self, reason: CloseReason) -> None:
        self.closed.append(reason)
        if self.reactToEnd is not None:
            self.reactToEnd(reason)

    def _messageReceived(self, message: str | bytes) -> None:
        self.received.append(message)
        if self.react is not None:
            self.react(message)
