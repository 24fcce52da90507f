"""A small blocking HTTP client that can also say what no well-behaved client would."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from tests.support.patience import PATIENCE

Address = tuple[str, int]
Header = tuple[str, str | bytes]

_PIECE: Final = 65536

# From <linux/in.h>: the port is chosen when it is known where to, and so is free for others again.
_BIND_ADDRESS_NO_PORT: Final = 24


class ConnectionEnded(Exception):
    """The server ended the connection where an answer was due."""


@dataclass(frozen=True)
class Response:
    """An HTTP answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that is there at most once, None when it is missing."""
        values = self.all(name)
        assert len(values) <= 1, f"{name} is there {len(values)} times: {values}"
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        """All values of a header."""
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode("utf-8")

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def endsConnection(self) -> bool:
        """Whether the server says that it closes the connection after this answer."""
        return any("close" in value.lower() for value in self.all("connection"))


def requestBytes(
    method: str,
    target: str,
    headers: Iterable[Header] = (),
    body: bytes | None = None,
) -> bytes:
    """A request as it goes over the wire; `body` gives it a Content-Length, and it has a Host in any case."""
    headers = list(headers)
    if not any(name == "Host" for name, _ in headers):
        headers.insert(0, ("Host", "127.0.0.1"))
    lines = [f"{method} {target} HTTP/1.1".encode()]
    if body is not None:
        lines.append(b"Content-Length: %d" % len(body))
    lines.extend(name.encode() + b": " + _raw(value) for name, value in headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + (body or b"")


def chunked(*pieces: bytes) -> bytes:
    """A body in the chunks given."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (*pieces, b""))


def _raw(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1")


class Connection:
    """One TCP connection, with what was read from it and not yet used.

    `receiveBuffer` is for those who do not read, `source` is an address to come from, `tls` is for those who
    speak TLS.
    """

    def __init__(
        self,
        address: Address,
        *,
        receiveBuffer: int | None = None,
        source: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._address = address
        self._tls = tls
        self._source = source
        self._receiveBuffer = receiveBuffer
        self._open()

    def _open(self) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(PATIENCE)
        if self._receiveBuffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receiveBuffer)
        if self._source:
            self._socket.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
            self._socket.bind((self._source, 0))
        try:
            self._socket.connect(self._address)
        except OSError as error:
            self._socket.close()
            if isinstance(error, ConnectionResetError):
                raise ConnectionEnded("the server closed the connection at once") from None
            raise
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            self._socket = self._tls.wrap_socket(self._socket)
        self._buffer = b""
        self._ended = False
        self._spent = False

    def begin(self, data: bytes) -> None:
        """Sends a request, on a new TCP connection if the server has ended the old one."""
        if self._spent or not (self._buffer or self.isQuiet(0)):
            self._socket.close()
            self._open()
        self.send(data)

    def send(self, data: bytes) -> None:
        """Sends the bytes; raises ConnectionEnded when the server is gone."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise ConnectionEnded("the server closed the connection before it was told all") from None

    def patience(self, seconds: float = PATIENCE) -> None:
        """From now on sending and reading may take so long."""
        self._socket.settimeout(seconds)

    def option(self, level: int, name: int, size: int) -> bytes:
        """What the kernel says about the connection (getsockopt)."""
        return self._socket.getsockopt(level, name, size)

    def sendPieces(self, data: bytes, size: int) -> None:
        """Sends the bytes in TCP segments of `size`."""
        for start in range(0, len(data), size):
            self.send(data[start : start + size])

    def endSending(self) -> None:
        """Says that nothing more is sent; answers can still be read."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Closes the connection the orderly way."""
        self._socket.close()

    def reset(self) -> None:
        """Breaks the connection with a RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def request(self, method: str, target: str, headers: Iterable[Header] = (), body: bytes | None = None) -> Response:
        """Sends a request and reads its answer."""
        self.begin(requestBytes(method, target, headers, body))
        return self.readResponse(method)

    def readResponse(self, method: str = "GET") -> Response:
        """Reads one answer; raises ConnectionEnded when the connection ends before it does."""
        head = self.readUntil(b"\r\n\r\n")
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        status = int(first.split(" ")[1])
        pairs = (line.partition(":") for line in lines)
        headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
        answer = Response(status, headers, b"")
        self._spent = answer.endsConnection
        if method == "HEAD" or status in {101, 204, 304}:
            return answer
        return Response(status, headers, self._readBody(answer))

    def _readBody(self, answer: Response) -> bytes:
        if answer.header("transfer-encoding") == "chunked":
            return self._readChunks()
        length = answer.header("content-length")
        return self.readToEnd() if length is None else self.readExactly(int(length))

    def _readChunks(self) -> bytes:
        body = b""
        while size := int(self.readUntil(b"\r\n"), 16):
            body += self.readExactly(size)
            assert self.readExactly(2) == b"\r\n"
        assert self.readExactly(2) == b"\r\n"
        return body

    def readUntil(self, mark: bytes) -> bytes:
        """Reads up to and including `mark`."""
        while mark not in self._buffer:
            self._fill()
        head, _, self._buffer = self._buffer.partition(mark)
        return head + mark

    def readExactly(self, count: int) -> bytes:
        """Reads so many bytes."""
        while len(self._buffer) < count:
            self._fill()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def readToEnd(self, within: float = PATIENCE) -> bytes:
        """Reads until the server closes the connection, which must be `within` so many seconds."""
        deadline = time.monotonic() + within
        while self._more(max(0.001, deadline - time.monotonic())):
            assert time.monotonic() < deadline, f"not closed within {within} s"
        data, self._buffer = self._buffer, b""
        return data

    def isQuiet(self, seconds: float) -> bool:
        """Whether for so many seconds the server neither sends anything nor closes the connection."""
        if self._buffer or self._ended:
            return False
        try:
            self._more(max(0.0001, seconds))
        except TimeoutError:
            return True
        return False

    def _fill(self) -> None:
        if not self._more(PATIENCE):
            raise ConnectionEnded(f"the connection ended after {self._buffer!r}")

    def _more(self, within: float) -> bool:
        """Reads what is there, waiting at most `within` seconds; False at the end of the stream."""
        if self._ended:
            return False
        self._socket.settimeout(within)
        try:
            data = self._socket.recv(_PIECE)
        except ConnectionResetError:
            data = b""
        finally:
            self._socket.settimeout(PATIENCE)
        self._ended = not data
        self._buffer += data
        return not self._ended
