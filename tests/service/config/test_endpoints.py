"""Endpoint strings as people write them."""

from __future__ import annotations

import pytest

from rtcsignal.service.config.endpoints import completed, kindOf, withAddresses, withPaths


@pytest.mark.parametrize(
    ("endpoint", "listened"),
    [
        ("tcp:8080", "tcp:8080:backlog=1024"),
        ("tcp6:8080:interface=\\:\\:1", "tcp6:8080:interface=\\:\\:1:backlog=1024"),
        ("unix:/run/x.sock", "unix:/run/x.sock:mode=660:backlog=1024"),
        ("unix:/run/x.sock:mode=666", "unix:/run/x.sock:mode=666:backlog=1024"),
        ("unix:/run/x.sock:600", "unix:/run/x.sock:600:backlog=1024"),
        ("haproxy:unix:/run/x.sock:backlog=5", "haproxy:unix:/run/x.sock:backlog=5:mode=660"),
        ("haproxy:tcp:8080", "haproxy:tcp:8080:backlog=1024"),
        ("tcp:8080:backlog=5", "tcp:8080:backlog=5"),
        ("systemd:domain=INET6:index=0", "systemd:domain=INET6:index=0"),
    ],
)
def test_whatIsNotSaidHasADefault(endpoint: str, listened: str) -> None:
    assert completed(endpoint) == listened


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("tcp:8080:interface=::1", "tcp:8080:interface=\\:\\:1"),
        ("tcp6:8080:interface=::", "tcp6:8080:interface=\\:\\:"),
        ("tcp:8080:interface=[::1]", "tcp:8080:interface=\\:\\:1"),
        ("tcp:8080:interface=fe80::1%eth0:backlog=5", "tcp:8080:interface=fe80\\:\\:1%eth0:backlog=5"),
        (
            "ssl:8443:interface=2001:db8::1:privateKey=k.pem",
            "ssl:8443:interface=2001\\:db8\\:\\:1:privateKey=k.pem",
        ),
        ("haproxy:tcp:8080:interface=::1", "haproxy:tcp:8080:interface=\\:\\:1"),
        ("tcp:8080:interface=127.0.0.1:backlog=5", "tcp:8080:interface=127.0.0.1:backlog=5"),
        ("tcp6:8080:interface=\\:\\:1", "tcp6:8080:interface=\\:\\:1"),
        ("tcp:8080:interface=:nonsense", "tcp:8080:interface=:nonsense"),
        ("tcp:8080", "tcp:8080"),
    ],
)
def test_anAddressOfIpv6NeedsNoEscapes(written: str, meant: str) -> None:
    assert withAddresses(written) == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("unix:run/x.sock", "unix:/base/run/x.sock"),
        ("unix:address=../x.sock:mode=600", "unix:address=/x.sock:mode=600"),
        ("unix:/run/x.sock", "unix:/run/x.sock"),
        ("unix:\0name", "unix:\0name"),
        ("haproxy:unix:x", "haproxy:unix:/base/x"),
        ("unix:a\\:b", "unix:/base/a\\:b"),
        ("ssl:8443:key.pem:cert.pem", "ssl:8443:/base/key.pem:/base/cert.pem"),
        (
            "ssl:8443:privateKey=key.pem:certKey=/etc/cert.pem:extraCertChain=c.pem:dhParameters=d",
            "ssl:8443:privateKey=/base/key.pem:certKey=/etc/cert.pem:extraCertChain=/base/c.pem:dhParameters=/base/d",
        ),
        ("ssl:port=8443", "ssl:port=8443:privateKey=/base/server.pem"),
        ("tcp:8080", "tcp:8080"),
        ("systemd:domain=INET:name=http", "systemd:domain=INET:name=http"),
    ],
)
def test_relativePathsCountFromAFolder(written: str, meant: str) -> None:
    assert withPaths(written, "/base") == meant


@pytest.mark.parametrize(("endpoint", "kind"), [("tcp:1", "tcp"), ("haproxy:unix:x", "unix"), ("late:", "late")])
def test_theKindIsThatBelowTheProxyProtocol(endpoint: str, kind: str) -> None:
    assert kindOf(endpoint) == kind
