"""What the tests of the documentation share with those of the clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.clients.conftest import npmClients, serverFor
from tests.support.processes import Process

__all__ = ["docsServer", "npmClients", "serverFor"]


@pytest.fixture(scope="session")
def docsServer(serverFor: Callable[..., AbstractContextManager[Process]]) -> Iterator[Process]:
    """A server as it is by default, for all examples."""
    with serverFor({}) as process:
        yield process
