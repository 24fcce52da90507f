"""Plays a script in all rooms: the loop in Python, for TLS and where there is no compiler.

`native/load.c` does the same for plain sockets, at a tenth of the cost; the tests of the two are the same.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Protocol

from bench.client import Client
from bench.crowd import Crowd
from bench.errors import ConnectionLost
from bench.frames import CLOSE, PING, PONG, TEXT, frameHead, maskedFrame, xor
from bench.script import BROADCAST, MARK_SIZE, ROOM_SIZE, Move, Script, Step, markOf, roomOf
from bench.tally import Checker, Tally

__all__ = ["Loop", "PythonLoop"]

_TURN = 0.05
"""Longest wait, in seconds: at least so often the time is looked at."""


class Loop(Protocol):
    """Plays a script.

    Attributes:
        name: For people.
    """

    name: str

    def run(self, seconds: float, counting: bool) -> None:
        """Go on for so long, and count what is measured, or not."""

    def drain(self, most: float) -> None:
        """Begin nothing new, and wait for so many seconds at most until everything has arrived."""

    def tally(self) -> Tally:
        """What came of it."""


class _Prepared:
    """A move whose frame is masked already, but for the field."""

    __slots__ = ("_after", "_before", "_mask", "_size", "move")

    def __init__(self, move: Move, key: bytes) -> None:
        self.move = move
        self._size = MARK_SIZE if move.kind == BROADCAST else ROOM_SIZE
        behind = len(move.head) + self._size
        rest = move.body + move.rest
        self._before = frameHead(TEXT, behind + len(rest), key) + xor(move.head, key)
        self._mask = int.from_bytes(xor(bytes(self._size), key, len(move.head)), "big")
        self._after = xor(rest, key, behind)

    def frame(self, field: bytes) -> bytes:
        """The whole frame."""
        masked = (int.from_bytes(field, "big") ^ self._mask).to_bytes(self._size, "big")
        return b"".join((self._before, masked, self._after))


class _Group:
    """Where a room's script has come to."""

    __slots__ = ("began", "first", "heard", "number", "round", "step")

    def __init__(self, number: int, first: int) -> None:
        self.number = number
        self.first = first
        self.step = 0
        self.heard = 0
        self.round = 0
        self.began = 0


