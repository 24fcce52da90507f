"""The head of an HTTP request, read strictly."""

from __future__ import annotations

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtcsignal.engineio.http.head import BadHead, parseHead
from tests.engineio.growth import growsLinearly

TOKEN = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=10)
VALUE = st.binary(max_size=20).map(lambda data: bytes(byte for byte in data if byte >= 32 and byte != 127))


def head(*lines: bytes, first: bytes = b"GET /socket.io/?EIO=4 HTTP/1.1") -> bytes:
    return b"\r\n".join((first, *lines))


def statusOf(block: bytes, mostHeaders: int = 0) -> int:
    """The status with which a head is refused."""
    with pytest.raises(BadHead) as caught:
        parseHead(block, mostHeaders)
    return caught.value.status


def test_aRequestLineIsMethodPathAndQuery() -> None:
    result = parseHead(head(first=b"POST /a/b?c=d?e&f=%20 HTTP/1.0"), 0)
    assert (result.method, result.path, result.query) == ("POST", "/a/b", "c=d?e&f=%20")
    assert result.headers == {}


def test_aTargetWithoutAQueryHasAnEmptyOne() -> None:
    assert parseHead(head(first=b"GET / HTTP/1.1"), 0).query == ""


def test_headerNamesAreInLowerCaseAndValuesTrimmed() -> None:
    result = parseHead(head(b"HOST: \t example.org \t", b"X-Empty:", b"x_Y:a: b\tc"), 0)
    assert result.headers == {"host": "example.org", "x-empty": "", "x_y": "a: b\tc"}


def test_aRepeatedHeaderIsJoinedByCommas() -> None:
    assert parseHead(head(b"A: 1", b"b: 2", b"a: 3"), 0).headers == {"a": "1, 3", "b": "2"}


def test_valuesAreLatin1() -> None:
    assert parseHead(head(b"A: \xe4\xff"), 0).headers["a"] == "\xe4\xff"


def test_headersCannotBeChanged() -> None:
    headers: object = parseHead(head(b"A: 1"), 0).headers
    with pytest.raises(TypeError):
        headers["a"] = "2"  # type: ignore[index]


@given(TOKEN, st.text(string.ascii_letters + "/?=&%;", min_size=1, max_size=20), st.lists(st.tuples(TOKEN, VALUE)))
def test_whatIsWellFormedIsRead(method: str, target: str, headers: list[tuple[str, bytes]]) -> None:
    lines = [name.encode() + b": " + value for name, value in headers]
    result = parseHead(head(*lines, first=f"{method} {target} HTTP/1.1".encode()), 0)
    assert result.method == method
    assert result.path + ("?" if "?" in target else "") + result.query == target
    for name, value in headers:
        assert value.decode("latin-1").strip(" ") in result.headers[name.lower()]


@given(st.binary(max_size=60))
@example(b"\r\n\r\n")
@example(b"GET / HTTP/1.1\r\n")
@example(b"GET / HTTP/1.1\r\n\xff: 1")
def test_anyBytesAreAHeadOrBadHead(block: bytes) -> None:
    for prefix in (b"", head() + b"\r\n", head() + b"\r\nA: "):
        try:
            status, result = 200, parseHead(prefix + block, 100)
        except BadHead as error:
            status, result = error.status, None
        assert status in (200, 400, 431)
        assert result is None or result.method


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET",
        b"GET /",
        b"GET / HTTP/1.2",
        b"GET / HTTP/2.0",
        b"GET / http/1.1",
        b"GET / HTTP/1.1 ",
        b" GET / HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET /\t HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"G(T / HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"GET /\xc3\xa4 HTTP/1.1",
        b"GET / HTTP/1.1\n",
    ],
)
def test_aBadRequestLineIsRefused(line: bytes) -> None:
    assert statusOf(head(first=line)) == 400


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"no colon",
        b": no name",
        b"Name : blank before the colon",
        b" Folded: line",
        b"\tFolded: line",
        b"N(me: a",
        b"Name: a\x00b",
        b"Name: a\rb",
        b"Name: a\nb",
        b"Name: a\x0bb",
        b"Name: a\x7fb",
        b"N\xe4me: a",
    ],
)
def test_aBadHeaderLineIsRefused(line: bytes) -> None:
    assert statusOf(head(b"Host: a", line)) == 400
    assert statusOf(head(line, b"Host: a")) == 400


@pytest.mark.parametrize("host", ["", "a", "a:", "a_b.example:80", "[::1]:80", "fe80::1", "[fe80::1%25eth0]", " a "])
def test_aHostMayBeWhateverClientsCallOne(host: str) -> None:
    assert parseHead(head(b"Host:" + host.encode()), 0).headers["host"] == host.strip()


@pytest.mark.parametrize("host", ["<script>", "a b", "a/b", "a@b", "a?b", '"a"', "a, b", "\xe4.example", "a#b"])
def test_aHostThatIsNoneIsRefused(host: str) -> None:
    assert statusOf(head(b"Host: " + host.encode("latin-1"))) == 400


def test_headersAreCountedAndTooManyRefused() -> None:
    lines = [b"A: 1"] * 3
    assert parseHead(head(*lines), 3).headers == {"a": "1, 1, 1"}
    assert statusOf(head(*lines), 2) == 431


def test_theLimitCountsBadLinesToo() -> None:
    assert statusOf(head(b"bad", b"bad", b"bad"), 2) == 431


@pytest.mark.parametrize(
    ("upgrade", "connection", "wanted"),
    [
        ("websocket", "Upgrade", True),
        ("WebSocket", "upgrade", True),
        ("websocket", "keep-alive, Upgrade", True),
        ("h2c, websocket", "Upgrade,close", True),
        ("websocket", "keep-alive", False),
        ("h2c", "Upgrade", False),
        ("websockets", "Upgrade", False),
        ("websocket", "Upgraded", False),
        ("", "Upgrade", False),
        ("websocket", "", False),
    ],
)
def test_aWebSocketIsWantedByUpgradeAndConnectionTogether(upgrade: str, connection: str, wanted: bool) -> None:
    lines = [f"Upgrade: {upgrade}".encode()] if upgrade else []
    lines += [f"Connection: {connection}".encode()] if connection else []
    assert parseHead(head(*lines), 0).wantsWebSocket is wanted


@pytest.mark.parametrize("unit", [b" ", b"\t", b"a ", b" a", b"a", b":", b"\xff"], ids=repr)
@pytest.mark.parametrize("end", [b"", b"a", b"\x00", b" \x00"], ids=repr)
def test_aHeaderIsReadInLinearTime(unit: bytes, end: bytes) -> None:
    def read(block: bytes) -> None:
        try:
            parseHead(block, 0)
        except BadHead:
            assert end.endswith(b"\x00")

    def make(size: int) -> bytes:
        return head(b"A:" + unit * size + end)

    assert growsLinearly(read, make, 60), "much worse than linear already for small headers"
    assert growsLinearly(read, make, 1_000)


@pytest.mark.parametrize("unit", [b"a", b" ", b"/", b"?"], ids=repr)
def test_aRequestLineIsReadInLinearTime(unit: bytes) -> None:
    def read(block: bytes) -> None:
        assert statusOf(block) == 400

    assert growsLinearly(read, lambda size: head(first=unit * size + b" HTTP/1.1"), 2_000)
