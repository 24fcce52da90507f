"""Start twistd in the background, and end what was started."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

from tests.support.patience import START_PATIENCE
from tests.support.processes import runToEnd, twistdCommand

__all__ = ["Daemon", "Daemons"]

_STEP = 0.02
"""Seconds between two looks at a file: a daemon has no pipe that could be read."""


class Daemon:
    """A server in the background.

    Args:
        folder: Where it was started, with its pid file and its log.
    """

    def __init__(self, folder: Path) -> None:
        self._setFiles(folder / "twistd.pid", folder / "twistd.log")

    @classmethod
    def of(cls, pidFile: Path, logFile: Path) -> Daemon:
        """A server that was started with files of other names."""
        daemon = cls.__new__(cls)
        daemon._setFiles(pidFile, logFile)
        return daemon

    def _setFiles(self, pidFile: Path, logFile: Path) -> None:
        self.pidFile = pidFile
        self.pid = int(pidFile.read_text())
        self._logFile = logFile

    def waitLog(self, pattern: str, timeout: float = START_PATIENCE) -> re.Match[str]:
        """Wait for a line in its log."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = re.search(pattern, self._logFile.read_text())
            if found is not None:
                return found
            time.sleep(_STEP)
        raise AssertionError(f"no {pattern!r} in:\n{self._logFile.read_text()}")

    def waitEnd(self, timeout: float = START_PATIENCE) -> None:
        """Wait until the process is gone."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if not self.runs():
                return
            time.sleep(_STEP)
        raise AssertionError(f"process {self.pid} did not end:\n{self._logFile.read_text()}")

    def runs(self) -> bool:
        """Whether the process exists, and has not only been forgotten by the one that should wait for it."""
        try:
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return False
        return state != "Z"


class Daemons:
    """Starts servers in the background of a folder.

    Args:
        folder: Where they start, and leave their files.
    """

    def __init__(self, folder: Path) -> None:
        self.pidFile = folder / "twistd.pid"
        self._folder = folder
        self._started: list[Daemon] = []

    def run(self, *arguments: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
        """Run ``twistd OPTIONS rtcsignal ARGUMENTS`` until it has put itself into the background, or failed."""
        return runToEnd(twistdCommand(*arguments, options=options), self._folder)

    def start(self, *arguments: str) -> Daemon:
        """A server that is in the background now."""
        ended = self.run(*arguments)
        if ended.returncode != 0:
            raise AssertionError(f"twistd ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}{self.log()}")
        self._started.append(Daemon(self._folder))
        return self._started[-1]

    def log(self) -> str:
        """The log so far."""
        path = self._folder / "twistd.log"
        return path.read_text() if path.exists() else ""

    def waitFile(self, name: str, timeout: float = START_PATIENCE) -> None:
        """Wait until there is a file of this name."""
        deadline = time.monotonic() + timeout
        while not (self._folder / name).exists():
            if time.monotonic() > deadline:
                raise AssertionError(f"there is no {name} in {os.listdir(self._folder)}")
            time.sleep(_STEP)

    def endAll(self) -> None:
        """End the servers that still run."""
        for daemon in self._started:
            if daemon.runs():
                os.kill(daemon.pid, signal.SIGKILL)
                daemon.waitEnd()
