"""Numbers and places that clients read otherwise than a careless filter would: nothing passes by its spelling."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.target import Target, joined
from tests.support.sharedservers import SharedServers
from tests.wire.wire import Wire

HOST = "candidate:1 1 udp 2122194687 192.0.2.2 37494 typ host generation 0"
RELAY = "candidate:1 1 udp 41885439 8.8.4.4 6000 typ relay generation 0"
THREE = ["3", "3.0", "3e0", "30e-1", "0.3E1", "0.00000000000000000003e20", "3.00000000000000000000001", '"3"']
ONE = ["1", "1.0", "1e0", "0.1e+1", "10E-1", "1000000000000000000000e-21", '"1"']
TYPE = '"msgType"'


def answerTo(sender: Any, body: str) -> Any:
    """The acknowledgement of a broadcast of this JSON text."""
    sender.send(f'427["broadcast",{body}]')
    while not (packet := str(sender.receive())).startswith("437"):
        pass
    return json.loads(packet[3:])[0]


@pytest.fixture
def pair(servers: SharedServers, room: str, revision: int) -> Iterator[Any]:
    """`pair(*filters)`: a sender and a receiver in a room where these filters are in use."""
    wires: list[Wire] = []

    def make(*filters: Any) -> tuple[Any, Any]:
        target = Target(servers({"plugins": {"use": list(filters)}, "limits": {"connections_per_address": 0}}))
        wire = Wire(target.address, "127.1.0.1")
        wires.append(wire)
        sender = joined(wire.namespacePeer(revision), "ann", room)
        receiver = joined(wire.namespacePeer(7 - revision), "bob", room)
        while not str(sender.receive()).startswith('42["user-joined","bob"'):
            pass
        return sender, receiver

    yield make
    for wire in wires:
        wire.closeAll()


@pytest.mark.parametrize("number", THREE)
def test_aHostCandidateDoesNotPassByTheSpellingOfItsType(pair: Any, number: str) -> None:
    sender, receiver = pair({"candidates": {"relay_only": True}})
    assert answerTo(sender, f'{{{TYPE}:{number},"candidate":"{HOST}"}}') == {"ok": True, "delivered": 0}
    assert answerTo(sender, f'{{{TYPE}:{number},"candidate":"{RELAY}"}}')["delivered"] == 2
    assert HOST not in (packet := str(receiver.receive()))
    assert f"{TYPE}:{number}," in packet


@pytest.mark.parametrize(
    "body",
    [
        {"candidate": HOST},
        {"msgType": 4, "payload": {"candidate": {"candidate": HOST}}},
        {"type": "candidate", "data": json.dumps({"candidate": HOST})},
        json.dumps({"msgType": 3, "candidate": HOST}),
    ],
    ids=repr,
)
def test_norByThePlaceInWhichItStands(pair: Any, body: Any) -> None:
    sender, _ = pair({"candidates": {"relay_only": True}})
    assert answerTo(sender, json.dumps(body)) == {"ok": True, "delivered": 0}


@pytest.mark.parametrize("number", THREE)
def test_aCandidateWithoutATargetIsRefusedHoweverItsTypeIsSpelled(pair: Any, number: str) -> None:
    sender, _ = pair("directed-only")
    assert answerTo(sender, f'{{{TYPE}:{number},"candidate":"{RELAY}"}}')["error"]["code"] == "no-target"


@pytest.mark.parametrize("number", ONE)
def test_aCodecDoesNotPassByTheSpellingOfTheType(pair: Any, number: str) -> None:
    sender, receiver = pair({"codecs": {"drop": ["vp8"]}})
    text = "v=0\\r\\nm=video 9 RTP/SAVPF 96 98\\r\\na=rtpmap:96 VP8/90000\\r\\na=rtpmap:98 VP9/90000\\r\\n"
    assert answerTo(sender, f'{{{TYPE}:{number},"sdp":"{text}"}}')["ok"]
    packet = str(receiver.receive())
    assert "VP9" in packet
    assert "VP8" not in packet


@pytest.mark.parametrize("number", ONE[:-1])
def test_theFormOfAnOfferIsCheckedHoweverItsTypeIsSpelled(pair: Any, number: str) -> None:
    sender, _ = pair({"schema": {"others": "refuse"}})
    assert answerTo(sender, f'{{{TYPE}:{number},"sdp":7}}')["error"]["field"] == "sdp"
    assert answerTo(sender, f'{{{TYPE}:{number},"sdp":"v=0"}}')["ok"]


@pytest.mark.parametrize("label", ["0", "0.0", "0e5", "20e-1", "-0.0"])
def test_anIndexIsOneHoweverItIsSpelled(pair: Any, label: str) -> None:
    sender, _ = pair({"schema": {"others": "refuse"}})
    assert answerTo(sender, f'{{{TYPE}:3,"candidate":"{RELAY}","label":{label}}}')["ok"]
    assert answerTo(sender, f'{{{TYPE}:3,"candidate":{{"candidate":"","sdpMLineIndex":{label}}}}}')["ok"]


@pytest.mark.parametrize("number", ONE)
def test_aLimitOnOffersCountsEverySpelling(pair: Any, number: str) -> None:
    sender, _ = pair({"rate-limit": {"kinds": {"offer": 0.01}, "kind_bursts": {"offer": 1}}})
    assert answerTo(sender, f'{{{TYPE}:1,"sdp":"v=0"}}')["ok"]
    assert answerTo(sender, f'{{{TYPE}:{number},"sdp":"v=0"}}')["error"]["limit"] == "offer"


def test_theRecordHasEverySpelling(pair: Any, tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    sender, _ = pair({"audit": {"file": str(file)}})
    for number in ONE:
        assert answerTo(sender, f'{{{TYPE}:{number},"sdp":"v=0"}}')["ok"]
    events = [json.loads(line)["event"] for line in file.read_text().splitlines()]
    assert events.count("offer") == len(ONE)


def test_ofAKeyThatIsThereTwiceTheLastCountsAsInABrowser(pair: Any) -> None:
    sender, _ = pair("directed-only")
    assert answerTo(sender, f'{{{TYPE}:4,{TYPE}:3,"candidate":""}}')["error"]["code"] == "no-target"
    assert answerTo(sender, f'{{{TYPE}:3,"msg\\u0054ype":4}}')["ok"]
