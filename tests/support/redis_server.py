"""A real Redis for tests: in its own folder, on a UNIX socket or a free port, ended by its process id."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hiredis import Reader, pack_command

from tests.support.patience import PATIENCE
from tests.support.processes import Process, startProcess
from tests.support.tools import needed

__all__ = ["Redis", "RedisClient", "runRedis"]

READY = r"Ready to accept connections"


class RedisClient:
    """A connection that waits for each answer.

    Args:
        address: A path, or a host and a port.
    """

    def __init__(self, address: str | tuple[str, int]) -> None:
        self._socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self._socket.settimeout(PATIENCE)
        self._socket.connect(address)
        self._reader = Reader(notEnoughData=self)

    def __call__(self, *command: bytes | str | int) -> Any:
        """Send a command.

        Returns:
            The answer.
        """
        packed: Any = command
        self._socket.sendall(pack_command(packed))
        return self.next()

    def next(self) -> Any:
        """The next answer, or what is pushed."""
        while (item := self._reader.gets()) is self:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("Redis has closed the connection")
            self._reader.feed(data)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        """End the connection."""
        self._socket.close()


class Redis:
    """A Redis that can be stopped, killed and started again at the same place.

    Args:
        folder: Where it keeps what it keeps, and its socket.
        port: Its TCP port.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.path = str(folder / "redis.sock")
        self.port = port
        self.url = f"redis://127.0.0.1:{port}"
        self._folder = folder
        self._running: Any = None
        self.process: Process | None = None

    def start(self, *options: str) -> None:
        """Start it, empty."""
        command = [needed("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--unixsocket", self.path, "--save", "", "--appendonly", "no", "--dir", str(self._folder), *options]
        self._running = startProcess(command, until=READY)
        self.process = self._running.__enter__()

    def client(self) -> RedisClient:
        """A connection to it."""
        return RedisClient(self.path)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        if self.process is not None:
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.signal(signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """End it."""
        if self._running is not None:
            self._running.__exit__(None, None, None)
            self._running = self.process = None


@contextmanager
def runRedis(folder: Path) -> Iterator[Redis]:
    """A Redis on a free port, while the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    redis = Redis(folder, port)
    redis.start()
    try:
        yield redis
    finally:
        redis.stop()
