"""A small server for long-polling clients that are alone in their rooms, which can be told to deliver badly."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.bench.faulty import Spoil, right

__all__ = ["FaultyPolling", "faultyPolling"]


class FaultyPolling(ThreadingHTTPServer):
    """The server.

    Args:
        spoil: What becomes of a delivery that is spoiled.
        every: Which deliveries are: the last of every so many. 0: none.

    Attributes:
        spoiled: How many it has spoiled.
        chunked: It sends its answers in chunks.
        beats: It sends a heartbeat with each delivery.
        pongs: How many were answered.
        refusing: It answers requests with an error from now on.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, spoil: Spoil = right, every: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spoiled = self.pongs = 0
        self.chunked = self.beats = self.refusing = False
        self.queues: dict[str, queue.Queue[list[bytes]]] = {}
        self.sids = map(str, itertools.count(1))
        self._spoil, self._every, self._count = spoil, every, itertools.count(1)
        self._lock = threading.Lock()

    def handle_error(self, request: object, client_address: object) -> None:
        """Write nothing of clients that end their connections as they like, which is what they are to do."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server_address[1]

    def said(self, sid: str, packet: bytes) -> None:
        """A client has said something."""
        if packet.startswith(b"40"):
            self.queues[sid].put([b'40{"sid":"y"}'])
        elif packet == b"3":
            self.pongs += 1
        elif b'"join-room"' in packet:
            userId = json.loads(json.loads(packet[2:])[1])["userId"]
            self.queues[sid].put([b"42" + json.dumps(["user-joined", userId], separators=(",", ":")).encode()])
        else:
            self.queues[sid].put([*([b"2"] if self.beats else []), *self._delivered(packet)])

    def _delivered(self, packet: bytes) -> list[bytes]:
        with self._lock:
            spoil = self._every and next(self._count) % self._every == 0
            self.spoiled += bool(spoil)
        return self._spoil(packet) if spoil else [packet]


class _Handler(BaseHTTPRequestHandler):
    server: FaultyPolling
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        sid = self._sid()
        if sid is None:
            sid = next(self.server.sids)
            self.server.queues[sid] = queue.Queue()
            self._answer(b'0{"sid":"%s","pingInterval":25000,"pingTimeout":20000}' % sid.encode())
            return
        with contextlib.suppress(queue.Empty):
            packets: list[bytes] = []
            while not packets:
                packets = self.server.queues[sid].get(timeout=3.0)
            self._answer(b"\x1e".join(packets))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.refusing:
            self.send_error(400)
            return
        for packet in body.split(b"\x1e"):
            self.server.said(self._sid() or "", packet)
        self._answer(b"ok")

    def log_message(self, *_: object) -> None:
        pass

    def _sid(self) -> str | None:
        return parse_qs(urlsplit(self.path).query).get("sid", [None])[0]

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        if self.server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            half = len(body) // 2
            body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in (body[:half], body[half:], b"") if each)
            body += b"0\r\n\r\n"
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


@contextlib.contextmanager
def faultyPolling(spoil: Spoil = right, every: int = 0) -> Iterator[FaultyPolling]:
    """A server, ended afterwards."""
    server = FaultyPolling(spoil, every)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(5.0)
        server.server_close()
