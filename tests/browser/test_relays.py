"""Calls through a relay that outlive their credentials, and the relay itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.demo import servedDemo
from tests.browser.person import PATIENCE
from tests.support.coturn import Coturn, runCoturn
from tests.support.processes import Process

TTL = 5

# A call with a data channel that ticks, in each of two rooms; in the room "stale" nobody takes the servers that are
# pushed, and everyone uses those that came first.
CALLS = """async () => {
    const { joinCall, Room, Socket } = await import("./rtcsignal.js");
    window.calls = {};
    const first = () => new Promise((resolve) => {
        const room = new Room(new Socket(location.href), { roomName: "lobby", userId: "somebody" });
        room.on("ice", resolve);
        room.join();
    });
    const { ttl, ...rtc } = await first();
    for (const roomName of ["fresh", "stale"]) {
        const ends = window.calls[roomName] = [];
        for (const userId of ["ann", "bob"]) {
            const own = roomName === "stale" ? rtc : {};
            const { mesh, room } = joinCall({ url: location.href, roomName, userId, rtc: own });
            const end = { mesh, heard: 0, connections: 0, verdicts: [] };
            ends.push(end);
            mesh.on("peer", (peer) => {
                peer.on("connection", (pc, starting) => {
                    end.connections += 1;
                    pc.addEventListener("datachannel", ({ channel }) => {
                        channel.onmessage = () => { end.heard += 1; };
                    });
                    if (!starting) return;
                    const channel = pc.createDataChannel("tick");
                    channel.onopen = () => setInterval(() => {
                        if (channel.readyState === "open") channel.send("x");
                    }, 100);
                });
                peer.on("verdict", (verdict) => end.verdicts.push(verdict && verdict.verdict));
            });
            await new Promise((resolve) => { room.on("joined", resolve); });
        }
    }
}"""

TICKS = """(room) => {
    const [ann] = window.calls[room];
    return ann.heard;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("turn")


@pytest.fixture
def coturn(folder: Path) -> Iterator[Coturn]:
    with runCoturn(folder) as running:
        yield running


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, coturn: Coturn) -> Iterator[Process]:
    ice = {"servers": [{"urls": [coturn.urls[0]], "secret": "north"}], "ttl": TTL, "relay_only": True}
    with servedDemo(tmp_path_factory.mktemp("demo"), ice=ice) as process:
        yield process


@pytest.fixture
def page(browser: Browser, server: Process) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(server.url)
    yield page
    context.close()


def ticks(page: Page, room: str, more: int) -> None:
    """Wait until what is sent there has arrived so many times more."""
    before: Any = page.evaluate(TICKS, room)
    page.wait_for_function(
        f"([room, count]) => ({TICKS})(room) >= count", arg=[room, before + more]
    )


def test_aCallOutlivesItsCredentialsAndItsRelay(page: Page, coturn: Coturn, folder: Path) -> None:
    """Four times as long as its credentials are good; and then the relay is another one on the same port."""
    page.evaluate(CALLS)
    ticks(page, "fresh", 4 * TTL * 10)
    ticks(page, "stale", 1)
    coturn.process.signal(signal.SIGKILL)
    coturn.process.waitExit()
    with runCoturn(folder, port=coturn.port):
        ticks(page, "fresh", 10)
        page.wait_for_function("""() => window.calls.stale.every((end) => end.verdicts.at(-1) === "turn-expired")""")
    ends: Any = page.evaluate("() => window.calls.fresh.map(({ connections, verdicts }) => [connections, verdicts])")
    assert [connections for connections, _ in ends] == [1, 1]
    assert all("turn-expired" not in verdicts for _, verdicts in ends)
