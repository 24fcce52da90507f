"""docs/protocol.md is complete, and its dialogues are what goes over the wire."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from functools import partial

import pytest

from rtcsignal.engineio.http import exchange
from rtcsignal.engineio.http.exchange import RequestError
from rtcsignal.signaling import events
from rtcsignal.signaling import namespace as signalingNamespace
from rtcsignal.signaling.events import OWN_EVENTS
from rtcsignal.signaling.expiry import EXPIRED
from tests.docs.eventtable import EVENTS
from tests.docs.pages import DOCS, Block, Page, blocks
from tests.support.processes import ROOT, Process
from tests.wire.rawhttp import Connection
from tests.wire.rawws import WebSocket, upgradeBytes

PROTOCOL = Page(DOCS / "protocol.md")
_SOURCES = sorted((ROOT / "rtcsignal").rglob("*.py"))
_BUILTIN = "rtcsignal/policy/builtin/"
_SEPARATOR = ("␞", "\x1e")


def calls(*names: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call in the server's sources of a function or class with one of these names."""
    for path in _SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def firstText(call: ast.Call) -> str | None:
    """The first argument of a call, if it is written out as a text."""
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def codes(heading: str, column: int = 0, page: Page = PROTOCOL) -> set[str]:
    """What stands in backquotes in a column of the tables below a heading."""
    return {word for row in page.table(heading) for word in re.findall(r"`([^`]+)`", row[column])}


def test_everyCodeOfARefusalIsDocumented() -> None:
    """Those of the server here, those of the plugins that come with it on their own page."""
    documented = codes("Codes")
    plugins = (DOCS / "plugins.md").read_text(encoding="utf-8")
    for place, call in calls("Refused"):
        code = firstText(call)
        if code is not None and place.startswith(_BUILTIN):
            assert f"`{code}`" in plugins, f"{place}: {code}"
        elif code is not None:
            assert code in documented, f"{place}: {code}"


def test_everyDocumentedCodeIsInTheSources() -> None:
    texts = {
        node.value
        for path in _SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert codes("Codes") <= texts


def test_everyEventIsDocumented() -> None:
    headings = [line.removeprefix("### ") for line in PROTOCOL.text.splitlines() if line.startswith("### ")]
    assert set(headings) >= OWN_EVENTS
    assert EVENTS.written() == EVENTS.render(), "run python -m tests.docs"
    assert {value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)} == OWN_EVENTS


def test_everyReasonOfUserLeftIsDocumented() -> None:
    reasons = {*signalingNamespace._REASONS.values(), "left", "disconnect", EXPIRED}
    assert reasons <= codes("user-left")


def test_everyRefusalOfANamespaceIsDocumented() -> None:
    messages = {firstText(call) for _, call in calls("ConnectRefused")} - {None}
    assert messages == codes("Refused connections") - {"data.code", "limits.namespaces_per_connection"}


def test_everyErrorOfARequestIsDocumented() -> None:
    makers = [value for value in vars(exchange).values() if isinstance(value, partial) and value.func is RequestError]
    errors = [make() for make in makers]
    errors += [
        exchange.forbidden("Origin not allowed"),
        exchange.forbidden("Too many connections", 429),
        exchange.forbidden("Server is shutting down", 503),
        exchange.forbidden("The node of this session cannot be reached", 503),
    ]
    assert {firstText(call) for _, call in calls("forbidden")} <= {error.message for error in errors}
    rows = PROTOCOL.table("Errors of requests")
    documented = {(row[0], row[1], row[2].strip("`")) for row in rows if row[1]}
    assert documented == {(str(error.status), str(error.code), error.message) for error in errors}


def matches(pattern: str, text: str | bytes) -> bool:
    """Whether a line of a dialogue says what was received; `…` stands for anything."""
    assert isinstance(text, str)
    expression = ".+".join(map(re.escape, pattern.split("…")))
    return re.fullmatch(expression, text, re.DOTALL) is not None


def play(process: Process, block: Block) -> list[str]:
    """Has a dialogue on WebSockets, a new one at each GET; what is sent for `…` is what was received last for that key.

    Returns:
        What was received.
    """
    address, heard, known = ("127.0.0.1", process.port), list[str](), dict[str, str]()
    with ExitStack() as connections:
        for line in block.text.splitlines():
            direction, _, message = line.partition(" ")
            if direction == "GET":
                connection = connections.enter_context(closing(Connection(address)))
                socket = WebSocket(connection, upgradeBytes(message))
            elif direction == ">":
                socket.sendText(re.sub(r'"(\w+)":"…"', lambda key: f'"{key[1]}":"{known[key[1]]}"', message))
            else:
                assert direction == "<", line
                received = socket.read()
                assert matches(message, received), f"{line!r} is {received!r}"
                heard.append(str(received))
                known.update(re.findall(r'"(sid|pid)":"([^"]+)"', heard[-1]))
                known.update(("offset", offset) for offset in re.findall(r',"([0-9a-f]{8}\.[0-9]+)"\]$', heard[-1]))
    return heard


@pytest.mark.parametrize("block", blocks("packets"), ids=str)
def test_dialogueOnAWebSocketGoesAsItIsShown(docsServer: Process, block: Block) -> None:
    assert play(docsServer, block)


def test_dialogueWithALossGoesAsItIsShown(serverFor: Callable[..., AbstractContextManager[Process]]) -> None:
    (block,) = [block for block in PROTOCOL.blocks if block.note.endswith("on one that recovers connections")]
    with serverFor({"socketio": {"recovery": {"window": 120, "everybody": True}}}) as process:
        heard = play(process, block)
    first, second = [text for text in heard if text.startswith("40")]
    assert first == second, "the same place"


@pytest.mark.parametrize("block", blocks("http"), ids=str)
def test_dialogueOfRequestsGoesAsItIsShown(docsServer: Process, block: Block) -> None:
    sid = "…"
    with closing(Connection(("127.0.0.1", docsServer.port))) as connection:
        for exchanged in block.text.strip().split("\n\n"):
            request, *body, answer = exchanged.replace(*_SEPARATOR).split("\n")
            method, _, target = request.partition(" ")
            data = "\n".join(body).encode() if body else None
            response = connection.request(method, target.replace("…", sid), (), data)
            status, _, text = answer.partition(" ")
            assert response.status == int(status), response
            assert matches(text, response.text), response.text
            opened = re.search(r'0\{"sid":"([^"]{22})"', response.text)
            sid = opened[1] if opened else sid
