"""Loading a server by its URL: bounds, warnings, and what the command line shows."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from bench import __main__ as bench
from bench import external
from bench.errors import BenchError
from bench.external import Request
from bench.scenarios import Kind
from tests.bench.faulty import dropped, faultyServer
from tests.docs.pages import Block, blocks
from tests.support.processes import Process

HERE = "ws://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"rooms": 2501}, "1 to 5000 connections"),
        ({"rooms": 0}, "1 to 5000 connections"),
        ({"seconds": 301}, "at most 300"),
        ({"seconds": 0}, "above 0"),
        ({"patience": 0}, "patience must be above 0"),
        ({"rate": 20_001}, "at most 20000"),
        ({"rate": -1}, "at most 20000"),
        ({"size": 60_001}, "at most 60000 bytes"),
        ({"kind": Kind.CALLS, "members": 1}, "two members"),
        ({"members": 1, "echo": False}, "nobody hears"),
        ({"kind": Kind.POLLING, "echo": False}, "nobody hears"),
        ({"kind": Kind.POLLING, "rooms": 501}, "at most 500 clients"),
        ({"auth": "{"}, "JSON"),
        ({"headers": ["a: b\r\nc: d"]}, "one line"),
        ({"headers": ["Bearer"]}, "one line"),
    ],
)
def test_whatIsOutOfBoundsIsRefused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(BenchError, match=problem):
        Request(HERE, **changes).check()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("ws://example.org", ("example.org", 80, False, "/socket.io/", "")),
        ("wss://example.org/", ("example.org", 443, True, "/socket.io/", "")),
        ("https://[::1]:8443/signal/socket.io/?a=b", ("::1", 8443, True, "/signal/socket.io/", "a=b")),
    ],
)
def test_urlsSayWhereTheServerIs(url: str, expected: tuple[Any, ...]) -> None:
    address = Request(url).address()
    assert (address.host, address.port, address.secure, address.path, address.query) == expected


@pytest.mark.parametrize("url", ["example.org", "ftp://example.org", "ws://", "ws://example.org:x"])
def test_urlsThatAreNoneAreRefused(url: str) -> None:
    with pytest.raises(BenchError):
        Request(url).address()


def test_aModestLoadOfAServerHereNeedsNoWarning() -> None:
    assert external.warning(Request(HERE)) == ""
    assert external.warning(Request("ws://localhost:1")) == ""


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request("wss://example.org"), "20 connections to example.org:443 for 10 s, 100 messages a second"),
        (Request("wss://example.org", Kind.CROWD), "a server elsewhere"),
        (Request(HERE, rate=0), "all that the server has"),
        (Request(HERE, Kind.POLLING), "all that the server has"),
    ],
)
def test_whatMayHurtOthersIsWarnedOf(request_: Request, words: str) -> None:
    assert words in external.warning(request_)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "ws://192.0.2.1"], "Add --yes"),
        (["--url", HERE, "--do", "calls"], "Add --flood"),
        (["--url", HERE, "--flood"], "Add --yes"),
        (["--url", HERE, "--rooms", "100000", "--yes"], "5000 connections"),
        (["--url", HERE, "--seconds", "nan"], "seconds must be"),
        (["--seconds", "-1"], "seconds must be"),
        (["--repetitions", "0"], "at least one repetition"),
        (["--report", "/nowhere/results.json"], "not results of this benchmark"),
        (["--loads", "fan3"], "there is no fan3"),
        (["--servers", "go"], "there is no go"),
    ],
)
def test_nothingIsDoneWithoutConsent(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(arguments) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("kind", "shown"),
    [
        ("fan-out", "deliveries a second of the server's processor time"),
        ("calls", "calls a second"),
        ("crowd", "KB of memory for each client"),
        ("quiet", "heartbeats a second"),
        ("polling", "cycles of GET and POST a second"),
    ],
)
@pytest.mark.parametrize("python", [False, True], ids=["fastest", "python"])
def test_aRunningServerIsLoaded(
    loaded: Process, capsys: pytest.CaptureFixture[str], kind: str, shown: str, python: bool
) -> None:
    seconds = "1.1" if kind == "quiet" else "0.2"
    arguments = ["--url", loaded.url, "--do", kind, "--seconds", seconds, "--rooms", "3", "--yes", "--flood"]
    assert bench.main([*arguments, "--pid", str(loaded.pid), *(["--python"] if python else [])]) == 0
    output = capsys.readouterr().out
    assert shown in output
    assert "No delivery was lost, late, doubled or damaged." in output


def test_largeMessagesComeThroughPollingWhole(loaded: Process) -> None:
    arguments = ["--do", "polling", "--size", "60000", "--seconds", "0.3", "--rooms", "5", "--yes", "--flood"]
    assert bench.main(["--url", loaded.url, *arguments]) == 0


@pytest.mark.parametrize("revision", ["3", "4"])
@pytest.mark.parametrize("namespace", ["/", "/socket.io"])
def test_everyKindOfClientIsThere(loaded: Process, revision: str, namespace: str) -> None:
    kind = ["--eio", revision, "--namespace", namespace]
    assert bench.main(["--url", loaded.url, "--seconds", "0.2", *kind]) == 0


def test_aServerWithoutAnEchoIsLoaded(server: Callable[..., Process]) -> None:
    process = server({"signaling": {"echo": False}})
    assert bench.main(["--url", process.url, "--seconds", "0.2", "--no-echo"]) == 0


def test_whatAServerRefusesIsSaid(server: Callable[..., Process], capsys: pytest.CaptureFixture[str]) -> None:
    process = server({"limits": {"connections_per_address": 3}})
    assert bench.main(["--url", process.url, "--seconds", "0.2"]) == 2
    assert re.search(r"client \d+ \(upgrading\): no WebSocket: 'HTTP/1.1 429", capsys.readouterr().err)


def test_theExitStatusTellsOfLostDeliveries(capsys: pytest.CaptureFixture[str]) -> None:
    with faultyServer(dropped, every=5) as faulty:
        url = f"ws://127.0.0.1:{faulty.port}"
        assert bench.main(["--url", url, "--seconds", "0.2", "--rate", "200", "--patience", "3"]) == 1
        assert f"!! {faulty.spoiled} deliveries lost" in capsys.readouterr().out


def test_elsewhereThanOnLinuxItSaysThatItCannot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.platform", "plan9")
    assert bench.main(["--quick"]) == 2
    assert "needs Linux" in capsys.readouterr().err


def test_theListShowsServersAndLoads(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--list"]) == 0
    output = capsys.readouterr().out
    assert "python-socketio" in output
    assert "burst20" in output


@pytest.mark.parametrize("block", [block for block in blocks("sh") if "bench" in block.text], ids=str)
def test_theOptionsOfTheDocumentationExist(block: Block) -> None:
    parser = bench._parser()
    for line in block.text.splitlines():
        words = shlex.split(line)
        if words[:3] == ["python", "-m", "bench"]:
            parser.parse_args(words[3:])
        for word in words:
            if word.startswith("BENCH="):
                parser.parse_args(shlex.split(word.removeprefix("BENCH=")))
