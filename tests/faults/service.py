"""A web service that plugins ask: as a test wants it, broken in any way, on a socket of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType

from tests.support.patience import PATIENCE

__all__ = ["Answer", "Service", "answer"]

Answer = Callable[[str], Iterable[bytes]]
"""What is answered to the head of a request, piece by piece; the connection ends with it."""


def answer(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


class Service:
    """Answers each request by its path.

    Args:
        answers: By path.

    Attributes:
        heads: What it was asked, one head of a request after the other.
        ended: By path, what is set once an answer has ended, because it was whole or nobody wanted more.
    """

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.heads: list[str] = []
        self.ended = {path: threading.Event() for path in answers}
        self._answers = answers
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def __enter__(self) -> Service:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """The address of something that it answers."""
        return f"http://{host}:{self.port}{path}"

    def asked(self, count: int, seconds: float = PATIENCE) -> list[str]:
        """The heads, once there are so many."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.heads) >= count, seconds), self.heads
            return list(self.heads)

    def drip(self, data: bytes) -> Iterator[bytes]:
        """The same again and again, slowly."""
        while not self._over.wait(0.1):
            yield data

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                data = connection.recv(65536)
                if not data:
                    return
                head += data
            text = head.decode("latin-1")
            with self._changed:
                self.heads.append(text)
                self._changed.notify_all()
            path = text.split(" ")[1]
            try:
                for piece in self._answers[path](text):
                    if self._over.is_set():
                        break
                    connection.sendall(piece)
            except OSError:
                pass  # nobody wants more of it
            self.ended[path].set()

