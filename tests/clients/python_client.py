"""python-socketio's client, on an asyncio loop in a thread."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import socketio

from tests.clients.client import Client, Inbox
from tests.clients.kinds import EVENTS, Kind
from tests.clients.loop_thread import LoopThread
from tests.support.patience import PATIENCE


class PythonClient(Client):
    """A client of python-socketio, connected."""

    def __init__(self, loop: LoopThread, kind: Kind, name: str, url: str) -> None:
        super().__init__(kind, name)
        self._loop = loop
        loop.call(self._connect(url))

    async def _connect(self, url: str) -> None:
        # A session of our own, because the library leaves its own open when it loses a connection.
        self._http = aiohttp.ClientSession()
        self._socket = socketio.AsyncClient(
            http_session=self._http, reconnection_delay=0.05, reconnection_delay_max=0.2
        )
        for event in EVENTS:
            self._listen(event, self.heard)
        for event in ("connect", "disconnect"):
            self._listen(event, self.life)
        await self._socket.connect(
            url,
            transports=list(self.kind.transports),
            namespaces=[self.kind.namespace],
            wait_timeout=PATIENCE,
        )

    def _listen(self, event: str, inbox: Inbox) -> None:
        self._socket.on(event, lambda *args: inbox.put((event, *args)), self.kind.namespace)

    def emit(self, event: str, *args: Any) -> None:
        self._loop.call(self._socket.emit(event, args, namespace=self.kind.namespace))

    def askAll(self, event: str, *args: Any) -> list[Any]:
        return self._loop.call(self._askAll(event, args))

    async def _askAll(self, event: str, args: tuple[Any, ...]) -> list[Any]:
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        await self._socket.emit(
            event,
            args,
            namespace=self.kind.namespace,
            callback=lambda *values: answer.set_result(list(values)),
        )
        return await answer

    def transport(self) -> str:
        return str(self._socket.transport())

    def close(self) -> None:
        self._loop.call(self._close())

    async def _close(self) -> None:
        if self._socket.connected:
            # A disconnect while a POST is under way is never sent: the library's write loop ends with that POST.
            await self._socket.eio.queue.join()
        await self._socket.shutdown()
        await self._http.close()
