"""The picture in the README. ``python -m tests.browser.picture`` makes it anew."""

from __future__ import annotations

import struct

from tests.browser.picture import IMAGE

_MOST_BYTES = 300_000


def test_itIsAsLargeAsTheWindowOfASmallLaptopAndLightEnoughForAReadme() -> None:
    image = IMAGE.read_bytes()
    assert struct.unpack(">II", image[16:24]) == (1280, 800)
    assert len(image) < _MOST_BYTES
