"""A Socket.IO connection as a client sees it, whatever carries it."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Protocol

from tests.support.patience import PATIENCE
from tests.wire.engine import Polling
from tests.wire.payloads import Packet, encode
from tests.wire.rawws import Closed

_HEARTBEATS: Final = ("2", "3", "6")


class Peer(Protocol):
    """One Engine.IO session; its messages are Socket.IO packets, with the Engine.IO type `4` before each."""

    revision: int

    def send(self, *packets: Packet) -> None:
        """Sends packets in one write or payload."""

    def receive(self) -> Packet:
        """The next packet that is no heartbeat; raises Closed."""

    def untilClosed(self, within: float = PATIENCE) -> tuple[list[Packet], int | None]:
        """Keeps the session alive until the server closes it: what came before, and a WebSocket's close code."""


class PollingPeer:
    """A Peer on HTTP long-polling."""

    def __init__(self, session: Polling) -> None:
        self.session = session
        self.revision = session.revision
        self._waiting = deque(session.rest)

    def send(self, *packets: Packet) -> None:
        """Posts packets; a server that refuses some of them may refuse the payload."""
        answer = self.session.post(encode(self.revision, *packets))
        assert answer.status in {200, 400}, answer

    def receive(self) -> Packet:
        """The next packet that is no heartbeat; raises Closed at the server's close packet."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            while self._waiting:
                packet = self._waiting.popleft()
                if packet == "1":
                    raise Closed(None)
                if packet not in _HEARTBEATS:
                    return packet
            if self.revision == 3:
                self.session.send("2")
            packets = self.session.receive()
            self._waiting.extend(packets)
            if "2" in packets and self.session.post(encode(self.revision, "3")).status == 400:
                self._waiting.append("1")  # the session has ended meanwhile
        raise AssertionError("nothing came")

    def untilClosed(self, within: float = PATIENCE) -> tuple[list[Packet], int | None]:
        """Polls until the close packet, after which the session must be unknown."""
        packets = []
        deadline = time.monotonic() + within
        try:
            while True:
                packets.append(self.receive())
        except Closed:
            assert time.monotonic() < deadline, f"closed, but not within {within} s"
        assert self.session.gone()
        return packets, None


def event(*arguments: Any, namespace: str = "", ack: str = "") -> str:
    """An EVENT packet in its Engine.IO message."""
    return f"42{namespace and namespace + ','}{ack}{json.dumps(arguments, separators=(',', ':'))}"


def placeholder(number: int) -> dict[str, Any]:
    """What stands for an attachment."""
    return {"_placeholder": True, "num": number}


def binaryEvent(arguments: Sequence[Any], *attachments: bytes, head: str = "45") -> tuple[Packet, ...]:
    """A BINARY_EVENT (or `head="46"` BINARY_ACK) packet and its attachments; `head` may go on after the count."""
    kind, rest = head[:2], head[2:]
    text = f"{kind}{len(attachments)}-{rest}{json.dumps(arguments, separators=(',', ':'))}"
    return (text, *attachments)


def isConnected(packet: Packet, revision: int, namespace: str = "") -> bool:
    """Whether a packet says that the client is in the namespace."""
    assert isinstance(packet, str)
    if revision == 3:
        return packet.rstrip(",") == "40" + namespace
    head = f"40{namespace and namespace + ','}"
    return packet.startswith(head) and list(json.loads(packet.removeprefix(head))) == ["sid"]
