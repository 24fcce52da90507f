"""Where lines of the log are written: a file that can be opened again, or the standard output."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import TextIO

__all__ = ["LogFile", "StandardOutput", "discardOutput", "tolerateAscii"]

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
# Opening a named pipe must not wait for someone who reads it, and nor must writing to one that is full.
_FLAGS_OF_PIPES = _FLAGS | os.O_NONBLOCK
_READABLE = 0o666


class LogFile:
    """A log file. It is never rotated here: a tool that rotates it renames it and has it reopened.

    Args:
        path: The file; its lines are added to what it holds.

    Attributes:
        path: The file, absolute, as the process may change its folder.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._number = _open(self.path, None)

    def write(self, text: str) -> None:
        """Write a line, whatever characters it holds; one for which a pipe has no room is lost."""
        rest = text.encode("utf-8", "backslashreplace")
        with suppress(BlockingIOError):
            while rest:
                rest = rest[os.write(self._number, rest) :]

    def flush(self) -> None:
        """Nothing is kept back."""

    def reopen(self) -> None:
        """Go on in the file that has the path now. If it has to be made, it gets the mode of the previous one.

        Raises:
            OSError: It cannot be opened; the lines go where they went before.
        """
        number = _open(self.path, stat.S_IMODE(os.fstat(self._number).st_mode))
        before, self._number = self._number, number
        os.close(before)

    def close(self) -> None:
        """Write no more."""
        os.close(self._number)


def _open(path: str, mode: int | None) -> int:
    """Open a file for adding to it.

    Args:
        path: The file.
        mode: Its mode if it has to be made; None for what the umask leaves.
    """
    try:
        number = os.open(path, _FLAGS | os.O_EXCL, _READABLE if mode is None else mode)
    except FileExistsError:
        return os.open(path, _FLAGS_OF_PIPES, _READABLE)
    if mode is not None:
        os.fchmod(number, mode)  # a daemon's umask is not that of the user who started it
    return number


class StandardOutput:
    """The standard output, which may be closed by its reader at any time, and may not know all characters.

    Args:
        stream: The stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._isOpen = True
        tolerateAscii(stream)

    def write(self, text: str) -> None:
        """Write a line, as long as it is read."""
        if self._isOpen:
            self._try(text)

    def flush(self) -> None:
        """Pass on what has been written."""
        if self._isOpen:
            self._try("")

    def _try(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            self._isOpen = False
            discardOutput(self._stream)


def discardOutput(stream: TextIO) -> None:
    """No one reads it any more: what Python still keeps of it must not fail when the process exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def tolerateAscii(*streams: TextIO) -> None:
    """Have characters that a terminal cannot show written as escapes, where they would be errors otherwise.

    Args:
        streams: The streams; by default the standard output and the one for errors.
    """
    for stream in streams or (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
