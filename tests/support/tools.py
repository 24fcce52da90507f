"""What some tests need of the machine, and pip cannot bring."""

from __future__ import annotations

import os
import shutil
import socket
from typing import NoReturn

import pytest

__all__ = ["missing", "needIpv6", "needed"]


def missing(message: str, inCi: bool = True) -> NoReturn:
    """Skip the test for want of something, or fail it in CI.

    Args:
        message: What is missing, and perhaps how to get it.
        inCi: Whether it has to be there in CI.
    """
    if inCi and os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def needed(program: str, inCi: bool = True) -> str:
    """The path of a program; without it the test is skipped, and in CI it fails.

    Args:
        program: Its name.
        inCi: Whether it has to be there in CI.
    """
    path = shutil.which(program)
    if path is None:
        missing(f"{program} is not installed", inCi)
    return path


def needIpv6() -> None:
    """Where the loopback interface has no IPv6, as in many containers, the test is skipped."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
