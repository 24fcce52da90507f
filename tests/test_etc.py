"""The files in etc/: complete, right, and accepted by the programs that read them."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from rtcsignal.service.config.keydocs import KeyDoc, keyDocs
from rtcsignal.service.config.reader import defaultConfig, loadConfig
from tests.support.patience import START_PATIENCE
from tests.support.processes import ROOT, startProcess, twistdCommand
from tests.support.tools import needed

ETC = ROOT / "etc"
CONF = ETC / "server.conf"
KEYS = {doc.path: doc for doc in keyDocs()}


def comments() -> dict[str, str]:
    """The comment before each key of the file, on one line, by the path of the key."""
    found: dict[str, str] = {}
    path: list[str] = []
    lines = [""]
    for line in CONF.read_text(encoding="utf-8").splitlines():
        key = re.match(r"( *)([a-z_]+):(.*)", line)
        if line.strip().startswith("#"):
            lines.append(line.strip().removeprefix("#").strip())
        elif key is None:
            lines = []
        else:
            path = [*path[: len(key[1]) // 2], key[2]]
            found[".".join(path)] = " ".join(lines)
    return found


def pathsIn(tree: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The path of each key in a mapping of mappings."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from pathsIn(value, f"{prefix}{name}.")
        else:
            yield prefix + name


class TestServerConf:
    def test_hasEveryKeyInItsPlaceAndNoOther(self) -> None:
        tree = yaml.safe_load(CONF.read_text(encoding="utf-8"))
        assert list(pathsIn(tree)) == list(KEYS)

    @pytest.mark.parametrize("doc", KEYS.values(), ids=list(KEYS))
    def test_saysOfEachKeyWhatItIsItsDefaultItsUnitAndTheReason(self, doc: KeyDoc) -> None:
        unit = f" {doc.key.unit}" if doc.key.unit else ""
        assert comments()[doc.path].startswith(f"{doc.key.what} Default: {doc.default}{unit}. {doc.key.why}")

    def test_differsFromTheDefaultsOnlyInThePluginFolderAndTheDemo(self) -> None:
        config = loadConfig(str(CONF))
        assert config.plugins.folders == (str(ROOT / "plugins"),)
        assert config.web.demo is True
        assert (
            msgspec.structs.replace(config, plugins=defaultConfig().plugins, web=defaultConfig().web)
            == defaultConfig()
        )

    def test_starts(self, tmp_path: Path) -> None:
        command = twistdCommand("--config", str(CONF), "--listen", "tcp:0:interface=127.0.0.1")
        with startProcess(command, cwd=str(tmp_path)) as process:
            process.waitOutput(f"open {process.url}/ in a browser")


class TestSchema:
    @pytest.mark.parametrize("doc", KEYS.values(), ids=list(KEYS))
    def test_saysEverythingOfEachKey(self, doc: KeyDoc) -> None:
        for text in (doc.key.what, doc.key.why):
            assert text.endswith(".")
            assert text == " ".join(text.split())
        assert bool(doc.key.unit) == ("number" in doc.kind)


class TestUnits:
    def unit(self, name: str) -> configparser.ConfigParser:
        """A unit, read as an INI file; of a key that is there twice the last counts."""
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        parser.read_string((ETC / name).read_text(encoding="utf-8"))
        return parser

    def test_systemdFindsNothingToSayAboutThem(self, tmp_path: Path) -> None:
        verify = needed("systemd-analyze", inCi=False)
        shutil.copy(ETC / "rtcsignal.socket", tmp_path)
        text = (ETC / "rtcsignal.service").read_text(encoding="utf-8")
        # It looks whether the program is there.
        twistd = Path(sys.executable).parent / "twistd"
        (tmp_path / "rtcsignal.service").write_text(re.sub(r"(?<=ExecStart=)\S+", str(twistd), text))
        units = [str(tmp_path / "rtcsignal.service"), str(tmp_path / "rtcsignal.socket")]
        command = [verify, "verify", *units]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=START_PATIENCE, check=False)
        assert (ended.stdout + ended.stderr, ended.returncode) == ("", 0)

    def test_theServiceIsHardened(self, tmp_path: Path) -> None:
        verify = needed("systemd-analyze", inCi=False)
        command = [verify, "security", "--offline=true", "--threshold=15", str(ETC / "rtcsignal.service")]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=START_PATIENCE, check=False)
        assert ended.returncode == 0, ended.stdout

    def test_theServiceWaitsForTheGoodbyeOfTheServer(self) -> None:
        service = self.unit("rtcsignal.service")["Service"]
        assert service["Type"] == "notify"
        assert int(service["TimeoutStopSec"]) > 10
        assert service["ExecReload"] == "/bin/kill -HUP $MAINPID"
        assert "--nodaemon --pidfile= rtcsignal --config /etc/rtcsignal/server.conf" in service["ExecStart"]

    def test_theSocketHasTheNameThatTheServiceExplains(self) -> None:
        name = self.unit("rtcsignal.socket")["Socket"]["FileDescriptorName"]
        assert f"systemd:domain=INET6:name={name}" in (ETC / "rtcsignal.service").read_text(encoding="utf-8")
