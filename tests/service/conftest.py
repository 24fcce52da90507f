"""Fixtures for the tests of the service layer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.daemons import Daemons


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Daemons]:
    """Starts servers in the background, and ends them."""
    starter = Daemons(tmp_path)
    yield starter
    starter.endAll()
