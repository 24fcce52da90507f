"""TLS on a port without it, and HTTP on a port with it: both end at once, and the log says so, but not without end."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bench.certificate import writeCertificate
from tests.support.lanes import writeConfig
from tests.support.patience import PATIENCE
from tests.support.processes import Process, startProcess, twistdCommand
from tests.wire.rawhttp import requestBytes
from tests.wire.rawtls import anyCertificate

MANY = 300
PATIENT = {"limits": {"header_seconds": 600}}
TLS_WHERE_NONE_IS = r"refused a connection from 127\.0\.0\.1: it speaks TLS, but this port does not"
NONE_WHERE_TLS_IS = r"refused a connection from 127\.0\.0\.1: it speaks HTTP without TLS, but this port requires TLS"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("ports")
    writeConfig(made / "server.conf", PATIENT)
    return made


def serve(folder: Path, endpoint: str) -> Iterator[Process]:
    with startProcess(twistdCommand("--config", str(folder / "server.conf"), "--listen", endpoint)) as process:
        yield process
        assert "Traceback" not in process.output()
        assert "Unhandled" not in process.output()


@pytest.fixture(scope="module")
def plain(folder: Path) -> Iterator[Process]:
    yield from serve(folder, "tcp:0:interface=127.0.0.1")


@pytest.fixture(scope="module")
def sealed(folder: Path) -> Iterator[Process]:
    key, certificate = writeCertificate(folder)
    yield from serve(folder, f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}")


def hello() -> bytes:
    """What a TLS client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = anyCertificate().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def said(process: Process, data: bytes, size: int) -> bytes:
    """What a server says to a client until it has ended the connection."""
    with socket.create_connection(("127.0.0.1", process.port), PATIENCE) as client:
        with suppress(ConnectionResetError, BrokenPipeError):
            for at in range(0, len(data), size):
                client.sendall(data[at : at + size])
        return untilEnd(client)


def untilEnd(client: socket.socket) -> bytes:
    """What comes until the connection ends."""
    received = b""
    with suppress(ConnectionResetError):
        while piece := client.recv(65_536):
            received += piece
    return received


@pytest.mark.parametrize("size", [1, 5, 100_000])
def test_aClientThatBeginsWithTlsHearsTheEndAtOnce(plain: Process, size: int) -> None:
    start = len(plain.output())
    assert said(plain, hello(), size) == b""
    plain.waitOutput(TLS_WHERE_NONE_IS, start=start)


def test_itsHandshakeFails(plain: Process) -> None:
    with (
        socket.create_connection(("127.0.0.1", plain.port), PATIENCE) as client,
        pytest.raises((ssl.SSLError, ConnectionResetError)),
    ):
        anyCertificate().wrap_socket(client)


@pytest.mark.parametrize("data", [requestBytes("GET", "/"), b"GET / HT"], ids=["a request", "half a request"])
def test_aClientWithoutTlsHearsTheEndAtOnce(sealed: Process, data: bytes) -> None:
    start = len(sealed.output())
    assert not said(sealed, data, len(data)).startswith(b"HTTP")
    sealed.waitOutput(NONE_WHERE_TLS_IS, start=start)


def test_otherFaultsOfAHandshakeAreToldToo(sealed: Process) -> None:
    start = len(sealed.output())
    with (
        socket.create_connection(("127.0.0.1", sealed.port), PATIENCE) as client,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        ssl.create_default_context().wrap_socket(client, server_hostname="localhost")
    sealed.waitOutput(r"refused a connection from 127\.0\.0\.1: TLS handshake failed: .*unknown ca", start=start)


def test_whoJustGoesLeavesNoLine(sealed: Process) -> None:
    start = len(sealed.output())
    for part in (hello(), hello()[:20], b""):
        with socket.create_connection(("127.0.0.1", sealed.port), PATIENCE) as client:
            client.sendall(part)
    said(sealed, requestBytes("GET", "/"), 1_000)
    sealed.waitOutput(NONE_WHERE_TLS_IS, start=start)
    assert sealed.output()[start:].count("refused a connection") == 1


@pytest.mark.parametrize(("which", "line"), [("plain", TLS_WHERE_NONE_IS), ("sealed", NONE_WHERE_TLS_IS)])
def test_theLogIsLimited(request: pytest.FixtureRequest, which: str, line: str) -> None:
    process: Process = request.getfixturevalue(which)
    data = hello() if which == "plain" else requestBytes("GET", "/")
    start = len(process.output())
    clients = [socket.create_connection(("127.0.0.1", process.port), PATIENCE) for _ in range(MANY)]
    for client in clients:  # all at once, as some lines may be written in each second
        with suppress(ConnectionResetError, BrokenPipeError):
            client.sendall(data)
    for client in clients:
        untilEnd(client)
        client.close()
    process.waitOutput(line, start=start)
    assert process.output()[start:].count("refused a connection") < MANY
