"""Errors that cross layers. Each carries the contents of its reply, so that one place can turn it into that reply."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.python.failure import Failure

__all__ = ["ConfigError", "ConnectRefused", "ProtocolError", "Refused", "Waiting", "forgetTraceback"]


class ConfigError(Exception):
    """The configuration cannot be used.

    Attributes:
        problems: One line for each mistake, as many as could be found in one run.
    """

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class ProtocolError(Exception):
    """The remote side broke a protocol rule. It costs only that connection.

    Attributes:
        reason: What was wrong, for the log; it never quotes what was received.
        closeCode: The WebSocket close code that fits (RFC 6455 section 7.4.1).
    """

    def __init__(self, reason: str, closeCode: int = 1002) -> None:
        super().__init__(reason)
        self.reason = reason
        self.closeCode = closeCode


class Refused(Exception):
    """A plugin or a rule of the server refuses one request. The requester is told.

    Attributes:
        code: A stable kebab-case word for programs.
        message: A sentence for people; may be empty.
        data: Further JSON members of the reply.
    """

    def __init__(self, code: str, message: str = "", data: Mapping[str, Any] | None = None) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.data: dict[str, Any] = dict(data) if data else {}

    def reply(self) -> dict[str, Any]:
        """The error as the members of a JSON object: ``code``, ``message`` and the members of ``data``."""
        return {**self.data, "code": self.code, "message": self.message}


class Waiting(Refused):
    """A room policy does not admit a client yet.

    The client is refused with the code ``waiting``, and remembered as waiting for the room: until it joins, sends
    ``leave-room``, disconnects, or is dismissed. When it may join, it has to be told, and has to join again.

    Attributes:
        message: A sentence for people; may be empty.
        data: Further JSON members of the reply.
    """

    def __init__(self, message: str = "", data: Mapping[str, Any] | None = None) -> None:
        super().__init__("waiting", message, data)


class ConnectRefused(Exception):
    """A Socket.IO namespace refuses a CONNECT.

    Attributes:
        message: The message of the client's error.
        data: JSON for the client's ``error.data`` (protocol 5), or None.
        legacy: What a protocol 4 client gets as its error; by default ``data``, otherwise ``message``.
    """

    def __init__(self, message: str, data: Any = None, legacy: Any = None) -> None:
        super().__init__(message)
        self.message = message
        self.data = data
        self.legacy = legacy if legacy is not None else data if data is not None else message


def forgetTraceback(error: BaseException | None) -> None:
    """Release the frames that an error came through, once it has been handled.

    Frames refer to the error that they handle, and it refers to them: a cycle, with what a client sent in it.

    Args:
        error: The error, or the `Failure` that carries it.
    """
    while error is not None:
        error.__traceback__ = None
        if not isinstance(error, Failure):
            return
        error.tb = None
        error = error.value
