"""Real servers that tests share: one for each configuration."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.support.lanes import writeConfig
from tests.support.processes import Process, startProcess, stopAll, twistdCommand

__all__ = ["SharedServers", "sharedServers"]


class SharedServers:
    """Starts servers, and gives all who want the same one the same one.

    Args:
        folders: Where each has a folder of its own.
        stack: Ends them.
    """

    def __init__(self, folders: pytest.TempPathFactory, stack: ExitStack) -> None:
        self._folders = folders
        self._stack = stack
        self._started: dict[str, Process] = {}

    def __call__(
        self, config: Mapping[str, Any], *wrapper: str, listen: str = "tcp:0:interface=127.0.0.1"
    ) -> Process:
        """The server for this.

        Args:
            config: Its configuration.
            wrapper: A command that starts it, such as ``prlimit`` with its options.
            listen: The endpoint.
        """
        key = json.dumps([config, wrapper, listen])
        if key not in self._started:
            path = self._folders.mktemp("server") / "server.conf"
            writeConfig(path, config)
            command = [*wrapper, *twistdCommand("--config", str(path), "--listen", listen)]
            self._started[key] = self._stack.enter_context(startProcess(command, cwd=str(path.parent)))
        return self._started[key]

    def stop(self) -> None:
        """Tell all of them to end."""
        stopAll(self._started.values())


@contextmanager
def sharedServers(folders: pytest.TempPathFactory) -> Iterator[SharedServers]:
    """Servers that end with the block."""
    with ExitStack() as stack:
        servers = SharedServers(folders, stack)
        yield servers
        servers.stop()
