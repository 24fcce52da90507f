"""Plugins in a real ``twistd rtcsignal``: at start, on SIGHUP, at the end, and on the command line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.policy.sources import MEMBERS_ONLY, pluginSource, policy
from tests.support.patience import START_PATIENCE
from tests.support.processes import Process, checkoutEnvironment, runToEnd, twistdCommand
from tests.wire.socketio import Peer, event
from tests.wire.wire import SOCKETIO_PATH, Wire

Folder = Callable[..., Path]
Server = Callable[..., Process]

LIVING = policy("living").replace(
    "    def mayJoin",
    "    def start(self, services): services.log.info('it starts')\n"
    "    def stop(self): print('it stops')\n"
    "    def mayJoin",
)

FORGETS = """\
    def filterMessage(self, peer, room, message):
        peer.data["seen"] = message.kind
"""

STAMPS = """\
    def start(self, services):
        self.clock = services.clock
        services.log.info("it is version {version}")

    async def filterMessage(self, peer, room, message):
        if message.body["n"] % 7 == 3:
            await deferLater(self.clock, 0.02)
        return message.replace(body={{**message.body, "version": {version}}})
"""


def stamp(version: int) -> str:
    """A filter that takes its time, and writes into messages which version of it they have passed."""
    imports = "from twisted.internet.task import deferLater"
    return pluginSource("IMessageFilter", "stamp", STAMPS.format(version=version), imports)


def using(*names: Any) -> dict[str, Any]:
    return {"plugins": {"folders": ["plugins"], "use": list(names)}}


def run(tmp_path: Path, config: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command that ends by itself."""
    path = tmp_path / "server.conf"
    path.write_text(json.dumps(config))
    command = twistdCommand("--config", str(path), "--listen", "tcp:0:interface=127.0.0.1", *arguments)
    return runToEnd(command, tmp_path)


class TestStart:
    def test_theLogSaysTheOrderInWhichPluginsAreAsked(self, server: Server, folder: Folder) -> None:
        folder(a=policy("first"), b=policy("second"))
        process = server(using("second", "first"))
        assert "plugins: room policies: second, first" in process.output()

    def test_allMistakesAreReportedWithFileAndLineAndNothingStarts(
        self, folder: Folder, tmp_path: Path
    ) -> None:
        path = folder(a="x = (", b=policy("first", arguments="self"))
        ended = run(tmp_path, using("missing", {"first": {"timeout": 0}}))
        assert ended.returncode == 1
        assert "Traceback" not in ended.stderr + ended.stdout
        for line in (
            f"{path}/a.py:1: SyntaxError: '(' was never closed",
            f"{path}/b.py:8: mayJoin of Policy takes (), but must be mayJoin(peer, room)",
            "plugins.use.0: there is no plugin missing",
            "plugins.use.1.first.timeout: must be a number from 0.001 to 3600, not 0",
        ):
            assert line in ended.stderr

    def test_aPluginThatDoesNotStartEndsTheServer(self, folder: Folder, tmp_path: Path) -> None:
        folder(a=LIVING.replace("services.log.info('it starts')", "1 / 0"))
        ended = run(tmp_path, using("living"))
        assert ended.returncode == 1
        assert "plugin living: start failed: ZeroDivisionError: division by zero" in ended.stdout + ended.stderr

    def test_itIsStoppedAtTheEnd(self, server: Server, folder: Folder) -> None:
        folder(a=LIVING)
        process = server(using("living"))
        assert "[plugin.living#info] it starts" in process.output()
        process.signal(signal.SIGTERM)
        assert process.waitExit() == 0
        assert "it stops" in process.output()


class TestDrops:
    def test_aFilterThatForgetsToReturnMessagesIsNamedOnce(self, server: Server, folder: Folder) -> None:
        path = folder(a=pluginSource("IMessageFilter", "mute", FORGETS))
        process = server(using("mute"))
        wire = Wire(("127.0.0.1", process.port))
        try:
            member = wire.namespacePeer(4)
            member.send(event("join-room", {"userId": "ann", "roomName": "kitchen"}, ack="0"))
            for number in range(1, 250):
                member.send(event("broadcast", {"userId": "ann", "n": number}, ack=f"{number}"))
            while not str(member.receive()).startswith("43249"):
                pass
        finally:
            wire.closeAll()
        line = "plugin mute: filterMessage has dropped each of its first 100 messages; does it forget to return them?"
        assert process.output().count(line) == 1
        assert re.search(rf"{re.escape(line)} \({path}/a\.py:\d+\)", process.output())


