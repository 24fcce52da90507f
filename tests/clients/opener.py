"""Opens clients of any kind for a test, and closes them when it is over."""

from __future__ import annotations

import itertools
from typing import Any

from tests.clients.client import Client
from tests.clients.kinds import PYTHON, Kind
from tests.clients.loop_thread import LoopThread
from tests.clients.node_client import NodeClient, NodeProcess, ResumingPage, SeedPage
from tests.clients.python_client import PythonClient

_handles = itertools.count(1)


class Clients:
    """Opens clients, and closes them when the test is over."""

    def __init__(self, node: NodeProcess, loop: LoopThread, url: str) -> None:
        self._node = node
        self._loop = loop
        self._url = url
        self._open: list[Client | SeedPage | ResumingPage] = []

    def begin(self, kind: Kind, name: str, *, url: str | None = None, process: NodeProcess | None = None) -> Client:
        """Opens a client that begins to connect; `url` other than the shared server's, `process` other than
        the shared one.
        """
        client: Client
        if kind.library == PYTHON:
            client = PythonClient(self._loop, kind, name, url or self._url)
        else:
            client = NodeClient.open(process or self._node, self._handle(), kind, name, url or self._url)
        if process is None:
            self._open.append(client)
        return client

    def connect(self, kind: Kind, name: str, *, url: str | None = None, process: NodeProcess | None = None) -> Client:
        """Opens a client and waits until it is connected."""
        client = self.begin(kind, name, url=url, process=process)
        client.expectLife("connect")
        return client

    def guest(self, kind: Kind, name: str, url: str, token: str | None) -> NodeClient:
        """Opens an npm client that presents a token, and begins to connect."""
        options = {} if token is None else {kind.credentials: {"token": token}}
        client = NodeClient.open(self._node, self._handle(), kind, name, url, **options)
        self._open.append(client)
        return client

    def holder(self, kind: Kind, name: str, url: str, key: str) -> NodeClient:
        """Opens an npm client that has a key in its handshake, and begins to connect."""
        client = NodeClient.open(self._node, self._handle(), kind, name, url, **{kind.credentials: {"resume": key}})
        self._open.append(client)
        return client

    def special(self, kind: Kind, name: str, **options: Any) -> NodeClient:
        """Opens an npm client with further options of the library, and begins to connect."""
        client = NodeClient.open(self._node, self._handle(), kind, name, self._url, **options)
        self._open.append(client)
        return client

    def node(self, kind: Kind, name: str, *, url: str | None = None) -> NodeClient:
        """Opens an npm client, for what only these can do, and waits until it is connected."""
        client = self.connect(kind, name, url=url)
        assert isinstance(client, NodeClient)
        return client

    def idle(self, kind: Kind, name: str, *, url: str) -> NodeClient:
        """Opens an npm client that does not connect before it is told to."""
        client = NodeClient.open(self._node, self._handle(), kind, name, url, autoConnect=False)
        self._open.append(client)
        return client

    def beside(self, other: NodeClient, namespace: str, name: str) -> NodeClient:
        """Opens a client on the connection of another one and waits until it is connected."""
        client = other.beside(self._handle(), namespace, name)
        self._open.append(client)
        client.expectLife("connect")
        return client

    def page(self, page: str, kind: Kind, name: str, roomName: str) -> SeedPage:
        """Loads a page of the original server, which joins the room by itself."""
        loaded = SeedPage(self._node, self._handle(), kind, name, self._url, page, roomName)
        self._open.append(loaded)
        return loaded

    def resumingPage(self, kind: Kind, name: str, roomName: str, url: str, **more: Any) -> ResumingPage:
        """Loads a page that comes back with a key of its own."""
        loaded = ResumingPage(self._node, self._handle(), kind, name, url, roomName, **more)
        self._open.append(loaded)
        return loaded

    def closeAll(self) -> None:
        """Closes what is still open."""
        for client in self._open:
            client.close()

    def _handle(self) -> str:
        return f"client-{next(_handles)}"
