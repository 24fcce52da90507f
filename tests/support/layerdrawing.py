"""The floors of the house as a picture: ``python -m tests.support.layerdrawing`` writes docs/images/layers.svg."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from tests.support.layers import FLOORS, Room
from tests.support.processes import ROOT

__all__ = ["PICTURE", "drawing"]

PICTURE = ROOT / "docs" / "images" / "layers.svg"

_WIDTH, _EDGE, _TOP = 760, 16, 56
_HEIGHT, _GAP = 38, 6
_FONT = 'font-family="sans-serif" fill="#333"'
_FILLS = {"engineio": "#dbe7f4", "socketio": "#d5ead9", "signaling": "#f6e6c8", "policy": "#eadcf0"}
_OTHERS = "#eeeeee"


def drawing() -> str:
    """The whole file, the highest floor first."""
    height = _TOP + len(FLOORS) * (_HEIGHT + _GAP) + _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">',
        "<title>The layers of rtcsignal</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_EDGE}" y="26" font-size="14" font-weight="bold" {_FONT}>Imports go down only</text>',
        f'<text x="{_EDGE}" y="44" font-size="11" {_FONT}>{escape(_LEGEND)}</text>',
    ]
    for number, floor in enumerate(reversed(FLOORS)):
        x: float = _EDGE
        wanted = [_charactersOf(room) for room in floor]
        for room, characters in zip(floor, wanted, strict=True):
            width = (_WIDTH - 2 * _EDGE - (len(floor) - 1) * _GAP) * characters / sum(wanted)
            parts += _box(room, x, _TOP + number * (_HEIGHT + _GAP), width)
            x += width + _GAP
    return "\n".join([*parts, "</svg>", ""])


_LEGEND = "Rooms on one floor do not know each other. Those with a dashed line import no more than they say."


def _charactersOf(room: Room) -> int:
    """How wide a room is, in characters: those of its longer line, and some around them."""
    return max(2 * len(room.name) + len(_only(room)), len(room.what)) + 6


def _only(room: Room) -> str:
    return "" if room.only is None else f"imports {', '.join(sorted(room.only))}"


def _box(room: Room, x: float, y: float, width: float) -> Iterator[str]:
    fill = _FILLS.get(room.name.partition(".")[0], _OTHERS)
    dashes = "" if room.only is None else ' stroke-dasharray="4 3"'
    size = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{_HEIGHT}" rx="4"'
    yield f'<rect {size} fill="{fill}" stroke="#888"{dashes}/>'
    yield f'<text x="{x + 10:.1f}" y="{y + 16}" font-size="12" font-weight="bold" {_FONT}>{escape(room.name)}</text>'
    yield f'<text x="{x + 10:.1f}" y="{y + 30}" font-size="10" {_FONT}>{escape(room.what)}</text>'
    if room.only is not None:
        right = f'x="{x + width - 10:.1f}" y="{y + 16}" text-anchor="end"'
        yield f'<text {right} font-size="10" font-style="italic" {_FONT}>{escape(_only(room))}</text>'


if __name__ == "__main__":
    PICTURE.write_text(drawing(), encoding="utf-8")
