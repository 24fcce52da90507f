"""The plugins in ``plugins/``: small, loaded as they are, and doing what they say."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rtcsignal.api import Identity
from rtcsignal.policy.loader import loadPlugins
from rtcsignal.testing import InMemoryServer, loadPlugin
from tests.policy.sources import Use, Wanted
from tests.support.processes import ROOT

FOLDER = ROOT / "plugins"
FILES = sorted(FOLDER.glob("*.py"))
MOST_LINES = 40
MEMBER = Identity(roles=frozenset({"member"}))


def example(name: str, **options: Any) -> Any:
    """A plugin of the folder."""
    plugin = loadPlugin(FOLDER / f"{name.replace('-', '_')}.py", name)
    return plugin.configured(options) if options else plugin


def test_allAreLoadedTogether() -> None:
    names = [file.stem.replace("_", "-") for file in FILES]
    assert len(names) >= 4
    options = {"ask-backend": {"url": "http://127.0.0.1:1"}}
    uses = [Use(name, options.get(name)) for name in names]
    assert [entry.name for entry in loadPlugins(Wanted([str(FOLDER)], uses)).entries] == names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_eachIsShortAndImportsNothingOfOursButTheApi(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= MOST_LINES
    modules = [node.module for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
    assert {module for module in modules if module and module.startswith("rtcsignal")} == {"rtcsignal.api"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_eachIsInTheReadmeOfTheFolder(file: Path) -> None:
    assert f"`{file.name}`" in (FOLDER / "README.md").read_text(encoding="utf-8")


class TestMembersOnly:
    def test_keepsAllButMembersOutOfTheirRooms(self) -> None:
        with InMemoryServer(example("members-only")) as server:
            ann, bob = server.connect(MEMBER), server.connect()
            assert ann.join("members-lounge", "ann").ok
            assert bob.join("members-lounge", "bob").code == "not-a-member"
            assert bob.join("lounge", "bob").ok


@pytest.fixture
def localZone() -> Iterator[Callable[[str], None]]:
    """Sets the time zone that counts as the server's own."""
    with pytest.MonkeyPatch.context() as patch:

        def use(zone: str) -> None:
            patch.setenv("TZ", zone)
            time.tzset()

        use("UTC")
        yield use
    time.tzset()


@pytest.mark.usefixtures("localZone")
class TestRoomSchedule:
    @pytest.mark.parametrize(
        ("hour", "opens", "closes", "isOpen"),
        [
            (7, 8, 18, False),
            (8, 8, 18, True),
            (17, 8, 18, True),
            (18, 8, 18, False),
            (21, 22, 6, False),
            (22, 22, 6, True),
            (5, 22, 6, True),
            (6, 22, 6, False),
        ],
    )
    def test_opensAndCloses(self, hour: int, opens: int, closes: int, isOpen: bool) -> None:
        with InMemoryServer(example("room-schedule", opens=opens, closes=closes)) as server:
            server.clock.advance(hour * 3600)
            answer = server.connect().join("kitchen", "ann")
            assert answer.ok is isOpen
            assert answer.code == (None if isOpen else "closed")

    def test_withOneHourForBothItIsAlwaysOpen(self) -> None:
        with InMemoryServer(example("room-schedule", opens=7, closes=7)) as server:
            server.clock.advance(7 * 3600)
            assert server.connect().join("kitchen", "ann").ok

    @pytest.mark.parametrize(
        ("zone", "moment", "isOpen"),
        [
            ("Asia/Tokyo", "2026-03-01T14:59+00:00", False),
            ("Asia/Tokyo", "2026-03-01T15:00+00:00", True),
            ("America/St_Johns", "2026-03-01T03:29+00:00", False),
            ("America/St_Johns", "2026-03-01T03:30+00:00", True),
            ("Europe/Lisbon", "2026-03-28T23:59+00:00", False),
            ("Europe/Lisbon", "2026-03-29T00:00+00:00", True),
            ("Europe/Lisbon", "2026-03-29T22:59+00:00", False),
            ("Europe/Lisbon", "2026-03-29T23:00+00:00", True),
        ],
    )
    def test_countsByTheLocalTime(
        self, localZone: Callable[[str], None], zone: str, moment: str, isOpen: bool
    ) -> None:
        localZone(zone)
        with InMemoryServer(example("room-schedule", opens=0, closes=1)) as server:
            server.clock.advance(datetime.fromisoformat(moment).timestamp())
            assert server.connect().join("kitchen", "ann").ok is isOpen


class TestAskBackend:
    @pytest.mark.parametrize(
        ("status", "code"), [(200, None), (403, "not-invited"), (500, "internal"), (404, "internal")]
    )
    def test_doesWhatTheServiceSays(self, status: int, code: str | None) -> None:
        with InMemoryServer(example("ask-backend", url="http://backend/may-join")) as server:
            answer = server.connect().join("kitchen", "ann")
            assert not answer.given
            server.http.answer(status)
            assert answer.ok is (code is None)
            assert answer.code == code
            ((method, url, more),) = server.http.requests
            assert (method, url) == ("GET", "http://backend/may-join")
            assert more["params"] == {"room": "kitchen", "user": "ann"}

    def test_refusesIfTheServiceCannotBeReachedOrDoesNotAnswer(self) -> None:
        with InMemoryServer(example("ask-backend", url="http://backend")) as server:
            ann = server.connect()
            answers = [ann.join("kitchen", "ann"), ann.join("kitchen", "ann")]
            server.http.fail(ConnectionError())
            server.advance(2.1)
            assert [answer.code for answer in answers] == ["internal", "timeout"]


class TestGreeter:
    def test_greetsEverybodyWhoComes(self) -> None:
        with InMemoryServer(example("greeter", text="Hello!")) as server:
            ann, bob = server.connect(), server.connect()
            ann.join("kitchen", "ann")
            bob.join("kitchen", "bob")
            assert bob.take("greeting") == [("greeting", {"roomName": "kitchen", "text": "Hello!", "members": 2})]
            assert len(ann.take("greeting")) == 1

    def test_logsHowLongARoomWasUsed(self, log: Any) -> None:
        with InMemoryServer(example("greeter")) as server:
            ann = server.connect()
            ann.join("kitchen", "ann")
            server.advance(60)
            ann.lose()
        assert log.about("kitchen was in use for 60 s")


class TestRaiseHand:
    def test_tellsTheRoomButNotTooOften(self) -> None:
        with InMemoryServer(example("raise-hand", pause=10)) as server:
            ann, bob = server.connect(), server.connect()
            ann.join("kitchen", "ann")
            bob.join("kitchen", "bob")
            assert ann.request("raise-hand").value == {"ok": True, "seenBy": 2}
            assert bob.take("hand-raised") == [("hand-raised", "ann", {"roomName": "kitchen"})]
            server.advance(4)
            answer = ann.request("raise-hand")
            assert answer.code == "too-often"
            assert answer.value["error"]["retry_after"] == pytest.approx(6)
            server.advance(6.1)
            assert ann.request("raise-hand").ok

    def test_isForMembers(self) -> None:
        with InMemoryServer(example("raise-hand")) as server:
            assert server.connect().request("raise-hand").code == "not-in-room"
