"""All clients of a load: let them in, a bounded number at a time, until everybody has heard of everybody."""

from __future__ import annotations

import select
import time
from resource import RLIMIT_NOFILE, getrlimit, setrlimit

from bench.client import Client
from bench.errors import BenchError, ConnectionLost
from bench.script import Dialect
from bench.wire import Address, Wire, clientContext

__all__ = ["Crowd"]

_AT_ONCE = 64
_SPARE_FILES = 100


class Crowd:
    """Clients in rooms of the same size.

    Args:
        address: Of the server.
        dialect: How to speak to it.
        rooms: How many.
        members: In each.
        auth: JSON text that goes with CONNECT, or "".

    Attributes:
        clients: All of them, room by room.
    """

    def __init__(self, address: Address, dialect: Dialect, rooms: int, members: int, auth: str = "") -> None:
        self.address = address
        self.dialect = dialect
        self.rooms = rooms
        self.members = members
        self.clients: list[Client] = []
        self._auth = auth
        self._where = address.resolved()
        self._context = clientContext(address.checked) if address.secure else None
        self._epoll = select.epoll()
        self._watched: dict[int, int] = {}
        _allowFiles(rooms * members)

    def arrive(self, most: float) -> float:
        """Open all connections and join all rooms.

        Args:
            most: Seconds that it may take.

        Returns:
            Seconds that it took.

        Raises:
            BenchError: Not everybody came in.
        """
        began = time.perf_counter()
        total = self.rooms * self.members
        byFile: dict[int, Client] = {}
        coming: set[Client] = set()
        while len(coming) or len(self.clients) < total or not self._settled():
            while len(self.clients) < total and len(coming) < _AT_ONCE:
                client = self._open(len(self.clients))
                byFile[client.wire.fileno()] = client
                coming.add(client)
            if time.perf_counter() - began > most:
                came = sum(client.joined for client in self.clients)
                raise BenchError(f"{came} of {total} clients are in their rooms after {most:g} s")
            self._turn(byFile, 0.1)
            coming = {client for client in coming if not client.joined}
        return time.perf_counter() - began

    def rest(self, seconds: float) -> None:
        """Only answer heartbeats."""
        byFile = {client.wire.fileno(): client for client in self.clients}
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._turn(byFile, left)

    def close(self) -> None:
        """End all connections."""
        self._epoll.close()
        for client in self.clients:
            client.wire.close()

    def _open(self, number: int) -> Client:
        wire = Wire(self._where, self._context, self.address.host)
        client = Client(number, self.members, wire, self.address, self.dialect, self._auth)
        self.clients.append(client)
        self._watched[wire.fileno()] = select.EPOLLIN | select.EPOLLOUT
        self._epoll.register(wire.fileno(), select.EPOLLIN | select.EPOLLOUT)
        return client

    def _turn(self, byFile: dict[int, Client], timeout: float) -> None:
        for file, events in self._epoll.poll(timeout, 256):
            client = byFile[file]
            before = client.state
            try:
                if events & select.EPOLLOUT:
                    client.writable()
                if events & ~select.EPOLLOUT:
                    client.readable()
            except ConnectionLost as error:
                raise BenchError(f"client {client.number} ({before.name.lower()}): {error}") from None
            wanted = select.EPOLLIN | (select.EPOLLOUT if client.connecting or client.wire.blocked else 0)
            if wanted != self._watched[file]:
                self._watched[file] = wanted
                self._epoll.modify(file, wanted)

    def _settled(self) -> bool:
        """Whether all announcements have come: the first in a room hears as many as it has members, and so on."""
        heard = sum(client.heard for client in self.clients)
        announced = self.rooms * self.members * (self.members + 1) // 2
        return heard >= announced and all(client.reader.idle for client in self.clients)


def _allowFiles(connections: int) -> None:
    """Raise the limit of open files as far as it goes.

    Raises:
        BenchError: That is not far enough.
    """
    wanted = connections + _SPARE_FILES
    soft, hard = getrlimit(RLIMIT_NOFILE)
    if soft < wanted:
        setrlimit(RLIMIT_NOFILE, (min(wanted, hard) if hard > 0 else wanted, hard))
    if getrlimit(RLIMIT_NOFILE)[0] < wanted:
        raise BenchError(f"{connections} connections need more open files than are allowed: raise ulimit -n")
