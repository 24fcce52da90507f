"""``audit``: a record of who called whom, which nothing can forge, stop or make a danger to calls."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtcsignal.api import ConfigError, Identity
from rtcsignal.policy.builtin.audit import audit as plugin
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, InMemoryServer, MemoryClient
from tests.policy.conftest import LogLines

SDP = "v=0\r\ns=secret\r\n"
TEXT = "candidate:1 1 udp 2122194687 192.0.2.2 37494 typ host"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def linesOf(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("ascii").splitlines()]


def eventsIn(file: Path) -> list[str]:
    return [line["event"] for line in linesOf(file)]


def serverWith(file: Path, **options: Any) -> InMemoryServer:
    return InMemoryServer(use=[{"audit": {"file": str(file), **options}}])


def joined(server: InMemoryServer, userId: str = "ann", room: str = "kitchen", **more: Any) -> MemoryClient:
    client = server.connect(Identity(), address="192.0.2.7", **more)
    assert client.join(room, userId).ok
    return client


class TestLines:
    def test_whoJoinsCallsAndLeavesIsWrittenDown(self, file: Path) -> None:
        with serverWith(file) as server:
            ann = joined(server)
            server.advance(1.25)
            ann.broadcast({"msgType": 1, "sdp": SDP, "targetUserId": "bob"})
            ann.broadcast({"msgType": 2, "sdp": SDP})
            ann.broadcast({"msgType": 3, "candidate": TEXT})
            ann.broadcast({"msgType": 4})
            ann.broadcast({"chat": "hello"})
            ann.leave("kitchen", "ann")
        lines = linesOf(file)
        who = {"room": "kitchen", "user": "ann", "sid": lines[0]["sid"], "address": "192.0.2.7"}
        later = "1970-01-01T00:00:01.250Z"
        assert lines == [
            {"time": "1970-01-01T00:00:00.000Z", "event": "joined", **who},
            {"time": later, "event": "offer", **who, "target": "bob"},
            {"time": later, "event": "answer", **who, "target": None},
            {"time": later, "event": "hangup", **who, "target": None},
            {"time": later, "event": "left", **who, "reason": "left"},
        ]

    def test_noDescriptionAndNoCandidateIsInIt(self, file: Path) -> None:
        with serverWith(file, kinds=["offer", "answer", "candidate", "hangup", "other"]) as server:
            ann = joined(server)
            for body in ({"msgType": 1, "sdp": SDP}, {"msgType": 3, "candidate": TEXT}, {"chat": "secret"}):
                ann.broadcast(body)
        text = file.read_text()
        assert eventsIn(file) == ["joined", "offer", "candidate", "other", "left"]
        assert not [word for word in ("v=0", "secret", "candidate:", "192.0.2.2") if word in text]

    def test_theNodeIsNamedWhereThereAreSeveral(self, file: Path) -> None:
        configured = plugin.configured({"file": str(file)})
        configured.start(FakeServices("audit"))
        for node in ("", "north"):
            configured.joined(FakePeer(node=node), FakeRoom("kitchen"))
        configured.stop()
        assert [line.get("node", "") for line in linesOf(file)] == ["", "north"]

    def test_addressesMayBeLeftOut(self, file: Path) -> None:
        with serverWith(file, addresses=False) as server:
            joined(server).broadcast({"msgType": 1})
        assert "192.0.2.7" not in file.read_text()

    @pytest.mark.parametrize("name", ['"}\\', "\u2028", "é\N{GRINNING FACE}", "x" * 256], ids=ascii)
    def test_namesCannotForgeLines(self, file: Path, name: str) -> None:
        with serverWith(file) as server:
            joined(server, name, name)
        assert [(line["room"], line["user"]) for line in linesOf(file)] == [(name, name)] * 2


class TestTheFile:
    def test_onlyItsOwnerMayReadIt(self, file: Path) -> None:
        before = os.umask(0)
        try:
            with serverWith(file):
                assert file.stat().st_mode & 0o777 == 0o600
        finally:
            os.umask(before)

    def test_itIsAppendedTo(self, file: Path) -> None:
        file.write_text('{"event": "old"}\n')
        with serverWith(file) as server:
            joined(server)
        assert eventsIn(file) == ["old", "joined", "left"]

    def test_afterAReloadItIsOpenedAnew(self, file: Path) -> None:
        old = file.with_suffix(".1")
        with serverWith(file) as server:
            ann = joined(server)
            file.rename(old)
            assert server.reload()
            ann.broadcast({"msgType": 1})
        assert (eventsIn(old), eventsIn(file)) == (["joined"], ["offer", "left"])

    def test_afterARotationItIsOpenedAnewWithinASecond(self, file: Path) -> None:
        old = file.with_suffix(".1")
        with serverWith(file) as server:
            ann = joined(server)
            file.rename(old)
            ann.broadcast({"msgType": 1})
            server.advance(1)
            ann.broadcast({"msgType": 4})
        assert (eventsIn(old), eventsIn(file)) == (["joined", "offer"], ["hangup", "left"])

    def test_itMayBeCutWhileItIsOpen(self, file: Path) -> None:
        with serverWith(file) as server:
            ann = joined(server)
            os.truncate(file, 0)
            ann.broadcast({"msgType": 1})
        assert eventsIn(file) == ["offer", "left"]

    def test_noDescriptorIsLeftOpen(self, file: Path) -> None:
        with serverWith(file) as server:
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(5):
                assert server.reload()
                server.advance(1)
            assert len(os.listdir("/proc/self/fd")) == before
        assert len(os.listdir("/proc/self/fd")) == before - 1

    def test_aFolderThatIsNotThereEndsTheStart(self, tmp_path: Path) -> None:
        missing = tmp_path / "missing" / "audit.jsonl"
        with pytest.raises(ConfigError) as error, serverWith(missing):
            pass
        assert error.value.problems == (f"plugin audit: {missing} cannot be written: No such file or directory",)

    @pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo], ids=["folder", "pipe"])
    def test_whatIsNoFileEndsTheStart(self, file: Path, make: Any) -> None:
        make(file)
        with pytest.raises(ConfigError, match="cannot be written"), serverWith(file):
            pass

    def test_aPipeThatIsReadIsNoFileEither(self, file: Path) -> None:
        os.mkfifo(file)
        reader = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
        try:
            with pytest.raises(ConfigError, match="it is not a regular file"), serverWith(file):
                pass
        finally:
            os.close(reader)


class Disk:
    """Stands before ``os.write``.

    Attributes:
        room: How many bytes still fit; None for any number.
    """

    def __init__(self) -> None:
        self.room: int | None = None
        self._write = os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        if self.room is None:
            return self._write(descriptor, data)
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        fits = data[: self.room]
        self.room -= len(fits)
        return self._write(descriptor, fits)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk()
    monkeypatch.setattr("rtcsignal.policy.builtin.audit.os.write", disk)
    yield disk
    monkeypatch.undo()


class TestADiskThatFails:
    def test_aFullDiskCostsNobodyACall(self, file: Path, disk: Disk, log: LogLines) -> None:
        with serverWith(file) as server:
            ann = joined(server)
            disk.room = 0
            bob = joined(server, "bob")
            assert ann.broadcast({"msgType": 1, "targetUserId": "bob"}).value == {"ok": True, "delivered": 1}
            assert ann.broadcast({"msgType": 4}).ok
            assert len(log.about(str(file), "cannot be written: No space left on device")) == 1
            disk.room = None
            bob.leave("kitchen", "bob")
            assert log.about(str(file), "is written again; 3 lines are lost")
            assert server.counters("audit").errors == 0
        lines = linesOf(file)
        assert [line["event"] for line in lines] == ["joined", "lost", "left", "left"]
        assert lines[1]["lines"] == 3

    def test_aLineThatFitsInPartSpoilsNoOther(self, file: Path, disk: Disk) -> None:
        with serverWith(file) as server:
            ann = joined(server)
            disk.room = 10
            ann.broadcast({"msgType": 1})
            disk.room = None
            ann.broadcast({"msgType": 4})
        torn = [line for line in file.read_text().splitlines() if not line.endswith("}")]
        assert [len(line) for line in torn] == [10]
        whole = [json.loads(line)["event"] for line in file.read_text().splitlines() if line.endswith("}")]
        assert whole == ["joined", "lost", "hangup", "left"]

    def test_aFolderThatVanishesCostsNobodyACall(self, tmp_path: Path, log: LogLines) -> None:
        folder = tmp_path / "logs"
        folder.mkdir()
        file = folder / "audit.jsonl"
        with serverWith(file) as server:
            ann = joined(server)
            folder.rename(tmp_path / "gone")
            server.advance(1)
            assert ann.broadcast({"msgType": 1}).ok
            assert ann.broadcast({"msgType": 4}).ok
            assert len(log.about("cannot be written: No such file or directory")) == 1
            (tmp_path / "gone").rename(folder)
            server.advance(1)
            assert ann.broadcast({"msgType": 4}).ok
        assert eventsIn(file) == ["joined", "lost", "hangup", "left"]

    def test_callsThatMustBeRecordedAreRefused(self, file: Path, disk: Disk) -> None:
        with serverWith(file, required=True) as server:
            ann = joined(server)
            disk.room = 0
            assert ann.broadcast({"msgType": 1}).code == "not-recorded"
            assert ann.broadcast({"msgType": 3, "candidate": TEXT}).ok
            assert joined(server, "bob")
            disk.room = None
            assert ann.broadcast({"msgType": 1}).ok

    @pytest.mark.parametrize("step", [-3600.0, 3600.0])
    def test_aClockThatIsSetDoesNotMatter(self, file: Path, step: float) -> None:
        with serverWith(file) as server:
            ann = joined(server)
            server.wallOffset += step
            server.advance(1)
            file.unlink()
            server.advance(1)
            ann.broadcast({"msgType": 1})
        assert eventsIn(file) == ["offer", "left"]

    def test_linesHaveTheTimeOfDay(self, file: Path) -> None:
        with serverWith(file) as server:
            server.wallOffset = 784_111_777
            joined(server)
        assert [line["time"] for line in linesOf(file)][:1] == ["1994-11-06T08:49:37.000Z"]


class TestOptions:
    def test_theFileIsRequired(self) -> None:
        with pytest.raises(ConfigError, match="file: is required"):
            plugin.configured({})

    def test_onlyKindsOfMessagesCanBeRecorded(self, file: Path) -> None:
        with pytest.raises(ConfigError, match="kinds: must be a list of offer or"):
            plugin.configured({"file": str(file), "kinds": ["call"]})

    def test_stoppedBeforeItHasStartedItDoesNothing(self, file: Path) -> None:
        plugin.configured({"file": str(file)}).stop()
        assert not file.exists()

    def test_stoppedItMayStartAgain(self, file: Path) -> None:
        one = plugin.configured({"file": str(file)})
        for _ in range(2):
            one.start(FakeServices("audit"))
            one.stop()
        assert file.exists()
