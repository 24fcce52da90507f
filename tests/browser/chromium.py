"""Chromium, as the tests use it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.person import PATIENCE

__all__ = ["findChromium", "launched"]

_FLAGS = (
    # Where only the loopback interface exists there is no other way for two pages to meet.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
)


def findChromium() -> str | None:
    """Where it is installed, or None."""
    return shutil.which("chromium") or shutil.which("google-chrome")


@contextmanager
def launched(program: str, rate: int | None = None) -> Iterator[Browser]:
    """A Chromium with a camera and a microphone that do not exist.

    Args:
        program: The path of the program.
        rate: Pictures per second of that camera; None leaves it to the browser.
    """
    expect.set_options(timeout=PATIENCE)
    camera = "--use-fake-device-for-media-stream" + ("" if rate is None else f"=fps={rate}")
    flags = [*_FLAGS, camera, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=flags)
        yield chromium
        chromium.close()
