"""What a supervisor and its workers say to each other: lines of JSON, over two pipes."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from rtcsignal.service.config.schema import Config

__all__ = [
    "Failed",
    "FromWorker",
    "Holds",
    "Incarnation",
    "Inherited",
    "Line",
    "Lines",
    "Ping",
    "Pong",
    "Ready",
    "Reload",
    "Reloaded",
    "Report",
    "Start",
    "Stop",
    "ToWorker",
    "encoded",
    "fromWorker",
    "toWorker",
]


class Inherited(msgspec.Struct, frozen=True):
    """A socket that listens, and that a worker gets with its start.

    Attributes:
        number: Its file descriptor in the worker.
        family: Its address family.
    """

    number: int
    family: int


class Start(msgspec.Struct, frozen=True, tag="start"):
    """The first thing that a worker is told, and what it is.

    Attributes:
        number: Its number, from 1.
        config: The configuration; the worker reads no file.
        level: See `rtcsignal.service.logs.LEVELS`.
        sockets: What it listens on, in the order of the endpoints. Those of systemd are not among them: they have the
            descriptors that systemd gave them.
        rescued: Where connections come that waited for another worker; see `rtcsignal.service.workers.rescue`.
    """

    number: int
    config: Config
    level: str
    sockets: tuple[Inherited, ...]
    rescued: int = -1


class Ping(msgspec.Struct, frozen=True, tag="ping"):
    """To be answered with `Pong`, from the reactor's loop."""


class Reload(msgspec.Struct, frozen=True, tag="reload"):
    """Take over the plugins of a configuration; to be answered with `Reloaded`."""

    config: Config


class Report(msgspec.Struct, frozen=True, tag="report"):
    """Log what the worker holds."""


class Stop(msgspec.Struct, frozen=True, tag="stop"):
    """End, once all clients have been told. The end of the pipe means the same."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The worker serves."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The worker cannot start, and ends."""

    problem: str


class Pong(msgspec.Struct, frozen=True, tag="pong"):
    """The answer to `Ping`."""


class Reloaded(msgspec.Struct, frozen=True, tag="reloaded"):
    """Whether the plugins have been taken over. If not, everything is as it was."""

    isDone: bool


class Holds(msgspec.Struct, frozen=True, tag="holds"):
    """What the worker holds, by name, after `Report`."""

    numbers: dict[str, int]


class Incarnation(msgspec.Struct, frozen=True, tag="incarnation"):
    """As what the worker is known to the cluster from now on."""

    name: str


class Line(msgspec.Struct, frozen=True, tag="line"):
    """An event for the log, which may have several lines.

    Attributes:
        time: When, in seconds since the epoch.
        namespace: The namespace of its logger.
        level: The name of its level.
        text: What it says.
        system: What its line names instead of namespace and level; empty for these.
    """

    time: float
    namespace: str
    level: str
    text: str
    system: str = ""


ToWorker: TypeAlias = Start | Ping | Reload | Report | Stop
FromWorker: TypeAlias = Ready | Failed | Pong | Reloaded | Holds | Incarnation | Line

toWorker = msgspec.json.Decoder(ToWorker).decode
fromWorker = msgspec.json.Decoder(FromWorker).decode


def encoded(message: ToWorker | FromWorker) -> bytes:
    """A message as it is written, with the end of its line."""
    return msgspec.json.encode(message) + b"\n"


class Lines:
    """Puts lines together from whatever pieces of them are read."""

    def __init__(self) -> None:
        self._rest = b""

    def add(self, data: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def end(self) -> bytes:
        """What has come of a line that will not be completed."""
        rest, self._rest = self._rest, b""
        return rest
