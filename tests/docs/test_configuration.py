"""docs/configuration.md knows every key of the configuration, and says of each what the schema says."""

from __future__ import annotations

from rtcsignal.service.config.keydocs import keyDocs
from tests.docs.keytable import rendered, written


def test_theTablesOfThePageAreThoseOfTheSchema() -> None:
    """After a change of the schema: python -m tests.docs.keytable"""
    assert written() == rendered()


def test_everyKeyHasItsRow() -> None:
    rows = [line for line in written().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [doc.path.rpartition(".")[2] for doc in keyDocs()]
