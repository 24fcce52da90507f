"""What the documentation and the docstrings call by the name of a module is one."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.docs.pages import DOCS
from tests.support.processes import ROOT

PAGES = ["architecture.md", "performance.md"]
FILES = [
    f"/{path.relative_to(ROOT)}" for top in ("rtcsignal", "tests", "bench") for path in (ROOT / top).rglob("*.py")
]
SOURCES = sorted((ROOT / "rtcsignal").rglob("*.py"))


def isThere(name: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    module, _, attribute = name.rpartition(".")
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # what is before the last dot is no package
        return hasattr(__import__(module, fromlist=[attribute]), attribute)


@pytest.mark.parametrize("page", PAGES)
def test_everyFileThatThePageNamesIsThere(page: str) -> None:
    named = set(re.findall(r"`([\w/]+\.py)`", (DOCS / page).read_text(encoding="utf-8")))
    assert named
    assert {name for name in named if not any(file.endswith(f"/{name}") for file in FILES)} == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_everyModuleThatADocstringNamesIsThere(path: Path) -> None:
    named = set(re.findall(r"`(rtcsignal(?:\.\w+)+)`", path.read_text(encoding="utf-8")))
    assert {name for name in named if not isThere(name)} == set()


def test_aModuleThatIsNotThereIsFound() -> None:
    assert isThere("rtcsignal.engineio.server")
    assert isThere("rtcsignal.engineio.server.EngineServer")
    assert not isThere("rtcsignal.engineio.farewell")
    assert not isThere("rtcsignal.engineio.server.Nothing")
