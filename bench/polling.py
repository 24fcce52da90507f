"""Clients on long-polling: each says something to itself, polls until it comes, and says the next thing.

One cycle is a POST and the GET that brings the message, over two connections that are kept open, as in a browser.
"""

from __future__ import annotations

import re
import select
import time
from dataclasses import dataclass, field

from bench.client import readOpening
from bench.errors import BenchError, ConnectionLost
from bench.script import Dialect, Script, joinText, markOf
from bench.tally import Checker, Tally
from bench.wire import Address, Wire, clientContext

__all__ = ["PollingLoop"]

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_PATIENCE = 10.0


class _Channel:
    """One HTTP connection: requests one after another."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self._received = b""

    def answer(self) -> bytes | None:
        """The body of the answer once it is whole.

        Raises:
            ConnectionLost: It is an error.
        """
        self._received += self.wire.receive()
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if not end:
            return None
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionLost(f"the server answered {head[:60]!r} {rest[:200]!r}")
        body, self._received = _bodyOf(head, rest, self._received)
        return body

    def wait(self) -> bytes:
        """As `answer`, but wait for it."""
        end = time.perf_counter() + _PATIENCE
        while time.perf_counter() < end:
            if self.wire.blocked:
                self.wire.flush()
            select.select([self.wire], [], [], 0.1)
            body = self.answer()
            if body is not None:
                return body
        raise ConnectionLost(f"no answer within {_PATIENCE:g} s")


def _bodyOf(head: bytes, rest: bytes, whole: bytes) -> tuple[bytes | None, bytes]:
    """The body, if it is whole, and what comes behind it; else everything stays as it is."""
    length = _LENGTH.search(head)
    if length:
        size = int(length[1])
        return (rest[:size], rest[size:]) if len(rest) >= size else (None, whole)
    body = b""
    while True:
        line, end, rest = rest.partition(b"\r\n")
        size = int(line or b"0", 16) if end else -1
        if size < 0 or len(rest) < size + 2:
            return None, whole
        body, rest = body + rest[:size], rest[size + 2 :]
        if size == 0:
            return body, rest


@dataclass(eq=False)
class _Poller:
    """A client: one connection for polls, one for what it says."""

    number: int
    polls: _Channel
    posts: _Channel
    sid: str = ""
    said: int = 0
    heard: int = 0
    """How many of its own messages have come."""
    posting: bool = False
    """A POST is under way."""
    waiting: list[bytes] = field(default_factory=list)
    """What the next one will take."""


class PollingLoop:
    """Clients that are alone in their rooms.

    Args:
        address: Of the server.
        dialect: How to speak to it, in revision 4.
        script: One member who says one thing.
        clients: How many.
        auth: JSON text that goes with CONNECT, or "".
    """

    name = "Python"

    def __init__(self, address: Address, dialect: Dialect, script: Script, clients: int, auth: str = "") -> None:
        if dialect.revision != 4:
            raise BenchError("polling is measured with revision 4 of Engine.IO")
        self._address = address
        self._dialect = dialect
        self._script = script
        self._auth = auth
        self._tally = Tally()
        self._checker = Checker(script, clients, self._tally)
        self._counting = self._draining = False
        self._event = dialect.event.encode()
        where, context = address.resolved(), clientContext(address.checked) if address.secure else None

        def connected() -> Wire:
            return Wire(where, context, address.host)

        self._pollers = [_Poller(number, _Channel(connected()), _Channel(connected())) for number in range(clients)]
        self._epoll = select.epoll()
        self._byFile: dict[int, tuple[_Poller, _Channel]] = {}

    def arrive(self) -> None:
        """Connect all, one after another, and let them join their rooms.

        Raises:
            BenchError: One could not.
        """
        for poller in self._pollers:
            try:
                self._arriveOne(poller)
            except ConnectionLost as error:
                raise BenchError(f"polling client {poller.number}: {error}") from None
            for channel in (poller.polls, poller.posts):
                self._byFile[channel.wire.fileno()] = (poller, channel)
                self._epoll.register(channel.wire.fileno(), select.EPOLLIN)

    def run(self, seconds: float, counting: bool) -> None:
        """Go on for so long, and count what is measured, or not."""
        self._counting = counting
        for poller in self._pollers:
            if poller.said == 0:
                self._say(poller)
        self._spin(seconds)
        self._counting = False

    def drain(self, most: float) -> None:
        """Begin nothing new, and wait for so many seconds at most until everything has arrived."""
        self._draining = True
        self._spin(most)

    def tally(self) -> Tally:
        """What came of it."""
        return self._tally

    def close(self) -> None:
        """End all connections."""
        self._epoll.close()
        for poller in self._pollers:
            poller.polls.wire.close()
            poller.posts.wire.close()

    def _arriveOne(self, poller: _Poller) -> None:
        for channel in (poller.polls, poller.posts):
            while not channel.wire.greet() or not select.select([], [channel.wire], [], 0)[1]:
                select.select([channel.wire], [channel.wire], [], _PATIENCE)
        self._poll(poller)
        poller.sid = readOpening(poller.polls.wait())["sid"]
        self._post(poller, f"40{self._dialect.prefix}{self._auth}".encode())
        self._posted(poller, poller.posts.wait())
        self._await(poller, b"40")
        self._post(poller, joinText(self._dialect, 0, poller.number))
        self._posted(poller, poller.posts.wait())
        self._await(poller, self._event + b'["user-joined"')
        self._poll(poller)

    def _posted(self, poller: _Poller, answer: bytes) -> None:
        if answer.lower() != b"ok":
            raise ConnectionLost(f"a POST was answered with {answer[:60]!r}")
        poller.posting = False
        if poller.waiting:
            waiting, poller.waiting = poller.waiting, []
            self._post(poller, b"\x1e".join(waiting))

    def _await(self, poller: _Poller, beginning: bytes) -> None:
        """Poll until a packet comes that begins like this."""
        for _ in range(5):
            self._poll(poller)
            packets = poller.polls.wait().split(b"\x1e")
            if any(packet.startswith(beginning) for packet in packets):
                return
        raise ConnectionLost(f"got {packets!r} in the place of {beginning!r}")

    def _request(self, method: str, poller: _Poller, lines: tuple[str, ...] = ()) -> bytes:
        sid = f"&sid={poller.sid}" if poller.sid else ""
        return self._address.request(method, f"EIO=4&transport=polling{sid}", lines) + b"\r\n"

    def _poll(self, poller: _Poller) -> None:
        self._write(poller.polls, self._request("GET", poller))

    def _write(self, channel: _Channel, data: bytes) -> None:
        channel.wire.send(data)
        if channel.wire.blocked and channel.wire.fileno() in self._byFile:
            self._epoll.modify(channel.wire.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _post(self, poller: _Poller, body: bytes) -> None:
        if poller.posting:
            poller.waiting.append(body)
            return
        poller.posting = True
        lines = ("Content-Type: text/plain;charset=UTF-8", f"Content-Length: {len(body)}")
        self._write(poller.posts, self._request("POST", poller, lines) + body)

    def _say(self, poller: _Poller) -> None:
        (move,) = self._script.moves
        mark = markOf(poller.number, poller.said, time.perf_counter_ns(), 0)
        poller.said += 1
        self._tally.sent += 1
        self._tally.expected += self._script.hearers
        self._post(poller, move.head + mark + move.body + move.rest)

    def _spin(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        tally = self._tally
        while (left := end - time.perf_counter()) > 0:
            if self._draining and tally.expected <= tally.received + tally.damaged:
                return
            for file, events in self._epoll.poll(min(left, 0.05), 256):
                poller, channel = self._byFile[file]
                try:
                    if events & select.EPOLLOUT:
                        channel.wire.flush()
                        self._epoll.modify(file, select.EPOLLIN | (select.EPOLLOUT if channel.wire.blocked else 0))
                    if events & ~select.EPOLLOUT:
                        self._ready(poller, channel)
                except ConnectionLost as error:
                    tally.closed += 1
                    tally.complain(f"polling client {poller.number}: {error}")
                    self._epoll.unregister(file)

    def _ready(self, poller: _Poller, channel: _Channel) -> None:
        body = channel.answer()
        if body is None:
            return
        if channel is poller.posts:
            self._posted(poller, body)
        else:
            self._poll(poller)
            for packet in body.split(b"\x1e"):
                self._packet(poller, packet)
        if poller.said and poller.heard == poller.said and not poller.posting and not self._draining:
            self._say(poller)

    def _packet(self, poller: _Poller, packet: bytes) -> None:
        if packet == b"2":
            self._tally.heartbeats += self._counting
            self._post(poller, b"3")
        elif packet.startswith(self._event + b'["broadcast",'):
            found = self._checker.check(poller.number, packet)
            if found is None:
                return
            poller.heard += 1
            if self._counting:
                self._tally.deliveries += 1
                self._tally.rounds += 1
                self._tally.latency.add(time.perf_counter_ns() - found[1])
        elif packet != b"6":
            raise ConnectionLost(f"the server said {packet[:100]!r}")
