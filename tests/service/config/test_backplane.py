"""The section ``backplane``: where Redis is, from a URL or from a file, and no word of the password."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rtcsignal.errors import ConfigError
from rtcsignal.service.config.backplane import Backplane, redisUrl
from rtcsignal.service.config.reader import loadConfig


def load(folder: Path, text: str) -> Backplane:
    """The section of a configuration file in a folder."""
    path = folder / "server.conf"
    path.write_text(f"backplane:\n{text}")
    return loadConfig(str(path)).backplane


def problem(folder: Path, text: str) -> str:
    """What is wrong with such a file, in one line."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    [line] = caught.value.problems
    return line.removeprefix(f"{folder}/server.conf:")


class TestTheSection:
    def test_isOffByDefault(self, tmp_path: Path) -> None:
        assert load(tmp_path, "  url: null\n") == Backplane()
        assert Backplane().url is None

    def test_takesTheUrlFromAFile(self, tmp_path: Path) -> None:
        (tmp_path / "redis.url").write_text("redis://:secret@127.0.0.1:6390\n")
        section = load(tmp_path, "  url_file: redis.url\n")
        assert section.url == "redis://:secret@127.0.0.1:6390"
        assert "secret" not in repr(section)
        assert "secret" not in str(section)

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ('  url: "redis://:secret@h:99999"\n', "2:8: backplane.url: must be a URL such as redis://"),
            ("  url: 17\n", "2:8: backplane.url: must be a string or null, not a whole number"),
            ('  prefix: "a*"\n', "2:11: backplane.prefix: must be made of letters, digits and .:_-"),
            ('  node: "a b"\n', "2:9: backplane.node: must be a word"),
            ("  when_down: wait\n", "2:14: backplane.when_down: must be local or refuse"),
            ("  url_file: none\n", "2:13: backplane.url_file: "),
            ('  url: "redis://h"\n  url_file: none\n', "3:13: backplane.url_file: means the same as url"),
        ],
    )
    def test_isWrongInOneLine(self, tmp_path: Path, text: str, line: str) -> None:
        found = problem(tmp_path, text)
        assert found.startswith(line)
        assert "secret" not in found

    @pytest.mark.parametrize("content", [b"http://:secret@h", b"\xff\xfe", b""])
    def test_readsNothingElseFromTheFile(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "redis.url").write_bytes(content)
        found = problem(tmp_path, "  url_file: redis.url\n")
        assert found.startswith("2:13: backplane.url_file: ")
        assert "secret" not in found


def test_withoutTheLibraryAUrlIsAMistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hiredis", None)
    assert redisUrl("redis://h") == "requires the package hiredis: pip install 'rtcsignal[redis]'"


ADDRESS = 'must be a host and a port, such as "10.0.0.5:4000" or "[fd00::5]:4000"'


class TestLinks:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            (
                "  listen: unix:/run/links",
                '2:11: backplane.listen: must be an endpoint such as "tcp:0:interface=127.0.0.1" ("unix:/run/links")',
            ),
            ("  listen: tcp:x", '2:11: backplane.listen: requires a port number from 0 to 65535 ("tcp:x")'),
            (
                "  address: 10.0.0.5",
                f'2:12: backplane.address: {ADDRESS} ("10.0.0.5")',
            ),
            (
                "  address: 10.0.0.5:0",
                f'2:12: backplane.address: {ADDRESS} ("10.0.0.5:0")',
            ),
        ],
    )
    def test_mistakesHaveTheirPlace(self, tmp_path: Path, text: str, line: str) -> None:
        assert problem(tmp_path, text) == line

    def test_anIPv6AddressIsWrittenPlainly(self, tmp_path: Path) -> None:
        section = load(tmp_path, "  listen: 'tcp6:0:interface=fd00::5'\n  address: '[fd00::5]:4000'")
        assert section.listen == "tcp6:0:interface=fd00\\:\\:5"
        assert section.address == "[fd00::5]:4000"


class TestWorkers:
    def test_oneNeedsNoRedis(self, tmp_path: Path) -> None:
        (tmp_path / "server.conf").write_text("workers: 1")
        assert loadConfig(str(tmp_path / "server.conf")).workers == 1

    def test_moreThanOneRequireOne(self, tmp_path: Path) -> None:
        path = tmp_path / "server.conf"
        path.write_text("listen: ['tcp:8080']\nworkers: 2\n")
        with pytest.raises(ConfigError) as caught:
            loadConfig(str(path))
        [line] = caught.value.problems
        assert (
            line == f"{path}:2:10: workers: more than one requires backplane.url, through which they share their rooms"
        )

    def test_theFileOfTheUrlIsEnough(self, tmp_path: Path) -> None:
        (tmp_path / "redis.url").write_text("redis://127.0.0.1")
        (tmp_path / "server.conf").write_text("workers: 2\nbackplane: {url_file: redis.url}")
        assert loadConfig(str(tmp_path / "server.conf")).workers == 2
