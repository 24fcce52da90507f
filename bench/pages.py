"""Puts results into the documentation: the table into its page, the chart beside it."""

from __future__ import annotations

import re
from pathlib import Path

from bench.chart import chart
from bench.errors import BenchError
from bench.report import Report, markdown, readResults

__all__ = ["CHART", "PAGE", "RESULTS", "newest", "pageWith", "resultsOf", "update", "writeChart"]

_ROOT = Path(__file__).resolve().parents[1]
RESULTS = _ROOT / "bench" / "results"
PAGE = _ROOT / "docs" / "performance.md"
CHART = _ROOT / "docs" / "images" / "performance.svg"
_BLOCK = re.compile(r"<!-- results: (?P<name>\S+) -->\n.*?<!-- end of results -->", re.DOTALL)


def newest() -> Path:
    """The newest results.

    Raises:
        BenchError: There are none.
    """
    found = sorted(RESULTS.glob("*.json"))
    if not found:
        raise BenchError(f"there are no results in {RESULTS}")
    return found[-1]


def pageWith(text: str, name: str, report: Report) -> str:
    """The page with another table.

    Args:
        text: Of the page.
        name: Of the file with the results.
        report: What is in it.

    Raises:
        BenchError: The page has no place for it.
    """
    block = f"<!-- results: {name} -->\n\n{markdown(report)}\n\n<!-- end of results -->"
    changed, count = _BLOCK.subn(lambda _: block, text)
    if count != 1:
        raise BenchError("the page must have exactly one place for results")
    return changed


def resultsOf(text: str) -> Path:
    """The file whose results a page shows.

    Raises:
        BenchError: It shows none.
    """
    found = _BLOCK.search(text)
    if found is None:
        raise BenchError("the page shows no results")
    return RESULTS / found["name"]


def writeChart(report: Report, path: Path) -> None:
    """Draw it into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(chart(report), encoding="utf-8")


def update(path: Path | None) -> int:
    """Show results in the documentation.

    Args:
        path: The file with the results, or None for the newest.

    Returns:
        The exit status, 0.
    """
    path = path or newest()
    report = readResults(path)
    PAGE.write_text(pageWith(PAGE.read_text(encoding="utf-8"), path.name, report), encoding="utf-8")
    writeChart(report, CHART)
    print(f"{PAGE} and {CHART} show {path.name} now.")
    return 0
