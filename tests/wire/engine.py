"""Engine.IO sessions as a client sees them, on either transport and in both revisions."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from typing import Any, Final

from tests.support.patience import PATIENCE
from tests.wire.payloads import Packet, asText, decode, encode
from tests.wire.rawhttp import Connection, Header, Response, requestBytes
from tests.wire.rawws import Closed, WebSocket

# Well below the fixture's 500 ms until a silent client of revision 3 is closed.
_PING_EVERY: Final = 0.12

UNKNOWN_SESSION: Final = {"code": 1, "message": "Session ID unknown"}
BAD_REQUEST: Final = {"code": 3, "message": "Bad request"}


class Polling:
    """A session on HTTP long-polling: one connection for its polls, one for its posts."""

    def __init__(
        self,
        polls: Connection,
        posts: Connection,
        revision: int,
        path: str,
        query: str,
        headers: Iterable[Header] = (),
    ) -> None:
        self._polls = polls
        self._posts = posts
        self.revision = revision
        self._path = path
        base = f"{path}?EIO={revision}&transport=polling"
        self.opening = polls.request("GET", base + query, headers)
        assert self.opening.status == 200, self.opening
        first, *self.rest = self._decode(self.opening)
        assert isinstance(first, str)
        assert first.startswith("0"), first
        self.handshake: dict[str, Any] = json.loads(first[1:])
        self.sid: str = self.handshake["sid"]
        self.target = f"{base}&sid={self.sid}"

    def poll(self, headers: Iterable[Header] = ()) -> Response:
        """Polls and waits for the answer, whatever it is."""
        return self._polls.request("GET", self.target, headers)

    def receive(self) -> list[Packet]:
        """Polls and gives the packets of the answer."""
        return self._decode(self.poll())

    def startPoll(self, headers: Iterable[Header] = ()) -> None:
        """Sends a poll and goes on when the server has seen it."""
        self._polls.begin(requestBytes("GET", self.target, headers))
        self.sync()

    def finishPoll(self) -> list[Packet]:
        """Waits for the answer of the poll that was started."""
        return self._decode(self.finish())

    def finish(self) -> Response:
        """The answer of the poll that was started, whatever it is."""
        return self._polls.readResponse()

    def pollIsHeld(self, seconds: float = 0.03) -> bool:
        """Whether the poll that was started stays unanswered for so long."""
        return self._polls.isQuiet(seconds)

    def hearsNothing(self, seconds: float) -> bool:
        """Whether nothing happens for so long on the connection of the polls, on which nothing was asked."""
        return self._polls.isQuiet(seconds)

    def breakPoll(self, *, reset: bool = False) -> None:
        """Ends the connection of the poll, and goes on when the server has seen it."""
        if reset:
            self._polls.reset()
        else:
            self._polls.close()
        self.sync()

    def post(self, body: bytes, headers: Iterable[Header] = ()) -> Response:
        """Posts a payload and waits for the answer, whatever it is."""
        return self._posts.request("POST", self.target, headers, body)

    def send(self, *packets: Packet) -> None:
        """Posts packets, which must be accepted."""
        answer = self.post(encode(self.revision, *packets))
        assert (answer.status, answer.body) == (200, b"ok")

    def sync(self) -> None:
        """Two round trips on the connection of the posts.

        The server reads its connections in the order in which bytes came, so afterwards it has seen all that was
        sent before on any connection, also on one that it had to accept first.
        """
        for _ in range(2):
            assert self._posts.request("GET", f"{self._path}?transport=none").status == 400

    def transmit(self, data: bytes) -> None:
        """Sends raw bytes on the connection of the posts."""
        self._posts.begin(data)

    def postAnswer(self) -> Response:
        """Reads an answer on the connection of the posts."""
        return self._posts.readResponse("POST")

    def keepAlive(self, packets: list[Packet]) -> None:
        """Answers the ping among the packets, or pings, as the revision has it."""
        if self.revision == 3:
            self.send("2")
        elif "2" in packets:
            self.send("3")

    def receiveUntil(self, count: int) -> list[Packet]:
        """Polls until so many messages came; keeps the session alive meanwhile."""
        messages: list[Packet] = []
        deadline = time.monotonic() + PATIENCE
        while len(messages) < count:
            assert time.monotonic() < deadline, messages
            packets = self.receive()
            self.keepAlive(packets)
            messages += [packet for packet in packets if packet not in ("2", "3", "6")]
        return messages

    def gone(self) -> bool:
        """Whether the server says that it knows no such session (any more)."""
        # A plain request for a WebSocket is refused in any case, and tells whether the sid is known.
        answer = self._posts.request("GET", self.target.replace("transport=polling", "transport=websocket"))
        assert answer.status == 400
        if answer.json() == BAD_REQUEST:
            return False
        poll = self._posts.request("GET", self.target)
        assert (answer.json(), poll.status, poll.json()) == (UNKNOWN_SESSION, 400, UNKNOWN_SESSION)
        return True

    def _decode(self, answer: Response) -> list[Packet]:
        assert answer.status == 200, answer
        return decode(self.revision, answer.body, answer.header("content-type") or "")


class EngineSocket:
    """A session on a WebSocket, or a WebSocket that wants to take over a polling session."""

    def __init__(self, socket: WebSocket, revision: int) -> None:
        self.socket = socket
        self.revision = revision

    def readHandshake(self) -> dict[str, Any]:
        """Reads the open packet."""
        packet = self.socket.read()
        assert isinstance(packet, str)
        assert packet.startswith("0"), packet
        handshake: dict[str, Any] = json.loads(packet[1:])
        return handshake

    def send(self, *packets: Packet) -> None:
        """Sends packets, in one write."""
        prefix = b"\x04" if self.revision == 3 else b""
        self.socket.send(*(p if isinstance(p, str) else prefix + p for p in packets))

    def sendAsText(self, *packets: Packet) -> None:
        """Sends packets, binary ones as base64."""
        self.socket.sendText(*(asText(self.revision, packet) for packet in packets))

    def next(self) -> Packet:
        """Reads the next packet, heartbeats too."""
        packet = self.socket.read()
        if isinstance(packet, bytes) and self.revision == 3:
            assert packet[:1] == b"\x04", "a binary frame of revision 3 begins with its type"
            return packet[1:]
        return packet

    def receive(self) -> Packet:
        """Reads the next packet that is no heartbeat; keeps the session alive while it waits."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while self.revision == 3 and self.socket.connection.isQuiet(_PING_EVERY):
                assert time.monotonic() < deadline, "nothing came"
                self.send("2")
            packet = self.next()
            if packet == "2" and self.revision == 4:
                self.send("3")
            elif packet != "3":
                return packet
            assert time.monotonic() < deadline, "nothing came"

    def receiveAll(self, count: int) -> list[Packet]:
        """Reads so many packets that are no heartbeats."""
        return [self.receive() for _ in range(count)]

    def hears(self, seconds: float) -> list[Packet]:
        """What comes within so many seconds, heartbeats left out; keeps the session alive."""
        packets = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.socket.connection.isQuiet(min(left, _PING_EVERY)):
                if self.revision == 3:
                    self.send("2")
                continue
            packet = self.next()
            if packet == "2" and self.revision == 4:
                self.send("3")
            elif packet != "3":
                packets.append(packet)
        return packets

    def untilClosed(self, within: float = PATIENCE) -> tuple[list[Packet], int | None]:
        """Keeps the session alive until the server closes: what came before, and the close frame's code."""
        packets = []
        deadline = time.monotonic() + within
        try:
            while True:
                packets.append(self.receive())
        except Closed as end:
            assert time.monotonic() < deadline, f"closed, but not within {within} s"
            self.socket.finishClose(end.code)
            return packets, end.code

    def closes(self, within: float = PATIENCE) -> bool:
        """Whether the server closes in time, with nothing said before but heartbeats."""
        return self.untilClosed(within)[0] == []

    def isAlive(self) -> bool:
        """Whether the echo still works."""
        self.send("4still here")
        return self.receive() == "4still here"

    def close(self) -> None:
        """Closes the connection."""
        self.socket.close()
