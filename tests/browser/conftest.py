"""What the browser tests share: one Chromium, one server with the demo page, and people at it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.chromium import findChromium, launched
from tests.browser.demo import servedDemo
from tests.browser.person import Person
from tests.clients.line import Line
from tests.support.processes import Process
from tests.support.tools import missing

PersonFactory = Callable[..., Person]

_rooms = itertools.count(1)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The Chromium of this run. Missing, it is an error in CI and a skip elsewhere."""
    program = findChromium()
    if program is None:
        missing("Chromium is not installed")
    with launched(program, rate=8) as chromium:
        yield chromium


@pytest.fixture(scope="session")
def demoServer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """A server with the demo page, for all tests that need no setting of their own."""
    with servedDemo(tmp_path_factory.mktemp("demo")) as process:
        yield process


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
