"""The tables of docs/configuration.md, made from the schema."""

from __future__ import annotations

from itertools import groupby

from rtcsignal.service.config.keydocs import KeyDoc, keyDocs
from tests.docs.madepart import MadePart
from tests.docs.pages import DOCS

__all__ = ["KEYS"]

_TOP = "The top of the file"


def _rendered() -> str:
    tables = (_table(section, list(keys)) for section, keys in groupby(keyDocs(), _sectionOf))
    return "\n".join(tables)


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


KEYS = MadePart(DOCS / "configuration.md", "the tables of the keys", _rendered)
"""All tables: one for each section of the file, with a row for each key."""
