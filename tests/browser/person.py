"""Someone at the demo page: a browser page with the steps a person takes and what that person sees."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, WebSocket, expect

from tests.support.processes import ROOT

__all__ = ["ARTIFACTS", "PATIENCE", "Person"]

ARTIFACTS = ROOT / "build" / "artifacts"
"""Where screenshots are kept, outside git."""

PATIENCE = 120_000.0
"""Milliseconds that something may take on a busy machine."""

OFFER, ANSWER = 1, 2

_RECEIVED = """async () => {
    const { demo } = await import("./app.js");
    const received = {};
    for (const peer of demo.call.mesh.peers.values()) {
        const stats = [...(await peer.connection.getStats()).values()].filter(({ type }) => type === "inbound-rtp");
        received[peer.info.name] = Object.fromEntries(stats.map(({ kind, bytesReceived }) => [kind, bytesReceived]));
    }
    return received;
}"""

_GROWN = f"""async ([before, kinds, patience]) => {{
    const read = {_RECEIVED};
    const end = performance.now() + patience;
    for (;;) {{
        const now = await read();
        const names = Object.keys(before);
        const grown = (name, kind) => (now[name]?.[kind] ?? 0) > (before[name][kind] ?? 0) + 500;
        if (names.every((name) => kinds.every((kind) => grown(name, kind)))) return now;
        if (performance.now() > end) throw new Error(`${{JSON.stringify(before)}} became ${{JSON.stringify(now)}}`);
        await new Promise((resolve) => {{ setTimeout(resolve, 100); }});
    }}
}}"""

_WATCH = """
window.policyViolations = [];
document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
    window.policyViolations.push(`${violatedDirective} blocked ${blockedURI}`);
});
window.said = [];
document.addEventListener("DOMContentLoaded", () => {
    const status = document.getElementById("status");
    const note = () => window.said.push(status.textContent);
    new MutationObserver(note).observe(status, { childList: true, characterData: true, subtree: true });
});
"""


class Person:
    """One page of the demo.

    Args:
        page: An empty page in a context of its own.
        url: Of the server, without a slash at the end.
        name: What the others call this person.
    """

    def __init__(self, page: Page, url: str, name: str) -> None:
        self.page = page
        self.name = name
        self._url = url
        self._troubles: list[str] = []
        self._allowed: list[str] = []
        self._frames: list[str] = []
        self._heard: list[str] = []
        page.set_default_timeout(PATIENCE)
        page.add_init_script(_WATCH)
        page.on("console", self._onConsole)
        page.on("pageerror", lambda error: self._troubles.append(f"uncaught: {error}"))
        page.on("request", self._onRequest)
        page.on("websocket", self._onWebSocket)

    def open(self, room: str = "", path: str | None = None) -> Person:
        """Go to the page by the address of a room, as with an invite link."""
        self.page.goto(path if path is not None else f"{self._url}/#{room}")
        return self

    def enter(self, room: str, testPicture: bool = False) -> Person:
        """Open the page and join, with the camera or the test picture."""
        self.open(room)
        self.page.get_by_label("Your name").fill(self.name)
        expect(self.page.locator("#media-hint")).not_to_contain_text("Asking")
        if testPicture:
            self.page.get_by_role("button", name="Use a test picture instead").click()
        self.page.get_by_role("button", name="Join the room").click()
        expect(self.page.get_by_role("list", name="People in the call")).to_be_visible()
        return self

    @property
    def status(self) -> Locator:
        """The line that says what is going on."""
        return self.page.get_by_role("status")

    def expectSaid(self, words: str) -> None:
        """The line has said so, if only for a moment."""
        self.page.wait_for_function("(words) => window.said.some((each) => each.includes(words))", arg=words)

    @property
    def tiles(self) -> Locator:
        """Everyone's pictures, one's own first."""
        return self.page.locator("#tiles > .tile:not(.empty)")

    def tile(self, name: str) -> Locator:
        """The picture of one person."""
        return self.page.get_by_role("listitem", name=re.compile(rf"^{re.escape(name)}\b"))

    def expectCallWith(self, *names: str) -> None:
        """Each of these, and nobody else, is here and connected."""
        for name in names:
            expect(self.tile(name)).to_have_attribute("data-state", "connected")
        expect(self.tiles).to_have_count(len(names) + 1)

    def expectMedia(self, *names: str, kinds: tuple[str, ...] = ("audio", "video")) -> None:
        """More and more bytes come from each of these."""
        before = self.page.evaluate(_RECEIVED)
        assert set(before) == set(names)
        self.page.evaluate(_GROWN, [before, list(kinds), PATIENCE])

    def begun(self, kind: int) -> int:
        """How many negotiations this page has begun by an offer, or answered; repetitions count once."""
        messages = (json.loads(frame[frame.index("[") :]) for frame in self._frames if frame.startswith("42"))
        bodies = (body for name, body, *_ in messages if name == "broadcast" and body["msgType"] == kind)
        return len({(body["targetUserId"], body["pc"], body["neg"]) for body in bodies})

    def joins(self) -> list[dict[str, Any]]:
        """What this page has sent to join a room, each time that it did, the first one first."""
        messages = (json.loads(frame[frame.index("[") :]) for frame in self._frames if frame.startswith("42"))
        return [body for name, body, *_ in messages if name == "join-room"]

    def outcomes(self) -> list[str]:
        """What became of this page's membership at each join."""
        answers = (each[each.index("[") :] for each in self._heard if re.match(r"43\d+\[", each))
        return [answer["outcome"] for (answer,) in map(json.loads, answers) if "outcome" in answer]

    def heard(self, *events: str) -> list[str]:
        """The names of such events of the server that have come so far, in their order."""
        names = (re.match(r'42\["([^"]+)"', each) for each in self._heard)
        return [name[1] for name in names if name and name[1] in events]

    def hears(self, event: str) -> Any:
        """The object in the first such event of the server, which has come or comes soon."""
        end = time.monotonic() + PATIENCE / 1000
        while not (found := [each for each in self._heard if each.startswith(f'42["{event}"')]):
            assert time.monotonic() < end, event
            self.page.wait_for_timeout(50)
        return next(each for each in json.loads(found[0][2:]) if isinstance(each, dict))

    def screenshot(self, name: str) -> Path:
        """Keep what the page looks like."""
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        path = ARTIFACTS / f"{name}.png"
        self.page.screenshot(path=path, animations="disabled")
        return path

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        width: int = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        return width

    def allow(self, pattern: str) -> None:
        """Let errors of the browser's console pass whose text matches."""
        self._allowed.append(pattern)

    def forgive(self) -> None:
        """Forget what went wrong so far: the test wanted it."""
        self._troubles.clear()
        self.page.evaluate("window.policyViolations = []")

    def troubles(self) -> Iterator[str]:
        """What went wrong unseen: errors, warnings, breaches of the content security policy, requests elsewhere."""
        yield from (each for each in self._troubles if not any(re.search(known, each) for known in self._allowed))
        if not self.page.is_closed():
            yield from self.page.evaluate("window.policyViolations ?? []")

    def _onConsole(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._troubles.append(f"{message.type} of {message.location['url']}: {message.text}")

    def _onRequest(self, request: Request) -> None:
        if not request.url.startswith((f"{self._url}/", "data:", "blob:")):
            self._troubles.append(f"request to {request.url}")

    def _onWebSocket(self, socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: self._frames.append(str(frame)))
        socket.on("framereceived", lambda frame: self._heard.append(str(frame)))
