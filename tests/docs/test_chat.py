"""The chat of docs/embedding.md runs, with the pieces that the page adds to it, for clients of both generations."""

from __future__ import annotations

import ast
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from rtcsignal import embedding
from tests.docs.pages import DOCS, Page
from tests.docs.test_examples import run
from tests.support.patience import PATIENCE
from tests.support.processes import ROOT, Process, startProcess

EMBEDDING = Page(DOCS / "embedding.md")
_CHAT = DOCS / "examples" / "chat.py"
_CLIENT = DOCS / "examples" / "chat.js"
_LIBRARIES = ROOT / "tests" / "clients" / "node_modules"
_ENDPOINT = "tcp:0:interface=127.0.0.1"
_LISTENING = r"listening on port (?P<port>\d+)"
_GUARD = 'if __name__ == "__main__":'
_MOST_LINES = 24

BOTH = pytest.mark.parametrize("library", ["client-2.2.0", "client-4.8"])


@pytest.fixture
def chat() -> Iterator[Process]:
    """The example as it stands."""
    with startProcess([sys.executable, str(_CHAT), _ENDPOINT], until=_LISTENING) as process:
        yield process
        assert "Traceback" not in process.output(), process.output()


@pytest.fixture
def chatOfThePage(tmp_path: Path) -> Iterator[Process]:
    """All Python of the page, one block behind the other, in one program."""
    first, *more = [block.text for block in EMBEDDING.blocks if block.language == "python"]
    chat, guard, start = first.partition(_GUARD)
    path = tmp_path / "chat.py"
    path.write_text("\n\n".join([chat, *more, guard + start]), encoding="utf-8")
    with startProcess([sys.executable, str(path), _ENDPOINT], until=_LISTENING) as process:
        yield process
        assert "Traceback" not in process.output(), process.output()


class Terminal:
    """The client for the terminal, with somebody in front of it; the end of the block is the end of what they type."""

    def __init__(self, program: str, name: str, url: str) -> None:
        self._process = subprocess.Popen(
            ["node", program, name, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name=name, daemon=True)
        self._reader.start()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *problem: object) -> None:
        self._input.close()
        try:
            code = self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(PATIENCE)
            self._output.close()
        assert code == 0

    def types(self, line: str) -> None:
        """Types a line."""
        self._input.write(line + "\n")
        self._input.flush()

    def reads(self) -> str:
        """The next line on the screen."""
        return self._lines.get(timeout=PATIENCE)

    @property
    def _input(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _output(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def _read(self) -> None:
        for line in self._output:
            self._lines.put(line.removesuffix("\n"))


def terminal(tmp_path: Path, library: str) -> str:
    """The client for the terminal, beside an installed socket.io-client of this version."""
    folder = tmp_path / library
    (folder / "node_modules").mkdir(parents=True)
    (folder / "node_modules" / "socket.io-client").symlink_to(_LIBRARIES / library)
    (folder / "chat.js").write_text(_CLIENT.read_text(encoding="utf-8"), encoding="utf-8")
    return str(folder / "chat.js")


def test_thePageShowsTheExampleAsItIs() -> None:
    first = next(block for block in EMBEDDING.blocks if block.language == "python")
    assert first.text == _CHAT.read_text(encoding="utf-8")


def test_theExampleIsAsShortAsItIsSaidToBe() -> None:
    """Lines of code beside its imports."""
    tree = ast.parse(_CHAT.read_text(encoding="utf-8"))
    code = [node for node in tree.body[1:] if not isinstance(node, (ast.Import, ast.ImportFrom))]
    lines: set[int] = set()
    for node in code:
        decorators = getattr(node, "decorator_list", [])
        first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
        lines.update(range(first, (node.end_lineno or first) + 1))
    assert len(lines) <= _MOST_LINES


@BOTH
def test_whatOneSaysInATerminalIsReadInAllOthers(npmClients: None, chat: Process, tmp_path: Path, library: str) -> None:
    other = "client-4.8" if library == "client-2.2.0" else "client-2.2.0"
    with Terminal(terminal(tmp_path, other), "bob", chat.url) as bob:
        assert bob.reads() == "* bob joined"
        with Terminal(terminal(tmp_path, library), "ann", chat.url) as ann:
            assert bob.reads() == "* ann joined"
            ann.types("good evening")
            assert bob.reads() == "ann: good evening"
        assert bob.reads() == "* ann left"


@BOTH
def test_thePiecesOfThePageDoWhatItSays(npmClients: None, chatOfThePage: Process, library: str) -> None:
    code = """
        const io = require("socket.io-client");
        const url = "http://localhost:8080";
        const ann = io(url, { forceNew: true, query: { name: "ann" } });
        const bob = io(url, { forceNew: true, query: { name: "bob" } });
        const ask = (socket, ...args) => new Promise((resolve) => socket.emit(...args, resolve));
        ann.on("whispered", (who, text) => console.log("ann hears", who, text));
        // .
        ann.on("may-i", (what, answer) => answer("yes"));
        ann.on("entered", (who) => console.log("entered:", who));
        // .
        // .
        await Promise.all([ann, bob].map((socket) => new Promise((resolve) => socket.on("connect", resolve))));
        console.log(await ask(bob, "add", 2, 3));
        // .
        console.log(await ask(bob, "whisper", "ann", "psst"));
        // .
        console.log(await ask(bob, "whisper", "eve", "psst"));
        // .
        console.log(await ask(ann, "dance"));
        // .
        console.log(await ask(ann, "enter", "hall"));
        // .
        console.log(await ask(bob, "enter", "hall"));
        // .
        """
    assert sorted(run(code, library, chatOfThePage.url)) == sorted(
        [
            "5",
            "ann hears bob psst",
            "delivered",
            "no one",
            "the answer was yes",
            "entered: ann",
            "1",
            "entered: bob",
            "2",
        ]
    )


def test_thePageAndItsExampleImportNothingElseOfTheProject() -> None:
    sources = [block.text for block in EMBEDDING.blocks if block.language == "python"]
    modules = {module for source in [*sources, _CHAT.read_text(encoding="utf-8")] for module in importedBy(source)}
    assert {module for module in modules if module.startswith("rtcsignal")} == {"rtcsignal.embedding"}


def test_thePageNamesNoInnerModule() -> None:
    assert set(re.findall(r"rtcsignal\.\w+", EMBEDDING.text)) == {"rtcsignal.embedding"}


def test_thePageHasEverythingThatThereIsToImport() -> None:
    words = set(re.findall(r"\w+", EMBEDDING.text))
    assert set(embedding.__all__) - words == set()


def importedBy(source: str) -> list[str]:
    """The modules that a program imports names of."""
    return [node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
