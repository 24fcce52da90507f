"""The fast path of sending over TLS: sealed and sent at once, unless something is not usual."""

from __future__ import annotations

import gc
import ssl
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from OpenSSL.SSL import TLS_METHOD, Context, Error
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IOpenSSLContextFactory
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from bench.certificate import writeCertificate
from rtcsignal.engineio.stream.outbox import forgetUnsent, waitingIn
from rtcsignal.engineio.stream.sealing import canSealNow, sealNow, waitingBehind
from rtcsignal.engineio.stream.tlstransport import FrugalTlsTransport, handshakeFault, useFrugalTls
from rtcsignal.engineio.stream.writers import write, writerFor
from tests.engineio.memory import MemoryLink, SelectingClock, SocketLink

BIG = bytes(range(256)) * 4_096
RECORD = 16_384


class Quiet(Protocol):
    """Counts how often its connection was lost, and keeps why it was."""

    losses = 0
    reasons: tuple[Failure, ...] = ()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.losses += 1
        self.reasons += (reason,)


@implementer(IOpenSSLContextFactory)
class Keys:
    """Twisted's context factory for a key and a certificate in files."""

    def __init__(self, key: Path, certificate: Path) -> None:
        self._context = Context(TLS_METHOD)
        self._context.use_privatekey_file(str(key))
        self._context.use_certificate_file(str(certificate))

    def getContext(self) -> Context:
        return self._context


class Sealed:
    """Twisted's TLS on its own TCP transport, and a client with OpenSSL of its own on the other end.

    Args:
        keys: The server's.
        protocol: The server's protocol.
    """

    def __init__(self, keys: Keys, protocol: Protocol) -> None:
        self.clock = SelectingClock()
        plain: Any = Factory.forProtocol(lambda: protocol)
        reactor: Any = self.clock
        secrets: Any = keys
        wrapping = TLSMemoryBIOFactory(secrets, False, plain, reactor)
        useFrugalTls(SimpleNamespace(factory=wrapping))
        self.link = SocketLink(wrapping.buildProtocol(None), self.clock)
        self.transport: Any = protocol.transport
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._client = context.wrap_bio(self._in, self._out)

    def shake(self) -> None:
        """Do the handshake."""
        for _ in range(4):
            try:
                self._client.do_handshake()
            except ssl.SSLWantReadError:
                pass
            self.link.send(self._out.read())
            self.link.turn()
            self._in.write(self.link.read())

    def read(self) -> bytes:
        """What the client can read without another turn."""
        self._in.write(self.link.read())
        pieces = []
        try:
            while piece := self._client.read(1 << 20):
                pieces.append(piece)
        except ssl.SSLWantReadError:
            pass
        return b"".join(pieces)

    def readInTurns(self) -> bytes:
        """All that the client can read, in as many turns as that takes."""
        data = self.read()
        for _ in range(300):
            self.link.turn()
            data += self.read()
        return data


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(*writeCertificate(tmp_path_factory.mktemp("keys")))


@pytest.fixture
def protocol() -> Quiet:
    return Quiet()


@pytest.fixture
def fresh(keys: Keys, protocol: Quiet) -> Iterator[Sealed]:
    """Before the handshake."""
    sealed = Sealed(keys, protocol)
    yield sealed
    sealed.link.close()


@pytest.fixture
def sealed(fresh: Sealed) -> Sealed:
    fresh.shake()
    return fresh


def test_itIsForTlsOnPlainTcpOnly(sealed: Sealed) -> None:
    assert type(sealed.transport) is FrugalTlsTransport
    assert canSealNow(sealed.transport)
    assert writerFor(sealed.transport) is sealNow
    assert not canSealNow(sealed.link.transport)
    assert writerFor(MemoryLink(Protocol(), Clock()).transport) is write


def test_aTransportThatLacksWhatItNeedsIsNotUsed(sealed: Sealed) -> None:
    temporary = sealed.transport._appSendBuffer
    del sealed.transport._appSendBuffer
    assert not canSealNow(sealed.transport)
    sealed.transport._appSendBuffer = temporary


def test_theClientHasItBeforeTheNextTurn(sealed: Sealed) -> None:
    sealNow(sealed.transport, b"at once")
    assert sealed.read() == b"at once"
    assert sealed.clock.getDelayedCalls() == []
    assert sealed.clock.writers == []


def test_nothingOvertakesWhatWasWritten(sealed: Sealed) -> None:
    sealed.transport.write(b"one ")
    sealNow(sealed.transport, b"two ")
    sealed.transport.write(b"three")
    assert sealed.readInTurns() == b"one two three"


@pytest.mark.parametrize("size", [1, 16_383, 16_384, 16_385, 100_000, len(BIG)])
def test_allOfItArrivesWhateverFitsIntoARecord(sealed: Sealed, size: int) -> None:
    sealNow(sealed.transport, BIG[:size])
    sealNow(sealed.transport, b"end")
    assert sealed.readInTurns() == BIG[:size] + b"end"


