"""A chart of a table, as SVG: how many times better than Node's socket.io each server is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from bench.contenders import CONTENDERS
from bench.report import Line, Report

__all__ = ["chart"]

_BASE = "node"
_WIDTH, _LABELS, _RIGHT, _TOP = 760, 250, 60, 64
_BAR, _GAP, _SPACE = 9, 2, 10
_COLOURS = {"rtcsignal": "#2f6fb2", "configured": "#7aa874", "python": "#c9a227"}
_TEXT = 'font-family="sans-serif" font-size="12" fill="#333"'
_SMALL = _TEXT.replace('"12"', '"10"')


def chart(report: Report) -> str:
    """The whole file. A bar of length 1 is as good as the base; what is better when it is less is turned around."""
    servers = [name for name in report.servers if name != _BASE]
    lines = [line for line in report.lines() if _BASE in line.medians and len(line.medians) > 1]
    longest = max((_better(line, name) or 0.0 for line in lines for name in servers), default=1.0)
    scale = (_WIDTH - _LABELS - _RIGHT) / max(longest, 1.0)
    step = len(servers) * (_BAR + _GAP) + _SPACE
    height = _TOP + step * len(lines) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}">',
        "<title>Times better than Node socket.io</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        *_legend(servers, scale, height),
    ]
    for index, line in enumerate(lines):
        parts += _bars(line, servers, _TOP + index * step, scale)
    return "\n".join([*parts, "</svg>", ""])


def _better(line: Line, server: str) -> float | None:
    ours, base = line.medians.get(server), line.medians.get(_BASE)
    if not ours or not base:
        return None
    return base / ours if line.row.lower else ours / base


def _legend(servers: Sequence[str], scale: float, height: int) -> Iterator[str]:
    title = f"Times better than {CONTENDERS[_BASE].title} (longer is better)"
    yield f'<text x="12" y="24" {_TEXT} font-weight="bold">{title}</text>'
    for index, name in enumerate(servers):
        x = _LABELS + index * 150
        yield f'<rect x="{x}" y="36" width="12" height="12" fill="{_COLOURS[name]}"/>'
        yield f'<text x="{x + 18}" y="46" {_TEXT}>{escape(CONTENDERS[name].title)}</text>'
    base = _LABELS + scale
    ends = f'x1="{base:.1f}" x2="{base:.1f}" y1="{_TOP - 8}" y2="{height - 8}"'
    yield f'<line {ends} stroke="#999" stroke-dasharray="3 3"/>'


def _bars(line: Line, servers: Sequence[str], top: int, scale: float) -> Iterator[str]:
    middle = top + len(servers) * (_BAR + _GAP) / 2 + 4
    yield f'<text x="{_LABELS - 8}" y="{middle:.1f}" {_TEXT} text-anchor="end">{escape(line.row.title)}</text>'
    for index, name in enumerate(servers):
        times = _better(line, name)
        if times is None:
            continue
        y, width = top + index * (_BAR + _GAP), times * scale
        yield f'<rect x="{_LABELS}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{_COLOURS[name]}"/>'
        yield f'<text x="{_LABELS + width + 4:.1f}" y="{y + _BAR}" {_SMALL}>{times:.2g}</text>'
