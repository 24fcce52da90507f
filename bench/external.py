"""Loads one running server, wherever it is, within bounds."""

from __future__ import annotations

import ipaddress
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.errors import BenchError
from bench.measure import Measured, Plan, Target, measure
from bench.scenarios import Kind, Scenario
from bench.script import Dialect
from bench.wire import Address

__all__ = ["Request", "load", "shown", "warning"]

MOST_CONNECTIONS = 5000
MOST_POLLING = 500
MOST_SECONDS = 300.0
MOST_RATE = 20_000.0
_DEFAULT_PORTS = {"ws": 80, "http": 80, "wss": 443, "https": 443}


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        url: Of the server; its path is that of Socket.IO.
        kind: What the clients do.
        rooms: How many.
        members: In each.
        size: Bytes of a message.
        rate: Messages in a second, all rooms together. 0: as fast as the server goes.
        seconds: How long.
        patience: Seconds that the last deliveries may take.
        namespace: Of Socket.IO.
        revision: Of Engine.IO.
        echo: Senders get their own broadcasts.
        auth: JSON text for CONNECT, or "".
        headers: Further lines of each request.
        pid: Of the server, if it is a process of this machine.
        checked: Whether its certificate has to be good.
        native: Use the loop in C where it can be used.
    """

    url: str
    kind: Kind = Kind.FAN_OUT
    rooms: int = 10
    members: int = 2
    size: int = 300
    rate: float = 100.0
    seconds: float = 10.0
    patience: float = 5.0
    namespace: str = "/"
    revision: int = 4
    echo: bool = True
    auth: str = ""
    headers: Sequence[str] = ()
    pid: int | None = None
    checked: bool = True
    native: bool = True

    def check(self) -> None:
        """Refuse what is out of bounds, or makes no sense.

        Raises:
            BenchError: It is.
        """
        if self.rooms < 1 or self.members < 1 or self.rooms * self.members > MOST_CONNECTIONS:
            raise BenchError(f"rooms times members must be 1 to {MOST_CONNECTIONS} connections")
        if not 0 < self.seconds <= MOST_SECONDS:
            raise BenchError(f"seconds must be above 0 and at most {MOST_SECONDS:g}")
        if not 0 < self.patience <= MOST_SECONDS:
            raise BenchError(f"patience must be above 0 and at most {MOST_SECONDS:g}")
        if not 0 <= self.rate <= MOST_RATE:
            raise BenchError(f"rate must be at most {MOST_RATE:g} messages a second")
        if not 0 <= self.size <= 60_000:
            raise BenchError("size must be at most 60000 bytes")
        if self.kind is Kind.CALLS and self.members < 2:
            raise BenchError("a call needs two members")
        if not self.echo and (self.members < 2 or self.kind is Kind.POLLING):
            raise BenchError("without an echo nobody hears anything in rooms of one, in which polling is measured")
        if self.kind is Kind.POLLING and self.rooms > MOST_POLLING:
            raise BenchError(f"at most {MOST_POLLING} clients can poll: they come one after another")
        if self.auth and not _isJson(self.auth):
            raise BenchError("auth must be JSON text")
        if any("\r" in line or "\n" in line or ":" not in line for line in self.headers):
            raise BenchError("a header must be one line, as in 'Authorization: Bearer x'")

    def address(self) -> Address:
        """Where the server is.

        Raises:
            BenchError: The URL is none.
        """
        parts = urlsplit(self.url)
        try:
            port = parts.port or _DEFAULT_PORTS[parts.scheme]
        except (KeyError, ValueError):
            raise BenchError(f"{self.url}: must be like ws://host:8080 or wss://host/socket.io/") from None
        if not parts.hostname:
            raise BenchError(f"{self.url}: names no host")
        path = parts.path if parts.path not in ("", "/") else "/socket.io/"
        secure = parts.scheme in ("wss", "https")
        return Address(parts.hostname, port, secure, path, parts.query, tuple(self.headers), checked=self.checked)

    @property
    def flooding(self) -> bool:
        """It takes all that the server has."""
        return self.kind in (Kind.CALLS, Kind.POLLING) or (self.kind is Kind.FAN_OUT and not self.rate)


def warning(request: Request) -> str:
    """What the load means for a server that others use; empty if it is on this machine and not flooded."""
    address = request.address()
    clients = request.rooms * request.members
    what = f"{clients} connections to {address.authority} for {request.seconds:g} s"
    if request.flooding:
        return f"This takes all that the server has: {what}, as fast as it goes. Everybody else on it will wait."
    if not _isHere(address.host):
        pace = f", {request.rate:g} messages a second" if request.kind is Kind.FAN_OUT else ""
        return f"This loads a server elsewhere: {what}{pace}. Do it only where you may."
    return ""


def load(request: Request) -> Measured:
    """Do it.

    Raises:
        BenchError: It is out of bounds, or the server does not do what is needed.
    """
    request.check()
    # Rooms that nobody else is in.
    rooms = f"bench-{secrets.token_hex(4)}-"
    dialect = Dialect(request.namespace, request.revision, request.echo, rooms)
    paced = request.kind is Kind.FAN_OUT
    scenario = Scenario(
        request.kind.value,
        request.kind,
        request.rooms,
        1 if request.kind is Kind.POLLING else request.members,
        (),
        request.size,
        2,
        request.rate if paced else 0.0,
    )
    plan = Plan(request.seconds, min(0.5, request.seconds), drain=request.patience, native=request.native)
    return measure(Target(request.address(), dialect, request.auth, request.pid), scenario, plan)


_SHOWN = {
    "perSecond": "{counted} a second",
    "perCpuSecond": "{counted} a second of the server's processor time",
    "serverShare": "of a processor, used by the server",
    "p50": "ms, median",
    "p99": "ms, 99 % are within",
    "kilobytes": "KB of memory for each client",
    "microseconds": "us of processor time for each heartbeat",
}
_COUNTED = {
    Kind.FAN_OUT: "deliveries",
    Kind.CALLS: "calls",
    Kind.CROWD: "connections",
    Kind.QUIET: "heartbeats",
    Kind.POLLING: "cycles of GET and POST",
}


def shown(request: Request, measured: Measured) -> str:
    """What came of it, for people."""
    lines = []
    for name, words in _SHOWN.items():
        if name in measured.values:
            lines.append(f"{measured.values[name]:>14,.2f}  {words.format(counted=_COUNTED[request.kind])}")
    lines.append(f"{measured.generator:>14.0%}  of the time, the load generator was at work ({measured.loop})")
    if measured.bound:
        lines.append("The load generator may have been what limits.")
    if measured.faulty:
        lines.append(f"!! {measured.faults}")
    else:
        lines.append("No delivery was lost, late, doubled or damaged.")
    return "\n".join(lines)


def _isHere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _isJson(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