def test_beforeTheHandshakeItWaits(fresh: Sealed) -> None:
    sealNow(fresh.transport, b"early")
    fresh.shake()
    assert fresh.readInTurns() == b"early"


def test_whatOpensslCannotSealYetWaits(fresh: Sealed) -> None:
    fresh.transport._handshakeDone = True
    sealNow(fresh.transport, b"first ")
    sealNow(fresh.transport, b"second")
    fresh.transport._handshakeDone = False
    fresh.shake()
    sealed = fresh.read()
    fresh.link.turn()
    assert sealed + fresh.read() == b"first second"


def test_anErrorSurfacesInATurnOfTheReactor(sealed: Sealed, protocol: Quiet) -> None:
    sealed.transport._tlsConnection.shutdown()
    sealNow(sealed.transport, b"late")
    assert protocol.losses == 0
    sealed.readInTurns()
    assert protocol.losses == 1


def test_afterTheEndNothingHappens(sealed: Sealed, protocol: Quiet) -> None:
    sealed.link.hangUp()
    sealed.link.turn()
    sealNow(sealed.transport, b"late")
    sealed.link.turn()
    assert protocol.losses == 1


def test_aClosingTransportTakesNothingMore(sealed: Sealed) -> None:
    sealNow(sealed.transport, b"before ")
    sealed.transport.loseConnection()
    sealNow(sealed.transport, b"behind")
    assert sealed.readInTurns() == b"before "


def test_whatWaitsBelowTlsIsLetGoOfWithTheConnection(sealed: Sealed) -> None:
    for _ in range(100):
        sealNow(sealed.transport, BIG[:RECORD])
    assert waitingIn(sealed.link.transport)
    sealed.link.hangUp()
    forgetUnsent(sealed.transport)
    assert waitingIn(sealed.link.transport) == 0


def test_whatWaitsIsCountedWhereverItDoes(fresh: Sealed) -> None:
    sealNow(fresh.transport, b"early")
    fresh.link.turn()
    assert waitingBehind(fresh.transport, 0) == len(b"early")
    fresh.shake()
    fresh.readInTurns()
    assert waitingBehind(fresh.transport, 0) == 0
    for _ in range(100):
        sealNow(fresh.transport, BIG[:RECORD])
    waiting = waitingBehind(fresh.transport, 0)
    assert waiting > RECORD
    assert waiting == waitingBehind(fresh.link.transport, 0)
    assert len(fresh.readInTurns()) == 100 * RECORD
    assert waitingBehind(fresh.transport, 0) == 0
    assert waitingBehind(MemoryLink(Protocol(), Clock()).transport, 7) == 7


def test_ofAConnectionThatEndsWithoutAGoodbyeOpensslKeepsNothing(sealed: Sealed, protocol: Quiet) -> None:
    openssl = weakref.ref(sealed.transport._tlsConnection)
    gc.disable()
    try:
        sealed.link.hangUp()
        sealed.link.turn()
        assert protocol.losses == 1
        assert openssl() is None
    finally:
        gc.enable()


def test_aConnectionThatIsOverLetsGoOfItsProducer(sealed: Sealed) -> None:
    class Producer:
        def stopProducing(self) -> None:
            """The transport says it when it is closed."""

    producer = Producer()
    sealed.transport.registerProducer(producer, True)
    kept = weakref.ref(producer)
    del producer
    gc.disable()
    try:
        sealed.link.hangUp()
        sealed.link.turn()
        assert kept() is None
    finally:
        gc.enable()


def test_aPortWithoutTlsIsLeftAsItIs() -> None:
    factory = Factory.forProtocol(Quiet)
    useFrugalTls(SimpleNamespace(factory=factory))
    assert factory.protocol is Quiet
    useFrugalTls(object())


def test_whoSpeaksWithoutTlsIsKnown(fresh: Sealed, protocol: Quiet) -> None:
    fresh.link.send(b"GET / HTTP/1.1\r\n")
    for _ in range(3):
        fresh.link.turn()
    faults = [handshakeFault(reason) for reason in protocol.reasons]
    assert faults == ["it speaks HTTP without TLS, but this port requires TLS"]


def test_soIsWhoSpeaksNonsense(fresh: Sealed, protocol: Quiet) -> None:
    fresh.link.send(b"nonsense" * 10)
    for _ in range(3):
        fresh.link.turn()
    (fault,) = map(handshakeFault, protocol.reasons)
    assert str(fault).startswith("TLS handshake failed: ")


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Error(), "TLS handshake failed: unknown"),
        (Error([]), "TLS handshake failed: unknown"),
        (ConnectionDone(), None),
    ],
)
def test_noFaultIsWithoutWords(error: Exception, fault: str | None) -> None:
    assert handshakeFault(Failure(error)) == fault