ERRING = """
from twisted.internet.defer import Deferred
from zope.interface import implementer
from rtcsignal.api import *


@implementer(IAuthenticator, IRoomPolicy, IMessageFilter, IEventHandler, IRoomObserver)
class Erring:
    name = "erring"
    events = frozenset({"ask"})

    def authenticate(self, handshake):
        if "how" not in handshake.query:
            return Identity()
        return self.err(handshake.query["how"])

    def mayJoin(self, peer, room):
        return self.err(room.name)

    def filterMessage(self, peer, room, message):
        return self.err(message.body["how"])

    def handleEvent(self, peer, room, event, body):
        return self.err(body["how"])

    def joined(self, peer, room):
        self.err("late")
        raise LookupError("nobody")

    def left(self, peer, room, reason):
        pass

    def err(self, how):
        if how == "late":
            return Deferred()
        if how == "wrong":
            return 7
        if how == "fails":
            raise ValueError("cannot")


erring = Erring()
"""


class TestComplaints:
    @pytest.mark.parametrize("fast", [True, False])
    def test_linesAboutFailuresSayWhomThePluginWasAskedAbout(
        self, server: Server, folder: Folder, fast: bool
    ) -> None:
        folder(a=ERRING)
        config = {"plugins": {"folders": ["plugins"], "use": [{"erring": {"timeout": 0.2}}]}}
        process = server({**config, "socketio": {"fast": fast}}, "--log-level", "debug")
        wire = Wire(("127.0.0.1", process.port))
        with ExitStack() as stack:
            stack.callback(wire.closeAll)
            ann = wire.namespacePeer(4)
            for number, how in enumerate(("fails", "late", "wrong", "hall")):
                ann.send(event("join-room", {"userId": "ann", "roomName": how}, ack=f"{number}"))
                while not str(ann.receive()).startswith(f"43{number}"):
                    pass
            conn = process.waitOutput(r"ann joined hall \(127\.0\.0\.1, conn (\w+)\)")[1]
            who = rf"\(user ann, 127\.0\.0\.1, conn {conn}\)"
            for name in ("broadcast", "ask"):
                for how in ("fails", "late", "wrong"):
                    ann.send(event(name, {"userId": "ann", "roomName": "hall", "how": how}))
            for method in ("mayJoin", "filterMessage", "handleEvent"):
                process.waitOutput(rf"plugin erring: {method} failed: ValueError: cannot at .* {who}$")
                process.waitOutput(rf"plugin erring: {method} did not answer within 0\.2 s {who}$")
                process.waitOutput(rf"plugin erring: {method} returned 7 instead of .* {who}$")
            process.waitOutput(rf"plugin erring: joined failed: LookupError: nobody at .* {who}$")

    def test_thoseAboutHandshakesSayTheAddressAndTheConnection(self, server: Server, folder: Folder) -> None:
        folder(a=ERRING)
        config = {"folders": ["plugins"], "use": [{"erring": {"timeout": 0.2}}]}
        process = server({"plugins": config}, "--log-level", "debug")
        wire = Wire(("127.0.0.1", process.port))
        with ExitStack() as stack:
            stack.callback(wire.closeAll)
            for how, line in (
                ("fails", r"failed: ValueError: cannot at .*"),
                ("late", r"did not answer within 0\.2 s"),
                ("wrong", r"returned 7 instead of an Identity or None"),
            ):
                client = wire.socket(4, path=SOCKETIO_PATH, query=f"&how={how}")
                client.send("40")
                told = process.waitOutput(rf"authenticate {line} \(127\.0\.0\.1, conn (?P<conn>\w+)\)$")
                process.waitOutput(rf"session opened by 127\.0\.0\.1: websocket, revision 4 \(conn {told['conn']}\)")


class TestReload:
    def test_aChangedFileIsTakenOverEvenIfItLooksOlder(self, server: Server, folder: Folder) -> None:
        path = folder(a=policy("first"))
        process = server(using("first"))
        (path / "a.py").write_text(LIVING.replace('"living"', '"first"'))
        os.utime(path / "a.py", (1, 1))
        process.signal(signal.SIGHUP)
        process.waitOutput("reloaded, plugins: room policies: first")
        assert "it starts" in process.output()

    def test_aBrokenOneIsReportedAndTheOldOneStays(self, server: Server, folder: Folder) -> None:
        path = folder(a=policy("first"))
        process = server(using("first"))
        (path / "a.py").write_text("x = (")
        process.signal(signal.SIGHUP)
        process.waitOutput(f"not reloaded: {path}/a.py:1: SyntaxError")
        process.waitOutput("the plugins stay as they were")
        (path / "a.py").write_text(policy("first"))
        process.signal(signal.SIGHUP)
        process.waitOutput("reloaded, plugins: room policies: first")

    def test_signalsThatComeWhileOneIsObeyedAreObeyedTogether(self, server: Server, folder: Folder) -> None:
        path = folder(a=policy("first"))
        process = server(using("first"))
        (path / "b.py").write_text(
            "import os, signal, time\n"
            "os.unlink(__file__)\n"
            "for _ in range(20):\n"
            "    os.kill(os.getpid(), signal.SIGHUP)\n"
            "    time.sleep(0.01)\n"
        )
        process.signal(signal.SIGHUP)
        process.waitOutput("(?s)(reloaded, plugins.*){2}")
        process.signal(signal.SIGUSR2)
        process.waitOutput("consistent: yes")
        assert process.output().count("reloaded, plugins: ") == 2


