"""The examples of the documentation run, and do what it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.scripts._twistd_unix import ServerOptions

from rtcsignal.errors import ConfigError
from rtcsignal.service.config.reader import loadConfig
from rtcsignal.service.tap import Options
from tests.docs.pages import DOCS, Block, Page, blocks
from tests.support.patience import START_PATIENCE
from tests.support.processes import ROOT, Process, runToEnd, twistdCommand

_EXAMPLE_URL = "http://localhost:8080"
_HERE = Path(__file__).parent
_LIBRARIES = ROOT / "tests" / "clients" / "node_modules"
_PRINTS = re.compile(r"^.*\bconsole\.log\(.*\n(?P<expected>(?:[ \t]*// .*\n)+)", re.MULTILINE)


def printed(text: str) -> str:
    """Printed text with blanks and breaks of lines made alike."""
    return re.sub(r"\s+", " ", text).strip()


def expectedLines(code: str) -> list[str]:
    """What the comments below each `console.log` say; one line for each time it is called, an object may have more."""
    found: list[str] = []
    for match in _PRINTS.finditer(code):
        lines = [line.strip().removeprefix("// ") for line in match["expected"].splitlines()]
        for line in lines:
            continues = bool(found) and line.startswith("  ")
            found[-1:] = [f"{found[-1]} {line}"] if continues else [*found[-1:], line]
    return [printed(line) for line in found]


def run(code: str, library: str, url: str) -> list[str]:
    """What an example prints."""
    task = {
        "library": str(_LIBRARIES / library),
        "code": code.replace(_EXAMPLE_URL, url),
        "prints": len(expectedLines(code)),
    }
    done = subprocess.run(
        ["node", "run_example.js"],
        cwd=_HERE,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        timeout=START_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines: list[str] = json.loads(done.stdout)
    return [printed(line) for line in lines]


@pytest.mark.parametrize("block", blocks("js"), ids=str)
def test_exampleInJavaScriptPrintsWhatItsCommentsSay(npmClients: None, docsServer: Process, block: Block) -> None:
    library = {"2.x": "client-2.5.0"}.get(block.note, "client-4.8")
    assert sorted(run(block.text, library, docsServer.url)) == sorted(expectedLines(block.text))


def test_whatAnExamplePrintsIsReadFromItsComments() -> None:
    code = 'on("x", () => console.log(a));\n// one\n// two\nconsole.log(b);\n// { c: 1,\n//   d: 2 }\nend();\n// no\n'
    assert expectedLines(code) == ["one", "two", "{ c: 1, d: 2 }"]


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_exampleOfAConfigurationIsOne(tmp_path: Path, block: Block) -> None:
    """What it says is looked at alone; plugins that it names are another page's subject."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "redis.url").write_text("redis://127.0.0.1:6379", encoding="utf-8")
    path = tmp_path / "server.conf"
    path.write_text(block.text, encoding="utf-8")
    loadConfig(str(path))


def test_theExamplesOfConfigurationsPassTheCheckOfTwistd(tmp_path: Path) -> None:
    elsewhere = ("plugins:", "ssl:", "interface=10.0.0.11")
    checkable = [block for block in blocks("yaml") if not any(word in block.text for word in elsewhere)]
    assert checkable
    for block in checkable:
        path = tmp_path / "server.conf"
        path.write_text(block.text, encoding="utf-8")
        done = runToEnd(twistdCommand("--check", "--config", str(path)))
        assert (done.returncode, done.stderr) == (0, ""), block


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_commandsHaveOptionsAndTargetsThatExist(block: Block) -> None:
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        programs = [Path(word).name for word in words]
        if "twistd" in programs:
            options = words[programs.index("twistd") + 1 :]
            own = options.index("rtcsignal")
            assertKnown(options[:own], ServerOptions().longOpt, block)
            assertKnown(options[own + 1 :], Options().longOpt, block)
        if "make" in programs:
            targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
            asked = {word for word in words[programs.index("make") + 1 :] if "=" not in word}
            assert asked <= set(targets), block


def assertKnown(words: list[str], known: list[str], block: Block) -> None:
    """Every long option among the words is one of those that twistd knows."""
    names = {name.rstrip("=") for name in known}
    used = {word[2:].partition("=")[0] for word in words if word.startswith("--")}
    assert used <= names, f"{block}: {used - names}"


@pytest.mark.parametrize("page", sorted({block.page for block in blocks("python")}))
def test_pythonOfAPageRunsFromItsTopToItsEnd(page: str) -> None:
    """Its blocks build on one another, as a reader would type them."""
    names: dict[str, Any] = {"__name__": "page"}
    for block in blocks("python"):
        if block.page == page:
            # Padded with empty lines, so that a failure names the line of the page.
            source = "\n" * block.line + block.text
            exec(compile(source, str(ROOT / page), "exec", dont_inherit=True), names)


def test_theReadmesPluginKeepsStrangersOut(npmClients: None, server: Callable[..., Process], tmp_path: Path) -> None:
    """The file and the lines of configuration that the README shows are all that it takes."""
    python = next(block for block in blocks("python") if block.page == "README.md")
    yaml = next(block for block in blocks("yaml") if block.page == "README.md" and "plugins:" in block.text)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "members_only.py").write_text(python.text, encoding="utf-8")
    (tmp_path / "readme.conf").write_text(yaml.text, encoding="utf-8")
    config = loadConfig(str(tmp_path / "readme.conf")).plugins
    names = [use.name for use in config.use]
    process = server({"plugins": {"folders": [str(tmp_path / "plugins")], "use": names}})

    code = """
        const io = require("socket.io-client");
        const socket = io("http://localhost:8080");
        for (const roomName of ["members-lounge", "lobby"]) {
          const { ok, error } = await socket.emitWithAck("join-room", { userId: "ann", roomName });
          console.log(ok, error && error.code, error && error.message);
          // x
        }
        console.log("end");
        // x
        """
    assert run(code, "client-4.8", process.url) == [
        "false not-a-member This room is for members.",
        "true undefined undefined",
        "end",
    ]


def test_theMistakesOfTheWrongConfigurationAreReportedAsShown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Page(DOCS / "configuration.md")
    wrong = next(block for block in page.blocks if block.note == "not run: it is wrong")
    shown = next(block for block in page.blocks if block.language == "text")
    (tmp_path / "server.conf").write_text(wrong.text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as raised:
        loadConfig("server.conf")
    assert list(raised.value.problems) == shown.text.splitlines()
