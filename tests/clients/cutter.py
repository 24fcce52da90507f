"""A TCP forwarder that cuts the line of a client after so many bytes, in the middle of a frame too, and again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from tests.clients.loop_thread import LoopThread

__all__ = ["FIN", "LATE", "RESET", "SILENT", "WAYS", "Cut", "Cutter"]

RESET, FIN, SILENT, LATE = "reset", "fin", "silent", "late"
WAYS = (RESET, FIN, SILENT, LATE)
"""How a line is cut: for both sides at once; for the server by an end of what is sent; so that the server does not
notice for a while; and so that what was under way to the server comes when the client has long given up."""

_UNNOTICED_SECONDS, _LATE_SECONDS, _UNDER_WAY_SECONDS = 0.9, 0.4, 0.02


class Cut(NamedTuple):
    """After how many bytes, counted from the cut before, in either direction, and how."""

    after: int
    way: str


class _Strand:
    """One forwarded connection."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near = near
        self.far = far
        self.isCut = False
        self.held: bytearray | None = None

    def toServer(self, data: bytes) -> None:
        if self.held is not None:
            self.held += data
        elif not self.isCut:
            self.far.write(data)

    def toClient(self, data: bytes) -> None:
        if not self.isCut:
            self.near.write(data)

    def cut(self, way: str) -> None:
        """From now on its client hears nothing; `end` does the rest."""
        self.isCut = True
        if way == LATE:
            self.held = bytearray()
        else:
            self.near.transport.abort()
        if way == RESET:
            self.far.transport.abort()
        elif way == FIN:
            self.far.close()

    async def end(self, way: str) -> None:
        """What becomes of it once it has been cut."""
        if way == LATE:
            await asyncio.sleep(_UNDER_WAY_SECONDS)
            self.near.transport.abort()
            await asyncio.sleep(_LATE_SECONDS)
            self.far.write(bytes(self.held or b""))
            self.far.close()
        elif way == SILENT:
            await asyncio.sleep(_UNNOTICED_SECONDS)
            self.far.close()


class Cutter:
    """The line of one client, which is there again at once when it has been cut.

    Args:
        loop: Where it lives.
        port: The server's.
        cuts: What is done to it.

    Attributes:
        cuts: The same.
        done: How many cuts there were.
        carried: How many bytes.
    """

    def __init__(self, loop: LoopThread, port: int, cuts: Iterable[Cut]) -> None:
        self.done = self.carried = 0
        self._loop = loop
        self._port = port
        self.cuts = tuple(cuts)
        self._passed = 0
        self._strands: set[_Strand] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = loop.call(asyncio.start_server(self._accept, "127.0.0.1", 0))

    @property
    def url(self) -> str:
        """Where its client connects to."""
        return f"http://127.0.0.1:{self._listener.sockets[0].getsockname()[1]}"

    def spare(self) -> None:
        """Cuts it no more."""
        self.cuts = self.cuts[: self.done]

    def close(self) -> None:
        """Takes nothing more, and breaks what is open."""
        self._loop.call(self._close())

    async def _close(self) -> None:
        self._listener.close()
        for strand in self._strands:
            strand.near.transport.abort()
            strand.far.transport.abort()
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._run(asyncio.create_task(self._forward(reader, writer)))

    def _run(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        farReader, farWriter = await asyncio.open_connection("127.0.0.1", self._port)
        strand = _Strand(writer, farWriter)
        self._strands.add(strand)
        await asyncio.gather(self._carry(reader, strand, True), self._carry(farReader, strand, False))
        writer.close()
        farWriter.close()
        self._strands.discard(strand)

    async def _carry(self, reader: asyncio.StreamReader, strand: _Strand, isThere: bool) -> None:
        send = strand.toServer if isThere else strand.toClient
        try:
            while data := await reader.read(65536):
                before = 0 if strand.isCut else self._before(len(data))
                send(data[:before])
                if before < len(data) and not strand.isCut:
                    self._cutAll()
                send(data[before:])
        except ConnectionError:
            pass
        if not strand.isCut:
            (strand.far if isThere else strand.near).close()

    def _before(self, count: int) -> int:
        """How many of so many bytes may pass before the next cut."""
        left = self.cuts[self.done].after - self._passed if self.done < len(self.cuts) else count
        passing = min(count, left)
        self._passed += passing
        self.carried += passing
        return passing

    def _cutAll(self) -> None:
        way = self.cuts[self.done].way
        self._passed = 0
        self.done += 1
        for strand in self._strands:
            if not strand.isCut:
                strand.cut(way)
                self._run(asyncio.create_task(strand.end(way)))
