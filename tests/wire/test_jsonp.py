"""HTTP long-polling for browsers without XMLHttpRequest: answers are scripts, posts are forms."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, quote_plus

import pytest

from tests.wire.payloads import Packet, decode, encode, units
from tests.wire.rawhttp import Response
from tests.wire.wire import ENGINE_PATH, Wire

FORM = [("Content-Type", "application/x-www-form-urlencoded")]


class Script:
    """A JSONP session, which is opened and spoken to as the old browsers' transport does it."""

    def __init__(self, wire: Wire, revision: int, index: str = "0") -> None:
        self._connection = wire.connection()
        self.revision = revision
        base = f"{ENGINE_PATH}?EIO={revision}&transport=polling&j={index}"
        self.opening = self._connection.request("GET", base)
        self.index, (handshake, *_) = read(self.opening, revision)
        assert isinstance(handshake, str)
        self._target = f"{base}&sid={json.loads(handshake[1:])['sid']}"

    def post(self, form: str) -> Response:
        """Posts a form as it stands."""
        return self._connection.request("POST", self._target, FORM, form.encode())

    def poll(self) -> Response:
        """Polls and waits for the script."""
        return self._connection.request("GET", self._target)

    def receive(self) -> list[Packet]:
        """Polls and gives the packets in the script."""
        return read(self.poll(), self.revision)[1]


def read(answer: Response, revision: int) -> tuple[str, list[Packet]]:
    """The callback's index and the packets of a script."""
    assert answer.status == 200
    assert (answer.header("content-type") or "").partition(";")[0] in {"text/javascript", "text/plain"}
    script = re.fullmatch(r"___eio\[([0-9]*)\]\((\".*\")\);", answer.text, re.DOTALL)
    assert script, answer.text
    return script[1], decode(revision, json.loads(script[2]).encode())


@pytest.mark.parametrize("index", ["0", "7", "123"])
def test_answersCallTheFunctionOfTheHandshakesIndex(wire: Wire, revision: int, index: str) -> None:
    script = Script(wire, revision, index)
    assert script.index == index
    script.post("d=" + quote(encode(revision, "4hi")))
    assert read(script.poll(), revision) == (index, ["4hi"])


@pytest.mark.parametrize(
    ("index", "digits"),
    [("1%5D;alert(2)//", "12"), ("%3Cscript%3E5", "5"), ("4%0A2", "42"), ("%D9%A31", "1"), ("-3.5", "35")],
)
def test_nothingButTheIndexsDigitsGetsIntoTheScript(wire: Wire, revision: int, index: str, digits: str) -> None:
    assert Script(wire, revision, index).index == digits


def test_lineSeparatorsAreEscapedBecauseScriptsMustNotHoldThem(wire: Wire, revision: int) -> None:
    script = Script(wire, revision)
    message = "4a\u2028b\u2029c\"d\\e'"
    assert script.post("d=" + quote(encode(revision, message))).body == b"ok"
    answer = script.poll()
    assert "\u2028" not in answer.text
    assert "\u2029" not in answer.text
    assert read(answer, revision)[1] == [message]


def test_binaryTravelsAsBase64(wire: Wire, revision: int) -> None:
    script = Script(wire, revision)
    assert script.post("d=" + quote(encode(revision, "4x", b"\x01\x02\x03\x04"))).status == 200
    assert script.receive() == ["4x", b"\x01\x02\x03\x04"]


def test_formsAreUrlDecoded(wire: Wire, revision: int) -> None:
    script = Script(wire, revision)
    message = "4a+b & c=d%20 ü€😀"
    assert script.post("d=" + quote_plus(encode(revision, message))).body == b"ok"
    assert script.receive() == [message]


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        (r"4one\ntwo", "4one\ntwo"),
        (r"4one\\ntwo", r"4one\ntwo"),
        (r"4\na\\n\n", "4\na\\n\n"),
        (r"4a\tb\\c", r"4a\tb\\c"),
    ],
)
def test_lineBreaksInFormsAreEscapedByTheClient(wire: Wire, revision: int, sent: str, meant: str) -> None:
    """`\\n` is a line break; `\\\\n` is the two characters; lengths count what is meant."""
    script = Script(wire, revision)
    payload = sent if revision == 4 else f"{units(meant)}:{sent}"
    assert script.post("d=" + quote_plus(payload)).body == b"ok"
    assert script.receive() == [meant]


def test_lengthsCountUtf16UnitsHereToo(wire: Wire) -> None:
    script = Script(wire, 3)
    assert script.post("d=" + quote("5:4😀😀")).body == b"ok"
    assert script.receive() == ["4😀😀"]


@pytest.mark.parametrize("form", ["", "d=", "x=1", "d", "%zz", "d=%FF%FE", "d=abc"])
def test_aFormThatHoldsNoPayloadIsRefused(wire: Wire, revision: int, form: str) -> None:
    script = Script(wire, revision)
    assert script.post(form).status == 400
    assert script.poll().status == 400


def test_refusalsAreTheSameAsForEverybody(wire: Wire, revision: int) -> None:
    answer = wire.request("GET", f"{ENGINE_PATH}?EIO={revision}&transport=polling&j=0&sid=unknown")
    assert answer.status == 400
    assert answer.json() == {"code": 1, "message": "Session ID unknown"}
