"""A worker's ends of the pipes that connect it with its supervisor."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from select import select
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.fdesc import setNonBlocking
from twisted.internet.main import CONNECTION_DONE
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from rtcsignal.service.workers.messages import FromWorker, Line, Lines, Start, ToWorker, encoded, toWorker

__all__ = ["MOST_UNSENT", "Inbound", "Outbound", "readStart"]

MOST_UNSENT = 1_048_576
"""Bytes of the log that are kept for a supervisor that does not read."""

_READ_BYTES = 65_536
_LAST_SECONDS = 1.0


def readStart(number: int) -> Start:
    """Wait for the first message.

    Args:
        number: The descriptor of a pipe; no more is read from it than this message.

    Raises:
        EOFError: There is none: the supervisor is gone.
    """
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(number, 1)
        if not byte:
            raise EOFError("the supervisor is gone")
        line += byte
    message = toWorker(bytes(line))
    if not isinstance(message, Start):
        raise EOFError("this is not how a supervisor begins")
    return message


class Inbound(FileDescriptor):
    """What the supervisor says.

    Args:
        reactor: Reads.
        number: The descriptor.
        received: Called with each message.
        lost: Called at the end of the pipe.
    """

    def __init__(
        self, reactor: Any, number: int, received: Callable[[ToWorker], None], lost: Callable[[], None]
    ) -> None:
        super().__init__(reactor)
        self._number = number
        self._received = received
        self._lost = lost
        self._lines = Lines()
        setNonBlocking(number)

    def fileno(self) -> int:
        return self._number

    def doRead(self) -> Exception | None:
        """Read what has come."""
        try:
            data = os.read(self._number, _READ_BYTES)
        except BlockingIOError:
            return None
        if not data:
            return CONNECTION_DONE
        for line in self._lines.add(data):
            self._received(toWorker(line))
        return None

    def connectionLost(self, reason: Failure) -> None:
        """The pipe has ended."""
        super().connectionLost(reason)
        self._lost()


class Outbound(FileDescriptor):
    """What the worker says. It never waits for the supervisor: what that does not read is kept, and beyond a limit
    lines of the log are lost, which a line says later.

    Args:
        reactor: Writes what is kept.
        number: The descriptor.
    """

    def __init__(self, reactor: Any, number: int) -> None:
        super().__init__(reactor)
        self._number = number
        self._unsent = bytearray()
        self._lostLines = 0
        setNonBlocking(number)

    def fileno(self) -> int:
        return self._number

    def send(self, message: FromWorker) -> None:
        """Say something."""
        if isinstance(message, Line) and len(self._unsent) > MOST_UNSENT:
            self._lostLines += 1
            return
        if self._lostLines and isinstance(message, Line):
            text = f"{self._lostLines} lines were lost, as the supervisor did not read them"
            self._lostLines = 0
            self._unsent += encoded(Line(message.time, message.namespace, LogLevel.warn.name, text))
        self._unsent += encoded(message)
        self._write()
        if self._unsent:
            self.startWriting()

    def doWrite(self) -> None:
        """Write what was kept."""
        self._write()
        if not self._unsent:
            self.stopWriting()

    def finish(self) -> None:
        """Write the rest, as long as it is read: the process ends."""
        while self._unsent and select([], [self._number], [], _LAST_SECONDS)[1]:
            self._write()

    def connectionLost(self, reason: Failure) -> None:
        """No one reads any more."""
        super().connectionLost(reason)
        self._unsent.clear()

    def _write(self) -> None:
        with suppress(BlockingIOError):
            try:
                while self._unsent:
                    del self._unsent[: os.write(self._number, self._unsent)]
            except BrokenPipeError:
                self._unsent.clear()
