"""The section ``ice``: what may be in it, where mistakes are, and the files of secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from rtcsignal.errors import ConfigError
from rtcsignal.iceservers import Secret
from rtcsignal.service.config.reader import loadConfig
from rtcsignal.service.config.schema import Config
from rtcsignal.service.pluginset import pluginsOf


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "server.conf"


def load(path: Path, ice: str) -> Config:
    path.write_text(f"ice:\n{ice}\n")
    return loadConfig(str(path))


def problemsOf(path: Path, ice: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load(path, ice)
    return [problem.removeprefix(f"{path}:") for problem in error.value.problems]


@pytest.mark.parametrize(
    ("written", "read"), [("north", "north"), ("north\n", "north"), ("no rth\r\n", "no rth"), ("n\n\n", "n\n")]
)
def test_oneEndOfALineIsNoPartOfASecret(path: Path, written: str, read: str) -> None:
    (path.parent / "turn.secret").write_bytes(written.encode())
    config = load(path, '  servers: [{urls: ["turn:a"], secret_file: turn.secret}]')
    assert config.ice.servers[0].secret == Secret(read)
    assert "secret=<secret>" in repr(config)


def test_filesThatOthersMayReadAreNamed(path: Path) -> None:
    file = path.parent / "turn.secret"
    file.write_text("north")
    text = '  servers: [{urls: ["turn:a"], username: u, credential_file: turn.secret}]'
    found = []
    for mode in (0o600, 0o640, 0o644):
        file.chmod(mode)
        found.append(load(path, text).ice.openFiles)
    assert found == [(), (), (str(file),)]


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ("7", "2:13: ice.servers.0: must be a mapping with urls and perhaps a secret"),
        ("{urls: []}", "2:20: ice.servers.0.urls: must be a list of at least one URL"),
        ("{}", "2:13: ice.servers.0.urls: is required: a list of URLs"),
        ("{urls: [1]}", "2:21: ice.servers.0.urls.0: must be a string"),
        ('{urls: ["stun:a", "stun:a"]}', '2:31: ice.servers.0.urls.1: "stun:a" is there twice'),
        (
            '{urls: ["stun:a", "http:a"]}',
            '2:31: ice.servers.0.urls.1: must begin with "stun:", "turn:" or "turns:" ("http:a")',
        ),
        ('{urls: ["turn:a"], secret: 5}', "2:40: ice.servers.0.secret: must be a string; put it in quotes"),
        ('{urls: ["turn:a"], secret: ""}', "2:40: ice.servers.0.secret: is empty"),
        (
            '{urls: ["turn:a"], secret: a, secret_file: b}',
            "2:56: ice.servers.0.secret_file: give only one of secret and secret_file",
        ),
        (
            '{urls: ["turn:a"], secret: a, username: b}',
            "2:53: ice.servers.0.username: credentials are made of secret: give either that or these",
        ),
        (
            '{urls: ["turn:a"], secret: a, credential: b}',
            "2:55: ice.servers.0.credential: credentials are made of secret: give either that or these",
        ),
        ('{urls: ["turn:a"], username: b}', "2:42: ice.servers.0.username: requires a credential or a credential_file"),
        ('{urls: ["turn:a"], credential: b}', "2:44: ice.servers.0.credential: requires a username"),
        (
            f'{{urls: ["turn:a"], username: {"u" * 510}, credential: b}}',
            "2:42: ice.servers.0.username: must have 509 bytes at most",
        ),
        ('{urls: ["turn:a"], sekret: b}', "2:32: ice.servers.0.sekret: unknown key; did you mean secret?"),
        (
            '{urls: ["turn:a"]}',
            ("2:13: ice.servers.0: TURN requires a secret_file that it shares with this server, or a username and a "
            "credential_file"),
        ),
        ('{urls: ["turn:a"], secret: 0x1}', None),
        ("{urls: 0x1}", None),
        ("{urls: [0x1]}", None),
        ("0x1", None),
    ],
)
def test_aMistakeHasItsPlace(path: Path, server: str, problem: str | None) -> None:
    problems = problemsOf(path, f"  servers: [{server}]")
    assert len(problems) == 1
    assert problem is None or problems == [problem]


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"", "is empty"), (b"\n", "is empty"), (b"\xff", "is not UTF-8"), (b"x" * 70_000, "is too large for a secret")],
)
def test_aFileMustHoldASecret(path: Path, content: bytes, problem: str) -> None:
    (path.parent / "turn.secret").write_bytes(content)
    (found,) = problemsOf(path, '  servers: [{urls: ["turn:a"], secret_file: turn.secret}]')
    assert found == f"2:45: ice.servers.0.secret_file: {path.parent}/turn.secret {problem}"


def test_aFileMustBeThere(path: Path) -> None:
    (found,) = problemsOf(path, '  servers: [{urls: ["turn:a"], secret_file: turn.secret}]')
    assert found.endswith("turn.secret cannot be read: No such file or directory")


@pytest.mark.parametrize(
    ("key", "value"), [("ttl", 4), ("ttl", 86_401), ("ttl", "60.5"), ("relay_only", "maybe"), ("origins", "[a b]")]
)
def test_theOtherKeysAreChecked(path: Path, key: str, value: object) -> None:
    (found,) = problemsOf(path, f"  {key}: {value}")
    assert found.startswith(f"2:{4 + len(key) + 1 if key != 'origins' else 13}: ice.{key}")


def test_relaysAloneRequireARelay(path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        pluginsOf(load(path, '  servers: [{urls: ["stun:a"]}]\n  relay_only: true'))
    (problem,) = error.value.problems
    assert problem.startswith(f"{path}:3:15: ice.relay_only: requires a TURN server")
    pluginsOf(load(path, '  servers: [{urls: ["turn:a"], secret: north}]\n  relay_only: true'))
    provided = path.read_text() + "plugins: {use: [{ice-http: {url: 'https://a.example'}}]}\n"
    path.write_text(provided.replace("turn:a", "stun:a"))
    pluginsOf(loadConfig(str(path)))
    with pytest.raises(ConfigError, match=r"^ice.relay_only: "):
        pluginsOf(Config(ice=type(Config().ice)(relayOnly=True)))


@pytest.mark.parametrize(
    ("file", "reason"), [("missing/calls", "No such file or directory"), ("folder", "it is not a regular file")]
)
def test_theFileOfCallsMustBeWritable(path: Path, file: str, reason: str) -> None:
    (path.parent / "folder").mkdir()
    path.write_text(f"calls: {{file: {file}}}\n")
    with pytest.raises(ConfigError) as error:
        loadConfig(str(path))
    assert error.value.problems == (f"{path}:1:15: calls.file: cannot be written: {reason}",)
    path.write_text("calls: {file: calls.jsonl}\n")
    assert loadConfig(str(path)).calls.file == str(path.parent / "calls.jsonl")
