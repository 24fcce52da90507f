"""What values of the configuration mean."""

from __future__ import annotations

import pytest

from rtcsignal.service.config import checks


@pytest.mark.parametrize(
    "text",
    [
        "tcp:8080",
        "tcp:0",
        "tcp:port=8080",
        "tcp:8080:interface=127.0.0.1:backlog=100",
        "tcp6:8080:interface=\\:\\:1",
        "unix:/run/rtcsignal.sock",
        "unix:address=/run/rtcsignal.sock:mode=660",
        "ssl:8443:privateKey=key.pem:certKey=cert.pem",
        "systemd:domain=INET6:index=0",
        "systemd:domain=INET:name=http",
        "haproxy:tcp:8080",
    ],
)
def test_anEndpointThatTwistedUnderstandsIsFine(text: str) -> None:
    assert checks.endpoint(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("8080", 'must be an endpoint such as "tcp:8080"'),
        ("", 'must begin with a known kind of endpoint, such as "tcp:8080"'),
        ("http://localhost", 'must begin with a known kind of endpoint, such as "tcp:8080"'),
        ("tpc:80", 'must begin with a known kind of endpoint, such as "tcp:8080"; did you mean tcp?'),
        ("tcp", "requires a port number from 0 to 65535"),
        ("tcp:", "requires a port number from 0 to 65535"),
        ("tcp:http", "requires a port number from 0 to 65535"),
        ("tcp:65536", "requires a port number from 0 to 65535"),
        ("tcp:-1", "requires a port number from 0 to 65535"),
        ("tcp:\u0664\u0665", "requires a port number from 0 to 65535"),
        ("haproxy:tcp:x", "requires a port number from 0 to 65535"),
        ("unix:", 'requires the path of the socket, such as "unix:/run/rtcsignal.sock"'),
        ("systemd:index=0", 'must look like "systemd:domain=INET6:index=0" or "systemd:domain=INET6:name=http"'),
        (
            "systemd:domain=INET:index=0:name=http",
            'must look like "systemd:domain=INET6:index=0" or "systemd:domain=INET6:name=http"',
        ),
    ],
)
def test_anEndpointThatCannotBeIsExplained(text: str, problem: str) -> None:
    assert checks.endpoint(text) == problem


@pytest.mark.parametrize("text", ["/socket.io/", "/app/socket.io/", "/a/b/c/"])
def test_aPathHasASlashAtBothEnds(text: str) -> None:
    assert checks.socketioPath(text) is None


@pytest.mark.parametrize(
    "text", ["", "/", "//", "socket.io/", "/socket.io", "/a//b/", "/a b/", "/a?b/", "/../", "/a/./"]
)
def test_aPathIsNothingElse(text: str) -> None:
    assert checks.socketioPath(text) is not None


@pytest.mark.parametrize("text", ["/", "/socket.io", "/a/b", "/\u4f1a\u8b70"])
def test_aNamespaceBeginsWithASlash(text: str) -> None:
    assert checks.namespace(text) is None


@pytest.mark.parametrize("text", ["", "chat", "/a,b", "/a?b", "/a b", "/a\n"])
def test_aNamespaceCanBeSentOnTheWire(text: str) -> None:
    assert checks.namespace(text) is not None


@pytest.mark.parametrize(
    ("text", "fine"), [("io", True), ("my-cookie", True), ("a b", False), ("a;b", False), ("", False)]
)
def test_aCookieHasANameThatBrowsersTake(text: str, fine: bool) -> None:
    assert (checks.cookieName(text) is None) is fine


@pytest.mark.parametrize(("text", "fine"), [("room-size", True), ("", False), (" a", False), ("a\nb", False)])
def test_aPluginHasAPrintableName(text: str, fine: bool) -> None:
    assert (checks.pluginName(text) is None) is fine


@pytest.mark.parametrize("text", ["127.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32", "unix"])
def test_aProxyHasAnAddressOrANetworkOfAddresses(text: str) -> None:
    assert checks.network(text) is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("localhost", 'must be an address such as "127.0.0.1", a network such as "10.0.0.0/8", or "unix"'),
        ("10.0.0.1/8", 'must not have bits behind the prefix: "10.0.0.0/8" is the network'),
        ("", 'must be an address such as "127.0.0.1", a network such as "10.0.0.0/8", or "unix"'),
        ("10.0.0.0/33", 'must be an address such as "127.0.0.1", a network such as "10.0.0.0/8", or "unix"'),
    ],
)
def test_aProxyThatCannotBeIsExplained(text: str, problem: str) -> None:
    assert checks.network(text) == problem
