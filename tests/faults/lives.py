"""The lives of connections, from the first byte to the last: every way to come, and every way to go."""

from __future__ import annotations

import json
import random
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import TypeAlias

from tests.faults.keyed import back, expiring, handedOver, lostWhileAsked, replaced, takenOver
from tests.wire.payloads import decode, encode
from tests.wire.rawhttp import Address, Connection, ConnectionEnded, requestBytes
from tests.wire.rawws import CLOSE, CONTINUATION, PING, TEXT, Closed, WebSocket, frame, textFrame, upgradeBytes

__all__ = ["LIVES", "Visitor"]

Life: TypeAlias = Callable[["Visitor"], None]

_PATH = "/socket.io/"
_SILENT_SECONDS = 8.0
_ROOMS = 40


class Visitor:
    """Lives one life after the other at a server.

    Args:
        address: The server's.
        seed: Of its choices.
        tls: The settings of its connections, if they are over TLS.

    Attributes:
        lived: How many lives of each kind went as they should.
    """

    def __init__(self, address: Address, seed: int, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.random = random.Random(seed)
        self.lived: Counter[str] = Counter()
        self._address = address
        self._network = 1 + seed % 250
        self._silent: deque[tuple[float, Connection]] = deque()

    def live(self, cycles: int, kinds: tuple[str, ...]) -> None:
        """So many lives, of these kinds in turn; at the end nobody is silent any more."""
        for number in range(cycles):
            kind = kinds[number % len(kinds)]
            LIVES[kind](self)
            self.lived[kind] += 1
            self._look(_SILENT_SECONDS)
        while self._silent:
            self._look(0)

    def connection(self) -> Connection:
        """From one of many addresses, so that the kernel does not run out of ports."""
        host = f"127.{self._network}.0.{self.random.randint(1, 60)}"
        return Connection(self._address, source=host, tls=self._tls)

    @property
    def revision(self) -> int:
        """Either one."""
        return self.random.choice((3, 4))

    def webSocket(self, revision: int, *packets: str, query: str = "", more: bytes = b"") -> WebSocket:
        """A WebSocket that has sent packets along with its request."""
        target = f"{_PATH}?EIO={revision}&transport=websocket{query}"
        return WebSocket(self.connection(), upgradeBytes(target) + b"".join(map(textFrame, packets)) + more)

    def member(self, *packets: str, room: str = "", more: bytes = b"") -> WebSocket:
        """A WebSocket that has joined a room, and has sent packets and bytes behind that."""
        revision = self.revision
        hello = () if revision == 3 else ("40",)
        socket = self.webSocket(revision, *hello, self.join(room), *packets, more=more)
        readUntil(socket, '"ok":')
        return socket

    def join(self, room: str = "") -> str:
        """The packet that asks for a room."""
        name = room or f"room-{self.random.randrange(_ROOMS)}"
        return "421" + json.dumps(["join-room", {"userId": f"user-{self.random.randrange(9)}", "roomName": name}])

    def poller(self, query: str = "") -> tuple[Connection, str, int]:
        """A session on polling: a connection, what to ask for, and the revision."""
        revision, connection = self.revision, self.connection()
        target = f"{_PATH}?EIO={revision}&transport=polling"
        answer = connection.request("GET", target + query)
        assert answer.status == 200, answer
        first, *_ = decode(revision, answer.body)
        return connection, f"{target}&sid={json.loads(str(first)[1:])['sid']}", revision

    def pollingMember(self) -> tuple[Connection, str, int]:
        """As `poller`, in a room."""
        connection, target, revision = self.poller()
        hello = () if revision == 3 else ("40",)
        body = encode(revision, *hello, self.join())
        assert connection.request("POST", target, body=body).status == 200
        assert b'"ok":true' in connection.request("GET", target).body
        return connection, target, revision

    def silence(self, connection: Connection) -> None:
        """Say nothing more; the server has to end it."""
        self._silent.append((time.monotonic(), connection))

    def _look(self, seconds: float) -> None:
        """At those who have been silent for so long."""
        while self._silent and self._silent[0][0] + seconds <= time.monotonic():
            _, connection = self._silent.popleft()
            connection.readToEnd()
            connection.close()


def readUntil(socket: WebSocket, word: str) -> str:
    """Read messages up to one with this word."""
    while word not in (message := str(socket.read())):
        pass
    return message


def ends(socket: WebSocket) -> None:
    """The server ends a WebSocket, with a close frame or without."""
    try:
        while True:
            socket.read()
    except (Closed, ConnectionEnded):
        socket.close()


def fin(visitor: Visitor) -> None:
    visitor.member().close()


def rst(visitor: Visitor) -> None:
    visitor.member().connection.reset()


def closeFrame(visitor: Visitor) -> None:
    socket = visitor.member()
    socket.connection.send(frame(CLOSE, b"\x03\xe8"))
    ends(socket)


def closePacket(visitor: Visitor) -> None:
    socket = visitor.member()
    socket.sendText("1")
    ends(socket)


def leave(visitor: Visitor) -> None:
    socket = visitor.member('42["broadcast",{"n":1}]', "41")
    socket.close()


def cutFrame(visitor: Visitor) -> None:
    whole = frame(TEXT, b'42["broadcast",{"text":"' + b"x" * 200 + b'"}]')
    socket = visitor.member(more=whole[: visitor.random.randrange(1, len(whole))])
    visitor.random.choice((socket.close, socket.connection.reset))()


def cutMessage(visitor: Visitor) -> None:
    socket = visitor.member(more=frame(TEXT, b"42[", fin=False) + frame(CONTINUATION, b'"broad', fin=False))
    visitor.random.choice((socket.close, socket.connection.reset))()


def cutAttachment(visitor: Visitor) -> None:
    socket = visitor.member('451-["broadcast",{"_placeholder":true,"num":0}]')
    visitor.random.choice((socket.close, socket.connection.reset))()


def brokenFrame(visitor: Visitor) -> None:
    socket = visitor.member()
    socket.connection.send(visitor.random.choice((frame(3), frame(TEXT, b"\xff"), frame(PING, bytes(126)))))
    ends(socket)


def badPacket(visitor: Visitor) -> None:
    socket = visitor.member(visitor.random.choice(("x", "49", '42{"a":1}', "42[")))
    ends(socket)


def unread(visitor: Visitor) -> None:
    """Goes while the server still has much to say."""
    socket = visitor.member(*['42["broadcast",{"text":"' + "x" * 2_000 + '"}]'] * 30)
    visitor.random.choice((socket.close, socket.connection.reset))()


def silentSocket(visitor: Visitor) -> None:
    visitor.silence(visitor.member().connection)


def refused(visitor: Visitor) -> None:
    revision = visitor.revision
    hello = () if revision == 3 else ("40",)
    socket = visitor.webSocket(revision, *hello, query="&token=refuse")
    readUntil(socket, "not-here")
    visitor.random.choice((socket.close, socket.connection.reset))()


def failing(visitor: Visitor) -> None:
    revision = visitor.revision
    hello = () if revision == 3 else ("40",)
    socket = visitor.webSocket(revision, *hello, query="&token=raise")
    readUntil(socket, "44")
    socket.close()


def failingPolicy(visitor: Visitor) -> None:
    socket = visitor.member(room=visitor.random.choice(("raise", "refuse")))
    visitor.random.choice((socket.close, socket.connection.reset))()


def undecided(visitor: Visitor) -> None:
    """Goes while a plugin still thinks about it."""
    revision, what = visitor.revision, visitor.random.choice(("late", "late", "late", "never"))
    hello = () if revision == 3 else ("40",)
    if visitor.random.random() < 0.5:
        socket = visitor.webSocket(revision, *hello, query=f"&token={what}")
    else:
        socket = visitor.webSocket(revision, *hello, visitor.join(what))
    visitor.random.choice((socket.close, socket.connection.reset))()


def unfiltered(visitor: Visitor) -> None:
    """Goes while a filter still thinks about its messages."""
    what = visitor.random.choice(("late", "late", "never", "raise", "refuse"))
    socket = visitor.member(*[f'42["broadcast",{{"do":"{what}"}}]'] * 3)
    visitor.random.choice((socket.close, socket.connection.reset))()


def kicked(visitor: Visitor) -> None:
    socket = visitor.member('42["broadcast",{"do":"kick"}]')
    readUntil(socket, '"event":"connect"')
    socket.close()


def waiting(visitor: Visitor) -> None:
    """Goes while it waits to be let in."""
    socket = visitor.member(room="wait")
    visitor.random.choice((socket.close, socket.connection.reset))()


def largeRequests(visitor: Visitor) -> None:
    """Has a large value in everything that it says, and goes with an attachment missing."""
    much = json.dumps([999] * 20_000)
    asked = (
        f'420["join-room",{{"userId":"u","roomName":"r","x":{much}}}]',
        f'42["broadcast",{{"x":{much}}}]',
        f"437[{much}]",
        f'451-["broadcast",{{"_placeholder":true,"num":0}},{much}]',
    )
    socket = visitor.member(*asked)
    visitor.random.choice((socket.close, socket.connection.reset))()


def pages(visitor: Visitor) -> None:
    """Asks for other things before it opens a WebSocket on the same connection."""
    connection = visitor.connection()
    for target in ("/status", "/nothing"):
        connection.request("GET", target)
    body = requestBytes("POST", f"{_PATH}?EIO=4&transport=polling&sid=none", [("Transfer-Encoding", "chunked")])
    connection.send(body + b"2\r\n40\r\n0\r\n\r\n")
    assert connection.readResponse().status == 400
    socket = WebSocket(connection, upgradeBytes(f"{_PATH}?EIO=4&transport=websocket"))
    visitor.random.choice((socket.close, socket.connection.reset))()


def cutPages(visitor: Visitor) -> None:
    """Goes in the middle of a body."""
    connection = visitor.connection()
    connection.send(requestBytes("POST", "/status", [("Content-Length", "1000")]) + b"x" * 100)
    visitor.random.choice((connection.close, connection.reset))()


def pollingEnds(visitor: Visitor) -> None:
    connection, target, revision = visitor.pollingMember()
    assert connection.request("POST", target, body=encode(revision, "1")).status == 200
    assert connection.request("GET", target).status == 400
    connection.close()


def abandonedPoll(visitor: Visitor) -> None:
    connection, target, _ = visitor.pollingMember()
    connection.send(requestBytes("GET", target))
    visitor.random.choice((connection.close, connection.reset))()


def lastRequest(visitor: Visitor) -> None:
    """Says with a request that it is the last one; a poll is lost by that."""
    connection, target, _ = visitor.pollingMember()
    connection.send(requestBytes("GET", visitor.random.choice((target, "/status", f"{_PATH}?EIO=9"))))
    connection.endSending()
    connection.readToEnd()
    connection.close()


def abandonedPost(visitor: Visitor) -> None:
    connection, target, revision = visitor.pollingMember()
    connection.send(requestBytes("POST", target, body=encode(revision, visitor.join()))[:-4])
    visitor.random.choice((connection.close, connection.reset))()


def overlappingPolls(visitor: Visitor) -> None:
    connection, target, _ = visitor.poller()
    connection.send(requestBytes("GET", target))
    other = visitor.connection()
    other.send(requestBytes("GET", target))
    for each in (connection, other):
        each.reset()


def silentPoller(visitor: Visitor) -> None:
    """Only its session is forgotten by itself: the connection ends as one that has nothing to say."""
    connection, _, _ = visitor.pollingMember()
    connection.close()


def _upgrading(visitor: Visitor, *packets: str) -> tuple[Connection, WebSocket]:
    connection, target, _ = visitor.pollingMember()
    upgrade = target.replace("transport=polling", "transport=websocket")
    socket = WebSocket(visitor.connection(), upgradeBytes(upgrade) + b"".join(map(textFrame, packets)))
    return connection, socket


def openedUpgrade(visitor: Visitor) -> None:
    connection, socket = _upgrading(visitor)
    visitor.random.choice((socket.close, socket.connection.reset))()
    connection.close()


def probedUpgrade(visitor: Visitor) -> None:
    connection, socket = _upgrading(visitor, "2probe")
    assert socket.read() == "3probe"
    visitor.random.choice((socket.close, socket.connection.reset))()
    connection.reset()


def silentUpgrade(visitor: Visitor) -> None:
    connection, socket = _upgrading(visitor, *visitor.random.choice(((), ("2probe",))))
    connection.close()
    visitor.silence(socket.connection)


def wrongUpgrade(visitor: Visitor) -> None:
    connection, socket = _upgrading(visitor, "2probe", "4nonsense")
    ends(socket)
    connection.close()


def upgraded(visitor: Visitor) -> None:
    connection, socket = _upgrading(visitor, "2probe", "5", visitor.join())
    readUntil(socket, '"ok":')
    visitor.random.choice((socket.close, socket.connection.reset))()
    connection.close()


def nothing(visitor: Visitor) -> None:
    connection = visitor.connection()
    visitor.random.choice((connection.close, connection.reset))()


def halfRequest(visitor: Visitor) -> None:
    connection = visitor.connection()
    request = upgradeBytes(f"{_PATH}?EIO=4&transport=websocket")
    connection.send(request[: visitor.random.randrange(1, len(request))])
    visitor.random.choice((connection.close, connection.reset))()


def silentRequest(visitor: Visitor) -> None:
    connection = visitor.connection()
    connection.send(b"GET /socket.io/")
    visitor.silence(connection)


def badRequest(visitor: Visitor) -> None:
    connection = visitor.connection()
    target = visitor.random.choice((f"{_PATH}?EIO=9&transport=polling", f"{_PATH}?EIO=4&transport=x", "/nothing"))
    assert connection.request("GET", target).status in (400, 404)
    connection.close()


LIVES: dict[str, Life] = {
    life.__name__: life
    for life in (
        fin,
        rst,
        closeFrame,
        closePacket,
        leave,
        cutFrame,
        cutMessage,
        cutAttachment,
        brokenFrame,
        badPacket,
        unread,
        silentSocket,
        refused,
        failing,
        failingPolicy,
        undecided,
        unfiltered,
        kicked,
        waiting,
        largeRequests,
        pages,
        cutPages,
        pollingEnds,
        abandonedPoll,
        lastRequest,
        abandonedPost,
        overlappingPolls,
        silentPoller,
        openedUpgrade,
        probedUpgrade,
        silentUpgrade,
        wrongUpgrade,
        upgraded,
        nothing,
        halfRequest,
        silentRequest,
        badRequest,
        expiring,
        back,
        takenOver,
        handedOver,
        replaced,
        lostWhileAsked,
    )
}
