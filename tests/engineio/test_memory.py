"""The transport that the other tests use behaves like the one that Twisted has."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.interfaces import IConsumer, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.engineio.memory import HIGH_WATER, Link, MemoryLink, SelectingClock, SocketLink


class Recorder(Protocol):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.received = b""
        self.lost: list[object] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.append(type(reason.value))


class Producer:
    """Keeps what a transport asks of it."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def pauseProducing(self) -> None:
        self.asked.append("pause")

    def resumeProducing(self) -> None:
        self.asked.append("resume")

    def stopProducing(self) -> None:
        self.asked.append("stop")


@pytest.fixture
def protocol() -> Recorder:
    return Recorder()


@pytest.fixture(params=["memory", "socket"])
def link(request: pytest.FixtureRequest, protocol: Recorder) -> Iterator[Link]:
    link: Link = MemoryLink(protocol, Clock()) if request.param == "memory" else SocketLink(protocol, SelectingClock())
    yield link
    link.close()


def readAll(link: Link, turns: int = 200) -> bytes:
    """The client reads in every turn."""
    data = b""
    for _ in range(turns):
        link.turn()
        data += link.read()
    return data


def test_itHasTheInterfaces(link: Link) -> None:
    for interface in (ITCPTransport, IPushProducer, IConsumer):
        assert verifyObject(interface, link.transport)


def test_whatIsWrittenLeavesInATurn(link: Link) -> None:
    link.transport.write(b"one")
    link.transport.writeSequence([b"two", b"three"])
    assert link.read() == b""
    link.turn()
    assert link.read() == b"onetwothree"


def test_dataArrivesInATurnUnlessReadingIsPaused(link: Link, protocol: Recorder) -> None:
    link.send(b"one")
    link.turn()
    assert protocol.received == b"one"
    link.transport.pauseProducing()
    link.send(b"two")
    link.turn()
    assert protocol.received == b"one"
    link.transport.resumeProducing()
    link.turn()
    assert protocol.received == b"onetwo"


def test_dataGoesToTheProtocolOfTheMoment(link: Link) -> None:
    link.transport.protocol = another = Recorder()
    link.send(b"one")
    link.turn()
    assert another.received == b"one"


def test_aProducerIsAskedToPauseByEveryWriteWhileTheBufferIsFull(link: Link) -> None:
    producer = Producer()
    link.transport.registerProducer(producer, True)
    link.transport.write(bytes(HIGH_WATER))
    assert producer.asked == []
    link.transport.write(b".")
    link.transport.write(b".")
    assert producer.asked == ["pause", "pause"]
    assert len(readAll(link)) == HIGH_WATER + 2
    assert producer.asked == ["pause", "pause", "resume"]


def test_aProducerThatWasNotPausedIsNotResumed(link: Link) -> None:
    producer = Producer()
    link.transport.registerProducer(producer, True)
    link.transport.write(b"one")
    assert readAll(link) == b"one"
    assert producer.asked == []


def test_thereIsOneProducer(link: Link) -> None:
    link.transport.registerProducer(Producer(), True)
    with pytest.raises(RuntimeError):
        link.transport.registerProducer(Producer(), True)
    link.transport.unregisterProducer()
    link.transport.registerProducer(Producer(), True)


def test_itClosesWhenTheBufferIsEmpty(link: Link, protocol: Recorder) -> None:
    link.transport.write(b"bye")
    link.transport.loseConnection()
    assert link.transport.disconnecting
    assert protocol.lost == []
    assert readAll(link) == b"bye"
    assert protocol.lost == [ConnectionDone]


def test_aPausedProducerKeepsItOpen(link: Link, protocol: Recorder) -> None:
    producer = Producer()
    link.transport.registerProducer(producer, True)
    link.transport.write(bytes(HIGH_WATER + 1))
    link.transport.loseConnection()
    readAll(link)
    assert protocol.lost == []


def test_nothingIsReadOnceItIsClosing(link: Link, protocol: Recorder) -> None:
    link.transport.loseConnection()
    link.transport.resumeProducing()
    link.send(b"late")
    link.turn()
    assert protocol.received == b""


def test_anAbortIsReportedInATurnOfItsOwnAndDropsTheBuffer(link: Link, protocol: Recorder) -> None:
    producer = Producer()
    link.transport.registerProducer(producer, True)
    link.transport.write(b"lost")
    link.transport.abortConnection()
    link.transport.abortConnection()
    assert protocol.lost == []
    assert readAll(link) == b""
    assert protocol.lost == [ConnectionAborted]
    assert producer.asked == ["stop"]


def test_theClientsHangingUpEndsIt(link: Link, protocol: Recorder) -> None:
    link.hangUp()
    link.turn()
    assert protocol.lost == [ConnectionDone]
    link.transport.write(b"late")
    link.turn()
    assert link.read() == b""


def test_aProducerThatComesTooLateIsStopped(link: Link) -> None:
    link.hangUp()
    link.turn()
    producer = Producer()
    link.transport.registerProducer(producer, True)
    assert producer.asked == ["stop"]


def test_afterTheWritingEndWasClosedDataStillComes(link: Link, protocol: Recorder) -> None:
    link.transport.write(b"bye")
    link.transport.loseWriteConnection()
    assert readAll(link) == b"bye"
    link.transport.write(b"late")
    assert readAll(link) == b""
    link.send(b"more")
    link.turn()
    assert protocol.received == b"more"
    assert protocol.lost == []


def test_itKnowsBothAddresses(link: Link) -> None:
    assert link.transport.getPeer().host == "192.0.2.1"
