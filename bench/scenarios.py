"""What is measured, and what of it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bench.script import Dialect, Script, call, fanOut, quiet

__all__ = ["QUICK", "SCENARIOS", "Kind", "Row", "Scenario"]


class Kind(Enum):
    """What the clients do."""

    FAN_OUT = "fan-out"
    CALLS = "calls"
    CROWD = "crowd"
    QUIET = "quiet"
    POLLING = "polling"


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Attributes:
        value: Which of the measured values it shows.
        title: What it is.
        unit: Of the value.
        lower: Lower is better.
    """

    value: str
    title: str
    unit: str
    lower: bool = False


@dataclass(frozen=True)
class Scenario:
    """One load.

    Attributes:
        name: For the command line.
        kind: What the clients do.
        rooms: How many.
        members: In each.
        rows: What is shown of it.
        size: Bytes of a message.
        window: Messages under way at a time, from each who speaks.
        rate: Messages in a second, all rooms together; 0: as many as go.
        secure: Over TLS.
        pingInterval: Seconds between heartbeats.
        longer: How many times longer than others it is measured.
    """

    name: str
    kind: Kind
    rooms: int
    members: int
    rows: tuple[Row, ...]
    size: int = 300
    window: int = 2
    rate: float = 0.0
    secure: bool = False
    pingInterval: float = 25.0
    longer: float = 1.0

    @property
    def connections(self) -> int:
        """How many clients there are."""
        return self.rooms * self.members

    def script(self, dialect: Dialect) -> Script:
        """What happens in each room."""
        if self.kind in (Kind.CROWD, Kind.QUIET):
            return quiet(dialect, self.members)
        if self.kind is Kind.CALLS:
            return call(dialect, self.members)
        return fanOut(dialect, self.members, self.size, 0 if self.rate else self.window)


def _fanOut(
    name: str, rooms: int, members: int, title: str, size: int = 300, window: int = 2, secure: bool = False
) -> Scenario:
    row = Row("perCpuSecond", title, "deliveries/CPU s")
    return Scenario(name, Kind.FAN_OUT, rooms, members, (row,), size, window, secure=secure)


SCENARIOS = (
    _fanOut("fan2", 100, 2, "rooms of 2, 300 B"),
    _fanOut("fan10", 20, 10, "rooms of 10, 300 B"),
    _fanOut("fan50", 4, 50, "rooms of 50, 300 B"),
    _fanOut("fan2sdp", 100, 2, "rooms of 2, 2.5 KB", 2500),
    _fanOut("fan10sdp", 20, 10, "rooms of 10, 2.5 KB", 2500),
    _fanOut("burst10", 20, 10, "rooms of 10, 300 B, bursts of 16", window=16),
    _fanOut("burst20", 10, 20, "rooms of 20, 300 B, bursts of 16", window=16),
    Scenario("calls2", Kind.CALLS, 50, 2, (Row("perCpuSecond", "calls of 2", "calls/CPU s"),)),
    Scenario("calls5", Kind.CALLS, 10, 5, (Row("perCpuSecond", "calls of 5, full mesh", "calls/CPU s"),)),
    Scenario("call1", Kind.CALLS, 1, 2, (Row("p50", "one call alone, set-up, median", "ms", lower=True),)),
    Scenario(
        "open1k",
        Kind.FAN_OUT,
        50,
        2,
        (
            Row("p50", "delivery at 1,000 messages/s, median", "ms", lower=True),
            Row("p99", "delivery at 1,000 messages/s, 99 %", "ms", lower=True),
        ),
        rate=1000,
        longer=1.5,
    ),
    Scenario(
        "crowd",
        Kind.CROWD,
        500,
        2,
        (
            Row("perCpuSecond", "connections accepted, to joined", "connections/CPU s"),
            Row("kilobytes", "memory of a quiet client", "KB", lower=True),
        ),
    ),
    Scenario(
        "quiet",
        Kind.QUIET,
        500,
        2,
        (Row("microseconds", "a heartbeat", "CPU us", lower=True),),
        pingInterval=2,
        longer=2.5,
    ),
    Scenario("polling", Kind.POLLING, 20, 1, (Row("perCpuSecond", "polling, GET and POST", "cycles/CPU s"),), window=1),
    _fanOut("wss2", 50, 2, "wss, rooms of 2, 300 B", secure=True),
    _fanOut("wss10", 10, 10, "wss, rooms of 10, 300 B", secure=True),
)
"""All, in the order of the table."""

QUICK = ("fan2", "fan10", "calls2", "polling")
"""Those that show within seconds whether a server delivers everything."""
