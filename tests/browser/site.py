"""A site that is not the signalling server, for the pages of others."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

__all__ = ["served"]


class _Site(ThreadingHTTPServer):
    """Ends its connections when it ends: browsers open some that they never use."""

    daemon_threads = False  # they are waited for

    def __init__(self, page: bytes, scripts: Mapping[str, bytes]) -> None:
        self.page, self.scripts = page, scripts
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()


class _Handler(BaseHTTPRequestHandler):
    server: _Site

    def do_GET(self) -> None:
        script = self.server.scripts.get(urlsplit(self.path).path)
        body = self.server.page if script is None else script
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if script is None else "text/javascript")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""


@contextmanager
def served(page: bytes, scripts: Mapping[str, bytes]) -> Iterator[int]:
    """The port of 127.0.0.1 with such a site.

    Args:
        page: The HTML that it answers to everything else with.
        scripts: By path.
    """
    with _Site(page, scripts) as site:
        thread = threading.Thread(target=site.serve_forever, name="site")
        thread.start()
        try:
            yield site.server_port
        finally:
            site.shutdown()
            thread.join()
