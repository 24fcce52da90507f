"""Puts one load on one server, and says what it cost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench.crowd import Crowd
from bench.errors import BenchError
from bench.loop import Loop, PythonLoop
from bench.native import NativeLoop, library
from bench.polling import PollingLoop
from bench.scenarios import Kind, Scenario
from bench.script import BROADCAST, Dialect, Script
from bench.tally import Tally
from bench.usage import Usage, busy, usageOf
from bench.wire import Address

__all__ = ["Measured", "Plan", "Target", "measure", "whyNotNative"]

_BOUND = 0.85
"""With a larger share of the time at work, or in want of a processor, the generator may be what limits."""


@dataclass(frozen=True)
class Target:
    """A running server.

    Attributes:
        address: Where.
        dialect: How to speak to it.
        auth: JSON text that goes with CONNECT, or "".
        pid: Of its process, if it is one of this machine.
    """

    address: Address
    dialect: Dialect = field(default_factory=Dialect)
    auth: str = ""
    pid: int | None = None


@dataclass(frozen=True)
class Plan:
    """How long.

    Attributes:
        seconds: That are measured.
        warm: Seconds before these.
        patience: Seconds that connecting may take.
        drain: Seconds that the last deliveries may take.
        native: Use the loop in C where it can be used.
    """

    seconds: float = 2.0
    warm: float = 0.5
    patience: float = 60.0
    drain: float = 5.0
    native: bool = True


@dataclass(frozen=True)
class Measured:
    """What came of it.

    Attributes:
        values: By name: ``perSecond`` and ``perCpuSecond`` (deliveries, calls, cycles or connections), ``p50`` and
            ``p99`` (ms, of a delivery or a call's set-up), ``kilobytes`` (for each client), ``microseconds`` (of
            processor time for each heartbeat), ``serverShare`` (of one processor). What cannot be known is not there.
        lost: Deliveries that never came.
        late: Deliveries that were overtaken by later ones of the same sender.
        doubled: Deliveries that came again.
        damaged: Deliveries that were not what was sent.
        closed: Connections that were lost.
        trouble: The first fault, or "".
        failure: Why it could not be measured, or "".
        generator: Share of the time in which the load generator worked, or waited for a processor to work on.
        loop: Which one: ``C`` or ``Python``.
    """

    values: dict[str, float]
    lost: int = 0
    late: int = 0
    doubled: int = 0
    damaged: int = 0
    closed: int = 0
    trouble: str = ""
    failure: str = ""
    generator: float = 0.0
    loop: str = "Python"

    @property
    def faulty(self) -> bool:
        """Something was not delivered as it must be."""
        return bool(self.failure or self.lost or self.late or self.doubled or self.damaged or self.closed)

    @property
    def faults(self) -> str:
        """What was not, for people."""
        if self.failure:
            return self.failure
        return (
            f"{self.lost} deliveries lost, {self.late} late, {self.doubled} doubled, {self.damaged} damaged; "
            f"{self.closed} connections lost: {self.trouble}"
        )

    @property
    def bound(self) -> bool:
        """The generator may have been what limits."""
        return self.generator > _BOUND


@dataclass
class _Watch:
    """What passes between two moments."""

    pid: int | None
    began: float = field(default_factory=time.perf_counter)
    ownBefore: float = field(default_factory=busy)
    before: Usage | None = None

    def __post_init__(self) -> None:
        self.before = self._look()

    def stop(self) -> tuple[float, float | None, float]:
        """Seconds, seconds of the server's processor time, and the generator's share of them."""
        seconds = time.perf_counter() - self.began
        own = min((busy() - self.ownBefore) / seconds, 1.0)
        after = self._look()
        return seconds, after.since(self.before) if after and self.before else None, own

    def _look(self) -> Usage | None:
        return None if self.pid is None else usageOf(self.pid)


def whyNotNative() -> str:
    """Why the loop in C cannot be used here; empty if it can."""
    try:
        library()
    except (BenchError, OSError) as error:
        return str(error)
    return ""


def measure(target: Target, scenario: Scenario, plan: Plan) -> Measured:
    """Load a server.

    Raises:
        BenchError: It does not do what is needed, such as letting clients in.
    """
    if scenario.kind is Kind.POLLING:
        return _polling(target, scenario, plan)
    crowd = Crowd(target.address, target.dialect, scenario.rooms, scenario.members, target.auth)
    try:
        if scenario.kind is Kind.CROWD:
            return _arrival(crowd, target, plan)
        crowd.arrive(plan.patience)
        script = scenario.script(target.dialect)
        native = plan.native and not target.address.secure and not whyNotNative()
        loop = (NativeLoop if native else PythonLoop)(crowd, script, scenario.rate)
        return _played(loop, target, scenario, script, plan)
    finally:
        crowd.close()


def _arrival(crowd: Crowd, target: Target, plan: Plan) -> Measured:
    watch = _Watch(target.pid)
    crowd.arrive(plan.patience)
    seconds, cpu, own = watch.stop()
    crowd.rest(min(plan.seconds, 1.0))
    count = len(crowd.clients)
    values = _rates(count, seconds, cpu)
    if target.pid is not None and watch.before is not None:
        grown = usageOf(target.pid).resident - watch.before.resident
        values["kilobytes"] = grown / 1024 / count
    return Measured(values, generator=own)


def _polling(target: Target, scenario: Scenario, plan: Plan) -> Measured:
    script = scenario.script(target.dialect)
    loop = PollingLoop(target.address, target.dialect, script, scenario.connections, target.auth)
    try:
        loop.arrive()
        return _played(loop, target, scenario, script, plan)
    finally:
        loop.close()


def _played(loop: Loop | PollingLoop, target: Target, scenario: Scenario, script: Script, plan: Plan) -> Measured:
    loop.run(plan.warm, counting=False)
    watch = _Watch(target.pid)
    loop.run(plan.seconds * scenario.longer, counting=True)
    seconds, cpu, own = watch.stop()
    loop.drain(plan.drain)
    tally = loop.tally()
    values = _VALUES[scenario.kind](tally, script, seconds, cpu)
    return Measured(
        values,
        lost=tally.lost,
        late=tally.late,
        doubled=tally.doubled,
        damaged=tally.damaged,
        closed=tally.closed,
        trouble=tally.trouble,
        generator=round(own, 3),
        loop=loop.name,
    )


def _fanOut(tally: Tally, script: Script, seconds: float, cpu: float | None) -> dict[str, float]:
    return _rates(tally.deliveries, seconds, cpu) | _latencies(tally)


def _calls(tally: Tally, script: Script, seconds: float, cpu: float | None) -> dict[str, float]:
    """Calls that are under way at the end count in part: by their deliveries, of which each call has as many."""
    said = sum(move.kind == BROADCAST for move in script.moves)
    calls = tally.deliveries / (said * script.hearers)
    setUp = {"p50": tally.roundTime.quantile(0.5), "p99": tally.roundTime.quantile(0.99)} if tally.rounds else {}
    return _rates(calls, seconds, cpu) | setUp


def _cycles(tally: Tally, script: Script, seconds: float, cpu: float | None) -> dict[str, float]:
    return _rates(tally.rounds, seconds, cpu) | _latencies(tally)


def _heartbeats(tally: Tally, script: Script, seconds: float, cpu: float | None) -> dict[str, float]:
    values = {"perSecond": tally.heartbeats / seconds}
    if cpu is not None and tally.heartbeats:
        values["microseconds"] = cpu / tally.heartbeats * 1e6
    return values


def _rates(count: float, seconds: float, cpu: float | None) -> dict[str, float]:
    values = {"perSecond": count / seconds}
    if cpu:
        values |= {"perCpuSecond": count / cpu, "serverShare": cpu / seconds}
    return values


def _latencies(tally: Tally) -> dict[str, float]:
    if not tally.deliveries:
        return {}
    return {"p50": tally.latency.quantile(0.5), "p99": tally.latency.quantile(0.99)}


_VALUES: dict[Kind, Callable[[Tally, Script, float, float | None], dict[str, float]]] = {
    Kind.FAN_OUT: _fanOut,
    Kind.CALLS: _calls,
    Kind.QUIET: _heartbeats,
    Kind.POLLING: _cycles,
}
