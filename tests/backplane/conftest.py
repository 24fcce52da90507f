"""A real Redis for the tests of the nodes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.redis_server import Redis, runRedis


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """A Redis."""
    with runRedis(tmp_path_factory.mktemp("redis")) as running:
        yield running
