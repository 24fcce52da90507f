"""Every input that fuzzing found worth keeping, and every one that once failed, does what it should."""

from __future__ import annotations

from pathlib import Path

import pytest
from txaio import tx

from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).resolve().parents[1] / "corpus"


@pytest.fixture(autouse=True)
def autobahnsClock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the target for frames sets is undone."""
    monkeypatch.setattr(tx.config, "loop", None)


@pytest.mark.parametrize("name", TARGETS)
def test_everyInputOfTheCorpusIsHandled(name: str) -> None:
    inputs = sorted((CORPUS / name).iterdir())
    assert len(inputs) >= 5
    for path in inputs:
        TARGETS[name](path.read_bytes())


def test_theCorpusHasNoOtherFolder() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 200_000


def test_aFindingIsNotSwallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: object) -> None:
        raise RecursionError

    monkeypatch.setattr("rtcsignal.socketio.jsontext.decode", broken)
    with pytest.raises(RecursionError):
        TARGETS["json"](b"[]")
