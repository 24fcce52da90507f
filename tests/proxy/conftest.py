"""A server, nginx before it, and clients that know only nginx."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from bench.certificate import writeCertificate
from tests.clients.conftest import npmClients, pythonLoop, serverFor
from tests.clients.loop_thread import LoopThread
from tests.clients.node_client import NodeProcess
from tests.clients.opener import Clients
from tests.proxy.nginx import Certificate, Proxy, runNginx
from tests.support.processes import Process
from tests.support.tools import missing

__all__ = ["npmClients", "pythonLoop", "serverFor"]

# One heartbeat a second, so that a test can sit out some of them.
_CONFIG = {
    "socketio": {"ping_interval": 1, "ping_timeout": 5},
    "limits": {"connections_per_address": 0},
}


@pytest.fixture(scope="session")
def nginx() -> None:
    """nginx must be there: an error in CI, a skip elsewhere."""
    if not shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"):
        missing("nginx is not installed")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """What nginx shows."""
    key, certificate = writeCertificate(tmp_path_factory.mktemp("certificate"))
    return Certificate(certificate, key)


@pytest.fixture(scope="session")
def backend(serverFor: Callable[..., AbstractContextManager[Process]]) -> Iterator[Process]:
    """The server behind nginx."""
    with serverFor(_CONFIG) as process:
        yield process


@pytest.fixture(scope="session")
def proxy(
    nginx: None, backend: Process, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """nginx before it."""
    with runNginx(tmp_path_factory.mktemp("nginx"), backend.port, certificate) as running:
        yield running


@pytest.fixture(scope="session")
def nodeProcess(npmClients: None, certificate: Certificate) -> Iterator[NodeProcess]:
    """A Node process that trusts the certificate."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NODE_EXTRA_CA_CERTS", str(certificate.certificate))
        process = NodeProcess()
    yield process
    process.stop()


@pytest.fixture
def clients(nodeProcess: NodeProcess, pythonLoop: LoopThread, proxy: Proxy) -> Iterator[Clients]:
    """Opens clients to nginx."""
    opener = Clients(nodeProcess, pythonLoop, proxy.url)
    yield opener
    opener.closeAll()
