"""Makes the picture in the README: the page as it is, with three people in a call.

    python -m tests.browser.picture
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, expect

from tests.browser.chromium import findChromium, launched
from tests.browser.demo import servedDemo
from tests.browser.person import Person
from tests.support.processes import ROOT

__all__ = ["IMAGE"]

IMAGE = ROOT / "docs" / "images" / "demo.png"

_WINDOW: ViewportSize = {"width": 1280, "height": 800}
_SHARP = "() => [...document.querySelectorAll('#tiles video')].every(({ videoWidth }) => videoWidth >= 640)"


def _photograph(browser: Browser, url: str) -> Path:
    """The pictures in it begin small, and are sharp once the connections are known to be good."""
    people: list[Person] = []
    for name in ("Alice", "Bob", "Carol"):
        context = browser.new_context(viewport=_WINDOW, permissions=["camera", "microphone"])
        people.append(Person(context.new_page(), url, name).enter("garden", testPicture=True))
    alice = people[0]
    alice.expectCallWith("Bob", "Carol")
    expect(alice.status).to_have_text("In a call with Bob and Carol")
    alice.page.wait_for_function(_SHARP)
    return alice.screenshot("readme")


def main() -> int:
    """Put it into its place."""
    program = findChromium()
    if program is None:
        print("Chromium is not installed", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder, servedDemo(Path(folder)) as server, launched(program) as browser:
        shutil.copy(_photograph(browser, server.url), IMAGE)
    print(IMAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
