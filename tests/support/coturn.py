"""A coturn of one's own, on ports that nobody else has, and what a browser would ask it for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Process, startProcess
from tests.support.tools import needed

__all__ = ["Coturn", "runCoturn"]

_RELAYS = 40
"""Ports for relays."""


@dataclass
class Coturn:
    """A coturn that runs.

    Attributes:
        port: Where it listens, for UDP and TCP.
        tlsPort: Where it listens for TLS; 0 if it has no certificate.
        process: The process.
    """

    port: int
    tlsPort: int
    process: Process

    @property
    def urls(self) -> list[str]:
        """Its URLs, over UDP and TCP."""
        return [f"turn:127.0.0.1:{self.port}?transport={transport}" for transport in ("udp", "tcp")]


@contextmanager
def runCoturn(
    folder: Path,
    *options: str,
    secrets: tuple[str, ...] = ("north",),
    certificate: Path | None = None,
    key: Path | None = None,
    port: int = 0,
) -> Iterator[Coturn]:
    """Run coturn until the end.

    Args:
        folder: For its files.
        options: Further ones.
        secrets: What it shares with those who sign credentials; with none it knows the users of the options.
        certificate: For TLS.
        key: The key of that.
        port: Where it shall listen; by default any free port.
    """
    program = needed("turnserver")
    plain, tls, first = port or _freePort(), _freePort(), _freeRange()
    command = [program, "-n", "--no-cli", "--realm=example.org", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1"]
    command += [f"--listening-port={plain}", f"--tls-listening-port={tls}", "--log-file=stdout"]
    command.append("--allow-loopback-peers")
    command += [f"--min-port={first}", f"--max-port={first + _RELAYS - 1}", f"--userdb={folder / 'turn.db'}"]
    command += [f"--pidfile={folder / 'turn.pid'}", "--simple-log", "--no-dtls", "--fingerprint"]
    if secrets:
        command += ["--use-auth-secret", *(f"--static-auth-secret={secret}" for secret in secrets)]
    else:
        command.append("--lt-cred-mech")
    command += ["--no-tls"] if certificate is None else [f"--cert={certificate}", f"--pkey={key}"]
    with startProcess([*command, *options], until=r"SQLite DB connection success") as process:
        yield Coturn(plain, 0 if certificate is None else tls, process)


def _freePort() -> int:
    """A port that nobody has, neither for TCP nor for UDP."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket(type=socket.SOCK_DGRAM) as other:
            port = int(taken.getsockname()[1])
            try:
                other.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _freeRange() -> int:
    """The first of some ports in a row that nobody has for UDP."""
    while True:
        first = _freePort()
        with ExitStack() as stack:
            try:
                for port in range(first, first + _RELAYS):
                    other = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
                    other.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return first
