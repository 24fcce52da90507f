"""TLS without a proxy: the endpoint that docs/deploy.md names serves browsers, which negotiate a protocol, too."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.kinds import WAYS, Kind
from tests.clients.loop_thread import LoopThread
from tests.clients.node_client import NodeProcess
from tests.clients.opener import Clients
from tests.proxy.nginx import Certificate
from tests.support.patience import PATIENCE
from tests.support.processes import Process, startProcess, twistdCommand


@pytest.fixture
def secureServer(certificate: Certificate, tmp_path: Path) -> Iterator[Process]:
    """A server that does TLS itself."""
    endpoint = f"ssl:0:interface=127.0.0.1:privateKey={certificate.key}:certKey={certificate.certificate}"
    with startProcess(twistdCommand("--listen", endpoint), cwd=str(tmp_path)) as process:
        yield process
        assert "Traceback" not in process.output(), process.output()


@pytest.mark.parametrize(
    "offered", [[], ["http/1.1"], ["h2", "http/1.1"]], ids=lambda offered: " ".join(offered) or "-"
)
def test_whateverProtocolsAreOfferedHttp1IsAgreedOn(
    secureServer: Process, certificate: Certificate, offered: list[str]
) -> None:
    context = ssl.create_default_context(cafile=str(certificate.certificate))
    if offered:
        context.set_alpn_protocols(offered)
    connection = http.client.HTTPSConnection("localhost", secureServer.port, context=context, timeout=PATIENCE)
    connection.request("GET", "/status")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert (answer.status, body) == (200, b"Status: OK")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("library", ["2.2.0", "4.8"])
def test_clientsConnectOverTls(
    secureServer: Process, nodeProcess: NodeProcess, pythonLoop: LoopThread, library: str, way: str
) -> None:
    clients = Clients(nodeProcess, pythonLoop, f"https://localhost:{secureServer.port}")
    ann = clients.connect(Kind(library, way, "/"), "ann")
    assert ann.join("room")["ok"]
    ann.settle()
    assert ann.transport() == ann.kind.finalTransport
    clients.closeAll()
