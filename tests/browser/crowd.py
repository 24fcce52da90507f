"""A full room: any number of pages of the demo in one call, each connected with each, and what that took.

    python -m tests.browser.crowd [--people 9] [--microphones 2] [--rate 2] [--patience 120]

All pages share one Chromium and this machine, which has to encode and decode the pictures and the sound of every pair,
where real people have a machine each. Sound costs most, and its threads come before those of the pages: with nine
microphones two processors are not enough, so most people have none. Screenshots are kept beside those of the tests.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.chromium import findChromium, launched
from tests.browser.demo import servedDemo
from tests.browser.person import ANSWER, OFFER, Person

__all__ = ["Crowd"]

NAMES = ("Alice", "Bob", "Carol", "Dave", "Erin", "Frank", "Grace", "Heidi", "Ivan", "Judy", "Mallory", "Niaj")
DESKTOP = {"width": 1440, "height": 900}
SMALL = {"width": 480, "height": 320}
PHONE = {"width": 390, "height": 844}

_NOTE_DECISIONS = """async () => {
    const { demo } = await import("./app.js");
    window.decisions = [];
    const note = (...words) => window.decisions.push(words.filter((word) => word !== undefined).join(" "));
    demo.call.mesh.on("debug", (peer, decision, { why, trouble, error }) => (
        note(decision, why, trouble, error?.code ?? error?.message)));
    demo.call.socket.on("disconnect", (reason) => note("disconnect", reason));
}"""
_NO_MICROPHONE = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wish) => {
    if (wish.audio) throw new DOMException("There is none.", "NotFoundError");
    return ask(wish);
};
"""
_STATES = """async () => {
    const { demo } = await import("./app.js");
    return [...demo.call.mesh.peers.values()].map(({ state }) => state);
}"""


class Crowd:
    """Pages that are in one room.

    Args:
        browser: For all of them.
        url: Of the server.
        room: Its name.
    """

    def __init__(self, browser: Browser, url: str, room: str) -> None:
        self.people: list[Person] = []
        self._browser = browser
        self._url = url
        self._room = room

    def enter(self, name: str, viewport: dict[str, int], microphone: bool) -> Person:
        """One more comes in."""
        context = self._browser.new_context(
            viewport={"width": viewport["width"], "height": viewport["height"]}, permissions=["camera", "microphone"]
        )
        if not microphone:
            context.add_init_script(_NO_MICROPHONE)
        person = Person(context.new_page(), self._url, name).enter(self._room)
        person.page.evaluate(_NOTE_DECISIONS)
        self.people.append(person)
        return person

    def states(self) -> Counter[str]:
        """How many ends of pairs are in which state."""
        return Counter(state for each in self.people for state in each.page.evaluate(_STATES))

    def waitConnected(self, patience: float) -> bool:
        """Wait until each is connected with each.

        Args:
            patience: Seconds.

        Returns:
            Whether that came about.
        """
        ends = len(self.people) * (len(self.people) - 1)
        deadline = time.monotonic() + patience
        while self.states() != Counter({"connected": ends} if ends else {}):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.25)
        return True

    def decisions(self) -> Counter[str]:
        """What all pages decided while they connected."""
        return Counter(decision for each in self.people for decision in each.page.evaluate("window.decisions"))


def _meet(crowd: Crowd, names: tuple[str, ...], microphones: int, patience: float) -> list[str]:
    """Everyone comes in, one after the other; then they are looked at, and heard.

    Returns:
        What is not as it should be.
    """
    began = time.monotonic()
    for number, name in enumerate(names):
        crowd.enter(name, {names[0]: DESKTOP, names[-1]: PHONE}.get(name, SMALL), number < microphones)
        print(f"{time.monotonic() - began:6.1f} s: {name} is in; {dict(crowd.states())}", flush=True)
    wrong = [] if crowd.waitConnected(patience) else [f"not connected after {patience:.0f} s: {dict(crowd.states())}"]
    pairs = len(names) * (len(names) - 1) // 2
    print(f"{time.monotonic() - began:6.1f} s: {dict(crowd.states())}, two for each of {pairs} pairs", flush=True)
    kinds = ("audio", "video") if microphones >= len(names) else ("video",)
    for each in crowd.people:
        others = [name for name in names if name != each.name]
        if not wrong:
            each.expectCallWith(*others)
            each.expectMedia(*others, kinds=kinds)
    print(f"{time.monotonic() - began:6.1f} s: everyone was looked at")
    offers, answers = (sum(each.begun(kind) for each in crowd.people) for kind in (OFFER, ANSWER))
    print(f"{offers} offers, {answers} answers; decisions: {dict(crowd.decisions())}")
    if crowd.states() != Counter(connected=2 * pairs):
        wrong.append(f"in the end {dict(crowd.states())}")
    for each in (crowd.people[0], crowd.people[-1]):
        print(each.screenshot(f"crowd-of-{len(names)}-{each.name.lower()}"))
    return wrong + [f"{each.name}: {trouble}" for each in crowd.people for trouble in each.troubles()]


def main() -> int:
    """Fill a room of a server of our own, and say how it went."""
    parser = argparse.ArgumentParser(description="A call among many pages of the demo, on this machine")
    parser.add_argument("--people", type=int, default=9, choices=range(2, len(NAMES) + 1))
    parser.add_argument("--microphones", type=int, default=2, help="so many of them have one")
    parser.add_argument("--rate", type=int, default=2, help="pictures per second of everyone's camera")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds until each is connected with each")
    options = parser.parse_args()
    program = findChromium()
    if program is None:
        print("Chromium is not installed", file=sys.stderr)
        return 1
    with ExitStack() as stack:
        process = stack.enter_context(servedDemo(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
        browser = stack.enter_context(launched(program, options.rate))
        crowd = Crowd(browser, process.url, "full-house")
        wrong = _meet(crowd, NAMES[: options.people], options.microphones, options.patience)
    print("\n".join(wrong) or "nothing went wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
