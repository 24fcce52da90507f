"""Descriptions and candidates that are made to keep filters busy, or to make them fail until they are not asked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.faults.target import joined, watched
from tests.support.sharedservers import SharedServers
from tests.wire.wire import Wire

HOST = "candidate:1 1 udp 2122194687 192.0.2.2 37494 typ host generation 0"
FILTERS = [{"candidates": {"relay_only": True}}, {"codecs": {"drop": ["vp8"], "order": ["h264"], "audio_kbps": 30}}]
BODIES: dict[str, dict[str, Any]] = {
    "sections": {"sdp": "v=0\n" + "m=\ncandidate:\n" * 60_000},
    "media": {"sdp": "v=0\n" + "m=audio 9 X 0\n" * 60_000},
    "payload types": {"sdp": "v=0\nm=video 9 X" + " 9" * 19_000 + "\na=rtpmap:9 rtx/1\na=fmtp:9 " + ";apt=1" * 140_000},
    "numbers": {"sdp": f"v=0\nm=video 9 RTP/S 96 97 {'9' * 5_000}\na=rtpmap:96 VP8/9\na=rtpmap:97 VP9/9\n"},
    "depth": {"candidate": "[" * 700 + f'"{HOST}"' + "]" * 700},
    "more depth": {"candidate": '{"a":' * 5_000 + f'"{HOST}"' + "}" * 5_000},
    "media in depth": {"x": "[" * 5_000 + '"m=video "' + "]" * 5_000},
    "broken JSON": {"x": [r'{"\u0063'] * 50_000},
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_oneClientNeitherHoldsUpTheOthersNorSilencesAFilter(
    servers: SharedServers, room: str, revision: int, body: dict[str, Any]
) -> None:
    with watched(servers({"plugins": {"use": FILTERS}, "limits": {"bytes_per_second": 0}})) as target:
        target.begin()
        wire = Wire(target.address, target.newSource())
        sender = joined(wire.namespacePeer(revision), "ann", room)
        for _ in range(12):
            sender.send(f"427{json.dumps(['broadcast', {'msgType': 1, **body}])}")
            while not (packet := str(sender.receive())).startswith("437"):
                pass
            target.assertNobodyNoticed()
        sender.send(f"428{json.dumps(['broadcast', {'msgType': 3, 'candidate': HOST}])}")
        while not (packet := str(sender.receive())).startswith("438"):
            pass
        assert packet == '438[{"ok":true,"delivered":0}]'
        wire.closeAll()
        target.end()
