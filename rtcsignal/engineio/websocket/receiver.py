"""What a WebSocket is used for: a session, or an upgrade that is being tried."""

from __future__ import annotations

from typing import Protocol

from rtcsignal.engineio.websocket.fastlane import TextReceiver

__all__ = ["Receiver"]


class Receiver(TextReceiver, Protocol):
    """What a link is used for."""

    @property
    def address(self) -> str:
        """Where the client is: an IP address, or "" if there is none."""

    def binaryReceived(self, data: bytes) -> None:
        """A binary message; never raises."""

    def linkLost(self) -> None:
        """The connection is gone."""

    def overflowed(self) -> None:
        """The client does not read, and more waits for it than may, or for longer. Never called while something is
        being sent."""

    def frameReceived(self) -> None:
        """A control frame, or a fragment of a message; never raises."""

    def pongReceived(self) -> None:
        """The control frame was a pong; told besides, and never raises."""