class PythonLoop:
    """Plays a script over any connection.

    Args:
        crowd: All are in their rooms.
        script: What they do there.
        rate: Messages in a second, said by the rooms in turn; 0 if the script's steps say them.
    """

    name = "Python"

    def __init__(self, crowd: Crowd, script: Script, rate: float = 0.0) -> None:
        self._script = script
        self._clients = crowd.clients
        self._byFile = {client.wire.fileno(): client for client in crowd.clients}
        self._groups = [_Group(number, number * script.members) for number in range(crowd.rooms)]
        key = crowd.clients[0].key
        self._prepared = [_Prepared(move, key) for move in script.moves]
        self._sequence = [0] * len(self._clients)
        event = crowd.dialect.event.encode()
        self._broadcasts, self._announcements = event + b'["broadcast",', event + b'["user-'
        self._tally = Tally()
        self._checker = Checker(script, len(self._clients), self._tally)
        self._counting = self._draining = False
        self._gap = int(1e9 / rate) if rate else 0
        self._due = 0
        self._turnOf = 0
        pings = crowd.dialect.revision == 3
        self._pingGap = int(crowd.clients[0].pingInterval * 1e9) if pings else 0
        self._nextPing = time.perf_counter_ns() + self._pingGap
        self._epoll = select.epoll()
        for file in self._byFile:
            self._epoll.register(file, select.EPOLLIN)
        self._begun = False

    def run(self, seconds: float, counting: bool) -> None:
        self._counting = counting
        end = time.perf_counter_ns() + int(seconds * 1e9)
        if not self._begun:
            self._begin()
        self._spin(end, lambda: False)
        if self._gap:
            self._sayWhatIsDue(end)
        self._counting = False

    def drain(self, most: float) -> None:
        self._draining = True
        tally = self._tally
        self._spin(time.perf_counter_ns() + int(most * 1e9), lambda: tally.expected <= tally.received + tally.damaged)
        self._epoll.close()

    def tally(self) -> Tally:
        return self._tally

    def _begin(self) -> None:
        self._begun = True
        self._due = time.perf_counter_ns()
        for group in self._groups:
            if self._script.movesOn:
                self._enter(group, len(self._script.steps) - 1)
            else:
                self._enter(group, 0)

    def _spin(self, end: int, done: Callable[[], bool]) -> None:
        while (now := time.perf_counter_ns()) < end and not done():
            wait = min((end - now) / 1e9, _TURN)
            if self._gap and not self._draining:
                self._sayWhatIsDue(now)
                wait = min(wait, max(self._due - time.perf_counter_ns(), 0) / 1e9)
            if self._pingGap and now >= self._nextPing:
                self._ping()
            # epoll alone would wait for whole milliseconds.
            if not select.select([self._epoll], [], [], wait)[0]:
                continue
            for file, events in self._epoll.poll(0, 512):
                client = self._byFile[file]
                try:
                    self._ready(client, events)
                except ConnectionLost as error:
                    self._lost(client, str(error))

    def _ready(self, client: Client, events: int) -> None:
        if events & select.EPOLLOUT:
            client.wire.flush()
            if not client.wire.blocked:
                self._epoll.modify(client.wire.fileno(), select.EPOLLIN)
        if not events & ~select.EPOLLOUT:
            return
        data = client.wire.receive()
        now = time.perf_counter_ns()
        for opcode, payload in client.reader.feed(data):
            if opcode == TEXT:
                self._text(client, payload, now)
            elif opcode == PING:
                self._write(client, maskedFrame(PONG, payload, client.key))
            elif opcode == CLOSE:
                raise ConnectionLost("the server closed the WebSocket")

    def _text(self, client: Client, text: bytes, now: int) -> None:
        if text.startswith(self._broadcasts):
            self._broadcast(client, text, now)
        elif text.startswith(self._announcements):
            self._heard(self._groups[client.number // self._script.members], now)
        elif text[:1] == b"2":
            self._write(client, maskedFrame(TEXT, b"3" + text[1:], client.key))
            self._tally.heartbeats += self._counting
        elif text[:1] == b"3":
            self._tally.heartbeats += self._counting
        elif text[:2] in (b"41", b"44", b"1"):
            raise ConnectionLost("the server ended the connection")
        else:
            self._tally.complain(f"the server said {text[:200].decode(errors='replace')}")

    def _broadcast(self, client: Client, text: bytes, now: int) -> None:
        number = client.number
        found = self._checker.check(number, text)
        if found is None:
            return
        moveNumber, sentAt = found
        tally, members = self._tally, self._script.members
        if self._counting:
            tally.deliveries += 1
            tally.latency.add(now - sentAt)
        group = self._groups[number // members]
        move = self._script.moves[moveNumber]
        if move.answers and number % members == move.listener and not self._draining:
            for answer in move.answers:
                self._say(group, answer, time.perf_counter_ns())
        self._heard(group, now)

    def _heard(self, group: _Group, now: int) -> None:
        group.heard += 1
        step = self._script.steps[group.step]
        if step.heard and group.heard == step.heard and not self._draining:
            self._complete(group, step, now)
            self._enter(group, (group.step + 1) % len(self._script.steps))

    def _complete(self, group: _Group, step: Step, now: int) -> None:
        if step.completes and self._counting:
            self._tally.rounds += 1
            self._tally.roundTime.add(now - group.began)

    def _enter(self, group: _Group, step: int) -> None:
        group.step, group.heard = step, 0
        now = time.perf_counter_ns()
        if step == 0:
            group.began = now
            group.round += self._script.movesOn
        for move in self._script.steps[step].moves:
            self._say(group, move, now)

    def _say(self, group: _Group, moveNumber: int, now: int) -> None:
        prepared = self._prepared[moveNumber]
        move = prepared.move
        sender = group.first + move.sender
        if move.kind == BROADCAST:
            field = markOf(sender, self._sequence[sender], now, moveNumber)
            self._sequence[sender] += 1
            self._tally.sent += 1
            self._tally.expected += self._script.hearers
        else:
            field = roomOf(group.number, group.round)
        self._write(self._clients[sender], prepared.frame(field))

    def _write(self, client: Client, frame: bytes) -> None:
        if client.wire.fileno() < 0:
            return
        try:
            client.wire.send(frame)
        except ConnectionLost as error:
            self._lost(client, str(error))
            return
        if client.wire.blocked:
            self._epoll.modify(client.wire.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _sayWhatIsDue(self, now: int) -> None:
        while self._due <= now:
            self._say(self._groups[self._turnOf], 0, self._due)
            self._turnOf = (self._turnOf + 1) % len(self._groups)
            self._due += self._gap

    def _ping(self) -> None:
        """Clients of revision 3 send the heartbeats."""
        self._nextPing += self._pingGap
        for client in self._clients:
            self._write(client, maskedFrame(TEXT, b"2", client.key))

    def _lost(self, client: Client, why: str) -> None:
        if client.wire.fileno() >= 0:
            self._tally.closed += 1
            self._tally.complain(f"connection {client.number}: {why}")
            client.wire.close()
