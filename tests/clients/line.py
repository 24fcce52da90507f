"""A TCP forwarder between clients and a server: a line that can be cut, and that may be slow for WebSockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tests.clients.loop_thread import LoopThread


class _Strand:
    """One forwarded connection, and whether its client waits on it for what the server will send.

    It does so from a GET to its answer, and for ever once it is a WebSocket.
    """

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near = near
        self.far = far
        self.waiting = False
        self.isWebSocket = False
        self.isSilent = False

    def sawRequest(self, data: bytes) -> None:
        """Takes note of what the client sent."""
        if data.startswith(b"GET "):
            self.waiting = True
            self.isWebSocket = b"\r\nupgrade: websocket" in data.lower()

    def sawAnswer(self, data: bytes) -> None:
        """Takes note of what the server sent."""
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 101"):
            self.waiting = False

    def abort(self) -> None:
        """Breaks it on both sides, without an orderly end."""
        self.near.transport.abort()
        self.far.transport.abort()

    def fallSilent(self) -> None:
        """Breaks it on the client's side; the server's stays as it is, and nothing comes from there any more."""
        self.isSilent = True
        self.near.transport.abort()

    async def ended(self) -> None:
        """Returns when both sides are closed, in whatever way."""
        await asyncio.gather(self.near.wait_closed(), self.far.wait_closed(), return_exceptions=True)


class Line:
    """Forwards a port of its own to a server's, in a thread of its own.

    Arguments:
        port: The server's, on 127.0.0.1.
        websocketDelay: Seconds that each chunk waits on its way to the server once a client has asked for a
            WebSocket there: a client that upgrades is at it for longer.
    """

    def __init__(self, port: int, websocketDelay: float = 0.0) -> None:
        self._target = port
        self._delay = websocketDelay
        self._strands: set[_Strand] = set()
        self._open: set[asyncio.Task[None]] = set()
        self._isUp = True
        self._changed = asyncio.Condition()
        self._loop = LoopThread("line")
        self._listener = self._loop.call(asyncio.start_server(self._accept, "127.0.0.1", 0))

    @property
    def url(self) -> str:
        """Where clients connect to."""
        return f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def settle(self, clients: int) -> None:
        """Waits until so many clients wait for the server: each with its poll there, or its WebSocket."""
        self._loop.call(self._untilWaiting(clients))

    def cut(self) -> None:
        """Breaks what is open, and whatever comes, until it is mended."""
        self._loop.call(self._cut())

    def swallow(self) -> None:
        """As `cut`, but the server does not notice."""
        self._loop.call(self._swallow())

    def mend(self) -> None:
        """Forwards again."""
        self._isUp = True

    def close(self) -> None:
        """Breaks what is open and takes nothing more."""
        self._loop.call(self._close())
        self._loop.stop()

    async def _close(self) -> None:
        self._listener.close()
        await self._cut()
        async with self._changed:
            await self._changed.wait_for(lambda: not self._open)

    async def _cut(self) -> None:
        self._isUp = False
        for strand in self._strands:
            strand.abort()

    async def _swallow(self) -> None:
        self._isUp = False
        for strand in self._strands:
            strand.fallSilent()

    async def _untilWaiting(self, clients: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: sum(strand.waiting for strand in self._strands) == clients)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Counted from the first: a task that has not begun when the line is closed would leave its connection open.
        self._open.add(asyncio.create_task(self._forward(reader, writer)))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            farReader, farWriter = await asyncio.open_connection("127.0.0.1", self._target)
            await self._carry(_Strand(writer, farWriter), reader, farReader)
        except OSError:
            writer.transport.abort()
        finally:
            self._open -= {asyncio.current_task()}
            await self._tell()

    async def _carry(self, strand: _Strand, reader: asyncio.StreamReader, farReader: asyncio.StreamReader) -> None:
        self._strands.add(strand)
        if not self._isUp:
            strand.abort()
        await asyncio.gather(self._there(reader, strand), self._back(farReader, strand))
        await strand.ended()
        self._strands.discard(strand)

    async def _there(self, reader: asyncio.StreamReader, strand: _Strand) -> None:
        async for data in _chunks(reader):
            strand.sawRequest(data)
            if strand.isWebSocket and self._delay:
                await asyncio.sleep(self._delay)
            strand.far.write(data)
            await self._tell()
        if not strand.isSilent:
            strand.far.close()

    async def _back(self, reader: asyncio.StreamReader, strand: _Strand) -> None:
        async for data in _chunks(reader):
            strand.sawAnswer(data)
            if not strand.isSilent:
                strand.near.write(data)
            await self._tell()
        strand.near.close()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """What comes, as it comes, until the connection ends in whatever way."""
    try:
        while data := await reader.read(65536):
            yield data
    except ConnectionError:
        return
