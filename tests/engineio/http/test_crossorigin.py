"""What pages of other origins are let do, as a function of requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtcsignal.engineio.http.crossorigin import pageRefusal, preflight, scriptRefusal, withCors
from rtcsignal.engineio.http.exchange import Request, RequestError, Response
from rtcsignal.engineio.http.origin import OriginRule

ANY = OriginRule(["*"])
LIST = OriginRule(["https://app.test"])
PLAIN = ("Content-Type", "text/plain; charset=UTF-8")
NOSNIFF = ("X-Content-Type-Options", "nosniff")
OURS = ("Cross-Origin-Resource-Policy", "same-origin")
VARY = ("Vary", "Origin")


def request(query: str = "", /, **headers: Any) -> Request:
    """A request to b.test with headers, whose names are written with underscores, and other attributes."""
    secure, forwardedHost = headers.pop("secure", False), headers.pop("forwardedHost", "")
    named = {"host": "b.test", **{name.replace("_", "-"): value for name, value in headers.items()}}
    fields = {"j": "0"} if query == "j" else {}
    return Request("GET", fields, named, secure=secure, forwardedHost=forwardedHost)


def status(error: RequestError | None) -> int:
    """The status of a refusal; 200 for none."""
    return 200 if error is None else error.status


class TestPages:
    @pytest.mark.parametrize("rule", [OriginRule(), LIST, ANY])
    @pytest.mark.parametrize("site", [None, "none", "same-origin", "strange"])
    def test_aRequestThatIsNoForeignPagesIsServed(self, rule: OriginRule, site: str | None) -> None:
        headers = {} if site is None else {"sec_fetch_site": site}
        assert pageRefusal(request(**headers), rule) is None

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    def test_theScriptOrPictureOfAnotherSiteIsNot(self, site: str) -> None:
        assert status(pageRefusal(request(sec_fetch_site=site), LIST)) == 403
        assert status(pageRefusal(request(sec_fetch_site=site, referer="https://evil.test/"), LIST)) == 403
        assert pageRefusal(request(sec_fetch_site=site, referer="https://app.test/page?x=1"), LIST) is None
        assert pageRefusal(request(sec_fetch_site=site), ANY) is None

    def test_theOriginOutweighsEverythingElse(self) -> None:
        trusted = {"referer": "https://app.test/", "sec_fetch_site": "same-origin"}
        assert status(pageRefusal(request(origin="https://evil.test", **trusted), LIST)) == 403
        assert pageRefusal(request(origin="https://app.test", sec_fetch_site="cross-site"), LIST) is None

    def test_anOriginWithControlCharactersIsABadRequest(self) -> None:
        assert status(pageRefusal(request(origin="http://a\x01"), ANY)) == 400

    def test_aPageOverPlainHttpIsNotThatOfTheSecureServer(self) -> None:
        assert status(pageRefusal(request(origin="http://b.test", secure=True), LIST)) == 403
        assert pageRefusal(request(origin="https://b.test", secure=True), LIST) is None

    def test_theHostThatAProxyTellsOfIsOurs(self) -> None:
        assert pageRefusal(request(origin="https://c.test", forwardedHost="c.test"), LIST) is None
        assert status(pageRefusal(request(origin="https://b.test", forwardedHost="c.test"), LIST)) == 403


class TestScripts:
    def test_thereAreNoneUnlessEnabled(self) -> None:
        refusal = scriptRefusal(request("j", sec_fetch_site="same-origin"), ANY, enabled=False)
        assert refusal is not None
        response = withCors(request("j"), refusal.response(), OriginRule())
        assert response.status == 400
        assert json.loads(response.body) == {"code": 3, "message": "JSONP is disabled"}
        assert response.headers == (("Content-Type", "application/json"), VARY, NOSNIFF, OURS)

    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "https://app.test"},
            {"sec_fetch_site": "same-origin"},
            {"sec_fetch_site": "none"},
            {"referer": "https://app.test/"},
            {"referer": "https://app.test"},
            {"referer": "https://APP.test:443/a/b?c#d"},
            {"referer": "http://b.test/page"},
            {"sec_fetch_site": "cross-site", "referer": "https://app.test/page"},
        ],
    )
    def test_aPageThatIsKnownToBeAllowedGetsThem(self, headers: dict[str, str]) -> None:
        assert scriptRefusal(request("j", **headers), LIST, enabled=True) is None

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"sec_fetch_site": ""},
            {"sec_fetch_site": "cross-site"},
            {"sec_fetch_site": "same-site"},
            {"sec_fetch_site": "cross-site, same-origin"},
            {"referer": ""},
            {"referer": "https://"},
            {"referer": "about:blank"},
            {"referer": "https://evil.test/https://app.test/"},
            {"referer": "https://app.test.evil.test/"},
            {"referer": "https://app.test@evil.test/"},
            {"referer": "https://evil.test\\@app.test/"},
            {"referer": "https://evil.test?https://app.test"},
            {"referer": "https://evil.test#https://app.test"},
            {"referer": "http://app.test/"},
            {"referer": "app.test"},
        ],
    )
    def test_nobodyElseDoes(self, headers: dict[str, str]) -> None:
        assert status(scriptRefusal(request("j", **headers), LIST, enabled=True)) == 403

    def test_aStarLetsEveryPageHaveThem(self) -> None:
        assert scriptRefusal(request("j"), ANY, enabled=True) is None

    def test_theBrowserOfAnAllowedRefererMayRunThem(self) -> None:
        allowed = withCors(request("j", referer="https://app.test/"), Response(200), LIST)
        assert allowed.headers == (PLAIN, VARY, NOSNIFF)
        other = withCors(request("j", referer="https://evil.test/"), Response(200), LIST)
        assert other.headers == (PLAIN, VARY, NOSNIFF, OURS)


class TestCors:
    def test_anAllowedOriginIsNamedAndMayBringCredentials(self) -> None:
        response = withCors(request(origin="http://a.test"), Response(200, b"x"), ANY)
        assert (response.status, response.body) == (200, b"x")
        assert response.headers == (
            PLAIN,
            ("Access-Control-Allow-Origin", "http://a.test"),
            ("Access-Control-Allow-Credentials", "true"),
            VARY,
            NOSNIFF,
        )

    def test_anOriginThatIsNotAllowedGetsNoLeave(self) -> None:
        assert withCors(request(origin="http://a.test"), Response(200), LIST).headers == (PLAIN, VARY, NOSNIFF, OURS)

    def test_aRequestWithoutAnOriginGetsNoLeaveEither(self) -> None:
        assert withCors(request(), Response(200), LIST).headers == (PLAIN, VARY, NOSNIFF, OURS)
        assert withCors(request(), Response(200), ANY).headers == (PLAIN, VARY, NOSNIFF)

    def test_theServersOwnPagesAreAllowed(self) -> None:
        response = withCors(request(origin="http://b.test"), Response(200), OriginRule())
        assert ("Access-Control-Allow-Origin", "http://b.test") in response.headers

    def test_aPreflightIsToldMethodsAndItsOwnHeaders(self) -> None:
        response = preflight(request(access_control_request_headers="x-one, content-type"))
        assert (response.status, response.body) == (204, b"")
        assert dict(response.headers) == {
            "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
            "Access-Control-Max-Age": "600",
            "Access-Control-Allow-Headers": "x-one, content-type",
        }

    @pytest.mark.parametrize("asked", ["", "x\ty", "\xe4", "x\x85"])
    def test_strangeHeadersAreNotNamed(self, asked: str) -> None:
        response = preflight(request(access_control_request_headers=asked))
        assert "Access-Control-Allow-Headers" not in dict(response.headers)
