"""The clients of a server in memory."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.liveness.probes import Probes
from rtcsignal.engineio.packet import MESSAGE, Packet, Revision
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.socketio.binary import encodeData
from rtcsignal.socketio.packet import (
    ACK,
    CONNECT,
    CONNECT_ERROR,
    DISCONNECT,
    EVENT,
    encode,
)
from rtcsignal.socketio.server import SocketServer

__all__ = ["Answer", "MemoryClient", "attached"]

_PACKET = re.compile(r"([0-6])(?:([0-9]+)-)?(?:(/[^,]*),)?([0-9]+)?(.*)", re.DOTALL)
_BINARY = {"5": EVENT, "6": ACK}


class Answer:
    """The acknowledgement of a request, which may not have come yet.

    Attributes:
        value: What it says; None while it has not come. ``{"ok": True, ...}``: after a join ``roomName``, ``userId``
            and ``members``, a list of ``{"userId": ...}``; after a broadcast ``delivered``, a number; after an event of
            a plugin what its ``handleEvent`` returned. ``{"ok": False, "error": {"code": ..., "message": ...}}`` if it
            was refused, with what the `Refused` has in ``data`` beside code and message.
    """

    def __init__(self) -> None:
        self.value: Any = None

    @property
    def given(self) -> bool:
        """Whether it has come."""
        return self.value is not None

    @property
    def ok(self) -> bool:
        """Whether it has come and says yes."""
        return self.given and self.value.get("ok") is True

    @property
    def code(self) -> str | None:
        """The code of the refusal, such as ``not-in-room``; None if it is not one, or has not come."""
        return self.value["error"]["code"] if self.given and not self.ok else None

    def __repr__(self) -> str:
        return f"<answer {self.value!r}>"


class MemoryClient:
    """A Socket.IO client in one namespace, on a connection of its own.

    Args:
        server: The server.
        request: How it connects.
        revision: 4, or 3.
        namespace: The namespace it asks for.
        auth: Its auth object.
        settle: Called whenever it has said something.

    Attributes:
        connected: It is in the namespace.
        refusal: With what it was refused; None if it was not. ``{"message": ..., "data": {"code": ..., ...}}``, and
            with revision 3 ``{"code": ..., "message": ..., ...}``.
        isSilent: It answers no pings, as one whose network is gone without a word. The test sets it.
        received: The events that it has heard, but for those taken out: a list of tuples of name and arguments, such
            as ``("user-joined", "ann", {"roomName": "kitchen"})`` and ``("broadcast", {"msgType": 4})``.
    """

    transportName = "websocket"

    def __init__(
        self,
        server: SocketServer,
        request: Request,
        revision: Revision,
        namespace: str,
        auth: Mapping[str, Any],
        settle: Callable[[], None],
    ) -> None:
        self.connected = False
        self.isSilent = False
        self._settle = settle
        self.refusal: Any = None
        self.received: list[tuple[Any, ...]] = []
        self._namespace = namespace
        self._answers: list[Answer] = []
        self._said = 0
        self._session = Session(secrets.token_urlsafe(16), revision, request, _NoHeartbeat(server.deadlines), _forget)
        self._session.carriedBy(self, Phase.WEBSOCKET)
        self._session.application = server.connect(self._session)
        if revision == 4 or namespace != "/":
            self._transmit(encode(CONNECT, namespace, json.dumps(dict(auth)) if revision == 4 else ""))

    def join(self, roomName: str, userId: str, **more: Any) -> Answer:
        """Ask to join a room.

        Args:
            roomName: The room.
            userId: As whom.
            more: Further keys of the request, such as ``password="sesame"``; policies find them in ``joinRequest``, but
                for those with which clients come back (``resume``, ``seen``, ``replaces``).

        Returns:
            The answer, which is there at once unless a plugin takes its time.
        """
        return self.request("join-room", {"userId": userId, "roomName": roomName, **more})

    def leave(self, roomName: str, userId: str) -> Answer:
        """Ask to leave a room.

        Args:
            roomName: The room.
            userId: As whom it has joined.

        Returns:
            The answer.
        """
        return self.request("leave-room", {"userId": userId, "roomName": roomName})

    def broadcast(self, body: Any) -> Answer:
        """Send a message to the members of its rooms.

        Args:
            body: Any JSON value, with bytes in it or not. In an object ``roomName`` and ``targetUserId`` choose who
                gets it. It comes back to the sender too, unless there is a target.

        Returns:
            The answer; ``answer.value["delivered"]`` is how many connections got it.
        """
        return self.request("broadcast", body)

    def request(self, event: str, *arguments: Any) -> Answer:
        """Send an event that asks for an acknowledgement.

        Args:
            event: Its name, ``kick`` for instance.
            arguments: JSON values and bytes; for events of plugins one object, which may be left out.

        Returns:
            The answer. Events without a handler are never answered.
        """
        answer = Answer()
        self._answers.append(answer)
        self._emit(str(len(self._answers) - 1), event, arguments)
        return answer

    def emit(self, event: str, *arguments: Any) -> None:
        """Send an event without asking for an acknowledgement. If it is refused, the client hears ``refused``.

        Args:
            event: Its name.
            arguments: JSON values and bytes.
        """
        self._emit(None, event, arguments)

    def take(self, event: str | None = None) -> list[tuple[Any, ...]]:
        """Take out the events that it has heard.

        Args:
            event: Only those with this name; the others stay.

        Returns:
            A list of tuples as in `received`.
        """
        taken = [each for each in self.received if event in (None, each[0])]
        self.received = [each for each in self.received if event not in (None, each[0])]
        return taken

    def disconnect(self) -> None:
        """Leave in an orderly way. The rooms hear ``user-left`` with the reason ``disconnect``."""
        if self.connected:
            self._transmit(encode(DISCONNECT, self._namespace))
            self.connected = False

    def lose(self) -> None:
        """The connection breaks. The rooms hear the same; or ``user-away``, if it has joined with a ``resume`` key."""
        self._session.lost(CloseReason.TRANSPORT_CLOSE)
        self.connected = False
        self._settle()

    def send(self, message: EncodedMessage) -> None:
        """The server sends; as a `Transport`."""
        match = _PACKET.fullmatch(message.text or "")
        if match is None:
            raise ValueError(f"no Socket.IO packet: {message.text!r}")
        kind, _, namespace, ackId, text = match.groups()
        data: Any = attached(json.loads(text), message.attachments) if text else None
        kind = _BINARY.get(kind, kind)
        if (namespace or "/") != self._namespace:
            return
        if kind == EVENT:
            self.received.append(tuple(data))
        elif kind == ACK:
            self._answers[int(ackId)].value = data[0] if data else {}
        elif kind == CONNECT:
            self.connected = True
        elif kind == CONNECT_ERROR:
            self.refusal = data
        elif kind == DISCONNECT:
            self.connected = False

    def sendPacket(self, text: str) -> None:
        """Heartbeats mean nothing here."""

    def close(self, reason: CloseReason, words: str = "") -> None:
        """The server closes the connection; as a `Transport`."""
        self.connected = False

    def clientClosed(self) -> None:
        """The client knows."""

    def pauseReading(self, seconds: float) -> None:
        """Nothing is on its way."""

    @property
    def mark(self) -> int:
        """How much it has said; as a `Transport`."""
        return self._said

    def ping(self) -> None:
        """The server wants to know whether it is there; as a `Transport`."""
        if not self.isSilent:
            self._session.pongReceived()

    def _emit(self, ackId: str | None, event: str, arguments: tuple[Any, ...]) -> None:
        text, attachments = encodeData((event, *arguments))
        self._transmit(encode(EVENT, self._namespace, text, ackId, len(attachments)), *attachments)

    def _transmit(self, text: str, *attachments: bytes) -> None:
        packets: tuple[str | bytes, ...] = (text, *attachments)
        self._said += 1
        for data in packets:
            self._session.packetReceived(Packet(MESSAGE, data))
        self._settle()


class _NoHeartbeat(Probes):
    def start(self, session: Session) -> None:
        """No client is watched."""

    def received(self, session: Session, kind: str, data: str | bytes) -> None:
        """Nothing of this kind is sent."""

    def ponged(self, session: Session) -> None:
        """Nor is this."""


def _forget(session: Session) -> None:
    """Nothing keeps the sessions."""


def attached(value: Any, attachments: tuple[bytes, ...]) -> Any:
    """A value of JSON with the binary attachments in the places that are held for them."""
    if isinstance(value, list):
        return [attached(item, attachments) for item in value]
    if isinstance(value, dict):
        if value.get("_placeholder") is True:
            return attachments[value["num"]]
        return {key: attached(item, attachments) for key, item in value.items()}
    return value
