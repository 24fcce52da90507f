"""A socket that does not block, with or without TLS."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from dataclasses import dataclass, field

from bench.errors import BenchError, ConnectionLost

__all__ = ["Address", "Wire"]

_CHUNK = 1 << 18


@dataclass(frozen=True)
class Address:
    """Where a server is, and how to ask for Socket.IO there.

    Attributes:
        host: Name or number.
        port: Number.
        secure: Over TLS.
        path: Of Socket.IO, with a slash at its end.
        query: Further parameters, such as ``token=...``.
        headers: Further lines of a request, without line ends.
    """

    host: str
    port: int
    secure: bool = False
    path: str = "/socket.io/"
    query: str = ""
    headers: tuple[str, ...] = ()
    checked: bool = field(default=False, kw_only=True)
    """Whether the certificate has to be good."""

    @property
    def authority(self) -> str:
        """Host and port as in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def request(self, method: str, query: str, lines: tuple[str, ...] = ()) -> bytes:
        """The head of a request, without the empty line at its end."""
        scheme = "https" if self.secure else "http"
        target = "&".join(part for part in (query, self.query) if part)
        first = f"{method} {self.path}?{target} HTTP/1.1"
        fixed = (f"Host: {self.authority}", f"Origin: {scheme}://{self.authority}")
        return "\r\n".join((first, *fixed, *self.headers, *lines, "")).encode()

    def resolved(self) -> tuple[int, tuple[object, ...]]:
        """Family and address for a socket.

        Raises:
            BenchError: There is no such host.
        """
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise BenchError(f"{self.host}: {error.strerror or error}") from None
        return found[0][0], found[0][4]


def clientContext(checked: bool) -> ssl.SSLContext:
    """TLS of a client; without a check for certificates that a benchmark made itself."""
    context = ssl.create_default_context()
    if not checked:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class Wire:
    """One connection.

    Args:
        where: Family and address of the server.
        context: TLS, or None.
        hostname: For TLS.

    Attributes:
        blocked: What could not be written yet waits for `flush`.
    """

    __slots__ = ("_context", "_hostname", "_ready", "_socket", "_unsent")

    def __init__(self, where: tuple[int, tuple[object, ...]], context: ssl.SSLContext | None, hostname: str) -> None:
        plain = socket.socket(where[0], socket.SOCK_STREAM)
        plain.setblocking(False)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.connect_ex(where[1])
        self._socket: socket.socket = plain
        self._context = context
        self._hostname = hostname
        self._ready = False
        self._unsent = bytearray()

    @property
    def blocked(self) -> bool:
        return bool(self._unsent)

    def fileno(self) -> int:
        """Of the socket."""
        return self._socket.fileno()

    def greet(self) -> bool:
        """Go on with the connection, once it can be written or read.

        Returns:
            Whether it stands.

        Raises:
            ConnectionLost: It will not.
        """
        error = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise ConnectionLost(f"no connection: {os.strerror(error)}")
        if not self._ready:
            try:
                self._socket.getpeername()
                self._ready = self._context is None or self._secured(self._context)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                pass
            except ssl.SSLError as refusal:
                raise ConnectionLost(f"no connection over TLS: {refusal}") from None
            except OSError as notYet:
                if notYet.errno != errno.ENOTCONN:
                    raise ConnectionLost(f"no connection: {notYet.strerror}") from None
        return self._ready

    def _secured(self, context: ssl.SSLContext) -> bool:
        """Go on with the handshake of TLS. The socket's number stays the same."""
        if not isinstance(self._socket, ssl.SSLSocket):
            self._socket = context.wrap_socket(
                self._socket, server_hostname=self._hostname, do_handshake_on_connect=False
            )
        self._socket.do_handshake()
        return True

    def send(self, data: bytes) -> None:
        """Write at once what the socket takes, and keep the rest.

        Raises:
            ConnectionLost: The connection has ended.
        """
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._socket.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            sent = 0
        except OSError as error:
            raise ConnectionLost(f"cannot send: {error.strerror}") from None
        if sent < len(data):
            self._unsent += data[sent:]

    def flush(self) -> None:
        """Write what was kept."""
        data = bytes(self._unsent)
        self._unsent.clear()
        self.send(data)

    def receive(self) -> bytes:
        """What has come; nothing if nothing has.

        Raises:
            ConnectionLost: The connection has ended.
        """
        try:
            data = self._socket.recv(_CHUNK)
            if data and isinstance(self._socket, ssl.SSLSocket):
                while self._socket.pending():
                    data += self._socket.recv(_CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return b""
        except OSError as error:
            raise ConnectionLost(f"cannot receive: {error.strerror}") from None
        if not data:
            raise ConnectionLost("the server closed the connection")
        return data

    def close(self) -> None:
        """End it."""
        self._socket.close()
