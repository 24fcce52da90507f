"""Which pages may connect, on both transports."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.support.processes import Process
from tests.wire.rawhttp import Header, Response
from tests.wire.rawws import WebSocket
from tests.wire.wire import SOCKETIO_PATH, Wire

HOST = "signal.example:8080"
LISTED = "https://app.example"

DEFAULT: dict[str, Any] = {}
LIST: dict[str, Any] = {"origins": [LISTED, "http://localhost:3000"]}
ANY: dict[str, Any] = {"origins": ["*"]}

FOREIGN = [
    "https://evil.example",
    "null",
    "https://app.example.evil.example",
    "https://evilapp.example",
    "https://evil.app.example",
    "http://app.example",
    "https://app.example:444",
    "https://app.example@evil.example",
    "https://app.exampl",
    "https://",
    "app.example",
    "https://app.example, https://evil.example",
    "http://localhost",
    "http://localhost:30000",
    "**",
    "file://",
    "http://signal.example.evil.example:8080",
    "http://signal.example:80800",
]


class Pages:
    """Requests from pages of any origin to one server."""

    def __init__(self, wire: Wire, revision: int) -> None:
        self._wire = wire
        self._base = f"{SOCKETIO_PATH}?EIO={revision}&transport="

    def poll(self, origin: str | None, method: str = "GET", more: Iterable[Header] = ()) -> Response:
        """A handshake by polling."""
        return self._wire.request(method, self._base + "polling", [*self._headers(origin), *more])

    def asForeign(self, site: str, referer: str | None = None) -> Response:
        """A handshake by polling that names no origin, of which the browser says whose it is."""
        headers = [("Sec-Fetch-Site", site), *([] if referer is None else [("Referer", referer)])]
        return self._wire.request("GET", self._base + "polling", [*self._headers(None), *headers])

    def socket(self, origin: str | None) -> int:
        """A handshake by WebSocket; the status of the answer."""
        answer = self._wire.tryWebSocket(self._base + "websocket", self._headers(origin))
        if isinstance(answer, WebSocket):
            return answer.response.status
        assert answer.endsConnection
        assert b'"sid"' not in answer.body
        return answer.status

    def _headers(self, origin: str | None) -> list[Header]:
        return [("Host", HOST), *([] if origin is None else [("Origin", origin)])]


@pytest.fixture
def pages(
    daemons: Callable[[Any], Process], wireTo: Callable[[Process], Wire], revision: int
) -> Callable[[Any], Pages]:
    """`pages(config)`: requests to a server with this configuration."""
    return lambda config: Pages(wireTo(daemons(config)), revision)


APPS = ["capacitor://localhost", "ionic://localhost", "tauri://localhost", "chrome-extension://abcdefgh", "app://."]
WIDE: dict[str, Any] = {"origins": [*APPS, "null", "file://", "https://*.app.example", "http://*.app.example:8080"]}


def assertAllowed(pages: Pages, origin: str) -> None:
    """Pages of this origin get in by both transports and are told so by name."""
    answer = pages.poll(origin)
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == origin
    assert answer.header("access-control-allow-credentials") == "true"
    assert pages.socket(origin) == 101


def assertForbidden(pages: Pages, origin: str) -> None:
    """Pages of this origin get in by neither transport, and may not read that."""
    answer = pages.poll(origin)
    assert answer.status == 403
    assert answer.json()["code"] == 4
    assert answer.header("access-control-allow-origin") is None
    assert "origin" in ",".join(answer.all("vary")).lower()
    assert pages.socket(origin) in {400, 403}


@pytest.mark.parametrize("config", [DEFAULT, LIST], ids=["no list", "a list"])
def test_thePagesOfTheServersOwnHostMayConnect(pages: Callable[[Any], Pages], config: Any) -> None:
    assertAllowed(pages(config), f"http://{HOST}")


@pytest.mark.parametrize("config", [DEFAULT, LIST, ANY], ids=["no list", "a list", "any"])
def test_whoIsNoPageMayConnect(pages: Callable[[Any], Pages], config: Any) -> None:
    assert pages(config).poll(None).status == 200
    assert pages(config).socket(None) == 101


@pytest.mark.parametrize("config", [DEFAULT, LIST], ids=["no list", "a list"])
@pytest.mark.parametrize("origin", [f"ws://{HOST}", f"wss://{HOST}", f"https://{HOST}"])
def test_aClientMayNameTheServerItselfAsItsOrigin(pages: Callable[[Any], Pages], config: Any, origin: str) -> None:
    assertAllowed(pages(config), origin)


@pytest.mark.parametrize(
    "origin",
    [*APPS, "null", "file://", "https://a.app.example", "https://B-1.app.example:443", "http://a.app.example:8080"],
)
def test_filesAndWholeLabelsCanBeListed(pages: Callable[[Any], Pages], origin: str) -> None:
    assertAllowed(pages(WIDE), origin)


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example",
        "https://a.b.app.example",
        "https://evil.example/.app.example",
        "https://evil.example:443.app.example",
        "https://evil.example#.app.example",
        "http://a.app.example",
        "https://a.app.example:8080",
        "https://.app.example",
        "https://*.app.example",
        "file:///home",
    ],
)
def test_aStarIsOneLabelAndNothingElse(pages: Callable[[Any], Pages], origin: str) -> None:
    assertForbidden(pages(WIDE), origin)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_aPageThatTheBrowserCallsForeignMayNotUseIt(pages: Callable[[Any], Pages], site: str) -> None:
    answer = pages(LIST).asForeign(site)
    assert answer.status == 403
    assert answer.header("cross-origin-resource-policy") == "same-origin"
    assert answer.header("x-content-type-options") == "nosniff"
    assert pages(LIST).asForeign(site, f"{LISTED}/page").status == 200


TLS_PROXY: dict[str, Any] = {"proxies": ["127.0.0.0/8"]}


def test_behindTlsAPlainPageIsForeign(pages: Callable[[Any], Pages]) -> None:
    forwarded = [("X-Forwarded-Proto", "https")]
    assert pages(TLS_PROXY).poll(f"http://{HOST}", more=forwarded).status == 403
    assert pages(TLS_PROXY).poll(f"ws://{HOST}", more=forwarded).status == 403
    assert pages(TLS_PROXY).poll(f"https://{HOST}", more=forwarded).status == 200
    assert pages(TLS_PROXY).poll(f"wss://{HOST}", more=forwarded).status == 200
    assert pages(DEFAULT).poll(f"http://{HOST}", more=forwarded).status == 200


def test_theHostThatATrustedProxyTellsOfIsTheServers(pages: Callable[[Any], Pages]) -> None:
    forwarded = [("X-Forwarded-Host", "other.example, call.example")]
    assert pages(TLS_PROXY).poll("https://call.example", more=forwarded).status == 200
    assert pages(TLS_PROXY).poll("https://other.example", more=forwarded).status == 403
    assert pages(TLS_PROXY).poll(f"http://{HOST}", more=forwarded).status == 403
    assert pages(DEFAULT).poll("https://call.example", more=forwarded).status == 403


@pytest.mark.parametrize("origin", LIST["origins"])
def test_thePagesOfAListedOriginMayConnect(pages: Callable[[Any], Pages], origin: str) -> None:
    assertAllowed(pages(LIST), origin)


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("config", [DEFAULT, LIST], ids=["no list", "a list"])
def test_thePagesOfOtherOriginsMayNot(pages: Callable[[Any], Pages], config: Any, origin: str) -> None:
    assertForbidden(pages(config), origin)


def test_aPreflightAllowsOnlyWhomARequestAllows(pages: Callable[[Any], Pages]) -> None:
    assert pages(LIST).poll(LISTED, "OPTIONS").header("access-control-allow-origin") == LISTED
    assert pages(LIST).poll("https://evil.example", "OPTIONS").header("access-control-allow-origin") is None


@pytest.mark.parametrize(
    "origin",
    [
        *("https://anywhere.example", "http://localhost:1", "capacitor://localhost", "app://.", "content://"),
        *("file:///android_asset/index.html", "about:blank", "192.168.1.7:8080", "https://[::1", "http://a:99999"),
    ],
)
def test_aStarAllowsEveryPageByItsName(pages: Callable[[Any], Pages], origin: str) -> None:
    assertAllowed(pages(ANY), origin)
