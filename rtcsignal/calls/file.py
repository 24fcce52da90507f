"""The file to which calls are appended as captures; it may be rotated by any program."""

from __future__ import annotations

import os
import stat

from twisted.logger import Logger

from rtcsignal.logtext import safe

__all__ = ["CaptureFile"]

_log = Logger(namespace="rtcsignal.calls")

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK


class CaptureFile:
    """Appends captures to a file. One that was renamed or removed is opened anew.

    Args:
        path: The file; only its owner may read it.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._isFailing = False
        self._isTorn = False

    def write(self, text: str) -> None:
        """Append lines."""
        try:
            self._append(text.encode("ascii"))
        except OSError as error:
            if not self._isFailing:
                reason = error.strerror or "it did not fit"
                _log.error("{path} cannot be written: {reason}", path=safe(self._path, 1000), reason=reason)
            self._isFailing = True
            return
        if self._isFailing:
            _log.info("{path} is written again", path=safe(self._path, 1000))
        self._isFailing = False

    def close(self) -> None:
        """Nothing is written any more."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _append(self, data: bytes) -> None:
        descriptor = self._current()
        if self._isTorn:
            data = b"\n" + data
        written = os.write(descriptor, data)
        # Of a capture that did not fit the beginning is there; the next one must not continue its last line.
        self._isTorn = written < len(data)
        if self._isTorn:
            raise OSError(0, "it did not fit")

    def _current(self) -> int:
        """The file of this name, opened anew if it is another one than before."""
        if self._descriptor is not None:
            try:
                if os.path.samestat(os.stat(self._path), os.fstat(self._descriptor)):
                    return self._descriptor
            except OSError:
                pass  # it is not there any more
            self.close()
        descriptor = os.open(self._path, _FLAGS, 0o600)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(0, "it is not a regular file")
        self._descriptor, self._isTorn = descriptor, False
        return descriptor
