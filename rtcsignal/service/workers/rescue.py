"""Connections that wait for a worker that does not come, handed to the others.

A socket that ceases to listen resets what waits in its queue. So the supervisor accepts that first, and sends the
descriptors through a socket that all workers read from; whoever comes first serves them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from twisted.internet.abstract import FileDescriptor

__all__ = ["Rescue", "Rescued"]

_AT_ONCE = 16


class Rescue:
    """The supervisor's end."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair()
        for end in (self._ours, self._theirs):
            end.setblocking(False)

    @property
    def descriptor(self) -> int:
        """The other end, which every worker inherits."""
        return self._theirs.fileno()

    def send(self, port: int, connections: Iterable[socket.socket]) -> None:
        """Hand connections to the workers. Those for which there is no room are closed.

        Args:
            port: The number of the port that they came to, from 0.
            connections: The connections.
        """
        for connection in connections:
            with connection, suppress(OSError):
                socket.send_fds(self._ours, [bytes([port])], [connection.fileno()])

    def close(self) -> None:
        """The supervisor ends."""
        self._ours.close()
        self._theirs.close()


class Rescued(FileDescriptor):
    """A worker's end.

    Args:
        reactor: Reads.
        number: The descriptor that was inherited.
        adopt: Called with the number of a port, and the descriptor of a connection, which is closed afterwards.
    """

    def __init__(self, reactor: Any, number: int, adopt: Callable[[int, int], object]) -> None:
        super().__init__(reactor)
        self._socket = socket.socket(fileno=number)
        self._adopt = adopt

    def fileno(self) -> int:
        return self._socket.fileno()

    def doRead(self) -> None:
        """Take over what the others have left."""
        for _ in range(_AT_ONCE):
            try:
                data, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
            except OSError:
                return
            if not data:
                self.stopReading()  # the supervisor is gone
                return
            for descriptor in descriptors:
                try:
                    self._adopt(data[0], descriptor)
                finally:
                    os.close(descriptor)

    def close(self) -> None:
        """Take over no more."""
        self.stopReading()
        self._socket.close()
