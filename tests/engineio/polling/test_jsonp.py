"""Long polling by script elements (JSONP), as old browsers do it."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.engineio.packet import Revision
from rtcsignal.engineio.reasons import CloseReason
from tests.engineio.conftest import WorldFactory
from tests.engineio.world import Answer, Poller, World
from tests.wire import payloads


class TestJsonp:
    @pytest.fixture
    def world(self, makeWorld: WorldFactory) -> World:
        return makeWorld(jsonp=True, origins=OriginRule(["*"]))

    @pytest.fixture
    def poller(self, world: World, revision: Revision) -> Poller:
        return world.poller(revision, j="7")

    @staticmethod
    def scripted(answer: Answer, callback: str = "7") -> str:
        """The text with which an answer calls the client's function."""
        script = answer.response.body.decode("ascii")
        before, after = f"___eio[{callback}](", ");"
        assert script.startswith(before)
        assert script.endswith(after)
        text: str = json.loads(script.removeprefix(before).removesuffix(after))
        return text

    def test_theHandshakeIsAScriptThatNobodySniffs(self, poller: Poller) -> None:
        assert poller.opening.headers["Content-Type"] == "text/javascript; charset=UTF-8"
        assert poller.opening.headers["X-Content-Type-Options"] == "nosniff"
        assert poller.opening.headers["Cache-Control"] == "no-store"
        text = self.scripted(poller.opening)
        assert poller.sid in text

    def test_soIsEveryPoll(self, poller: Poller) -> None:
        text = "\u2028\u2029</script>\"'\\\N{GRINNING FACE}"
        poller.send(text)
        answer = poller.poll()
        assert payloads.decode(poller.revision, self.scripted(answer).encode()) == ["4" + text]
        assert b"</" not in answer.response.body
        assert answer.response.body.isascii()

    def test_binaryIsBase64InIt(self, poller: Poller) -> None:
        poller.session.send(EncodedMessage("a", (b"\x01",)))
        assert payloads.decode(poller.revision, self.scripted(poller.poll()).encode()) == ["4a", b"\x01"]

    @pytest.mark.parametrize(
        ("index", "callback"), [("alert(1)//", "1"), ("", ""), ("x", ""), ("\u0663", ""), ("0042", "0042")]
    )
    def test_onlyDigitsOfTheIndexCount(self, world: World, revision: Revision, index: str, callback: str) -> None:
        self.scripted(world.poller(revision, j=index).opening, callback)

    def test_theHandshakesIndexCounts(self, poller: Poller) -> None:
        poller.query["j"] = "99"
        poller.send("a")
        self.scripted(poller.poll(), "7")

    def post(self, poller: Poller, form: str) -> Answer:
        return poller.postBody(form.encode(), "application/x-www-form-urlencoded")

    def test_aPostIsAForm(self, poller: Poller) -> None:
        payload = payloads.encode(poller.revision, "4\N{GRINNING FACE} +&=", b"\x01\xff").decode()
        escaped = "".join(f"%{byte:02X}" for byte in payload.encode())
        assert self.post(poller, f"d={escaped}").status == 200
        assert poller.application.received == ["\N{GRINNING FACE} +&=", b"\x01\xff"]

    @pytest.mark.parametrize(
        ("sent", "meant"),
        [
            (r"a\nb", "a\nb"),
            (r"a\\nb", r"a\nb"),
            (r"\n\n", "\n\n"),
            (r"\\n\n", "\\n\n"),
            (r"a\tb\\b", r"a\tb\\b"),
        ],
    )
    def test_lineFeedsAreEscapedInIt(self, world: World, sent: str, meant: str) -> None:
        poller = world.poller(3, j="0")
        payload = f"{len(meant) + 1}:4{sent}"
        assert self.post(poller, "d=" + "".join(f"%{ord(each):02x}" for each in payload)).status == 200
        assert poller.application.received == [meant]

    @pytest.mark.parametrize("form", ["", "x=1", "d=", "d=x", "d=\xff", "&" * 200 + "d=4a"])
    def test_aFormWithoutAPayloadEndsTheSession(self, poller: Poller, form: str) -> None:
        assert self.post(poller, form).error == (400, 3)
        assert poller.application.closed == [CloseReason.PARSE_ERROR]

    def test_aFormOfAnybodyElseIsNoPayload(self, world: World) -> None:
        poller = world.poller(4)
        assert self.post(poller, "d=4a").error == (400, 3)

    def test_itMayPostTextAsWell(self, poller: Poller) -> None:
        assert poller.post("4a").status == 200
        assert poller.application.received == ["a"]


class TestWhoGetsScripts:
    QUERY: ClassVar[dict[str, str]] = {"transport": "polling", "j": "0"}

    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_nobodyUnlessEnabled(self, world: World, revision: Revision, method: str) -> None:
        handshake = {**self.QUERY, "EIO": str(revision)}
        assert world.handle(method, handshake, sec_fetch_site="same-origin").error == (400, 3)
        assert world.sids == []
        poller = world.poller(revision)
        assert world.handle(method, {**poller.query, "j": ""}, sec_fetch_site="same-origin").error == (400, 3)
        assert poller.alive

    def test_pagesThatAreKnownToBeAllowed(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(jsonp=True)
        handshake = {**self.QUERY, "EIO": str(revision)}
        assert world.handle("GET", handshake).error == (403, 4)
        assert world.handle("GET", handshake, referer="http://evil.test/", host="a.test").error == (403, 4)
        assert world.sids == []
        assert world.handle("GET", handshake, referer="http://a.test/", host="a.test").status == 200
        assert world.handle("GET", handshake, sec_fetch_site="same-origin").status == 200

    def test_aSessionOfScriptsGivesThemToNobodyElse(self, makeWorld: WorldFactory, revision: Revision) -> None:
        world = makeWorld(jsonp=True)
        world.handle("GET", {**self.QUERY, "EIO": str(revision)}, sec_fetch_site="none")
        (sid,) = world.sids
        poll = {"EIO": str(revision), "transport": "polling", "sid": sid}
        assert world.handle("GET", poll).error == (403, 4)
        assert world.handle("GET", {**poll, "j": "0"}).error == (403, 4)
        assert world.handle("POST", poll).error == (403, 4)
        assert world.sids == [sid]
