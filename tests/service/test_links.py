"""The links of a node: where it listens for others, what it tells them, and what it counts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock

from rtcsignal.engineio.forwarding.directory import mark
from rtcsignal.errors import ConfigError
from rtcsignal.service.config.backplane import Backplane
from rtcsignal.service.config.schema import Config
from rtcsignal.service.links import Links
from rtcsignal.service.server import Server
from rtcsignal.service.wiring import build
from rtcsignal.service.workers.nodes import machineOf
from tests.engineio.poller import request

SECTION = Backplane(url="redis://127.0.0.1:6379", node="here")


class Reactor(MemoryReactorClock):
    """A reactor on which ports can be in use."""

    isTaken = False

    def listenTCP(self, port: int, *arguments: Any, **named: Any) -> Any:
        if self.isTaken:
            raise CannotListenError("127.0.0.1", port, OSError(98, "Address already in use"))
        return super().listenTCP(port, *arguments, **named)


def built(reactor: Reactor, **changes: Any) -> tuple[Server, Links]:
    """A server with a backplane, and its links."""
    section = msgspec.structs.replace(SECTION, **changes)
    server = build(Config(backplane=section), reactor)
    assert server.links is not None
    return server, server.links


def recordOf(server: Server) -> Any:
    """What other nodes are told of it."""
    assert server.backplane is not None
    return server.backplane.life.record


def opened(links: Links) -> Deferred[None]:
    """The links, opened."""
    return Deferred.fromCoroutine(links.open())


def test_othersAreToldWhereItListens() -> None:
    reactor = Reactor()
    server, links = built(reactor, listen="tcp:4000:interface=127.0.0.1")
    assert opened(links).called
    record = recordOf(server)
    assert record.port == 4000
    assert len(record.token) > 40
    assert record.token not in repr(record)
    assert [port for port, *_ in reactor.tcpServers] == [4000]


@pytest.mark.parametrize(
    ("address", "host", "port"), [("10.0.0.5:5000", "10.0.0.5", 5000), ("[fd00::5]:5000", "fd00::5", 5000)]
)
def test_anAddressIsToldInsteadIfThereIsOne(address: str, host: str, port: int) -> None:
    server, links = built(Reactor(), address=address)
    opened(links)
    assert (recordOf(server).host, recordOf(server).port) == (host, port)


def test_aPortInUseIsAMistakeOfTheConfiguration() -> None:
    reactor = Reactor()
    _, links = built(reactor, listen="tcp:4000:interface=127.0.0.1")
    reactor.isTaken = True
    found: list[Any] = []
    opened(links).addErrback(found.append)
    (problem,) = found[0].value.problems
    assert found[0].check(ConfigError)
    expected = "backplane.listen: cannot listen on tcp:4000:interface=127.0.0.1: Address already in use"
    assert problem == expected


def test_theReportCountsThem() -> None:
    server, links = built(Reactor())
    opened(links)
    numbers, problems = server.examine()
    assert problems == []
    assert {name: numbers[name] for name in links.census()} == {
        "links": 0,
        "forwarded requests": 0,
        "forwarded upgrades": 0,
        "not forwarded": 0,
        "refused links": 0,
    }
    closed = Deferred.fromCoroutine(links.close())
    assert closed.called


def test_anUnopenedOneCanBeClosed() -> None:
    _, links = built(Reactor())
    assert Deferred.fromCoroutine(links.close()).called


def test_idsOfSessionsBeginWithThoseOfTheNodeAndTheMachine() -> None:
    server, _ = built(Reactor())
    assert server.backplane is not None
    own = server.backplane.nodes.own
    assert own.startswith(mark("here"))
    query = {"EIO": "4", "transport": "polling"}

    response: Any = server.engine.handle(request("GET", query))
    assert f'"sid":"{own}'.encode() in response.body
    for session in list(server.engine.registry.sessions.values()):
        assert len(session.sid) == 6 + 22
        session.close()


def test_workersOfOneMachineHaveItInCommon() -> None:
    section = msgspec.structs.replace(SECTION, node="here-2")
    assert machineOf(Config(workers=4, backplane=section)) == "here"
    assert machineOf(Config(backplane=section)) == "here-2"
    assert machineOf(Config()) != ""
