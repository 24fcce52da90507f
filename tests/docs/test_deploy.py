"""The page on deployment: its commands run as they are printed, and the unit's command runs as another user.

Absolute paths are moved below a folder of the test; programs that only a whole machine has are stood in for.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bench.certificate import writeCertificate
from tests.docs.pages import DOCS, Page
from tests.support.daemons import Daemon
from tests.support.patience import START_PATIENCE
from tests.support.processes import ROOT, startProcess
from tests.support.tools import needed
from tests.test_install import NOT_SOURCES, cleanEnvironment

UNIT = ROOT / "etc" / "rtcsignal.service"
_NOBODY = 65534
_PLACES = re.compile(r"(?<![\w.])/(opt|etc|var|run)/")
_STAND_IN = '#!/bin/sh\necho "$(basename "$0") $*" >>"$(dirname "$0")/../called"\n'


class Machine:
    """A folder that stands for a machine, which other users can read.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sources = folder / "rtcsignal"
        shutil.copytree(ROOT, self.sources, ignore=NOT_SOURCES)
        for name in ("bin", "opt", "etc/systemd/system", "etc/nginx/conf.d", "var/log", "var/lib", "run"):
            (folder / name).mkdir(parents=True)
        for name in ("systemctl", "journalctl", "nginx"):
            (folder / "bin" / name).write_text(_STAND_IN)
            (folder / "bin" / name).chmod(0o755)
        self._libraries = _interpreter(folder)

    def place(self, text: str) -> str:
        """A text with its absolute paths moved into the folder."""
        return _PLACES.sub(rf"{self.folder}/\1/", text)

    @property
    def environ(self) -> dict[str, str]:
        """In which its programs are found, and nothing of the checkout."""
        path = f"{self.folder / 'bin'}:{self.folder / 'python' / 'bin'}:{os.environ['PATH']}"
        return {**cleanEnvironment(), "PATH": path, "LD_LIBRARY_PATH": self._libraries, "PYTHONUNBUFFERED": "1"}

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line of the page in the folder of the sources."""
        return subprocess.run(
            ["sh", "-c", self.place(line)],
            cwd=self.sources,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=10 * START_PATIENCE,
            check=False,
        )

    def called(self) -> str:
        """What the stand-ins were called with."""
        path = self.folder / "called"
        return path.read_text() if path.exists() else ""


def _interpreter(folder: Path) -> str:
    """Put a Python that every user may run into a machine, unless it has one.

    Returns:
        Where its shared libraries are.
    """
    base, version = Path(sys.base_prefix), f"python{sys.version_info[0]}.{sys.version_info[1]}"
    program = base / "bin" / version
    if base == Path("/usr") or base == Path("/usr/local"):
        (folder / "bin" / "python3").symlink_to(program)
        return ""  # everybody may run it
    # It may be in somebody's home: the same files, by links where that is possible.
    copy = folder / "python"
    (copy / "bin").mkdir(parents=True)
    shutil.copy(program, copy / "bin" / "python3")
    ignored = shutil.ignore_patterns("site-packages", "test", "__pycache__", "config-*", "idlelib")
    shutil.copytree(base / "lib" / version, copy / "lib" / version, ignore=ignored, copy_function=_link)
    for library in (base / "lib").glob("libpython*.so*"):
        shutil.copy(library, copy / "lib")
    return str(copy / "lib")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def commands(section: str) -> list[str]:
    """The lines of the shell blocks in a section of the page, in their order."""
    lines: list[str] = []
    text = (DOCS / "deploy.md").read_text(encoding="utf-8")
    start = text.index(f"\n## {section}\n")
    end = text.find("\n## ", start + 1)
    for block in re.findall(r"```sh\n(.*?)```", text[start:end], re.DOTALL):
        lines += block.splitlines()
    assert lines, section
    return lines


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine on which the server was installed as the page says, on a free port."""
    folder = Path(tempfile.mkdtemp(prefix="rtcsignal-machine-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        machine = Machine(folder)
        for line in commands("Install"):
            if "/bin/twistd" in line:
                break
            ended = machine.run(line)
            assert ended.returncode == 0, f"{line}:\n{ended.stdout}{ended.stderr}"
        config = folder / "etc/rtcsignal/server.conf"
        config.write_text(config.read_text().replace('"tcp:8080"]', '"tcp:0:interface=127.0.0.1"]'))
        yield machine
    finally:
        shutil.rmtree(folder)


def serving(lines: Sequence[str], option: str) -> str:
    """The one line that starts a server with an option of twistd."""
    (line,) = [line for line in lines if "/bin/twistd" in line and f" {option}" in line]
    return line


class TestCommands:
    def test_theInstallationIsCheckedWithoutAMistake(self, machine: Machine) -> None:
        ended = machine.run(serving(commands("Install"), "rtcsignal --check"))
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "no mistakes" in ended.stdout
        assert "demo page: off" in ended.stdout
        assert f"plugin folders: {machine.folder}/etc/rtcsignal/plugins" in ended.stdout

    @pytest.mark.parametrize(("section", "option"), [("Install", "--nodaemon"), ("Logs", "-n")])
    def test_aServerRunsInTheForeground(self, machine: Machine, section: str, option: str) -> None:
        line = machine.place(serving(commands(section), option))
        with startProcess(["sh", "-c", f"exec {line}"], cwd="/", env=machine.environ) as process:
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0

    def test_aServerRunsAsADaemon(self, machine: Machine) -> None:
        ended = machine.run(serving(commands("Install"), "--logfile="))
        assert (ended.returncode, ended.stderr) == (0, "")
        daemon = Daemon.of(machine.folder / "run/rtcsignal.pid", machine.folder / "var/log/rtcsignal.log")
        daemon.waitLog("listening on")
        os.kill(daemon.pid, signal.SIGTERM)
        daemon.waitEnd()

    @pytest.mark.parametrize("section", ["systemd", "nginx", "Upgrades without lost clients"])
    def test_theOthersWorkToo(self, machine: Machine, section: str) -> None:
        for line in commands(section):
            ended = machine.run(line)
            assert ended.returncode == 0, f"{line}:\n{ended.stdout}{ended.stderr}"
            if "systemctl" in line:
                assert re.search(r"systemctl .*", line)[0] in machine.called()  # type: ignore[index]

    def test_thePageHasNoOthers(self) -> None:
        page = Page(DOCS / "deploy.md")
        lines = [line for block in page.blocks if block.language == "sh" for line in block.text.splitlines()]
        seen = [commands(each) for each in ("Install", "systemd", "nginx", "Logs", "Upgrades without lost clients")]
        assert lines == [line for each in seen for line in each]


def unitKeys() -> dict[str, list[str]]:
    """The keys of the unit."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


class Service:
    """What systemd makes of the unit: folders of its user, copies of credentials, and a process.

    Args:
        machine: Where.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        keys = unitKeys()
        for key, place in (("RuntimeDirectory", "run"), ("StateDirectory", "var/lib"), ("LogsDirectory", "var/log")):
            (name,) = keys[key]
            folder = machine.folder / place / name
            folder.mkdir(exist_ok=True)
            os.chown(folder, _NOBODY, _NOBODY)
        credentials = machine.folder / "run/credentials/rtcsignal.service"
        credentials.mkdir(parents=True, exist_ok=True)
        (loaded,) = keys["LoadCredential"]
        name, _, source = loaded.partition(":")
        for file in Path(machine.place(source)).iterdir():
            copy = credentials / f"{name}_{file.name}"
            shutil.copy(file, copy)
            copy.chmod(0o400)
            os.chown(copy, _NOBODY, _NOBODY)

    def command(self, *more: str) -> list[str]:
        """The unit's command as its user, perhaps with further arguments."""
        keys = unitKeys()
        (start,), (mask,) = keys["ExecStart"], keys["UMask"]
        user = [needed("setpriv"), f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--no-new-privs"]
        line = " ".join([self.machine.place(start), *more])
        return [*user, "env", *keys["Environment"], "sh", "-c", f"umask {mask}; exec {line}"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
class TestTheUnit:
    @pytest.fixture
    def service(self, machine: Machine) -> Service:
        """The service, with a key that only root can read."""
        credentials = machine.folder / "etc/rtcsignal/credentials"
        writeCertificate(credentials)
        (credentials / "key.pem").chmod(0o600)
        assert credentials.stat().st_mode & 0o777 == 0o700
        return Service(machine)

    def configure(self, machine: Machine, keys: str) -> None:
        """Write a configuration that uses what a service has."""
        text = machine.place(
            f"listen: ['ssl:0:interface=127.0.0.1:privateKey={keys}key.pem:certKey={keys}certificate.pem',\n"
            "  'unix:/run/rtcsignal/server.sock']\n"
            "plugins: {use: [{audit: {file: /var/log/rtcsignal/audit.jsonl}}]}\n"
        )
        (machine.folder / "etc/rtcsignal/server.conf").write_text(text)

    def test_readsKeysAndWritesRecordsAndSocketsAsAnotherUser(self, machine: Machine, service: Service) -> None:
        self.configure(machine, "/run/credentials/rtcsignal.service/credentials_")
        with startProcess(service.command(), cwd="/", env=machine.environ) as process:
            assert Path(f"/proc/{process.pid}").stat().st_uid == _NOBODY
            record = machine.folder / "var/log/rtcsignal/audit.jsonl"
            assert record.stat().st_uid == _NOBODY
            assert (machine.folder / "run/rtcsignal/server.sock").stat().st_mode & 0o777 == 0o660
            assert "cache" not in process.output()
            process.signal(signal.SIGTERM)
            assert process.waitExit() == 0

    def test_couldNotReadThemWhereTheyAre(self, machine: Machine, service: Service) -> None:
        self.configure(machine, "/etc/rtcsignal/credentials/")
        with startProcess(service.command("--check"), cwd="/", env=machine.environ, until=None) as process:
            assert process.waitExit() == 1
            assert "Permission denied" in process.output()
