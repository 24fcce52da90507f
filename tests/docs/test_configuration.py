"""docs/configuration.md and etc/server.conf have every key of the configuration, and what the schema says of it."""

from __future__ import annotations

from rtcsignal.service.config.keydocs import keyDocs
from tests.docs import keyfile
from tests.docs.keytable import KEYS


def test_theTablesOfThePageAreThoseOfTheSchema() -> None:
    """After a change of the schema: python -m tests.docs"""
    assert KEYS.written() == KEYS.render()


def test_theFileIsThatOfTheSchema() -> None:
    """After a change of the schema: python -m tests.docs"""
    assert keyfile.FILE.read_text(encoding="utf-8") == keyfile.rendered()


def test_everyKeyHasItsRow() -> None:
    rows = [line for line in KEYS.written().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [doc.path.rpartition(".")[2] for doc in keyDocs()]
