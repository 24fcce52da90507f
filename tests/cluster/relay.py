"""A TCP relay between a node and Redis, which can be stalled, so that nobody is told, and cut."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.clients.loop_thread import LoopThread

__all__ = ["Relay"]


class Relay:
    """Passes bytes on.

    Args:
        loop: Where it runs.
        port: The port on this machine to which it passes them.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, loop: LoopThread, port: int) -> None:
        self._loop = loop
        self._target = port
        self._flows = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.port: int = loop.call(self._listen())

    async def _listen(self) -> int:
        self._flows.set()
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            farReader, farWriter = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, farWriter}
        for source, sink in ((reader, farWriter), (farReader, writer)):
            task = asyncio.ensure_future(self._pass(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        except (OSError, ConnectionError):
            pass
        await self._flows.wait()
        writer.close()
        self._writers.discard(writer)

    def stall(self) -> None:
        """Nothing is passed on any more, and nothing ends."""
        self._loop.call(self._set(False))

    def flow(self) -> None:
        """What was kept is passed on, and the rest as before."""
        self._loop.call(self._set(True))

    async def _set(self, flows: bool) -> None:
        if flows:
            self._flows.set()
        else:
            self._flows.clear()

    def cut(self) -> None:
        """All connections are reset; new ones are taken."""
        self._loop.call(self._cut())

    async def _cut(self) -> None:
        for writer in tuple(self._writers):
            writer.transport.abort()
        self._writers.clear()

    def aim(self, port: int) -> None:
        """New connections go to another port."""
        self._target = port

    def stop(self) -> None:
        """End it."""
        self._loop.call(self._stop())

    async def _stop(self) -> None:
        self._flows.set()
        self._server.close()
        await self._cut()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
