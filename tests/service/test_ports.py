"""The ports of a server: their names, what to open in a browser, and why one cannot be used."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory
from zope.interface import implementer

from rtcsignal.service.ports import OpenPort, closePorts, openPorts, whyNot
from tests.conftest import LoggedFailures


@implementer(IListeningPort)
class Listening:
    """What Twisted gives for a port that listens."""

    def __init__(self, address: IAddress, failing: bool = False) -> None:
        self._address = address
        self._failing = failing
        self.open = True

    def startListening(self) -> None:
        """It listens already."""

    def stopListening(self) -> Deferred[None]:
        self.open = False
        if self._failing:
            raise OSError(errno.EIO, "Input/output error")
        return succeed(None)

    def getHost(self) -> IAddress:
        return self._address


LOCAL = IPv4Address("TCP", "127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        (LOCAL, "tcp:127.0.0.1:8080"),
        (IPv4Address("TCP", "0.0.0.0", 80), "tcp:0.0.0.0:80"),
        (IPv6Address("TCP", "::1", 8080), "tcp:[::1]:8080"),
        (HostnameAddress(b"example.org", 80), "HostnameAddress(hostname=b'example.org', port=80)"),
    ],
)
def test_aPortIsNamedByItsAddress(address: IAddress, name: str) -> None:
    assert OpenPort("tcp:0", Listening(address)).name == name


def test_andByTheKindThatWasConfigured() -> None:
    assert OpenPort("ssl:0:privateKey=key.pem", Listening(LOCAL)).name == "ssl:127.0.0.1:8080"
    assert OpenPort("ssl:0", Listening(IPv6Address("TCP", "::1", 8080))).name == "ssl:[::1]:8080"
    assert OpenPort("unix:x", Listening(UNIXAddress("/run/a\nb"))).name == "unix:/run/a\\x0ab"
    assert OpenPort("tcp6:0", Listening(IPv6Address("TCP", "::1", 8080))).name == "tcp6:[::1]:8080"
    assert OpenPort("haproxy:tcp:0", Listening(LOCAL)).name == "haproxy:tcp:127.0.0.1:8080"
    assert OpenPort("haproxy:unix:x", Listening(UNIXAddress("/run/x"))).name == "haproxy:unix:/run/x"
    assert OpenPort("systemd:domain=INET:index=0", Listening(LOCAL)).name == "systemd:127.0.0.1:8080"


@pytest.mark.parametrize(
    ("endpoint", "address", "url"),
    [
        ("tcp:0:interface=127.0.0.1", LOCAL, "http://127.0.0.1:8080/"),
        ("tcp:80", IPv4Address("TCP", "0.0.0.0", 80), "http://localhost:80/"),
        ("tcp6:80", IPv6Address("TCP", "::", 80), "http://localhost:80/"),
        ("tcp6:80:interface=\\:\\:1", IPv6Address("TCP", "::1", 80), "http://[::1]:80/"),
        ("ssl:0:privateKey=key.pem", LOCAL, "https://127.0.0.1:8080/"),
        ("systemd:domain=INET:index=0", LOCAL, "http://127.0.0.1:8080/"),
        ("haproxy:tcp:0", LOCAL, None),
        ("unix:/run/server.sock", UNIXAddress("/run/server.sock"), None),
    ],
)
def test_aPortSaysWhatToOpenInABrowser(endpoint: str, address: IAddress, url: str | None) -> None:
    assert OpenPort(endpoint, Listening(address)).url == url


def test_aPortThatDoesNotCloseIsLoggedAndTheOthersAreClosed(loggedFailures: LoggedFailures) -> None:
    failing, other = Listening(LOCAL, failing=True), Listening(LOCAL)
    closing = Deferred.fromCoroutine(closePorts([OpenPort("tcp:1", failing), OpenPort("tcp:2", other)]))
    ended: list[Any] = []
    closing.addCallback(ended.append)
    assert ended == [None]
    assert not other.open
    assert [type(error) for error in loggedFailures.expect(OSError)] == [OSError]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CannotListenError("", 80, OSError(errno.EACCES, os.strerror(errno.EACCES))), "Permission denied"),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "key.pem"),
            "No such file or directory: key.pem",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "964", None, b"/missing/socket.lock"),
            "No such file or directory: /missing/socket.lock",
        ),
        (IndexError("list index out of range"), "the service manager handed over no such socket"),
        (KeyError("http"), "the service manager handed over no such socket"),
        (
            TypeError("_parseTCP() got an unexpected keyword argument 'foo'"),
            "got an unexpected keyword argument 'foo'",
        ),
        (ValueError("too\nlate"), "too\\x0alate"),
        (ValueError(), "ValueError"),
    ],
)
def test_theReasonIsOneLine(error: Exception, reason: str) -> None:
    assert whyNot(error, "tcp:8080") == reason


@contextmanager
def opened(endpoint: str, seconds: float) -> Iterator[Any]:
    """A port of a real reactor, which does not run."""
    ports: list[OpenPort] = []
    Deferred.fromCoroutine(openPorts(reactor, [endpoint], Factory(), seconds)).addCallback(ports.extend)
    try:
        yield ports[0].port
    finally:
        Deferred.fromCoroutine(closePorts(ports))
        turning: Any = reactor
        turning.runUntilCurrent()


@pytest.mark.parametrize("endpoint", ["tcp:0:interface=127.0.0.1", "haproxy:tcp:0:interface=127.0.0.1"])
@pytest.mark.parametrize(("seconds", "milliseconds"), [(20, 20_000), (0.25, 250), (0.0001, 1), (0, 0)])
def test_theSystemEndsConnectionsOnWhichNothingIsConfirmed(endpoint: str, seconds: float, milliseconds: int) -> None:
    with opened(endpoint, seconds) as port:
        with socket.create_connection(("127.0.0.1", port.getHost().port)):
            accepted, _ = port.socket.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == milliseconds


def test_thatIsNothingForOtherSockets(tmp_path: Path) -> None:
    with opened(f"unix:{tmp_path / 'socket'}", 20) as port:
        assert port.socket.family == socket.AF_UNIX


def test_norForSystemsThatCannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtcsignal.service.ports._TCP_USER_TIMEOUT", None)
    with opened("tcp:0:interface=127.0.0.1", 20) as port:
        assert port.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 0
