"""The picture in the README is one of the page as it is.

``RTCSIGNAL_README_IMAGE=1 pytest tests/browser/test_readme_image.py`` makes it anew.
"""

from __future__ import annotations

import os
import shutil
import struct

from playwright.sync_api import expect

from tests.browser.conftest import PersonFactory
from tests.support.processes import ROOT

_IMAGE = ROOT / "docs" / "images" / "demo.png"
_MOST_BYTES = 300_000


def test_the_picture_of_the_readme_shows_three_people_in_a_call(person: PersonFactory) -> None:
    """As large as a small laptop's window, and light enough for a README."""
    names = ("Alice", "Bob", "Carol")
    people = [person(name).enter("garden", testPicture=True) for name in names]
    alice = people[0]
    alice.expectCallWith("Bob", "Carol")
    alice.expectMedia("Bob", "Carol", kinds=("video",))
    expect(alice.status).to_have_text("In a call with Bob and Carol")
    if os.environ.get("RTCSIGNAL_README_IMAGE"):
        # The pictures begin small and get sharp once the connections are known to be good.
        alice.page.wait_for_function(
            "() => [...document.querySelectorAll('#tiles video')].every(({ videoWidth }) => videoWidth >= 640)"
        )
        _IMAGE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(alice.screenshot("readme"), _IMAGE)
    image = _IMAGE.read_bytes()
    assert struct.unpack(">II", image[16:24]) == (1280, 800)
    assert len(image) < _MOST_BYTES
