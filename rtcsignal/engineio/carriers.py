"""What carries a session: polling or a WebSocket, and after its end what is left of the one that did."""

from __future__ import annotations

from typing import Protocol

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.reasons import CloseReason

__all__ = ["GONE", "Transport"]


class Transport(Protocol):
    """What carries a session."""

    @property
    def transportName(self) -> str:
        """``websocket`` or ``polling``."""

    @property
    def mark(self) -> int | None:
        """A number that becomes another one with whatever comes from the client.

        None if the client could not answer a ping now: there is no `ping`, or the client is not read at the moment.
        """

    def send(self, message: EncodedMessage) -> None:
        """Send, or keep until it can be sent. Never calls back into the application."""

    def sendPacket(self, text: str) -> None:
        """The same for a packet without a message, in its text form."""

    def close(self, reason: CloseReason, words: str = "") -> None:
        """Tell the client that the session is over, as far as it can be told, and release it.

        Args:
            reason: Why.
            words: The same for debugging, in at most 123 bytes of UTF-8.
        """

    def clientClosed(self) -> None:
        """The client has sent a close packet: answer as the protocol requires, and release it."""

    def pauseReading(self, seconds: float) -> None:
        """Read nothing from the client for so long."""

    def ping(self) -> None:
        """Send a ping below Engine.IO, if the transport has one; the answer goes to `Session.pongReceived`."""


class _Gone:
    """The transport of a session that is over: what is left of the one that carried it.

    Args:
        name: That one's name.
    """

    mark = None

    def __init__(self, name: str) -> None:
        self.transportName = name

    def send(self, message: EncodedMessage) -> None:
        """Dropped."""

    def sendPacket(self, text: str) -> None:
        """Dropped."""

    def close(self, reason: CloseReason, words: str = "") -> None:
        """It is closed."""

    def clientClosed(self) -> None:
        """It is closed."""

    def pauseReading(self, seconds: float) -> None:
        """Nothing is read any more."""

    def ping(self) -> None:
        """No client would answer."""


GONE: dict[str, Transport] = {name: _Gone(name) for name in ("polling", "websocket")}
"""The transports of sessions that are over, by the names of those that carried them."""
