"""Calls that are broken in Chromium, and what both pages, the log and the file say of them."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from rtcsignal.calls.capture import readCaptures
from tests.browser.conftest import PersonFactory
from tests.browser.demo import servedDemo
from tests.browser.person import PATIENCE
from tests.support.coturn import Coturn, runCoturn
from tests.support.processes import Process

PLUGINS = Path(__file__).parent / "plugins"

# Both ends of a call in one page, in each of many rooms: ann is there before bob, who offers.
CALLS = """async (rooms) => {
    const { joinCall, Room, Socket } = await import("./rtcsignal.js");
    window.told = {};
    window.calls = {};
    const call = async ([roomName, relay, silent]) => {
        const told = window.told[roomName] = { ann: [], bob: [] };
        const ends = window.calls[roomName] = {};
        for (const userId of ["ann", "bob"]) {
            if (userId === "ann" && silent) {
                const room = new Room(new Socket(location.href), { roomName, userId });
                const joined = new Promise((resolve) => { room.on("joined", resolve); });
                room.join();
                await joined;
                continue;
            }
            const rtc = relay ? { iceTransportPolicy: "relay" } : {};
            const { mesh, room } = joinCall({ url: location.href, roomName, userId, rtc });
            ends[userId] = mesh;
            mesh.on("peer", (peer) => {
                peer.on("connection", (pc, starting) => { if (starting) pc.createDataChannel("x"); });
                peer.on("verdict", (verdict) => told[userId].push(verdict && [verdict.verdict, verdict.side]));
            });
            await new Promise((resolve) => { room.on("joined", resolve); });
        }
    };
    await Promise.all(rooms.map(call));
}"""

# The room, whether relays alone are used, whether ann says nothing; and what both hear at last.
BROKEN: dict[str, tuple[bool, bool, tuple[str, str | None]]] = {
    "no-answers": (False, False, ("answer-not-delivered", None)),
    "no-offers": (False, False, ("refused-by-filter", None)),
    "no-candidates": (False, False, ("candidates-not-delivered", None)),
    "codecs": (False, False, ("codec-mismatch", None)),
    "fingerprint": (False, False, ("fingerprint-changed", "ann")),
    "hidden": (False, False, ("only-mdns", None)),
    "silent": (False, True, ("no-answer", "ann")),
    "refused": (True, False, ("turn-refused", None)),
    "expired": (True, False, ("turn-expired", None)),
    "unreachable": (True, False, ("turn-unreachable", None)),
    "without": (True, False, ("turn-never-issued", None)),
}


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Coturn]:
    with runCoturn(tmp_path_factory.mktemp("turn")) as running:
        yield running


@pytest.fixture(scope="module")
def closed() -> Iterator[int]:
    """A port from which nothing ever comes."""
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def callsFile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("calls") / "calls.jsonl"


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, coturn: Coturn, closed: int, callsFile: Path
) -> Iterator[Process]:
    """A server that breaks the calls of some rooms."""
    options = {"turn": coturn.urls[0], "closed": f"turn:127.0.0.1:{closed}?transport=udp", "secret": "north"}
    plugins = {"folders": [str(PLUGINS)], "use": [{"trouble": options}]}
    with servedDemo(tmp_path_factory.mktemp("demo"), plugins=plugins, calls={"file": str(callsFile)}) as process:
        yield process


@pytest.fixture
def page(browser: Browser, server: Process) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(server.url)
    yield page
    context.close()


def test_brokenCallsAreExplained(page: Page, server: Process, callsFile: Path) -> None:
    """Both ends, the log and the file say the same, and the file is judged as it was."""
    page.evaluate(CALLS, [[room, relay, silent] for room, (relay, silent, _) in BROKEN.items()])
    wanted: dict[str, Any] = {room: list(verdict) for room, (_, _, verdict) in BROKEN.items()}
    page.wait_for_function(
        """(wanted) => Object.entries(wanted).every(([room, verdict]) => ["ann", "bob"].every((userId) => {
            const told = window.told[room][userId];
            const isThere = window.calls[room][userId] !== undefined;
            return !isThere || JSON.stringify(told.at(-1)) === JSON.stringify(verdict);
        }))""",
        arg=wanted,
    )
    log = server.output()
    written = {each.text("room"): each for each in readCaptures(callsFile.read_text().splitlines())}
    for room, (_, _, (verdict, side)) in BROKEN.items():
        whose = "" if side is None else f" ({side})"
        assert re.search(rf"call of ann and bob in {room}: {verdict}{re.escape(whose)}: ", log), room
        capture = written[room]
        assert (capture.text("verdict"), capture.judge().verdict) == (verdict, verdict)
        assert capture.text("side") == {"ann": "a", "bob": "b", None: ""}[side]
    for secret in ("127.0.0.1", "192.168.", ".local", "ice-pwd", "north"):
        assert secret not in callsFile.read_text()


def test_thePageSaysIt(browser: Browser, server: Process, person: PersonFactory) -> None:
    """People without a relay read on the tile and in the status why there is no call, and what to try."""
    alice, bob = person("Alice", url=server.url), person("Bob", url=server.url)
    for each in (alice, bob):
        each.page.add_init_script(
            """{
                const Open = RTCPeerConnection;
                window.RTCPeerConnection = class extends Open {
                    constructor(rtc) { super({ ...rtc, iceTransportPolicy: "relay" }); }
                };
            }"""
        )
        each.enter("unreachable", testPicture=True)
    expect(alice.tile("Bob")).to_have_attribute("data-verdict", "turn-unreachable")
    expect(alice.tile("Bob")).to_contain_text("Neither you nor Bob can reach the relay.")
    expect(bob.status).to_contain_text("Neither you nor Alice can reach the relay.")
    alice.screenshot("no-relay")
