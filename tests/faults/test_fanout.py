"""Work is done for each who receives: however many that are, others wait little for their own messages.

`target` measures how long: its bystanders talk meanwhile, from another address.
"""

from __future__ import annotations

import base64
import gzip
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.faults.target import Target, joined
from tests.support.patience import PATIENCE
from tests.support.processes import ROOT
from tests.support.processor import queuedSeconds
from tests.wire.rawws import CONTINUATION, PING, TEXT, frame
from tests.wire.socketio import PollingPeer, event
from tests.wire.wire import Wire

_MEMBERS = 120

FLOODS = {
    "small broadcasts": (['42["broadcast",{"a":1}]'], 450),
    "joins": (
        ['42["leave-room",{"roomName":"crowd"}]', '42["join-room",{"userId":"member","roomName":"crowd"}]'],
        90,
    ),
    "attachments": (['451-["broadcast",{"_placeholder":true,"num":0}]', "\0" + "x" * 60_000], 20),
    "small attachments": (['451-["broadcast",{"_placeholder":true,"num":0}]', "\0" + "x" * 200], 240),
    "fragments": (["\1" + (frame(TEXT, b"4", fin=False) + frame(CONTINUATION, b'2["nobody"]')).decode("latin-1")], 230),
    "pings of Engine.IO": (["3", "2"], 240),
    "pings of WebSockets": (["\1" + frame(PING).decode("latin-1")], 480),
    "events that nobody knows": (['42["nobody-listens"]'], 480),
}

ASKING_AGAIN = '420["join-room",{"userId":"{user}","roomName":"crowd"}]'
"""Answered by a list of all members; no one else hears it."""


@pytest.fixture
def crowd(request: pytest.FixtureRequest, target: Target) -> Iterator[subprocess.Popen[str]]:
    """Members of one room, all from an address that nobody has used."""
    name: str = getattr(request, "param", "member ")
    arguments = [str(target.address[1]), str(_MEMBERS), target.newSource(), name]
    command = [sys.executable, "-m", "tests.faults.crowd", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def tell(crowd: subprocess.Popen[str], line: str) -> None:
    assert crowd.stdin is not None
    crowd.stdin.write(line + "\n")
    crowd.stdin.flush()


def untilIdle(target: Target, least: float = 0.0) -> None:
    """Wait until the server has worked so long (seconds), and then has little to do for a second.

    Those who are slowed down may take longer than anyone waits.
    """
    began, deadline, before = target.processorSeconds(), time.monotonic() + PATIENCE, -1.0
    while time.monotonic() < deadline:
        busy = target.processorSeconds() + queuedSeconds(target.process.pid)
        if busy - before < 0.2 and target.processorSeconds() - began > least:
            return
        before = busy
        time.sleep(1)
        target.assertNobodyNoticed()
    assert target.processorSeconds() - began > least, "nothing has happened"


@pytest.mark.parametrize("kind", FLOODS)
def test_aCrowdThatSpeaksAtOnceKeepsNobodyWaiting(
    target: Target, crowd: subprocess.Popen[str], kind: str
) -> None:
    tell(crowd, json.dumps(FLOODS[kind]))
    untilIdle(target, 0.1)


@pytest.mark.parametrize("crowd", ["\U0001f600" * 250], indirect=True, ids=["long names"])
def test_aCrowdThatAsksWhoIsThereKeepsNobodyWaiting(target: Target, crowd: subprocess.Popen[str]) -> None:
    tell(crowd, json.dumps(([ASKING_AGAIN], 90)))
    untilIdle(target, 0.1)


def test_aCrowdThatGoesAtOnceKeepsNobodyWaiting(target: Target, crowd: subprocess.Popen[str]) -> None:
    tell(crowd, "")
    untilIdle(target)


def test_anAnswerToManyWhoPollIsCompressedOnce(target: Target, attacker: Wire) -> None:
    pollers = [attacker.namespacePeer(4, "polling") for _ in range(30)]
    for number, poller in enumerate(pollers):
        joined(poller, f"poller {number}", "pollers")
    speaker = joined(attacker.namespacePeer(4), "speaker", "pollers")
    for poller in pollers:
        assert isinstance(poller, PollingPeer)
        while "speaker" not in str(poller.receive()):
            pass
        poller.session.startPoll([("Accept-Encoding", "gzip")])
    spent = target.processorSeconds()
    text = base64.b64encode(random.Random(1).randbytes(600_000)).decode()
    speaker.send(event("broadcast", text))
    for poller in pollers:
        assert isinstance(poller, PollingPeer)
        assert text.encode() in gzip.decompress(poller.session.finish().body)
    # Each takes 0.03 s and more to compress, and a hundredth to send.
    assert target.processorSeconds() - spent < 0.6
