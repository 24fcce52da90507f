"""The pages of the documentation, taken apart: code blocks, headings, links, tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import ROOT

__all__ = ["DOCS", "PAGES", "README", "TESTED_ELSEWHERE", "Block", "Link", "Page", "blocks", "pageIds"]

README = ROOT / "README.md"
DOCS = ROOT / "docs"
TESTED_ELSEWHERE = frozenset({"plugins.md", "authenticators.md", "message-filters.md", "room-policies.md"})
"""Pages whose examples other tests run."""

_FENCE = re.compile(r"```(?P<language>[a-z]*)")
_COMMENT = re.compile(r"<!-- (?P<note>.*) -->")
_HEADING = re.compile(r"#{1,6} (?P<title>.+)")
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"`[^`]*`")
_ROW = re.compile(r"\|(?P<cells>.*)\|")
_CELL = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class Block:
    """A code block: its language and text, where it stands, and the comment (`<!-- ... -->`) in front of it."""

    page: str
    line: int
    language: str
    text: str
    note: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def skipped(self) -> bool:
        """The comment in front of it says that it cannot run here, and why."""
        return self.note.startswith("not run:")


@dataclass(frozen=True)
class Link:
    """A link to somewhere in this project, and the line that it is on."""

    line: int
    target: str


class Page:
    """A page in Markdown."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path.relative_to(ROOT))
        self.text = path.read_text(encoding="utf-8")
        self.blocks: list[Block] = []
        self._prose: list[tuple[int, str]] = []
        self._takeApart()

    def _takeApart(self) -> None:
        block: list[str] | None = None
        language, start, note = "", 0, ""
        for number, line in enumerate(self.text.splitlines(), 1):
            if block is not None:
                if line == "```":
                    self.blocks.append(Block(self.name, start, language, "\n".join(block) + "\n", note))
                    block, note = None, ""
                else:
                    block.append(line)
            elif fence := _FENCE.fullmatch(line):
                block, language, start = [], fence["language"], number
            else:
                assert not line.lstrip().startswith("```"), f"{self.name}:{number}: an odd code block"
                comment = _COMMENT.fullmatch(line)
                note = comment["note"] if comment else ""
                self._prose.append((number, line))
        assert block is None, f"{self.name}:{start}: the block has no end"

    def headings(self) -> list[str]:
        """The anchors that links may name, as GitHub makes them of the headings."""
        found = (_HEADING.fullmatch(line) for _, line in self._prose)
        return [_anchor(heading["title"]) for heading in found if heading]

    def links(self) -> Iterator[Link]:
        """Links to other places of this project."""
        for number, line in self._prose:
            for match in _LINK.finditer(_CODE.sub("", line)):
                if not re.match(r"[a-z]+:", match["target"]):
                    yield Link(number, match["target"])

    def table(self, heading: str) -> list[list[str]]:
        """The rows of all tables between a heading and the next one, without those of column names."""
        rows: list[list[str]] = []
        inside = False
        for _, line in self._prose:
            title = _HEADING.fullmatch(line)
            if title:
                inside = title["title"] == heading
            row = _ROW.fullmatch(line)
            if inside and row:
                rows.append([cell.strip().replace(r"\|", "|") for cell in _CELL.split(row["cells"])])
        ruled = [index for index, row in enumerate(rows) if set("".join(row)) <= {"-", ":"}]
        assert ruled, f"{self.name}: no table below {heading!r}"
        return [row for index, row in enumerate(rows) if index not in ruled and index + 1 not in ruled]


def _anchor(title: str) -> str:
    kept = re.sub(r"[^\w\- ]", "", title.replace("`", "").lower())
    return kept.replace(" ", "-")


PAGES = [Page(path) for path in (README, *sorted(DOCS.glob("*.md")))]


def pageIds(page: Page) -> str:
    """The name of a test's parameter."""
    return page.name


def blocks(*languages: str) -> list[Block]:
    """The code blocks in these languages that are run."""
    return [
        block
        for page in PAGES
        if page.path.name not in TESTED_ELSEWHERE
        for block in page.blocks
        if block.language in languages and not block.skipped
    ]
