"""Credentials, and the command that tries them, against a real coturn."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from bench.certificate import writeCertificate
from rtcsignal.__main__ import main
from rtcsignal.ice.credentials import credentialsOf
from rtcsignal.ice.trial import tryUrl
from tests.support.coturn import Coturn, runCoturn

Command: TypeAlias = Callable[..., tuple[int, list[str]]]

USERS = ["ann", 'Jörg "x" O\'Neil', "a:b/c", "x" * 200]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key and a certificate."""
    return writeCertificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def coturn(tmp_path_factory: pytest.TempPathFactory, certificate: tuple[Path, Path]) -> Iterator[Coturn]:
    """One that knows two secrets, and does TLS."""
    key, own = certificate
    with runCoturn(tmp_path_factory.mktemp("turn"), secrets=("north", "south"), certificate=own, key=key) as running:
        yield running


def tried(url: str, secret: str, user: str = "ann", ttl: float = 60) -> str:
    return tryUrl(url, *credentialsOf(secret, user, time.time(), ttl), isShared=True).text.partition(", ")[0]


@pytest.mark.parametrize("user", USERS)
def test_everyUserGetsARelay(coturn: Coturn, user: str) -> None:
    assert [tried(url, secret, user) for url in coturn.urls for secret in ("north", "south")] == ["ok"] * 4


def test_wrongAndExpiredCredentialsAreRefused(coturn: Coturn) -> None:
    refused = "refused (401): another secret"
    assert [tried(url, "west") for url in coturn.urls] == [refused] * 2
    assert tried(coturn.urls[0], "north", ttl=-5) == refused


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """`command(servers, *arguments)` runs it on a configuration; returns the exit code, and what it printed."""

    def run(servers: Any, *arguments: str) -> tuple[int, list[str]]:
        (tmp_path / "turn.secret").write_text("north\n")
        path = tmp_path / "server.conf"
        path.write_text(json.dumps({"ice": {"servers": servers}}))
        code = main(["ice", "--config", str(path), *arguments])
        printed = capsys.readouterr()
        return code, (printed.out + printed.err).splitlines()

    return run


def test_theCommandTriesEveryUrl(
    coturn: Coturn, command: Command, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[1]))
    secure = f"turns:localhost:{coturn.tlsPort}?transport=tcp"
    stun = f"stun:127.0.0.1:{coturn.port}"
    code, lines = command([{"urls": [stun]}, {"urls": [*coturn.urls, secure], "secret_file": "turn.secret"}])
    assert code == 0
    relays = [f"{url}: ok, relay 127.0.0.1, " for url in [*coturn.urls, secure]]
    starts = [f"{stun}: ok, your address 127.0.0.1, ", *relays]
    assert [line.startswith(start) for line, start in zip(lines, starts, strict=True)] == [True] * 4
    assert all("external-ip" in line for line in lines[1:])


def test_theCommandSaysWhatIsWrong(coturn: Coturn, command: Command) -> None:
    closed = "turn:127.0.0.1:9?transport={}".format
    code, lines = command(
        [
            {"urls": [coturn.urls[0]], "secret": "west"},
            {"urls": [coturn.urls[1]], "username": "ann", "credential": "word"},
            {"urls": [closed("udp"), closed("tcp"), "turn:no-such-host.invalid"], "secret": "north"},
            {"urls": [f"turns:127.0.0.1:{coturn.tlsPort}", "turns:127.0.0.1?transport=udp"], "secret": "north"},
        ]
    )
    assert code == 1
    assert [line.partition(": ")[2] for line in lines] == [
        "refused (401): another secret, or clocks that differ",
        "refused (401): another user name or password",
        "no answer within 3 s",
        "no connection: Connection refused",
        "no such host",
        "the certificate does not fit: self-signed certificate",
        "of no use: browsers do not speak TLS over UDP",
    ]


def test_theCommandPrintsTheShape(coturn: Coturn, command: Command) -> None:
    code, lines = command([{"urls": coturn.urls, "secret_file": "turn.secret"}], "--json")
    (entry,) = json.loads("\n".join(lines))["iceServers"]
    assert code == 0
    assert tryUrl(coturn.urls[0], entry["username"], entry["credential"], isShared=True).isGood


def test_withoutServersThereIsNothingToTry(command: Command) -> None:
    assert command([])[0] == 1
    code, lines = command([{"urls": ["turn:a"]}])
    assert (code, len(lines)) == (1, 1)
    assert "ice.servers.0: TURN requires" in lines[0]
