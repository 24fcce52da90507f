"""The tables of docs/configuration.md, made from the schema.

python -m tests.docs      writes them into the page, between its two comments; and etc/server.conf
"""

from __future__ import annotations

from itertools import groupby

from rtcsignal.service.config.keydocs import KeyDoc, keyDocs
from tests.docs.pages import DOCS

__all__ = ["BEGIN", "END", "PAGE", "page", "rendered", "written"]

PAGE = DOCS / "configuration.md"
BEGIN = "<!-- the tables of the keys begin here; python -m tests.docs makes them -->\n"
END = "<!-- the tables of the keys end here -->\n"

_TOP = "The top of the file"


def rendered() -> str:
    """All tables: one for each section of the file, with a row for each key."""
    tables = (_table(section, list(keys)) for section, keys in groupby(keyDocs(), _sectionOf))
    return "\n".join(tables)


def written() -> str:
    """What the page has between its comments."""
    return PAGE.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip("\n") + "\n"


def _sectionOf(doc: KeyDoc) -> str:
    return doc.path.rpartition(".")[0]


def _table(section: str, docs: list[KeyDoc]) -> str:
    title = f"`{section}`" if section else _TOP
    rows = "".join(map(_row, docs))
    return f"### {title}\n\n| key | default | what it sets | why this default |\n|---|---|---|---|\n{rows}"


def _row(doc: KeyDoc) -> str:
    name = doc.path.rpartition(".")[2]
    unit = f" {doc.key.unit}" if doc.key.unit and doc.default != "null" else ""
    cells = (f"`{name}`", f"`{doc.default}`{unit}", doc.key.what, doc.key.why)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def page() -> str:
    """The page with the tables as they should be."""
    before, begin, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE} lacks one of its comments")
    return f"{before}{begin}\n{rendered()}\n{end}{after}"
