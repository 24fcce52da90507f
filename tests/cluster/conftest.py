"""Nodes that the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clients.conftest import nodeProcess, npmClients, pythonLoop
from tests.clients.loop_thread import LoopThread
from tests.cluster.nodes import Nodes, runNodes

__all__ = ["nodeProcess", "npmClients", "pythonLoop"]


@pytest.fixture(scope="module")
def three(pythonLoop: LoopThread, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    """Three nodes, where rooms have five members at most if they are called "small"."""
    config: dict[str, Any] = {"plugins": {"use": [{"room-size": {"most": 0, "rooms": {"small*": 5}}}]}}
    with runNodes(tmp_path_factory.mktemp("nodes"), pythonLoop, 3, **config) as nodes:
        yield nodes