class TestReloadUnderLoad:
    MEMBERS, ROOM_SIZE, MESSAGES = 200, 10, 20

    def test_nobodyIsDisconnectedAndNoMessageIsLostOrReordered(self, server: Server, folder: Folder) -> None:
        """Some messages are held up by the filter, while it is replaced again and again by files that look older."""
        path = folder(a=stamp(0))
        process = server({**using("stamp"), "limits": {"connections_per_address": 0}})
        wire = Wire(("127.0.0.1", process.port))
        try:
            members = [wire.namespacePeer(4 if number % 2 else 3) for number in range(self.MEMBERS)]
            for number, member in enumerate(members):
                member.send(event("join-room", {"userId": f"{number}", "roomName": self._roomOf(number)}, ack="0"))
                assert str(member.receive()).startswith('430[{"ok":true')
            for count in range(self.MESSAGES):
                for number, member in enumerate(members):
                    body = {"roomName": self._roomOf(number), "n": count}
                    member.send(event("broadcast", {"userId": f"{number}", **body}))
                if count % 4 == 0:
                    self._replace(path / "a.py", count + 1)
                    process.signal(signal.SIGHUP)
            process.waitOutput("reloaded, plugins: message filters: stamp")
            self._replace(path / "a.py", 99)
            process.signal(signal.SIGHUP)
            process.waitOutput("it is version 99")
            versions = {version for member in members for version in self._heard(member)}
            members[0].send(event("broadcast", {"roomName": self._roomOf(0), "n": 0}))
            while not (said := str(members[0].receive())).startswith('42["broadcast"'):
                pass
            assert json.loads(said[2:])[1]["version"] == 99
        finally:
            wire.closeAll()
        assert len(versions) > 1
        assert "Traceback" not in process.output()

    def _roomOf(self, number: int) -> str:
        return f"room {number // self.ROOM_SIZE}"

    @staticmethod
    def _replace(path: Path, version: int) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_text(stamp(version))
        os.utime(fresh, (version, version))
        fresh.rename(path)

    def _heard(self, member: Peer) -> set[int]:
        """Read all messages of the room, which must be complete and in order from each of its members.

        Returns:
            With which versions of the plugin they have been stamped.
        """
        heard: dict[str, list[int]] = {}
        versions: set[int] = set()
        for _ in range(self.ROOM_SIZE * self.MESSAGES):
            while not (said := str(member.receive())).startswith('42["broadcast"'):
                assert said.startswith('42["user-joined"'), said
            body = json.loads(said[2:])[1]
            heard.setdefault(body["userId"], []).append(body["n"])
            versions.add(body["version"])
        assert list(heard.values()) == [list(range(self.MESSAGES))] * self.ROOM_SIZE
        return versions


class TestCommandLine:
    def test_pluginsAreListed(self, folder: Folder, tmp_path: Path) -> None:
        path = folder(a=MEMBERS_ONLY)
        ended = run(tmp_path, using("members-only"), "--plugins")
        assert ended.returncode == 0
        assert ended.stdout.startswith(f"members-only (used, number 1)\n  IRoomPolicy; from {path}/a.py\n")

    @pytest.mark.parametrize("option", ["--plugins", "--check"])
    def test_nobodyNeedReadWhatIsPrintedToItsEnd(self, tmp_path: Path, option: str) -> None:
        reading, writing = os.pipe()
        os.close(reading)
        with os.fdopen(writing, "w") as stdout:
            ended = subprocess.run(
                twistdCommand(option),
                cwd=tmp_path,
                env=checkoutEnvironment(),
                stdout=stdout,
                stderr=subprocess.PIPE,
                text=True,
                timeout=START_PATIENCE,
                check=False,
            )
        assert (ended.returncode, ended.stderr) == (0, "")

    @pytest.mark.parametrize("option", ["--plugins", "--check"])
    def test_brokenOnesAreReported(self, folder: Folder, tmp_path: Path, option: str) -> None:
        path = folder(a="x = (")
        ended = run(tmp_path, using(), option)
        assert ended.returncode == 1
        assert f"{path}/a.py:1: SyntaxError" in ended.stdout + ended.stderr
