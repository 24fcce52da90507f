"""The rule on the Origin header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.engineio.http.origin import OriginRule


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://example.org", "example.org"),
        ("http://example.org:80", "example.org"),
        ("http://example.org", "example.org:80"),
        ("https://example.org", "example.org:443"),
        ("https://example.org", "example.org"),
        ("http://example.org:8080", "example.org:8080"),
        ("HTTP://Example.ORG", "eXample.org"),
        ("http://192.0.2.1:8080", "192.0.2.1:8080"),
        ("http://[2001:db8::1]:8080", "[2001:DB8::1]:8080"),
        ("http://[::1]", "[::1]"),
        ("ws://example.org:8080", "example.org:8080"),
        ("ws://example.org", "example.org"),
        ("ws://example.org:80", "example.org"),
        ("wss://example.org", "example.org"),
        ("wss://example.org:443", "example.org"),
        ("WSS://example.org", "example.org:443"),
    ],
)
def test_theServersOwnHostIsAllowed(origin: str, host: str) -> None:
    assert OriginRule().allows(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://example.org.evil.test", "example.org"),
        ("http://evil.test", "example.org"),
        ("http://evilexample.org", "example.org"),
        ("http://sub.example.org", "example.org"),
        ("http://example.org:8081", "example.org:8080"),
        ("http://example.org:8080", "example.org"),
        ("https://example.org", "example.org:80"),
        ("http://example.org", "example.org:443"),
        ("ftp://example.org", "example.org"),
        ("http://example.org/", "example.org"),
        ("http://example.org/path", "example.org"),
        ("http://user@example.org", "example.org"),
        ("http://example.org@evil.test", "example.org"),
        ("http://example.org#evil.test", "example.org"),
        ("http:///example.org", "example.org"),
        ("http://example.org:", "example.org"),
        ("http://example.org:080", "example.org"),
        ("http://example.org:٨٠", "example.org"),
        ("http:// example.org", "example.org"),
        ("http://example.org ", "example.org"),
        ("http://example.org\n", "example.org"),
        ("null", "example.org"),
        ("null", "null"),
        ("", ""),
        ("", "example.org"),
        ("http://", ""),
        ("http://example.org", ""),
        ("http://a, http://example.org", "example.org"),
        ("http://example.org", "example.org, evil.test"),
        ("http://example.org", "user@example.org"),
        ("ws://example.org", "example.org:443"),
        ("wss://example.org", "example.org:80"),
        ("ws://example.org.evil.test", "example.org"),
        ("wsx://example.org", "example.org"),
    ],
)
def test_everybodyElseIsNot(origin: str, host: str) -> None:
    assert not OriginRule().allows(origin, host)


def test_theListAllowsExactlyItsOriginsButForCase() -> None:
    rule = OriginRule(["https://Example.org", "null"])
    assert rule.allows("https://example.org", "server.test")
    assert rule.allows("HTTPS://EXAMPLE.ORG", "server.test")
    assert rule.allows("null", "server.test")
    assert not rule.allows("http://example.org", "server.test")
    assert not rule.allows("https://example.org:444", "server.test")
    assert not rule.allows("https://example.org.evil.test", "server.test")
    assert not rule.allows("https://www.example.org", "server.test")


@pytest.mark.parametrize("listed", ["https://example.org", "https://example.org:443"])
@pytest.mark.parametrize("origin", ["https://example.org", "https://example.org:443"])
def test_theUsualPortOfASchemeNeedNotBeSaid(listed: str, origin: str) -> None:
    rule = OriginRule([listed])
    assert rule.allows(origin, "server.test")
    assert not rule.allows("https://example.org:80", "server.test")
    assert not rule.allows("http://example.org:443", "server.test")


@pytest.mark.parametrize("origin", ["https://example.org", "wss://example.org", "https://example.org:443"])
def test_toASecureServerOnlySecurePagesAreItsOwn(origin: str) -> None:
    assert OriginRule().allows(origin, "example.org", secure=True)
    assert OriginRule().allows(origin, "example.org:443", secure=True)


@pytest.mark.parametrize("origin", ["http://example.org", "ws://example.org", "http://example.org:443"])
@pytest.mark.parametrize("host", ["example.org", "example.org:80", "example.org:443"])
def test_aPlainPageIsNotASecureServersOwn(origin: str, host: str) -> None:
    assert not OriginRule().allows(origin, host, secure=True)
    assert OriginRule([origin]).allows(origin, host, secure=True)


@pytest.mark.parametrize("origin", ["null", "file://", "capacitor://localhost", "chrome-extension://abc"])
def test_whatIsNotOnTheWebCanBeListed(origin: str) -> None:
    assert OriginRule([origin]).allows(origin, "server.test")
    assert not OriginRule().allows(origin, "server.test")


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        ("https://*.example.org", "https://a.example.org"),
        ("https://*.example.org", "HTTPS://A-b_9.example.org"),
        ("https://*.example.org", "https://xn--bcher-kva.example.org"),
        ("https://*.Example.org:443", "https://a.example.org"),
        ("https://*.example.org", "wss://a.example.org"),
        ("https://*.example.org:8443", "https://a.example.org:8443"),
        ("https://*.*.example.org", "https://a.b.example.org"),
        ("https://app.*.example.org", "https://app.b.example.org"),
    ],
)
def test_aStarStandsForAnyLabel(pattern: str, origin: str) -> None:
    assert OriginRule([pattern]).allows(origin, "server.test")


@pytest.mark.parametrize(
    ("pattern", "origin"),
    [
        ("https://*.example.org", "https://example.org"),
        ("https://*.example.org", "https://.example.org"),
        ("https://*.example.org", "https://a.b.example.org"),
        ("https://*.example.org", "http://a.example.org"),
        ("https://*.example.org", "https://a.example.org:8443"),
        ("https://*.example.org", "https://a.exampleXorg"),
        ("https://*.example.org", "https://evil.test/.example.org"),
        ("https://*.example.org", "https://evil.test:1.example.org"),
        ("https://*.example.org", "https://evil.test#.example.org"),
        ("https://*.example.org", "https://evil.test?.example.org"),
        ("https://*.example.org", "https://user@a.example.org"),
        ("https://*.example.org", "https://a.example.org.evil.test"),
        ("https://*.example.org", "https://a.example.org\n"),
        ("https://*.example.org", "https://*.example.org"),
        ("https://*.example.org", "https://\xe4.example.org"),
        ("https://*.example.org:8443", "https://a.example.org"),
        ("https://*.example.org:8443", "https://a.example.org:84430"),
    ],
)
def test_aStarStandsForNothingElse(pattern: str, origin: str) -> None:
    assert not OriginRule([pattern]).allows(origin, "server.test")


def test_theServersOwnHostIsAllowedBesideTheList() -> None:
    assert OriginRule(["https://example.org"]).allows("http://server.test", "server.test")


@given(st.text(), st.text())
def test_aStarAllowsAnything(origin: str, host: str) -> None:
    assert OriginRule(["*"]).allows(origin, host)


@given(st.text(), st.text())
def test_anythingIsJudgedAndOnlyItselfIsAllowed(origin: str, host: str) -> None:
    if OriginRule().allows(origin, host):
        name = origin.lower().partition("://")[2]
        assert name.partition(":")[0] == host.lower().partition(":")[0]
