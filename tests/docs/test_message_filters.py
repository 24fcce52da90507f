"""The page on message filters: its options are those of the plugins, and its examples do what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtcsignal.api import REQUIRED, Configurable
from rtcsignal.policy.builtin.audit import audit
from rtcsignal.policy.builtin.candidates import candidates
from rtcsignal.policy.builtin.codecs import codecs
from rtcsignal.policy.builtin.directed_only import directedOnly
from rtcsignal.policy.builtin.max_size import maxSize
from rtcsignal.policy.builtin.rate_limit import rateLimit
from rtcsignal.policy.builtin.schema import schema
from rtcsignal.policy.builtin.webhook import webhook
from rtcsignal.policy.loader import loadPlugins
from rtcsignal.service.config.reader import loadConfig
from rtcsignal.spelling import snakeCase
from rtcsignal.testing import InMemoryServer
from tests.docs.pages import DOCS, Block, Page
from tests.docs.servers import serving
from tests.docs.test_examples import expectedLines, run

PAGE = Page(DOCS / "message-filters.md")
PLUGINS: tuple[Any, ...] = (rateLimit, maxSize, schema, directedOnly, candidates, codecs, audit, webhook)
YAML = [block for block in PAGE.blocks if block.language == "yaml"]


def blockOf(note: str) -> str:
    (text,) = [block.text for block in PAGE.blocks if block.note == note]
    return text


def configurationOf(name: str) -> Block:
    """The configuration in which one plugin alone is used."""
    (block,) = [block for block in YAML[1:] if f"- {name}:" in block.text]
    return block


def rowsOf(plugin: Configurable) -> Iterator[list[str]]:
    for name, option in plugin.options.items():
        default = "required" if option.default is REQUIRED else f"`{json.dumps(option.default)}`"
        yield [f"`{snakeCase(name)}`", default, option.what]


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.name)
def test_everyOptionHasItsRow(plugin: Any) -> None:
    rows = list(rowsOf(plugin))
    table = PAGE.table(plugin.name)
    assert [row for row in table if row in rows] == rows
    keys = {row[0] for row in table if re.fullmatch("`[a-z0-9_]+`", row[0])}
    assert keys == {row[0] for row in rows}


def test_everyPluginOfThePageIsInTheTableOfPlugins() -> None:
    rows = {row[0]: row[2] for row in Page(DOCS / "plugins.md").table("Built-in plugins")}
    listed = {row[0]: row[2] for row in PAGE.table("Message filters, audit and webhook")}
    for plugin in PLUGINS:
        link = f"[`{plugin.name}`](#{plugin.name})"
        assert rows[f"`{plugin.name}`"] == listed[link]


@pytest.mark.parametrize("block", YAML, ids=str)
def test_everyConfigurationCanBeUsed(tmp_path: Path, block: Block) -> None:
    (tmp_path / "webhook.secret").write_text("the text in webhook.secret\n")
    path = tmp_path / "server.conf"
    path.write_text(block.text, encoding="utf-8")
    config = loadConfig(str(path))
    assert len(loadPlugins(config.plugins).entries) == len(config.plugins.use) > 0


def test_theClientThatIsLimitedSendsEverything(npmClients: None, tmp_path: Path) -> None:
    (block,) = [block for block in PAGE.blocks if block.note == "rate-limit client"]
    with serving(tmp_path, configurationOf("rate-limit").text) as process:
        assert run(block.text, "client-4.8", process.url) == expectedLines(block.text)


@pytest.mark.parametrize(
    ("note", "use", "body", "times"),
    [
        ("rate-limit refusal", {"rate-limit": {"peer_rate": 20, "peer_burst": 300}}, {"msgType": 3}, 301),
        ("max-size refusal", {"max-size": {"other": 1024}}, "x" * 2035, 1),
        ("schema refusal", "schema", {"msgType": 3, "candidate": {"candidate": "", "sdpMid": 0}}, 1),
    ],
)
def test_refusalsAreThoseThatItShows(note: str, use: Any, body: Any, times: int) -> None:
    with InMemoryServer(use=[use]) as server:
        ann = server.connect()
        ann.join("kitchen", "ann")
        answers = [ann.broadcast(body) for _ in range(times)]
        assert answers[-1].value == json.loads(blockOf(note))


def test_theRecordHasSuchLines(tmp_path: Path) -> None:
    shown = [json.loads(line) for line in blockOf("audit lines").splitlines()]
    file = tmp_path / "audit.jsonl"
    with InMemoryServer(use=[{"audit": {"file": str(file)}}]) as server:
        server.clock.advance(1772357400)
        ann = server.connect(address="192.0.2.7")
        ann.join("kitchen", "ann")
        server.clock.advance(4.25)
        ann.broadcast({"msgType": 1, "targetUserId": "bob"})
        server.clock.advance(726.25)
        ann.broadcast({"msgType": 4, "targetUserId": "bob"})
        server.clock.advance(0.5)
        ann.leave("kitchen", "ann")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert len({line["sid"] for line in lines}) == 1
    for line in lines:
        assert len(line["sid"]) == len(shown[0]["sid"])
        line["sid"] = shown[0]["sid"]
    assert lines == shown
    assert [list(line) for line in lines] == [list(line) for line in shown]


class TestTheWebhook:
    def test_itsBodyHasTheKeysThatItShows(self) -> None:
        options = {"url": "https://example.org/rtc", "secret": "x" * 16}
        with InMemoryServer(use=[{"webhook": options}]) as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            ann.leave("kitchen", "ann")
            for _ in range(4):
                server.http.answer()
            bodies = [json.loads(more["data"]) for _, _, more in server.http.requests]
        shown = json.loads(blockOf("webhook body"))
        (left,) = [body for body in bodies if body["event"] == "left"]
        assert list(left) == list(shown)
        assert (len(left["id"]), len(left["sid"])) == (len(shown["id"]), len(shown["sid"]))
        words = {word for row in PAGE.table("What the service gets") for word in row[0].replace("`", "").split(", ")}
        assert words == {key for body in bodies for key in body} | {"address", "node"}

    def test_theReceiverOfThePageBelievesItAndNobodyElse(self, monkeypatch: pytest.MonkeyPatch) -> None:
        names: dict[str, Any] = {"__name__": "receiver"}
        exec(blockOf("file: receiver.py"), names)
        secrets = {"secret": names["SECRET"].decode(), "old_secret": "another secret of ours"}
        with InMemoryServer(
            use=[{"webhook": {"url": "https://example.org/", **secrets, "events": ["joined"]}}]
        ) as server:
            server.clock.advance(1772357400)
            server.connect().join("kitchen", "ann")
            ((_, _, request),) = server.http.requests
            server.http.answer()
        headers, body = {name.lower(): value for name, value in request["headers"].items()}, request["data"]
        monkeypatch.setattr(names["time"], "time", lambda: 1772357500.0)
        assert names["read"](headers, body)["user"] == "ann"
        for wrong in ({"webhook-id": "x"}, {"webhook-timestamp": "1772357401"}, {"webhook-signature": "v1,x"}):
            with pytest.raises(ValueError, match="not from our server"):
                names["read"]({**headers, **wrong}, body)
        with pytest.raises(ValueError, match="not from our server"):
            names["read"](headers, body.replace(b"ann", b"eve"))
        names["SECRET"] = b"another secret of ours"
        assert names["read"](headers, body)["user"] == "ann"
        monkeypatch.setattr(names["time"], "time", lambda: 1772357800.0)
        with pytest.raises(ValueError, match="too old"):
            names["read"](headers, body)
