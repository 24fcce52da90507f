"""Whatever a client sends as a description or a candidate, a filter answers at once and does not fail.

A filter that fails ten times in a row is not asked for a while: a single client could silence it for everybody.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.api import IMessageFilter, Refused
from rtcsignal.policy.builtin.candidates import candidates
from rtcsignal.policy.builtin.codecs import codecs
from rtcsignal.policy.builtin.schema import schema
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, makeMessage
from tests.policy.builtin.samples import DESCRIPTIONS, description
from tests.support.yardstick import iterationSeconds, leastSeconds

EDITS = {"drop": ["vp8", "red"], "order": ["h264/42e01f"], "audio_kbps": 30, "ptime": 40}
FILTERS: list[Any] = [
    codecs.configured(EDITS),
    codecs.configured({"keep_audio": ["opus"], "keep_video": ["vp9"], "refuse": True}),
    candidates.configured({"relay_only": True}),
    candidates.configured({"no_private": True, "no_tcp": True, "no_ipv6": True}),
    schema.configured({"others": "refuse"}),
]
FILTERS[0].start(FakeServices())
ODD = (
    *("m=", "m=audio", "m=audio ", "m=video 0", "m=video 9 RTP/SAVPF", "m=audio 9 RTP/SAVPF x 111 111", "c=", "b=", ""),
    *("a=rtpmap:", "a=rtpmap:1 ", "a=fmtp:97 apt=97", "a=fmtp:63 111/63", "a=rid:1 send pt=", "a=group:BUNDLE"),
    *("a=candidate:", "a=candidate:1 1 udp 1 x 1 typ", "a=candidate:1 1 tcp 1 :: 1 typ host raddr", "a=rtcp:"),
    *("a=mid:", "\0", "\ud800"),
)
MEDIA = "v=0\\nm=video 9 RTP/SAVPF 96 97\\na=rtpmap:96 vp9/90000\\na=rtpmap:97 vp8/90000\\n"
LINES = tuple(sorted({line for name in DESCRIPTIONS for line in description(name).split("\r\n")}))
texts = st.lists(st.sampled_from(ODD) | st.sampled_from(LINES), max_size=30).map("\r\n".join)
VALUES: tuple[Any, ...] = (*ODD, None, True, -1, 0.5, b"", [], [ODD], {}, {"sdp": None}, {"candidate": []})
MOST_ITERATIONS = 100
"""What all filters together may take for a byte, in iterations of a loop; what is not linear takes thousands."""

HOST = "candidate:1 1 udp 2122194687 192.0.2.2 37494 typ host generation 0"


def judge(each: Any, body: Any) -> None:
    """Ask a filter, which may refuse."""
    assert IMessageFilter.providedBy(each)
    try:
        each.filterMessage(FakePeer(), FakeRoom(), makeMessage(body))
    except Refused:
        pass


@given(texts, st.sampled_from((1, 2)))
def test_descriptionsOfAnyLinesAreJudged(text: str, msgType: int) -> None:
    for each in FILTERS:
        judge(each, {"msgType": msgType, "sdp": text})
        judge(each, {"msgType": msgType, "sdp": {"type": "offer", "sdp": text}})


@given(st.dictionaries(st.sampled_from(("sdp", "candidate", "sdpMid", "label", "id", "type")), st.sampled_from(VALUES)))
def test_fieldsOfAnyKindAreJudged(fields: dict[str, Any]) -> None:
    for each in FILTERS:
        for msgType in (1, 2, 3, 4, 9):
            judge(each, {"msgType": msgType, **fields})


@pytest.mark.parametrize(
    "text",
    [
        "v=0\r\n" + "m=audio 9 RTP/SAVPF 0\r\n" * 5_000,
        "v=0\r\nm=video 9 RTP/SAVPF "
        + " ".join(map(str, range(6_000)))
        + "".join(f"\r\na=rtpmap:{number} rtx/90000\r\na=fmtp:{number} apt={number + 1}" for number in range(5_000))
        + "\r\na=rtpmap:5000 vp8/90000\r\n",
        "v=0\r\nm=audio 9 RTP/SAVPF 0\r\n" + "a=candidate:1 1 udp 1 10.0.0.1 5 typ host\r\n" * 5_000,
        "v=0\r\nm=video 9 RTP/SAVPF 1\r\na=fmtp:1 " + "; " * 100_000 + "apt=x\r\n",
        "v=0\r\nm=video 9 RTP/SAVPF 1\r\na=rid:1 " + " pt=1," * 50_000 + "\r\n",
        "v=0" * 100_000,
        "v=0\n" + "m=\ncandidate:\n" * 50_000,
        "v=0\n" + "m=audio 9 X 0\n" * 70_000,
        "v=0\nm=video 9 X" + " 9" * 18_000 + "\na=rtpmap:9 rtx/1\na=fmtp:9 " + ";apt=1" * 20_000,
        "v=0\nm=video 9 X" + " 9" * 18_000 + "\na=rtpmap:9 red/1\na=fmtp:9 " + "1/" * 60_000,
        "v=0\nm=video 9 X" + " 9" * 18_000 + "\na=fmtp:9 " + "p" * 200_000,
        "v=0\nm=video 9 X " + " ".join(map(str, range(150_000))),
    ],
    ids=[
        *("sections", "retransmissions of retransmissions", "candidates", "parameters", "rid", "no lines"),
        *("sections with a candidate", "very many sections", "one retransmission of many", "redundancy"),
        *("one payload type again and again", "very many payload types"),
    ],
)
def test_largeOnesTakeNoLongerThanTheirLength(text: str) -> None:
    def askAll() -> None:
        for each in FILTERS:
            judge(each, {"msgType": 1, "sdp": text})

    assert leastSeconds(askAll, times=1) < MOST_ITERATIONS * len(text) * iterationSeconds()


@pytest.mark.parametrize("depth", [400, 600, 900, 5_000, 200_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("content", [HOST, MEDIA], ids=["candidate", "media"])
def test_whatIsTooDeepInAStringIsDropped(depth: int, opening: str, closing: str, content: str) -> None:
    """A filter that failed on it would soon not be asked at all."""
    text = opening * depth + f'"{content}"' + closing * depth
    for each in FILTERS[:-1]:
        given = makeMessage({"msgType": 1, "x": text})
        passed = each.filterMessage(FakePeer(), FakeRoom(), given)
        assert passed is None or isinstance(passed.body["x"], str)
        if content == HOST and each.name == "candidates":
            assert passed is None or HOST not in passed.body["x"]


def test_aPayloadTypeMayBeLongerThanAnyNumber() -> None:
    lines = ["v=0", "m=video 9 RTP/SAVPF 96 97 " + "9" * 5_000, "a=rtpmap:96 VP8/90000", "a=rtpmap:97 VP9/90000", ""]
    given = makeMessage({"msgType": 1, "sdp": "\r\n".join(lines)})
    assert FILTERS[0].filterMessage(FakePeer(), FakeRoom(), given) is not None


def test_aMessageWithMoreMediaThanAnyoneHasIsRefused() -> None:
    texts = ["v=0\r\n" + "m=audio 9 RTP/SAVPF 0\r\n" * 900] * 6
    with pytest.raises(Refused) as refused:
        FILTERS[0].filterMessage(FakePeer(), FakeRoom(), makeMessage({"msgType": 1, "sdp": texts}))
    assert refused.value.code == "too-large"
    assert FILTERS[0].filterMessage(FakePeer(), FakeRoom(), makeMessage({"msgType": 1, "sdp": texts[:5]}))
