"""Opens raw clients to one server, and closes them all when a test is over."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Final

from tests.wire.engine import EngineSocket, Polling
from tests.wire.payloads import Packet, encode
from tests.wire.rawhttp import Address, Connection, Header, Response
from tests.wire.rawws import Refused, WebSocket, upgradeBytes
from tests.wire.socketio import Peer, PollingPeer, isConnected

ENGINE_PATH: Final = "/engine.io/"
SOCKETIO_PATH: Final = "/socket.io/"


class Wire:
    """The way to a server at `address`, from an address of this machine, over TLS if there is a context for it."""

    def __init__(self, address: Address, source: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        self._source = source
        self._tls = tls
        self._open: list[Connection] = []
        self._sessions: list[Polling] = []

    def closeAll(self) -> None:
        """Closes all that was opened."""
        for connection in self._open:
            connection.close()

    def endSessions(self) -> None:
        """Ends all sessions on polling, for a server that would go on waiting for them."""
        for session in self._sessions:
            self.request("POST", session.target, body=encode(session.revision, "1"))

    def connection(self, *, receiveBuffer: int | None = None) -> Connection:
        """A new TCP connection."""
        connection = Connection(self.address, receiveBuffer=receiveBuffer, source=self._source, tls=self._tls)
        self._open.append(connection)
        return connection

    def request(self, method: str, target: str, headers: Iterable[Header] = (), body: bytes | None = None) -> Response:
        """One request on a connection of its own."""
        return self.connection().request(method, target, headers, body)

    def webSocket(self, target: str, headers: Iterable[Header] = ()) -> WebSocket:
        """A WebSocket; raises Refused when the server does not want it."""
        return WebSocket(self.connection(), upgradeBytes(target, headers))

    def tryWebSocket(self, target: str, headers: Iterable[Header] = ()) -> WebSocket | Response:
        """A WebSocket, or the answer of a server that does not want it."""
        try:
            return self.webSocket(target, headers)
        except Refused as refused:
            return refused.response

    def polling(
        self,
        revision: int,
        *,
        path: str = ENGINE_PATH,
        query: str = "",
        headers: Iterable[Header] = (),
    ) -> Polling:
        """A new session on HTTP long-polling."""
        session = Polling(self.connection(), self.connection(), revision, path, query, headers)
        self._sessions.append(session)
        return session

    def socket(self, revision: int, *, path: str = ENGINE_PATH, query: str = "") -> EngineSocket:
        """A new session on a WebSocket, its open packet read."""
        target = f"{path}?EIO={revision}&transport=websocket{query}"
        socket = EngineSocket(self.webSocket(target), revision)
        socket.readHandshake()
        return socket

    def upgrade(self, session: Polling, query: str = "") -> EngineSocket:
        """A WebSocket with the sid of a polling session, before its probe."""
        target = session.target.replace("transport=polling", "transport=websocket")
        return EngineSocket(self.webSocket(target + query), session.revision)

    def probed(self, session: Polling, query: str = "") -> EngineSocket:
        """A WebSocket for the session whose probe was answered."""
        socket = self.upgrade(session, query)
        socket.send("2probe")
        assert socket.next() == "3probe"
        return socket

    def upgraded(self, session: Polling, query: str = "") -> EngineSocket:
        """The WebSocket that has taken over the session."""
        socket = self.probed(session, query)
        session.startPoll()
        packets = session.finishPoll()
        assert packets in (["6"], ["2"]), "a ping may come in place of a noop"
        socket.send("5", *["3"] * packets.count("2"))
        return socket

    def peer(self, revision: int, transport: str, query: str = "") -> Peer:
        """A Socket.IO connection that is in no namespace but those that the server joins by itself."""
        if transport == "polling":
            session = self.polling(revision, path=SOCKETIO_PATH, query=query)
            peer: Peer = PollingPeer(session)
        else:
            peer = self.socket(revision, path=SOCKETIO_PATH, query=query)
        return peer

    def namespacePeer(self, revision: int, transport: str = "websocket", namespace: str = "") -> Peer:
        """A Socket.IO connection that is in this namespace, of a server that says nothing there by itself."""
        peer = self.peer(revision, transport)
        if revision == 3:
            assert isConnected(peer.receive(), revision)
        if revision == 4 or namespace:
            peer.send(f"40{namespace and namespace + ','}")
            assert isConnected(peer.receive(), revision, namespace)
        return peer

    def rootPeer(self, revision: int, transport: str = "websocket", query: str = "") -> Peer:
        """A Socket.IO connection that is in `/` and has read everything that it is told there."""
        peer = self.peer(revision, transport, query)
        greetings: list[Packet] = []
        if revision == 4:
            peer.send("40")
        while len(greetings) < 2:
            greetings.append(peer.receive())
        assert greetings[1] == '42["auth",{}]'
        return peer
