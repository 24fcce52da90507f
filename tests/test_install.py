"""Every way to install gives a working ``twistd rtcsignal`` from any directory; tried in fresh environments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

import rtcsignal
from tests.support.patience import PATIENCE
from tests.support.processes import ROOT, startProcess

NOT_SOURCES = shutil.ignore_patterns(
    ".git",
    ".venv",
    "build",
    "dist",
    "node_modules",
    "__pycache__",
    "*.egg-info",
    ".*_cache",
    ".hypothesis",
    ".coverage*",
)


@dataclass(frozen=True)
class Environment:
    """A virtual environment with nothing but Python in it at first."""

    folder: Path

    @property
    def bin(self) -> Path:
        """Where its programs are."""
        return self.folder / "bin"

    def install(self, *what: str) -> None:
        """Install with pip, dependencies too."""
        run([sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install", "--quiet", *what])


def run(command: list[str], cwd: Path | None = None) -> str:
    """The output of a command that must succeed, and that finds nothing of the checkout by itself."""
    ended = subprocess.run(
        command, cwd=cwd, env=cleanEnvironment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, f"{command}:\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def cleanEnvironment() -> dict[str, str]:
    """The environment without a way to the checkout."""
    ours = ("PYTHONPATH", "VIRTUAL_ENV", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
    return {name: value for name, value in os.environ.items() if name not in ours}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that nothing is left in the checkout by building."""
    folder = tmp_path_factory.mktemp("source") / "rtcsignal"
    shutil.copytree(ROOT, folder, ignore=NOT_SOURCES)
    return folder


@pytest.fixture(scope="module")
def distributions(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "build", "--outdir", str(folder), str(source)])
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A fresh environment."""
    venv.create(tmp_path / "environment", with_pip=False)
    return Environment(tmp_path / "environment")


def theOne(folder: Path, pattern: str) -> Path:
    """The only file of this name."""
    (path,) = folder.glob(pattern)
    return path


def checkThatItRuns(environment: Environment, elsewhere: Path) -> None:
    """The command is there, and the server serves its page, which is a file of the package."""
    elsewhere.mkdir()
    twistd = str(environment.bin / "twistd")
    assert run([twistd, "rtcsignal", "--version"], elsewhere).startswith(f"rtcsignal {rtcsignal.__version__} ")
    (elsewhere / "server.conf").write_text("web: {demo: true}")
    options = ["--nodaemon", "--pidfile=", "rtcsignal", "--config", "server.conf"]
    command = [twistd, *options, "--listen", "tcp:0:interface=127.0.0.1"]
    with startProcess(command, cwd=str(elsewhere), env=cleanEnvironment()) as process:
        for path, beginning in (("/status", b"Status: OK"), ("/", b"<!doctype html>"), ("/rtcsignal.js", b"/")):
            with urllib.request.urlopen(process.url + path, timeout=PATIENCE) as answer:
                assert answer.read().lower().startswith(beginning.lower())


def whereIs(environment: Environment, elsewhere: Path, module: str) -> Path:
    """The file from which a module is imported."""
    code = f"import {module}; print({module}.__file__)"
    return Path(run([str(environment.bin / "python"), "-c", code], elsewhere).strip())


class TestInstalled:
    def test_fromTheFolder(self, environment: Environment, source: Path, tmp_path: Path) -> None:
        environment.install(str(source))
        checkThatItRuns(environment, tmp_path / "elsewhere")
        assert whereIs(environment, tmp_path, "rtcsignal").is_relative_to(environment.folder)

    def test_fromTheWheel(self, environment: Environment, distributions: Path, tmp_path: Path) -> None:
        environment.install(str(theOne(distributions, "*.whl")))
        checkThatItRuns(environment, tmp_path / "elsewhere")
        assert whereIs(environment, tmp_path, "rtcsignal").is_relative_to(environment.folder)

    def test_editable(self, environment: Environment, source: Path, tmp_path: Path) -> None:
        environment.install("--editable", str(source))
        checkThatItRuns(environment, tmp_path / "elsewhere")
        assert whereIs(environment, tmp_path, "rtcsignal").is_relative_to(source)
        assert whereIs(environment, source, "twisted").is_relative_to(environment.folder)


def test_makeSaysWhatItInstalls(source: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(source, checkout)
    output = run(["make", f"PYTHON={sys.executable}", ".venv/.installed"], checkout)
    assert "Making an environment for Python in .venv.\n" in output
    assert "Installing the server and the packages that it needs into .venv." in output
    assert "Collecting twisted" in output
    assert "Successfully installed" in output


class TestDistributions:
    def test_theWheelHoldsTheWholePackageAndThePluginAndNothingElse(self, source: Path, distributions: Path) -> None:
        with zipfile.ZipFile(theOne(distributions, "*.whl")) as wheel:
            packed = {name for name in wheel.namelist() if ".dist-info/" not in name}
        files = {str(path.relative_to(source)) for path in (source / "rtcsignal").rglob("*") if path.is_file()}
        assert packed == files | {"twisted/plugins/rtcsignal_plugin.py"}

    @pytest.mark.parametrize(
        "name",
        [
            "LICENSE",
            "CHANGELOG.md",
            "README.md",
            "Makefile",
            "etc/server.conf",
            "plugins/README.md",
            "tests/conftest.py",
        ],
    )
    def test_theSourceDistributionHoldsWhatIsNeededToWorkOnIt(self, distributions: Path, name: str) -> None:
        with tarfile.open(theOne(distributions, "*.tar.gz")) as archive:
            assert name in {member.name.partition("/")[2] for member in archive.getmembers()}


def test_importingThePackageImportsNothingElse() -> None:
    code = "import sys, __future__; old = set(sys.modules); import rtcsignal; print(*set(sys.modules) - old)"
    assert run([sys.executable, "-c", code], ROOT) == "rtcsignal\n"
