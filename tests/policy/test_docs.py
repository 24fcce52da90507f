"""The page on plugins: every plugin, test, configuration and message in it is tried."""

from __future__ import annotations

import re
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from rtcsignal import api
from rtcsignal.api import ConfigError, Identity, Refused
from rtcsignal.policy import breaker, guard, running
from rtcsignal.policy.loader import loadPlugins
from rtcsignal.service.config.reader import loadConfig
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, InMemoryServer, loadPlugin
from tests.docs.pages import DOCS, Block, Page
from tests.support.processes import runToEnd

PAGE = Page(DOCS / "plugins.md")
PYTHON = [block for block in PAGE.blocks if block.language == "python"]
YAML = [block for block in PAGE.blocks if block.language == "yaml"]
HOST = Identity(roles=frozenset({"host"}))


def nameOf(block: Block) -> str:
    return block.note.partition(": ")[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All files of the page, in a folder of plugins."""
    path = tmp_path / "conf" / "plugins"
    (path / "tests").mkdir(parents=True)
    (tmp_path / "more-plugins").mkdir()
    for block in PYTHON:
        target = path / "tests" if block.note.startswith("test: ") else path
        (target / nameOf(block)).write_text(block.text, encoding="utf-8")
    return path


def example(folder: Path, name: str, **options: Any) -> Any:
    plugin = loadPlugin(folder / f"{name}.py")
    return plugin.configured(options) if options else plugin


class TestThePage:
    @pytest.mark.parametrize("block", PYTHON, ids=str)
    def test_everyBlockOfPythonIsAFileThatIsTried(self, block: Block) -> None:
        assert re.fullmatch(r"file: \w+\.py|test: test_\w+\.py", block.note)

    @pytest.mark.parametrize("block", YAML, ids=str)
    def test_everyConfigurationCanBeUsed(self, folder: Path, block: Block) -> None:
        path = folder.parent / "server.conf"
        path.write_text(block.text, encoding="utf-8")
        config = loadConfig(str(path))
        assert len(loadPlugins(config.plugins).entries) == len(config.plugins.use) > 0

    def test_theTestsPass(self, folder: Path) -> None:
        ended = runToEnd([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], folder)
        assert ended.returncode == 0, ended.stdout
        assert "8 passed" in ended.stdout

    def test_theMessagesAboutMistakesAreThoseThatItShows(self, folder: Path) -> None:
        shown = next(block.text for block in PAGE.blocks if "SyntaxError" in block.text).splitlines()
        for file in folder.glob("*.py"):
            if file.name not in ("members_only.py", "room_capacity.py"):
                file.unlink()
        source = (folder / "members_only.py").read_text().replace("(self, peer, room)", "(self, room, peer)")
        (folder / "members_only.py").write_text(source)
        (folder / "broken.py").write_text("\n\nx = (\n")
        path = folder.parent / "server.conf"
        uses = "  use:\n    - members-only\n    - room-capacity: {most: 0}\n    - member-only\n"
        path.write_text("plugins:\n  folders: [plugins]\n" + uses)
        with pytest.raises(ConfigError) as error:
            loadPlugins(loadConfig(str(path)).plugins)
        assert [problem.replace(f"{folder.parent}/", "") for problem in error.value.problems] == shown

    def test_theFiguresAreThoseOfTheCode(self) -> None:
        for figure in (
            f"| `timeout` | `{guard.TIMEOUT_SECONDS:g}` |",
            f"more than {guard.BLOCKING_SECONDS * 1000:g} ms",
            f"not asked for {breaker.SECONDS:g} seconds",
            f"needs more than {running.START_SECONDS:g} seconds",
            f"needs more than {running.STOP_SECONDS:g} seconds",
        ):
            assert figure in PAGE.text
        assert breaker.FAILURES == 10

    def test_everythingThatPluginsImportIsOnIt(self) -> None:
        words = set(re.findall(r"\w+", PAGE.text))
        inTables = {"IPeer": "Peers", "IRoom": "Rooms", "IServices": "Services"}
        assert {name for name in api.__all__ if inTables.get(name, name) not in words} == set()


class TestThePlugins:
    def test_roomRoles(self, folder: Path) -> None:
        plugin = example(folder, "room_roles", rooms={"staff-*": "staff", "open-*": "", "*": "member"})
        with InMemoryServer(plugin) as server:
            client = server.connect(Identity(roles=frozenset({"staff"})))
            assert client.join("staff-1", "ann").ok
            assert client.join("open-1", "ann").ok
            assert client.join("kitchen", "ann").value["error"]["role"] == "member"

    def test_waitingRoom(self, folder: Path) -> None:
        with InMemoryServer(example(folder, "waiting_room", seconds=0.5)) as server:
            first, second = server.connect().join("kitchen", "ann"), server.connect().join("kitchen", "bob")
            server.advance(0.51)
            assert (first.ok, second.given) == (True, False)
            server.advance(0.51)
            assert second.ok

    @pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
    async def test_guestList(self, folder: Path) -> None:
        file = folder.parent / "guests.sqlite"
        with sqlite3.connect(file) as database:
            database.execute("CREATE TABLE guests (room, user)")
            database.execute("INSERT INTO guests VALUES ('kitchen', 'ann')")
        database.close()
        plugin = example(folder, "guest_list", database=str(file))
        plugin.start(FakeServices())
        try:
            await plugin.mayJoin(FakePeer("ann"), FakeRoom("kitchen"))
            with pytest.raises(Refused, match="not-invited"):
                await plugin.mayJoin(FakePeer("bob"), FakeRoom("kitchen"))
        finally:
            plugin.stop()

    def test_officeNetwork(self, folder: Path) -> None:
        with InMemoryServer(example(folder, "office_network")) as server:
            assert server.connect(address="10.1.2.3").connected
            assert server.connect(address="192.0.2.1").refusal["data"]["code"] == "unauthorized"
        with pytest.raises(ConfigError, match="networks: "):
            example(folder, "office_network", networks=["nowhere"])

    def test_timeStamp(self, folder: Path) -> None:
        with InMemoryServer(example(folder, "time_stamp")) as server:
            ann, bob = server.connect(), server.connect(Identity(roles=frozenset({"guest"})))
            ann.join("kitchen", "ann")
            bob.join("kitchen", "bob")
            server.advance(5)
            ann.broadcast({"msgType": 1, "targetUserId": "bob"})
            assert bob.take("broadcast")[0][1]["sentAt"] == pytest.approx(5)
            assert ann.broadcast({"msgType": 1}).code == "no-target"
            assert bob.broadcast({"msgType": 4}).value == {"ok": True, "delivered": 0}
            assert ann.broadcast({"msgType": 4}).value["delivered"] == 2

    def test_audioOnly(self, folder: Path) -> None:
        with InMemoryServer(example(folder, "audio_only")) as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            assert ann.broadcast({"msgType": 1, "sdp": "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"}).ok
            video = ann.broadcast({"msgType": 2, "sdp": "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"})
            assert video.code == "audio-only"

    def test_talkTime(self, folder: Path) -> None:
        with InMemoryServer(example(folder, "talk_time")) as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            answers = [ann.broadcast({"msgType": 1}) for _ in range(51)]
            assert [answer.ok for answer in answers] == [True] * 50 + [False]
            assert server.hub.rooms["kitchen"].view.data["talk-time-most"] == 1

    def test_topic(self, folder: Path) -> None:
        with InMemoryServer(example(folder, "topic")) as server:
            ann, bob = server.connect(), server.connect()
            ann.join("kitchen", "ann")
            assert ann.request("set-topic", {"topic": "tea"}).value == {"ok": True}
            told = [("topic", {"roomName": "kitchen", "topic": "tea"})]
            assert ann.take("topic") == told
            bob.join("kitchen", "bob")
            assert bob.take("topic") == told
            assert bob.request("set-topic", {"topic": 7}).code == "bad-topic"
            assert bob.request("set-topic", {"topic": ""}).ok
            assert dict(server.hub.rooms["kitchen"].view.shared) == {}

    def test_muteAll(self, folder: Path) -> None:
        with InMemoryServer(example(folder, "mute_all")) as server:
            host, guest = server.connect(HOST), server.connect()
            host.join("kitchen", "ann")
            guest.join("kitchen", "bob")
            assert host.request("mute-all", {"roomName": "kitchen"}).value == {"ok": True, "told": 2}
            assert guest.take("muted-by") == [("muted-by", "ann", {"roomName": "kitchen"})]
            assert guest.request("mute-all").code == "not-the-host"
            assert host.request("put-out", {"who": "bob"}).ok
            assert server.members("kitchen") == ["ann"]

    def test_closingTime(self, folder: Path) -> None:
        with InMemoryServer(example(folder, "closing_time", minutes=3)) as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            server.advance(121)
            assert ann.take("closing-soon") == [("closing-soon", {"roomName": "kitchen", "seconds": 60})]
            assert server.reload(example(folder, "closing_time", minutes=3))
            server.advance(60)
            assert ann.take("user-left") == [("user-left", "ann", {"roomName": "kitchen", "reason": "closed"})]
