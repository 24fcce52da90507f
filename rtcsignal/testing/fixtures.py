"""Fixtures for pytest. A test module uses them with ``pytest_plugins = ["rtcsignal.testing.fixtures"]``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from rtcsignal.testing.memory import InMemoryServer

__all__ = ["inMemoryServer"]


@pytest.fixture
def inMemoryServer() -> Iterator[Callable[..., InMemoryServer]]:
    """``inMemoryServer(plugin, ...)``: an `InMemoryServer` with these arguments, which ends with the test."""
    with ExitStack() as stack:

        def start(*plugins: Any, **more: Any) -> InMemoryServer:
            return stack.enter_context(InMemoryServer(*plugins, **more))

        yield start
