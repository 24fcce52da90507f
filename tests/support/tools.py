"""Programs that some tests need, and that pip cannot bring."""

from __future__ import annotations

import os
import shutil

import pytest

__all__ = ["needed"]


def needed(program: str, inCi: bool = True) -> str:
    """The path of a program; without it the test is skipped, and in CI it fails.

    Args:
        program: Its name.
        inCi: Whether it has to be there in CI.
    """
    path = shutil.which(program)
    if path is None:
        message = f"{program} is not installed"
        if inCi and os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return path
