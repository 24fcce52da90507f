"""Whatever ends a connection, nothing of it is left for the garbage collector to find.

What waits for the collector may wait for hours, as it counts objects and not their bytes; so a client could leave
megabytes behind with each connection. The collector of a real server is switched off here, people come and go in every
way, and then it is asked what it would have collected.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.certificate import writeCertificate
from tests.faults.lives import LIVES, Visitor, readUntil
from tests.faults.soak import CONFIG, settled
from tests.support.lanes import writeConfig
from tests.support.processes import Process, startProcess, twistdCommand
from tests.wire.rawhttp import Connection
from tests.wire.rawtls import anyCertificate
from tests.wire.rawws import WebSocket, textFrame, upgradeBytes

PLUGINS = {**CONFIG["plugins"], "use": [*CONFIG["plugins"]["use"], "collecting"]}
KINDS = {
    "as usual": {},
    "recovery": {"socketio": {**CONFIG["socketio"], "recovery": {"window": 1, "everybody": True}}},
}


def ask(process: Process, event: str, tls: bool = False) -> dict[str, int]:
    """What the plugin answers to a member who comes for that alone."""
    connection = Connection(("127.0.0.1", process.port), tls=anyCertificate() if tls else None)
    packets = ('420["join-room",{"userId":"asking","roomName":"asking"}]', f'421["{event}"]')
    request = upgradeBytes("/socket.io/?EIO=3&transport=websocket")
    socket = WebSocket(connection, request + b"".join(map(textFrame, packets)))
    answer = json.loads(readUntil(socket, "431[")[3:])
    socket.close()
    found: dict[str, int] = answer[0]["found"]
    return found


def leftOf(process: Process, tls: bool = False) -> dict[str, dict[str, int]]:
    """What the collector finds of each kind of life, if it finds anything."""
    visitor = Visitor(("127.0.0.1", process.port), 1, anyCertificate() if tls else None)
    visitor.live(len(LIVES), tuple(LIVES))
    settled(process)
    ask(process, "begin-collecting", tls)

    def leftOfKinds(*kinds: str) -> dict[str, int]:
        visitor.live(3 * len(kinds), kinds)
        settled(process)
        return ask(process, "what-was-left", tls)

    found = leftOfKinds(*LIVES)
    return {kind: left for kind in LIVES if (left := leftOfKinds(kind))} or {"all": found} if found else {}


@pytest.mark.parametrize("kind", KINDS)
def test_nothingOfAConnectionIsLeftToTheCollector(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "server.conf"
    writeConfig(path, {**CONFIG, **KINDS[kind], "plugins": PLUGINS})
    command = twistdCommand("--config", str(path), "--listen", "tcp:0:interface=127.0.0.1")
    with startProcess(command, cwd=str(tmp_path)) as process:
        assert leftOf(process) == {}


def test_soItIsOverTls(tmp_path: Path) -> None:
    path = tmp_path / "server.conf"
    writeConfig(path, {**CONFIG, "plugins": PLUGINS})
    key, certificate = writeCertificate(tmp_path)
    listen = f"ssl:0:interface=127.0.0.1:privateKey={key}:certKey={certificate}"
    with startProcess(twistdCommand("--config", str(path), "--listen", listen), cwd=str(tmp_path)) as process:
        assert leftOf(process, tls=True) == {}
