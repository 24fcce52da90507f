"""The sessions of a server, and how many each address has."""

from __future__ import annotations

from twisted.internet.task import Clock

from rtcsignal.deadlines import Deadlines
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.liveness.heartbeat import ServerHeartbeat
from rtcsignal.engineio.registry import Registry
from rtcsignal.engineio.session import Session


def session(registry: Registry, sid: str, address: str) -> Session:
    request = Request("GET", {}, {}, b"", address)
    return Session(sid, 4, request, ServerHeartbeat(Deadlines(Clock()), 1, 1), registry.remove)


def test_aSessionIsKnownFromItsBeginningToItsEnd() -> None:
    registry = Registry(0)
    one = session(registry, "one", "192.0.2.1")
    registry.add(one)
    assert registry.sessions == {"one": one}
    registry.remove(one)
    assert registry.sessions == {}


def test_sidsThatMeanSomethingToPythonAreNames() -> None:
    registry = Registry(0)
    for sid in ("__proto__", "__class__", "\0", "x" * 3_000):
        assert sid not in registry.sessions


def test_anAddressHasPlaceUntilItHasItsShare() -> None:
    registry = Registry(2)
    sessions = [session(registry, sid, "192.0.2.1") for sid in ("one", "two")]
    for each in sessions:
        assert registry.hasSlotFor("192.0.2.1")
        registry.add(each)
    assert not registry.hasSlotFor("192.0.2.1")
    assert registry.hasSlotFor("192.0.2.2")
    registry.remove(sessions[0])
    assert registry.hasSlotFor("192.0.2.1")


def test_withoutALimitThereIsAlwaysPlace() -> None:
    registry = Registry(0)
    for number in range(300):
        registry.add(session(registry, str(number), "192.0.2.1"))
    assert registry.hasSlotFor("192.0.2.1")


def test_clientsWithoutAnAddressAreNotCounted() -> None:
    registry = Registry(1)
    registry.add(session(registry, "one", ""))
    assert registry.hasSlotFor("")
