"""ICE servers as values: what browsers take, and what a URL says."""

from __future__ import annotations

from typing import Any

import pytest

from rtcsignal.iceservers import IceServer, Secret, UrlParts, isTurn, serverProblem, urlParts, urlProblem

# As Chromium has it.
TAKEN = """stun:a.example
stun:a.example:3478
STUN:a.example
stuns:a.example
stun:[::1]:19302
turn:a.example?transport=udp
turn:a.example?transport=UDP
turn:a.example:65535
turn:[::1]:3478
turn:[::1]
turn:[fe80::1%25eth0]
turn:a_b.example
turn:1.2.3.4
turn:a.example.
turn:a.example:0443
turns:a.example:443?transport=tcp
turns:a.example:443?transport=udp"""

REFUSED = """stun:a.example?transport=udp
turn:a.example?transport=tls
turn:a.example?transport=
turn:a.example?foo=bar
turn:a.example?Transport=udp
turn:a.example?transport=udp&x=y
turn:a.example?
turn:a.example:0
turn:a.example:65536
turn:a.example:
turn:
stun:
turn
http://a
turn:user@a.example
turn://a.example
turn:::1
turn:[::1
turn:[]:3478
turn:[::1]x
turn:[::1]:
turn:a b
turn:a.example/path
turn:a.example#frag
turn:a.example:3478:1
turn:a.example:12x
turn:a.example:+80
turn:a:-1
turn:a"b
turn:a\\b"""


@pytest.mark.parametrize("url", TAKEN.splitlines())
def test_aUrlIsTaken(url: str) -> None:
    assert urlProblem(url) is None


@pytest.mark.parametrize("url", REFUSED.splitlines())
def test_aUrlIsRefused(url: str) -> None:
    assert urlProblem(url) is not None


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("stun:a", UrlParts("stun", "a", 3478, "udp")),
        ("stuns:a", UrlParts("stuns", "a", 5349, "tcp")),
        ("turn:a?transport=TCP", UrlParts("turn", "a", 3478, "tcp")),
        ("TURNS:[::1]:443", UrlParts("turns", "::1", 443, "tcp")),
        ("turns:[::1]", UrlParts("turns", "::1", 5349, "tcp")),
    ],
)
def test_aUrlHasParts(url: str, parts: UrlParts) -> None:
    assert urlParts(url) == parts


def test_relaysAreKnownByTheirSchemes() -> None:
    assert [isTurn(url) for url in ("turn:a", "TURNS:a", "stun:turn", "turnip:a")] == [True, True, False, False]


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        (IceServer(("stun:a",)), None),
        (IceServer(("stun:a",), "u", "c"), None),
        (IceServer(("turn:a", "stun:a"), "u", "c"), None),
        (IceServer(("turn:a",), "u" * 509, "c"), None),
        ({"urls": ["stun:a"]}, "is a dict and not an IceServer"),
        (IceServer(()), "urls is not a list of strings"),
        (IceServer("stun:a"), "urls is not a list of strings"),  # type: ignore[arg-type]
        (IceServer((1,)), "urls is not a list of strings"),  # type: ignore[arg-type]
        (IceServer(("turn:",), "u", "c"), "a URL names no host"),
        (IceServer(("turn:a",)), "username is missing"),
        (IceServer(("turn:a",), "", "c"), "username is missing"),
        (IceServer(("turn:a",), "u"), "credential is missing"),
        (IceServer(("turn:a",), "u", 1), "credential is not a string"),  # type: ignore[arg-type]
        (IceServer(("stun:a",), 1), "username is not a string"),  # type: ignore[arg-type]
        (IceServer(("turn:a",), "é" * 255, "c"), "username has more than 509 bytes"),
    ],
)
def test_aServerIsCheckedAsBrowsersDo(server: Any, problem: str | None) -> None:
    assert serverProblem(server) == problem


def test_secretsAreNotShown() -> None:
    assert "north" not in repr(Secret("north")) + repr(IceServer(("turn:a",), "u", "north"))
    assert {Secret("north")} == {Secret("north")} != {Secret("south")}
