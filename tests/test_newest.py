"""The search for a newer Python."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.newest import OLDEST, newestBeside
from tests.support.processes import ROOT


def fake(path: Path, says: str) -> Path:
    """An interpreter that says this of its version, whatever it is asked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine without any."""
    return {"HOME": str(tmp_path / "home"), "PATH": f"{tmp_path / 'bin'}{os.pathsep}{tmp_path / 'nowhere'}"}


def test_theNewestIsFoundByNumberAndNotByName(tmp_path: Path, environ: dict[str, str]) -> None:
    fake(tmp_path / "bin" / "python3.9", "echo 3 9 25")
    fake(tmp_path / "bin" / "python3.13", "echo 3 13 9")
    newest = fake(tmp_path / "bin" / "python3.14", "echo 3 14 0")
    assert newestBeside((3, 11), environ) == newest
    assert newestBeside((3, 13), environ) == newest
    assert newestBeside((3, 14), environ) is None


@pytest.mark.parametrize("folder", [".pyenv/versions/3.14.2", ".local/share/uv/python/cpython-3.14.2-linux"])
def test_thoseOfPyenvAndUvCount(tmp_path: Path, environ: dict[str, str], folder: str) -> None:
    fake(tmp_path / "bin" / "python3.14", "echo 3 14 1")
    newest = fake(tmp_path / "home" / folder / "bin" / "python3", "echo 3 14 2")
    assert newestBeside((3, 11), environ) == newest


@pytest.mark.parametrize("variable", ["PYENV_ROOT", "UV_PYTHON_INSTALL_DIR"])
def test_theyMayBeElsewhere(tmp_path: Path, environ: dict[str, str], variable: str) -> None:
    below = "versions/3.14.2" if variable == "PYENV_ROOT" else "3.14.2"
    newest = fake(tmp_path / "elsewhere" / below / "bin" / "python3", "echo 3 14 2")
    assert newestBeside((3, 11), {**environ, variable: str(tmp_path / "elsewhere")}) == newest


@pytest.mark.parametrize("says", ["exit 127", "echo command not found", "echo 3 14 0; exit 1", ""])
def test_whatDoesNotRunIsNone(tmp_path: Path, environ: dict[str, str], says: str) -> None:
    fake(tmp_path / "bin" / "python3.14", says)
    (tmp_path / "bin" / "python3.15").write_text("not to be run")
    (tmp_path / "bin" / "python3.16").symlink_to("nowhere")
    assert newestBeside((3, 11), environ) is None


def test_thoseThatEverybodyHasAreNotTried(tmp_path: Path, environ: dict[str, str]) -> None:
    fake(tmp_path / "bin" / "python3.12", "echo 3 12 9")
    assert newestBeside((3, 11), environ) is None


def test_withoutOneThereIsALineAndNoFailure(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "tests.support.newest"]
    asked = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=True)
    assert asked.stdout == ""
    assert re.fullmatch(r"no CPython newer than 3\.\d+ is here, and so the tests run on no other\n", asked.stderr)


def test_thisOneSaysWhatItIs(tmp_path: Path, environ: dict[str, str]) -> None:
    fake(tmp_path / "bin" / f"python3.{sys.version_info.minor}", f'exec {sys.executable} "$@"')
    found = newestBeside((3, 10), environ)
    assert (found is not None) == (sys.version_info[:2] >= OLDEST)
