"""The page on room policies: its configurations, tables, codes, events and clients are those of the plugins."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from rtcsignal.policy.builtin.allow_rooms import allowRooms
from rtcsignal.policy.builtin.host import host
from rtcsignal.policy.builtin.lobby import lobby
from rtcsignal.policy.builtin.one_session_per_user import oneSessionPerUser
from rtcsignal.policy.builtin.room_password import roomPassword
from rtcsignal.policy.builtin.room_size import roomSize
from rtcsignal.policy.listing import listPlugins
from rtcsignal.policy.loader import loadPlugins
from rtcsignal.service.config.reader import loadConfig
from tests.docs.pages import DOCS, Block, Page
from tests.docs.test_examples import expectedLines, run
from tests.policy.sources import Wanted
from tests.support.processes import Process

PAGE = Page(DOCS / "room-policies.md")
PLUGINS = {plugin.name: plugin for plugin in (allowRooms, roomPassword, host, oneSessionPerUser, roomSize, lobby)}
YAML = [block for block in PAGE.blocks if block.language == "yaml"]
JS = [block for block in PAGE.blocks if block.language == "js"]
EXAMPLES = {"one-session-per-user": "one-session-per-user", "lobby": "lobby", "together": "All together"}
LIBRARIES = {"2.x": "client-2.5.0"}


def sourceOf(name: str) -> str:
    return Path(sys.modules[type(PLUGINS[name]).__module__].__file__ or "").read_text(encoding="utf-8")


def configurationBefore(block: Block) -> dict[str, Any]:
    """The last configuration that stands before an example."""
    text = [each.text for each in YAML if each.line < block.line][-1]
    config: dict[str, Any] = yaml.safe_load(text)
    return config


@pytest.mark.parametrize("block", YAML, ids=str)
def test_everyConfigurationCanBeUsed(tmp_path: Path, block: Block) -> None:
    path = tmp_path / "server.conf"
    path.write_text(block.text, encoding="utf-8")
    config = loadConfig(str(path))
    assert len(loadPlugins(config.plugins).entries) == len(config.plugins.use) > 0


@pytest.mark.parametrize("name", PLUGINS)
def test_theTableOfOptionsIsThatOfThePlugin(name: str) -> None:
    (info,) = [info for info in listPlugins(Wanted()).plugins if info.name == name]
    tables = [(row[0].strip("`"), row[1].strip("`")) for row in PAGE.table(name) if len(row) == 3]
    options = [(option.key, option.default) for option in info.options]
    shown = [(key, default) for key, default in tables if key in dict(options)]
    assert shown == [(key, "{}" if default == "(not shown)" else default) for key, default in options]


@pytest.mark.parametrize("name", PLUGINS)
def test_theTableOfCodesIsThatOfThePlugin(name: str) -> None:
    source = sourceOf(name)
    used = set(re.findall(r"Refused\(\s*\"([a-z-]+)\"", source)) - {"bad-arguments"}
    used |= {"waiting"} if "raise Waiting" in source else set()
    used |= {"replaced"} if "Refused(_REPLACED" in source else set()
    codes = {row[0].strip("`") for row in PAGE.table(name) if len(row) == 2 and row[0].startswith("`")}
    assert used <= codes
    (row,) = [row for row in Page(DOCS / "plugins.md").table("Built-in plugins") if f"`{name}`" in row[0]]
    assert set(re.findall(r"`([a-z-]+)`", row[2])) == used


def test_everyEventIsOnThePage() -> None:
    sent = {event for plugin in PLUGINS.values() for event in getattr(plugin, "events", ())}
    for name in PLUGINS:
        sent |= set(re.findall(r"(?:emit\(|_tell\(.*, )\"([a-z-]+)\"", sourceOf(name)))
    assert len(sent) >= 14
    assert {event for event in sent if f"`{event}`" not in PAGE.text} == set()


def test_everyExampleIsTried() -> None:
    assert {block.note.partition(" ")[0] for block in JS} == EXAMPLES.keys()
    assert {block.language for block in PAGE.blocks} == {"js", "yaml"}


@pytest.mark.parametrize("example", EXAMPLES)
def test_theClientsPrintWhatTheirCommentsSay(
    npmClients: None, serverFor: Callable[..., AbstractContextManager[Process]], example: str
) -> None:
    blocks = [block for block in JS if block.note.partition(" ")[0] == example]

    def printed(block: Block) -> list[str]:
        return run(block.text, LIBRARIES.get(block.note.partition(" ")[2], "client-4.8"), process.url)

    with serverFor(configurationBefore(blocks[0])) as process, ThreadPoolExecutor() as pool:
        for block, lines in zip(blocks, pool.map(printed, blocks), strict=True):
            assert sorted(lines) == sorted(expectedLines(block.text)), block
