"""The public site: the status, the demo page, and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.web.http import stringToDatetime
from twisted.web.resource import Resource
from twisted.web.server import Site

from rtcsignal.web.pages import Branch, Page, Reply
from rtcsignal.web.site import makeRoot


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(path: str, method: str = "GET", demo: bool = True, root: Resource | None = None, **headers: str) -> Answer:
    """One request to the site, or to another root, through Twisted's own HTTP."""
    protocol = Site(root or makeRoot(demo), reactor=Clock()).buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    lines = [f"{method} {path} HTTP/1.1", "Host: example.org", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    protocol.dataReceived(("\r\n".join(lines) + "\r\n\r\n").encode())
    head, _, body = transport.value().partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    found = dict(line.split(": ", 1) for line in rest)
    return Answer(int(first.split()[1]), {name.lower(): value for name, value in found.items()}, body)


class TestStatus:
    def test_saysWhatTheOriginalServerSaid(self) -> None:
        answer = ask("/status", demo=False)
        assert (answer.status, answer.body) == (200, b"Status: OK")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"

    def test_isNeverTakenFromACache(self) -> None:
        answer = ask("/status", If_None_Match="*")
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-store")

    def test_canBeAskedWithoutABody(self) -> None:
        answer = ask("/status", "HEAD")
        assert (answer.status, answer.headers["content-length"], answer.body) == (200, "10", b"")

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
    def test_cannotBeChanged(self, method: str) -> None:
        answer = ask("/status", method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert json.loads(answer.body)["error"]["code"] == "method-not-allowed"
        assert method.encode() not in answer.body


class TestNothing:
    @pytest.mark.parametrize(
        "path",
        ["/nothing", "/status/", "/status/x", "/style.css/x", "/../etc/passwd", "/%2e%2e/x", "/.htaccess", "//"],
    )
    def test_isAtEveryOtherPath(self, path: str) -> None:
        answer = ask(path)
        assert (answer.status, answer.headers["content-type"]) == (404, "application/json; charset=utf-8")
        assert json.loads(answer.body) == {
            "service": "rtcsignal",
            "error": {"code": "not-found", "message": "There is nothing here."},
        }

    def test_neverRepeatsWhatWasAsked(self) -> None:
        answer = ask("/<script>alert(1)</script>?x=<b>")
        assert b"script" not in answer.body
        assert answer.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("path", ["/", "/index.html", "/style.css"])
    def test_isShownInPlaceOfTheDemoUnlessItIsWanted(self, path: str) -> None:
        assert ask(path, demo=False).status == 404


    @pytest.mark.parametrize(("path", "status"), [("/app", 404), ("/app/", 404), ("/app/x", 404), ("/app/page", 200)])
    def test_isInABranchButForWhatWasPutThere(self, path: str, status: int) -> None:
        root, branch = makeRoot(demo=False), Branch()
        root.putChild(b"app", branch)
        branch.putChild(b"page", Page(Reply(200, b"here")))
        assert ask(path, root=root).status == status


class TestDemo:
    def test_isThePageAtTheRoot(self) -> None:
        answer = ask("/")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.body.lower().startswith(b"<!doctype html>")
        assert answer.body == ask("/index.html").body

    @pytest.mark.parametrize(
        ("name", "kind"),
        [("rtcsignal.js", "text/javascript; charset=utf-8"), ("style.css", "text/css; charset=utf-8")],
    )
    def test_bringsItsFilesWithTheirTypes(self, name: str, kind: str) -> None:
        answer = ask(f"/{name}")
        assert (answer.status, answer.headers["content-type"]) == (200, kind)
        assert int(answer.headers["content-length"]) == len(answer.body) > 0

    def test_everyFileThatThePageNamesIsThere(self) -> None:
        names = re.findall(r'(?:src|href)="([^"#:?]+)"', ask("/").body.decode())
        assert names
        assert {name: ask(f"/{name.removeprefix('./')}").status for name in names} == dict.fromkeys(names, 200)

    @pytest.mark.parametrize("path", ["/", "/style.css", "/rtcsignal.js"])
    def test_letsNoOtherSiteIn(self, path: str) -> None:
        headers = ask(path).headers
        policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["permissions-policy"] == "camera=(self), microphone=(self), display-capture=(self)"

    def test_askedForAgainIsNotSentAgain(self) -> None:
        first = ask("/style.css")
        assert first.headers["cache-control"] == "no-cache"
        again = ask("/style.css", If_None_Match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]

    @pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"other",{}', "*"])
    def test_theTagIsFoundInEveryForm(self, form: str) -> None:
        tag = ask("/style.css").headers["etag"]
        assert ask("/style.css", If_None_Match=form.format(tag)).status == 304

    def test_anotherTagOutweighsTheDate(self) -> None:
        date = ask("/style.css").headers["last-modified"]
        assert ask("/style.css", If_None_Match='"other"', If_Modified_Since=date).status == 200

    def test_theDateAloneIsEnough(self) -> None:
        date = ask("/style.css").headers["last-modified"]
        assert stringToDatetime(date.encode()) > 0
        assert ask("/style.css", If_Modified_Since=date).status == 304
        assert ask("/style.css", If_Modified_Since="Thu, 01 Jan 1970 00:00:00 GMT").status == 200
        assert ask("/style.css", If_Modified_Since="yesterday").status == 200

    def test_canBeAskedWithoutItsBody(self) -> None:
        whole, head = ask("/"), ask("/", "HEAD")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.body))
        assert head.headers["etag"] == whole.headers["etag"]
