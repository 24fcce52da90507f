"""A TLS client that answers nothing by itself: not even the server's goodbye."""

from __future__ import annotations

import socket
import ssl
from typing import Final

from tests.support.patience import PATIENCE
from tests.wire.rawhttp import Address

__all__ = ["RawTls", "anyCertificate"]

_PIECE: Final = 65_536


def anyCertificate() -> ssl.SSLContext:
    """The client's settings, for servers with a certificate that they signed themselves."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class RawTls:
    """One TLS connection, its handshake done, that shows what it would send before that is sent.

    `receiveBuffer` is for those who do not read.
    """

    def __init__(self, address: Address, receiveBuffer: int | None = None) -> None:
        self._socket = socket.socket()
        self._socket.settimeout(PATIENCE)
        if receiveBuffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receiveBuffer)
        self._socket.connect(address)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = anyCertificate().wrap_bio(self._in, self._out)
        while not self._shaken():
            self._in.write(self._socket.recv(_PIECE))

    def _shaken(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        finally:
            self._socket.sendall(self._out.read())
        return True

    def sealed(self, data: bytes) -> bytes:
        """The bytes as they are to be sent."""
        self._tls.write(data)
        return self._out.read()

    def goodbye(self) -> bytes:
        """A close_notify (RFC 8446 section 6.1), as it is to be sent."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # said, but not answered yet, or what the server had said before has not been read
        return self._out.read()

    def push(self, sealed: bytes) -> None:
        """Sends what has been sealed, in one write."""
        self._socket.sendall(sealed)

    def readUntil(self, mark: bytes) -> bytes:
        """Reads until `mark` has come."""
        data = b""
        while mark not in data:
            data += self._read()
        return data

    def waitEnd(self) -> int:
        """Waits until the server closes the TCP connection: how many bytes came before, sealed as they are."""
        count = 0
        while received := self._socket.recv(_PIECE):
            count += len(received)
        return count

    def _read(self) -> bytes:
        while True:
            try:
                return self._tls.read(_PIECE)
            except ssl.SSLWantReadError:
                self._in.write(self._socket.recv(_PIECE))

    def close(self) -> None:
        """Closes the TCP connection."""
        self._socket.close()
