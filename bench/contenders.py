"""The servers that are compared: how each is installed, started and ended."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.certificate import writeCertificate
from bench.errors import BenchError
from bench.measure import Target
from bench.scenarios import Scenario
from bench.wire import Address

__all__ = ["CONTENDERS", "OURS", "Configured", "Contender", "Cores", "peerVersions", "running"]

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parent
_NODE = _HERE / "servers" / "node"
_PYTHON = _HERE / "servers" / "python"
_HOST = "127.0.0.1"
OURS = "rtcsignal"
_PATIENCE = 30.0


@dataclass(frozen=True)
class Cores:
    """Where what runs; None where there is only one processor.

    Attributes:
        server: Of the server alone.
        generator: Of the load generator.
    """

    server: int | None = None
    generator: int | None = None

    @classmethod
    def ofThisMachine(cls) -> Cores:
        """The first one and the last one of those that this process may use."""
        allowed = sorted(os.sched_getaffinity(0))
        return cls(allowed[0], allowed[-1]) if len(allowed) > 1 else cls()


@dataclass(frozen=True)
class _Start:
    """What a server is told when it starts."""

    folder: Path
    port: int
    pingInterval: float
    key: Path | None
    certificate: Path | None


class Contender:
    """A server that can be started. This one is ours.

    Attributes:
        name: For the command line.
        title: For people.
    """

    name = OURS
    title = "rtcsignal"

    def missing(self) -> str:
        """Why it cannot be started here; empty if it can."""
        return "" if _twistd().exists() else f"{_twistd()} is not there: make run installs it"

    def command(self, start: _Start) -> list[str]:
        """The command line, which stays in the foreground."""
        config = {
            "socketio": {"ping_interval": start.pingInterval},
            "limits": {"connections_per_address": 0, "events_per_second": 0},
        }
        path = start.folder / "server.conf"
        path.write_text(json.dumps(config))
        return self._twistd(start, path)

    def _twistd(self, start: _Start, config: Path) -> list[str]:
        endpoint = f"tcp:{start.port}:interface={_HOST}"
        if start.key is not None:
            endpoint = f"ssl:{start.port}:interface={_HOST}:privateKey={start.key}:certKey={start.certificate}"
        options = ["--nodaemon", "--pidfile=", "rtcsignal", "--config", str(config), "--listen", endpoint]
        return [str(_twistd()), *options]

    def environment(self, start: _Start) -> dict[str, str]:
        """What it finds in its environment, besides what is there anyway."""
        return {"PYTHONPATH": str(_ROOT)}


class Configured(Contender):
    """Ours with a configuration of the user's, but for where it listens.

    Args:
        config: The file.
    """

    name = "configured"
    title = "your configuration"

    def __init__(self, config: Path | None = None) -> None:
        self._config = config

    def missing(self) -> str:
        return super().missing() if self._config else "--config must say which configuration"

    def command(self, start: _Start) -> list[str]:
        if self._config is None:
            raise BenchError(self.missing())
        return self._twistd(start, self._config.resolve())


class _Peer(Contender):
    """A server of another project, from the folder ``servers``."""

    def environment(self, start: _Start) -> dict[str, str]:
        told = {"BENCH_PORT": str(start.port), "BENCH_PING_INTERVAL": str(start.pingInterval)}
        if start.key is not None:
            told |= {"BENCH_KEY": str(start.key), "BENCH_CERTIFICATE": str(start.certificate)}
        return told


class _Node(_Peer):
    name = "node"
    title = "Node socket.io"

    def missing(self) -> str:
        if shutil.which("node") is None:
            return "node is not installed"
        return "" if (_NODE / "node_modules").exists() else f"run npm ci in {_NODE}, or make bench"

    def command(self, start: _Start) -> list[str]:
        return ["node", str(_NODE / "server.js")]


class _PythonSocketio(_Peer):
    name = "python"
    title = "python-socketio"

    def missing(self) -> str:
        python = _HERE / ".venv" / "bin" / "python"
        return "" if python.exists() else f"{python} is not there: make bench installs it"

    def command(self, start: _Start) -> list[str]:
        return [str(_HERE / ".venv" / "bin" / "python"), str(_PYTHON / "server.py")]


def peerVersions() -> dict[str, str]:
    """The versions of what others need, as far as it is installed."""
    versions: dict[str, str] = {}
    if not CONTENDERS["node"].missing():
        asked = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)  # noqa: S607
        versions["Node"] = asked.stdout.strip().removeprefix("v")
        manifest = _NODE / "node_modules" / "socket.io" / "package.json"
        versions["socket.io"] = str(json.loads(manifest.read_text(encoding="utf-8"))["version"])
    if not CONTENDERS["python"].missing():
        pinned = (_PYTHON / "requirements.txt").read_text(encoding="utf-8").splitlines()
        versions |= dict(
            line.split("==") for line in pinned if line.startswith(("python-socketio", "uvicorn", "uvloop"))
        )
    return versions


CONTENDERS: dict[str, Contender] = {each.name: each for each in (Contender(), Configured(), _Node(), _PythonSocketio())}


@contextlib.contextmanager
def running(contender: Contender, scenario: Scenario, cores: Cores) -> Iterator[Target]:
    """A fresh server, for one load.

    Raises:
        BenchError: It does not start.
    """
    with tempfile.TemporaryDirectory(prefix="rtcsignal-bench-") as name:
        folder = Path(name)
        key, certificate = writeCertificate(folder) if scenario.secure else (None, None)
        start = _Start(folder, _freePort(), scenario.pingInterval, key, certificate)
        log = folder / "log"
        process = _started(contender, start, cores, log)
        try:
            _awaitListening(contender, process, start.port, log)
            yield Target(Address(_HOST, start.port, scenario.secure), pid=process.pid)
        finally:
            _end(process)


def _started(contender: Contender, start: _Start, cores: Cores, log: Path) -> subprocess.Popen[bytes]:
    """The server on its own processor, which a process has from the one that starts it."""
    mine = os.sched_getaffinity(0)
    if cores.server is not None:
        os.sched_setaffinity(0, {cores.server})
    try:
        with log.open("wb") as output:
            return subprocess.Popen(  # noqa: S603
                contender.command(start),
                cwd=start.folder,
                env=os.environ | contender.environment(start),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
    finally:
        os.sched_setaffinity(0, mine)


def _awaitListening(contender: Contender, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex((_HOST, port)) == 0:
                return
        time.sleep(0.02)
    raise BenchError(f"{contender.title} did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5.0)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _twistd() -> Path:
    return Path(sys.executable).with_name("twistd")


def _freePort() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
    return port
