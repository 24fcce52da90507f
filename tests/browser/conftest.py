"""What the browser tests share: one Chromium, one server with the demo page, and people at it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.person import PATIENCE, Person
from tests.clients.line import Line
from tests.support.processes import Process, startProcess, twistdCommand

PersonFactory = Callable[..., Person]

_FLAGS = [
    "--use-fake-device-for-media-stream",
    # Where only the loopback interface exists there is no other way for two pages to meet.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]
_rooms = itertools.count(1)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of this run. Missing, it is an error in CI and a skip elsewhere."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        message = "Chromium is not installed"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    expect.set_options(timeout=PATIENCE)
    flags = [*_FLAGS, "--no-sandbox"] if os.geteuid() == 0 else _FLAGS
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def demoServer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server with the demo page, for all tests that need no setting of their own."""
    path = tmp_path_factory.mktemp("demo") / "server.conf"
    path.write_text(json.dumps({"web": {"demo": True}}), encoding="utf-8")
    listen = ("--listen", "tcp:0:interface=127.0.0.1")
    with startProcess(twistdCommand("--config", str(path), *listen), cwd=str(path.parent)) as process:
        yield process
    assert "Traceback" not in process.output(), process.output()


@pytest.fixture
def room() -> str:
    """The name of a room that no other test uses."""
    return f"room-{next(_rooms)}"


@pytest.fixture
def person(browser: Browser, demoServer: Process) -> Iterator[PersonFactory]:
    """``person(name)`` sits down at a page of its own, not yet opened; with ``devices=False`` the browser refuses
    camera and microphone. Other keywords are those of a browser context. At the end nothing may have gone wrong."""
    there: list[Person] = []

    def sitDown(name: str, devices: bool = True, url: str = demoServer.url, **options: Any) -> Person:
        permissions = ["clipboard-read", "clipboard-write", *(["camera", "microphone"] if devices else [])]
        options = {"viewport": {"width": 1280, "height": 800}, "permissions": permissions, **options}
        there.append(Person(browser.new_context(**options).new_page(), url, name))
        return there[-1]

    yield sitDown
    troubles = {each.name: list(each.troubles()) for each in there}
    for each in there:
        each.page.context.close()
    assert not any(troubles.values()), troubles


@pytest.fixture
def line(demoServer: Process) -> Iterator[Line]:
    """A way to the server that can be cut: pages that come along it lose their signalling and keep their media."""
    forwarder = Line(demoServer.port)
    yield forwarder
    forwarder.close()
