"""The clients of docs/reconnect.md run over lines that break, and lose nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.clients.line import Line
from tests.docs.pages import DOCS, Page
from tests.docs.test_chat import Terminal
from tests.support.processes import ROOT, Process

Program = Callable[[str, str], str]

RECONNECT = Page(DOCS / "reconnect.md")
_LIBRARIES = ROOT / "tests" / "clients" / "node_modules"
_MOST_LINES = 26

_CLIENT = """
const io = require("socket.io-client");
const quick = { reconnectionDelay: 20, reconnectionDelayMax: 20, timeout: 2000, transports: ["websocket"] };
const socket = io(process.argv[3], { forceNew: true, ...quick });
const named = (members) => members.map(({ userId, away }) => (away ? `${userId} (away)` : userId)).join(" ");
const send = enter(socket, process.argv[2], "kitchen", (what, about) => {
  if (about.code) console.log(what, about.code);
  else if (Array.isArray(about)) console.log(what, named(about));
  else if (about.text) console.log(about.text);
  else console.log(what, about);
});
"""

_RETRYING = """
socket.on("user-joined", (who) => console.log("user-joined", who));
socket.on("connect", () => console.log(socket.recovered ? "recovered" : "connected"));
"""

_TYPED = """
require("readline").createInterface({ input: process.stdin })
  .on("line", (text) => send({ roomName: "kitchen", text }))
  .on("close", () => socket.close());
"""


def blockWith(words: str) -> str:
    """The block of the page that has these words in it."""
    (block,) = [block.text for block in RECONNECT.blocks if block.language == "js" and words in block.text]
    return block


@pytest.fixture
def program(npmClients: None, tmp_path: Path) -> Program:
    """``program(library, code)``: a file with that code, beside an installed socket.io-client."""

    def written(library: str, code: str) -> str:
        folder = tmp_path / library
        (folder / "node_modules").mkdir(parents=True, exist_ok=True)
        link = folder / "node_modules" / "socket.io-client"
        if not link.exists():
            link.symlink_to(_LIBRARIES / library)
        path = folder / "client.js"
        path.write_text(code, encoding="utf-8")
        return str(path)

    return written


@pytest.fixture
def line(docsServer: Process) -> Iterator[Line]:
    """A way to the server that breaks."""
    with closing(Line(docsServer.port)) as forwarder:
        yield forwarder


def until(terminal: Terminal, *last: str) -> list[str]:
    """The lines on the screen until all of these were there."""
    seen: list[str] = []
    while not set(last) <= set(seen):
        seen.append(terminal.reads())
    return seen


def said(lines: list[str], who: str) -> list[str]:
    """What somebody said, of these lines."""
    return [text.removeprefix(f"{who} ") for text in lines if text.startswith(f"{who} ")]


def test_theClientIsAsShortAsItIsSaidToBe() -> None:
    assert len(blockWith("function enter").splitlines()) <= _MOST_LINES


@pytest.mark.parametrize("silent", [False, True], ids=["reset", "silent"])
@pytest.mark.parametrize("library", ["client-2.2.0", "client-2.5.0", "client-3.1.3", "client-4.8"])
def test_theClientOfThePageLosesNothing(
    program: Program, docsServer: Process, line: Line, library: str, silent: bool
) -> None:
    """What both say meanwhile arrives once and in order, and neither leaves."""
    code = program(library, blockWith("function enter") + _CLIENT + _TYPED)
    texts = [str(number) for number in range(12)]
    with Terminal(code, "ann", docsServer.url) as ann:
        until(ann, "user-joined ann")
        with Terminal(code, "bob", line.url) as bob:
            told = until(bob, "user-joined bob")
            for index, text in enumerate(texts):
                if index in (3, 8):
                    (line.swallow if silent else line.cut)()
                bob.types(f"bob {text}")
                ann.types(f"ann {text}")
                if index in (5, 10):
                    line.mend()
                    told += until(bob, "resumed ann bob")
            heard = until(ann, f"ann {texts[-1]}", f"bob {texts[-1]}")
            told += until(bob, f"ann {texts[-1]}", f"bob {texts[-1]}")
        for lines in (heard, told):
            assert (said(lines, "ann"), said(lines, "bob")) == (texts, texts)
            assert not [each for each in lines if each.startswith("user-left")]


def test_retriesAndNumbersDeliverOnce(program: Program, docsServer: Process, line: Line) -> None:
    """The library repeats what was not acknowledged, and the page needs no code for it."""
    url = '"http://localhost:8080"'
    sending = blockWith("retries: 20").replace(url, f'"{line.url}"').replace('"ann"', '"bob"')
    quick = sending.replace(
        "retries: 20", "retries: 200, transports: ['websocket'], reconnectionDelay: 20, reconnectionDelayMax: 20"
    )
    code = program("client-4.8", f'const {{ io }} = require("socket.io-client");\n{quick}{_RETRYING}{_TYPED}')
    watching = program("client-2.2.0", blockWith("function enter") + _CLIENT + _TYPED)
    texts = [str(number) for number in range(12)]
    with Terminal(watching, "ann", docsServer.url) as ann:
        until(ann, "user-joined ann")
        with Terminal(code, "bob", docsServer.url) as bob:
            until(bob, "user-joined bob")
            for index, text in enumerate(texts):
                if index in (3, 8):
                    line.cut()
                bob.types(f"bob {text}")
                if index in (5, 10):
                    line.mend()
                    until(bob, "recovered")
            heard = until(ann, f"bob {texts[-1]}")
        assert said(heard, "bob") == texts
        assert not [each for each in heard if each.startswith("user-left")]
