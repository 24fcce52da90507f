"""The page on authenticators: its commands, configurations, services and clients work together as it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rtcsignal.api import Handshake, Identity, Option
from rtcsignal.policy.builtin.anonymous import anonymous
from rtcsignal.policy.builtin.http import http
from rtcsignal.policy.builtin.jwt import jwt
from rtcsignal.policy.builtin.shared_secret import makeTicket, sharedSecret
from rtcsignal.policy.listing import _option
from rtcsignal.testing import FakeServices
from tests.docs.pages import DOCS, Block, Page
from tests.docs.servers import serving
from tests.docs.test_examples import expectedLines, run
from tests.support.patience import START_PATIENCE
from tests.support.processes import Process, checkoutEnvironment

PAGE = Page(DOCS / "authenticators.md")
PLUGINS = {plugin.name: plugin for plugin in (jwt, sharedSecret, http, anonymous)}
LIBRARIES = {"2.x": "client-2.5.0", "4.x": "client-4.8"}

MOST_SECONDS = 60
"""How long a service on a busy machine may take, as the page's takes no time at all."""

TICKETS = """
const { createHmac } = process.mainModule.require("node:crypto");
const lives = [2, 600];
const token = async () => {
  const expiresAt = Date.now() / 1000 + (lives.length > 1 ? lives.shift() : lives[0]);
  const body = Buffer.from(JSON.stringify({ userId: "ann", expiresAt })).toString("base64url");
  return `t1.${body}.${createHmac("sha256", SECRET).update(`t1.${body}`).digest("base64url")}`;
};
"""

MEMBER = """
const io = require("socket.io-client");
const socket = io("http://localhost:8080", { auth: { token: "TICKET" } });
socket.emit("join-room", { roomName: "kitchen" }, (answer) => console.log(answer.userId));
// ann
"""


def blockOf(note: str, language: str) -> Block:
    """The one block with this comment in front."""
    (block,) = [block for block in PAGE.blocks if (block.note, block.language) == (note, language)]
    return block


def configurationOf(name: str) -> str:
    """The first configuration in which a plugin is used."""
    return next(block.text for block in PAGE.blocks if block.language == "yaml" and f"- {name}:" in block.text)


def inShell(folder: Path, block: Block) -> str:
    """What the commands of a block print."""
    environment = checkoutEnvironment()
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    done = subprocess.run(
        ["sh", "-e"],
        cwd=folder,
        env=environment,
        input=block.text,
        capture_output=True,
        text=True,
        timeout=START_PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assertTheClientsWork(name: str, process: Process, start: str) -> None:
    """The examples for both generations print what their comments say."""
    blocks = {library: blockOf(f"{name} {way}", "js") for way, library in LIBRARIES.items()}
    for library in blocks:  # one after the other, as both are the same person in the same room
        lines = run(start + blocks[library].text, library, process.url)
        assert sorted(lines) == sorted(expectedLines(blocks[library].text)), library


def constant(token: str) -> str:
    return f"const token = async () => {json.dumps(token)};\n"


def test_jwt(npmClients: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inShell(tmp_path, blockOf("jwt", "sh"))
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(blockOf("jwt", "python").text, names)
    with serving(tmp_path, configurationOf("jwt")) as process:
        assertTheClientsWork("jwt", process, constant(names["token"]))


def test_sharedSecret(npmClients: None, tmp_path: Path) -> None:
    ticket = inShell(tmp_path, blockOf("shared-secret", "sh")).strip()
    with serving(tmp_path, configurationOf("shared-secret")) as process:
        assertTheClientsWork("shared-secret", process, constant(ticket))


def test_aTicketMadeByNodeIsGood(npmClients: None) -> None:
    secret = "s" * 32
    done = subprocess.run(
        ["node"],
        input=f"const secret = {json.dumps(secret)};\n" + blockOf("shared-secret node", "js").text,
        capture_output=True,
        text=True,
        timeout=START_PATIENCE,
        check=True,
    )
    plugin = sharedSecret.configured({"secret": secret})
    plugin.start(FakeServices())
    identity = plugin.authenticate(Handshake("/", auth={"token": done.stdout.strip()}))
    assert isinstance(identity, Identity)
    assert (identity.userId, identity.roles) == ("ann", frozenset({"host"}))
    assert identity.claims["ticket"]["rooms"] == ["team-*"]


def test_http(npmClients: None, tmp_path: Path) -> None:
    names: dict[str, Any] = {"__name__": "page"}
    exec(blockOf("http", "python").text, names)
    handler = type("Quiet", (names["Accounts"],), {"log_message": lambda *arguments: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as service:
        threading.Thread(target=service.serve_forever, name="accounts").start()
        try:
            configuration = configurationOf("http").replace(":8081/", f":{service.server_port}/")
            patience = f"seconds: {MOST_SECONDS}, timeout: {MOST_SECONDS}"
            configuration = configuration.replace("sessionid}", f"sessionid, {patience}}}")
            with serving(tmp_path, configuration) as process:
                assertTheClientsWork("http", process, "")
        finally:
            service.shutdown()


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """The secret of the server of the test."""
    (tmp_path / "secret.txt").write_text("x" * 64, encoding="utf-8")
    return "x" * 64


def test_anonymous(npmClients: None, tmp_path: Path, secret: str) -> None:
    with serving(tmp_path, configurationOf("anonymous")) as process:
        assertTheClientsWork("anonymous", process, "")
        assert run(MEMBER.replace("TICKET", makeTicket(secret, 4e9, "ann")), "client-4.8", process.url) == ["ann"]


def test_expiry(npmClients: None, tmp_path: Path, secret: str) -> None:
    with serving(tmp_path, configurationOf("anonymous")) as process:
        assertTheClientsWork("expiry", process, TICKETS.replace("SECRET", json.dumps(secret)))


@pytest.mark.parametrize("name", PLUGINS)
def test_theTableOfOptionsIsThatOfThePlugin(name: str) -> None:
    options: dict[str, Option[Any]] = dict(PLUGINS[name].options)
    described = [_option(attribute, option) for attribute, option in options.items()]
    rows = PAGE.table(name)[-len(described) :]
    assert [(row[0].strip("`"), row[1].strip("`")) for row in rows] == [(each.key, each.default) for each in described]


def test_everyCodeIsOnThePage() -> None:
    folder = Path(sys.modules[type(jwt).__module__].__file__ or "").parent
    for name in PLUGINS:
        source = (folder / f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
        for code in re.findall(r"Refused\(\s*\"([a-z-]+)\"", source):
            assert f"`{code}`" in PAGE.text, f"{name}: {code}"


def test_everyBlockIsTriedOrOnlyShown() -> None:
    """What is marked is what the tests above try; of the configurations each plugin has one."""
    assert {block.language for block in PAGE.blocks if not block.note} == {"yaml", "text"}
