"""Servers with the configuration of a page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import Process, startProcess, twistdCommand

__all__ = ["serving"]


@contextmanager
def serving(folder: Path, configuration: str) -> Iterator[Process]:
    """A server that runs as long as a block lasts; it must not log a traceback.

    Args:
        folder: Where its configuration is written to, and where relative paths count from.
        configuration: The text of the configuration.
    """
    (folder / "server.conf").write_text(configuration, encoding="utf-8")
    command = twistdCommand("--config", "server.conf", "--listen", "tcp:0:interface=127.0.0.1")
    with startProcess(command, cwd=str(folder)) as process:
        yield process
    assert "Traceback" not in process.output(), process.output()
