"""A small server with the rooms and events that the benchmark needs, which can be told to deliver badly.

It runs in a thread, speaks Engine.IO 3 and 4 over WebSocket, and spoils every so many-th delivery: so a test knows
exactly what the benchmark has to find.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from selectors import EVENT_READ, DefaultSelector

from bench.frames import CLOSE, PING, TEXT, xor

__all__ = ["FaultyServer", "damage", "double", "dropped", "faultyServer", "overtake", "right"]

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
Spoil = Callable[[bytes], list[bytes]]


def right(text: bytes) -> list[bytes]:
    return [text]


def dropped(text: bytes) -> list[bytes]:
    return []


def double(text: bytes) -> list[bytes]:
    return [text, text]


def damage(text: bytes) -> list[bytes]:
    """One letter behind the mark is another one."""
    at = text.index(b"~", text.index(b"~") + 1) + 5
    return [text[:at] + b"?" + text[at + 1 :]]


def overtake(text: bytes) -> list[bytes]:
    """It is held back until the next one to the same client has gone out: the server knows this by name."""
    return [text]


class FaultyServer:
    """The server.

    Args:
        spoil: What becomes of a delivery that is spoiled.
        every: Which deliveries are: the first of every so many. 0: none.

    Attributes:
        port: Where it listens.
        deliveries: How many there should have been.
        spoiled: How many it has spoiled.
        held: What is held back, by client.
        pings: How many heartbeats it has got from clients.
        pongs: How many of its own were answered.
        gone: How many connections clients have ended.
        fragmented: It sends texts in two fragments.
    """

    def __init__(self, spoil: Spoil = right, every: int = 0) -> None:
        self.deliveries = self.spoiled = self.pings = self.pongs = self.gone = 0
        self.fragmented = False
        self.held: dict[socket.socket, bytes] = {}
        self._spoil, self._every = spoil, every
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = DefaultSelector()
        self._selector.register(self._listener, EVENT_READ, None)
        self._buffers: dict[socket.socket, bytes] = {}
        self._rooms: dict[str, dict[socket.socket, str]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it."""
        self._ended.set()
        self._thread.join(5.0)
        for client in list(self._buffers):
            client.close()
        self._listener.close()
        self._selector.close()

    def _serve(self) -> None:
        while not self._ended.is_set():
            for key, _ in self._selector.select(0.02):
                if key.data is None:
                    client, _ = self._listener.accept()
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._selector.register(client, EVENT_READ, client)
                    self._buffers[client] = b""
                else:
                    self._readable(key.data)

    def _readable(self, client: socket.socket) -> None:
        try:
            data = client.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self.gone += 1
            self._selector.unregister(client)
            del self._buffers[client]
            for members in self._rooms.values():
                members.pop(client, None)
            client.close()
            return
        buffer = self._buffers[client] + data
        if buffer.startswith(b"GET "):
            buffer = self._greet(client, buffer)
        self._buffers[client] = self._frames(client, buffer)

    def _greet(self, client: socket.socket, buffer: bytes) -> bytes:
        head, end, rest = buffer.partition(b"\r\n\r\n")
        key = re.search(rb"\r\nSec-WebSocket-Key: (\S+)", head)
        if not end or key is None:
            return buffer
        accept = base64.b64encode(hashlib.sha1(key[1] + _MAGIC).digest())
        lines = (b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade")
        client.sendall(b"\r\n".join((*lines, b"Sec-WebSocket-Accept: " + accept, b"", b"")))
        opening = {"sid": "x", "upgrades": [], "pingInterval": 200, "pingTimeout": 20000}
        self._send(client, b"0" + json.dumps(opening).encode())
        if b"EIO=3" in head:
            self._send(client, b"40")
        return rest

    def _frames(self, client: socket.socket, data: bytes) -> bytes:
        while len(data) >= 6:
            opcode, size, start = data[0] & 15, data[1] & 127, 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            if len(data) < start + 4 + size:
                break
            payload = xor(data[start + 4 : start + 4 + size], data[start : start + 4])
            data = data[start + 4 + size :]
            if opcode == TEXT:
                self._text(client, payload)
        return data

    def _text(self, client: socket.socket, text: bytes) -> None:
        if text.startswith(b"40"):
            self._send(client, b'40{"sid":"y"}')
        elif text.startswith(b"2"):
            self.pings += 1
            self._send(client, b"3")
        elif text == b"3":
            self.pongs += 1
        elif text.startswith(b"42"):
            event, argument = json.loads(text[2:])
            if event == "broadcast":
                room = next(members for members in self._rooms.values() if client in members)
                for member in list(room):
                    self._deliver(member, text)
            else:
                self._move(client, event, json.loads(argument))

    def _move(self, client: socket.socket, event: str, request: dict[str, str]) -> None:
        members = self._rooms.setdefault(request["roomName"], {})
        members[client] = request["userId"]
        told = "user-joined" if event == "join-room" else "user-left"
        for member in list(members):
            self._send(member, b"42" + json.dumps([told, request["userId"]], separators=(",", ":")).encode())
        if event == "leave-room":
            del members[client]

    def _deliver(self, client: socket.socket, text: bytes) -> None:
        self.deliveries += 1
        spoil = self._every and self.deliveries % self._every == 0
        self.spoiled += bool(spoil)
        before = self.held.pop(client, None)
        if spoil and self._spoil is overtake:
            self.held[client] = text
        else:
            for each in self._spoil(text) if spoil else (text,):
                self._send(client, each)
        if before is not None:
            self._send(client, before)

    def closeOne(self) -> None:
        """Close the connection of a client with a frame that says so."""
        client = next(iter(self._buffers))
        client.sendall(bytes((0x80 | CLOSE, 2, 3, 232)))

    def ping(self) -> None:
        """Send a ping of WebSocket and a heartbeat of Engine.IO to everybody."""
        for client in list(self._buffers):
            client.sendall(bytes((0x80 | PING, 0)))
            self._send(client, b"2")

    def _send(self, client: socket.socket, text: bytes) -> None:
        parts = [text]
        if self.fragmented and len(text) > 1:
            parts = [text[:1], text[1:]]
        for number, part in enumerate(parts):
            first = (0x80 if number == len(parts) - 1 else 0) | (TEXT if number == 0 else 0)
            size = bytes((len(part),)) if len(part) < 126 else b"\x7e" + len(part).to_bytes(2, "big")
            with contextlib.suppress(OSError):
                client.sendall(bytes((first,)) + size + part)


@contextlib.contextmanager
def faultyServer(spoil: Spoil = right, every: int = 0) -> Iterator[FaultyServer]:
    """A server, ended afterwards."""
    server = FaultyServer(spoil, every)
    try:
        yield server
    finally:
        server.close()
