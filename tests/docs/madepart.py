"""Parts of pages that are made from the sources: ``python -m tests.docs`` writes them between two comments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["MadePart"]


@dataclass(frozen=True)
class MadePart:
    """What stands between two comments of a page.

    Attributes:
        page: The page.
        what: What it is, for the comments.
        render: Makes it: lines of Markdown, the last of them ended.
    """

    page: Path
    what: str
    render: Callable[[], str]

    def written(self) -> str:
        """What the page has."""
        return self._split()[1].strip("\n") + "\n"

    def write(self) -> None:
        """Give the page what it should have."""
        before, _, after = self._split()
        text = f"{before}{self._begin}\n{self.render()}\n{self._end}{after}"
        self.page.write_text(text, encoding="utf-8")

    @property
    def _begin(self) -> str:
        return f"<!-- {self.what} begin here; python -m tests.docs makes them -->\n"

    @property
    def _end(self) -> str:
        return f"<!-- {self.what} end here -->\n"

    def _split(self) -> tuple[str, str, str]:
        before, begin, rest = self.page.read_text(encoding="utf-8").partition(self._begin)
        made, end, after = rest.partition(self._end)
        if not begin or not end:
            raise SystemExit(f"{self.page} lacks a comment about {self.what}")
        return before, made, after
