"""What may stand before and in a request line, as bytes."""

from __future__ import annotations

import pytest

from rtcsignal.engineio.http.head import parseHead
from rtcsignal.engineio.http.target import emptyLines, originForm, splitTarget
from tests.engineio.growth import growsLinearly


@pytest.mark.parametrize(
    ("received", "count"),
    [(b"", 0), (b"GET", 0), (b"\r", 0), (b"\n", 0), (b"\r\n", 1), (b"\r\n\r\n\r\nGET\r\n", 3), (b"\r\n\r", 1)],
)
def test_emptyLinesAreThoseAtTheBeginning(received: bytes, count: int) -> None:
    assert emptyLines(received) == emptyLines(bytearray(received)) == count


@pytest.mark.parametrize(
    ("target", "host", "rest"),
    [
        (b"http://a.test/socket.io/?EIO=4", b"a.test", b"/socket.io/?EIO=4"),
        (b"HTTPS://A.test:8443/x", b"A.test:8443", b"/x"),
        (b"ws://a.test/socket.io/", b"a.test", b"/socket.io/"),
        (b"wss://[2001:db8::1]:1/x?y", b"[2001:db8::1]:1", b"/x?y"),
        (b"http://a.test", b"a.test", b"/"),
        (b"http://a.test?x=/", b"a.test", b"/?x=/"),
        (b"http://a.test:/x", b"a.test", b"/x"),
        (b"http://a.test//x", b"a.test", b"//x"),
    ],
)
def test_anAbsoluteTargetNamesAHost(target: bytes, host: bytes, rest: bytes) -> None:
    assert splitTarget(target) == (host, rest)


@pytest.mark.parametrize(
    "target",
    [
        *(b"/", b"/x?y", b"*", b"//a.test/x", b"/http://a.test/", b"a.test:443", b"x", b"http:/x", b"http:///x"),
        *(b"ftp://a.test/x", b"http://user@a.test/x", b"http://a.test/x#y", b"http://a.test:999999/"),
        *(b"http://a.test:8o/", b"http://a.test\\@b.test/", b"http://a,b/", b"http://a\xe4/", b"http://%61/"),
    ],
)
def test_everyOtherTargetStaysAsItIs(target: bytes) -> None:
    assert splitTarget(target) == (b"", target)


def test_theHostOfTheTargetOutranksTheHeader() -> None:
    head = parseHead(b"GET http://a.test:81/x?y HTTP/1.1\r\nHost: b.test\r\nA: 1", 0)
    assert (head.path, head.query) == ("/x", "y")
    assert head.headers == {"host": "a.test:81", "a": "1"}


def test_theHeaderHasToBeThereAllTheSame() -> None:
    assert "host" not in parseHead(b"GET http://a.test/ HTTP/1.1", 0).headers
    assert parseHead(b"GET http://a.test/ HTTP/1.0", 0).headers == {"host": "a.test"}


@pytest.mark.parametrize(
    ("block", "plain"),
    [
        (b"GET /x HTTP/1.1\r\nHost: b.test", b"GET /x HTTP/1.1\r\nHost: b.test"),
        (
            b"GET http://a.test/x?y HTTP/1.1\r\nB: 1\r\nHOST:b.test\r\nC: \xe4",
            b"GET /x?y HTTP/1.1\r\nHost: a.test\r\nB: 1\r\nC: \xe4",
        ),
        (b"GET http://a.test HTTP/1.1\r\nHosts: x", b"GET / HTTP/1.1\r\nHosts: x"),
        (b"GET ws://a.test/ HTTP/1.0", b"GET / HTTP/1.0\r\nHost: a.test"),
    ],
)
def test_aHeadIsWrittenAnewForThoseWhoKnowOneFormOnly(block: bytes, plain: bytes) -> None:
    head = parseHead(block, 0)
    assert originForm(block, head.headers) == plain
    assert parseHead(plain, 0) == head


def test_longTargetsTakeNoTime() -> None:
    assert growsLinearly(splitTarget, lambda size: b"http://" + b"a." * size + b"\xff", 50_000)
    assert growsLinearly(emptyLines, lambda size: b"\r\n" * size, 50_000)
