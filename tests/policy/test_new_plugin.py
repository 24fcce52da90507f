"""``python -m rtcsignal new-plugin NAME``: a plugin and its test, both working."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rtcsignal.__main__ import main
from rtcsignal.policy.loader import loadPlugins
from rtcsignal.policy.scaffold import newPlugin
from rtcsignal.testing import loadPlugin
from tests.policy.sources import Use, Wanted
from tests.support.processes import runToEnd


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return runToEnd([sys.executable, *arguments], cwd)


def test_bothWorkAsTheyAreWritten(tmp_path: Path) -> None:
    written = run("-m", "rtcsignal", "new-plugin", "quiet-hours", cwd=tmp_path)
    assert written.returncode == 0, written.stderr
    tested = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_quiet_hours.py", cwd=tmp_path)
    assert tested.returncode == 0, tested.stdout
    assert "3 passed" in tested.stdout


def test_thePluginIsLoadedAndItsTestIsNot(tmp_path: Path) -> None:
    newPlugin("quiet-hours", tmp_path)
    (entry,) = loadPlugins(Wanted([str(tmp_path)], [Use("quiet-hours", {"prefix": "night-"})])).entries
    assert entry.plugin.prefix == "night-"


def test_itGoesIntoTheFolderOfPluginsIfThereIsOne(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new-plugin", "first"]) == 0
    assert (tmp_path / "first.py").exists()
    (tmp_path / "plugins").mkdir()
    assert main(["new-plugin", "second"]) == 0
    assert (tmp_path / "plugins/second.py").exists()
    assert main(["new-plugin", "third", "--folder", "else/where"]) == 0
    assert (tmp_path / "else/where/tests/test_third.py").exists()
    assert "python -m pytest plugins/tests/test_second.py" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["Quiet", "quiet_hours", "", "2-fast", "a b", "../a"])
def test_aNameMustBeOne(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new-plugin", name, "--folder", str(tmp_path)]) == 1
    assert "cannot be a plugin's name" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["quiet_hours.py", "tests/test_quiet_hours.py"])
def test_nothingIsOverwritten(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / file).write_text("mine")
    assert main(["new-plugin", "quiet-hours", "--folder", str(tmp_path)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / file).read_text() == "mine"
    assert len(list(tmp_path.glob("**/*.py"))) == 1


@pytest.mark.parametrize("name", ["import", "class", "none", "a1-b2-3c", "x"])
def test_oddNamesWorkToo(name: str, tmp_path: Path) -> None:
    plugin, _ = newPlugin(name, tmp_path)
    assert loadPlugin(plugin).name == name
