"""Keeps a record of who called whom: a line of JSON for each event, never a session description or a candidate."""

from __future__ import annotations

import errno
import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from zope.interface import implementer

from rtcsignal.api import (
    REQUIRED,
    ConfigError,
    Configurable,
    ICheckable,
    IMessageFilter,
    IPeer,
    IRoom,
    IRoomObserver,
    IServices,
    Message,
    Option,
    Refused,
)

_Kind = Literal["offer", "answer", "candidate", "hangup", "other"]
_USUAL: list[_Kind] = ["offer", "answer", "hangup"]
_LOOK_SECONDS = 1.0
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


@implementer(IMessageFilter, IRoomObserver, ICheckable)
class Audit(Configurable):
    """Writes down who joined, left, offered, answered and hung up, when and where.

    A file that was renamed or removed is opened anew within a second, so that any program may rotate it.
    """

    name = "audit"
    file = Option(Path, REQUIRED, "The file; it is made if its folder is there, and only appended to.")
    kinds = Option(list[_Kind], _USUAL, "Which messages are recorded.")
    addresses = Option(bool, True, "Record IP addresses.")
    required = Option(bool, False, "Refuse messages that cannot be recorded.")

    def prepare(self) -> None:
        self._recorded = frozenset(self.kinds)
        self._record: _Record | None = None

    def check(self) -> None:
        path = self.file
        where = path if path.exists() else path.parent
        if not path.parent.is_dir():
            reason = os.strerror(errno.ENOENT)
        elif path.exists() and not path.is_file():
            reason = "it is not a regular file"
        elif not os.access(where, os.W_OK):
            reason = os.strerror(errno.EACCES)
        else:
            return
        raise ConfigError(f"{path} cannot be written: {reason}")

    def start(self, services: IServices) -> None:
        try:
            self._record = _Record(self.file, services)
        except OSError as error:
            raise ConfigError(f"{self.file} cannot be written: {error.strerror}") from None

    def stop(self) -> None:
        if self._record is not None:
            self._record.close()

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Message:
        if message.kind in self._recorded:
            written = self._write(message.kind, peer, room, {"target": message.targetUserId})
            if self.required and not written:
                raise Refused("not-recorded", "Calls must be recorded here, but cannot be recorded at the moment.")
        return message

    def joined(self, peer: IPeer, room: IRoom) -> None:
        self._write("joined", peer, room, {})

    def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
        self._write("left", peer, room, {"reason": reason})

    def _write(self, event: str, peer: IPeer, room: IRoom, more: dict[str, Any]) -> bool:
        fields = {"event": event, "room": room.name, "user": peer.userId, "sid": peer.sid, **more}
        if peer.node:
            fields["node"] = peer.node
        if self.addresses:
            fields["address"] = peer.address
        return self._record is not None and self._record.write(fields)


class _Record:
    """The file.

    Args:
        path: Where it is.
        services: The time and the log.

    Raises:
        OSError: It cannot be opened, or is not a regular file.
    """

    def __init__(self, path: Path, services: IServices) -> None:
        self._path = path
        self._services = services
        self._seconds, self._wall = services.clock.seconds, services.now
        self._lost = 0
        self._torn = False
        self._descriptor: int | None = None
        self._open()

    def write(self, fields: dict[str, Any]) -> bool:
        """Append a line.

        Returns:
            Whether it is in the file.
        """
        try:
            if self._seconds() - self._lookedAt >= _LOOK_SECONDS:
                self._look()
            if self._lost:
                self._append({"event": "lost", "lines": self._lost})
                self._worksAgain()
            self._append(fields)
        except OSError as error:
            self._failed(error)
            return False
        return True

    def close(self) -> None:
        """Nothing is written any more."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _append(self, fields: dict[str, Any]) -> None:
        # JSON in ASCII: whatever a name holds, it cannot begin a line or drive a terminal.
        time = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": time.replace("+00:00", "Z"), **fields}).encode("ascii") + b"\n"
        if self._descriptor is None:
            raise OSError(0, "it is not open")
        if self._torn:
            line = b"\n" + line
        written = os.write(self._descriptor, line)
        # Of a line that did not fit the beginning is in the file; the next one must not continue it.
        self._torn = written < len(line)
        if self._torn:
            raise OSError(0, "a line did not fit")

    def _look(self) -> None:
        """Open the file anew if there is another one of this name, or none."""
        self._lookedAt = self._seconds()
        if not self._isCurrent():
            self.close()
            self._open()

    def _isCurrent(self) -> bool:
        """Whether what is open is still the file of this name."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.stat(self._path), os.fstat(self._descriptor))
        except OSError:
            return False

    def _open(self) -> None:
        self._lookedAt = self._seconds()
        descriptor = os.open(self._path, _FLAGS, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(0, "it is not a regular file")
        self._descriptor = descriptor
        self._torn = False

    def _failed(self, error: OSError) -> None:
        if not self._lost:
            self._services.log.error("{path} cannot be written: {reason}", path=str(self._path), reason=error.strerror)
        self._lost += 1

    def _worksAgain(self) -> None:
        self._services.log.info("{path} is written again; {lost} lines are lost", path=str(self._path), lost=self._lost)
        self._lost = 0


audit = Audit()
