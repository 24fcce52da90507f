"""Recorded calls of two browsers: each is judged as it should be, and any part of it without an exception."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtcsignal.calls.capture import Capture, NoCapture, readCaptures, writeCapture
from rtcsignal.calls.timeline import Event
from rtcsignal.calls.verdicts import VERDICTS, judge

FILES = sorted((Path(__file__).parents[1] / "data" / "captures").glob("*.jsonl"))


def captureIn(path: Path) -> Capture:
    (capture,) = readCaptures(path.read_text(encoding="utf-8").splitlines())
    return capture


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_aCaptureHasItsVerdict(path: Path) -> None:
    capture = captureIn(path)
    assert capture.judge().verdict == capture.text("verdict")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_anyPartOfACaptureHasAVerdict(path: Path) -> None:
    events = captureIn(path).events
    for count in range(len(events) + 1):
        last = events[count - 1].t if count else 0.0
        for later in (0.0, 5_000.0, 12_000.0, 1e9):
            assert judge(events[:count], last + later).verdict in VERDICTS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_whatIsWrittenIsReadAgain(path: Path) -> None:
    capture = captureIn(path)
    (again,) = readCaptures(writeCapture({"now": capture.now}, capture.events).splitlines())
    assert again.events == [Event(round(each.t), each.who, each.ev, each.data) for each in capture.events]


NAMES = st.sampled_from(
    ["f", "fOut", "m", "cands", "sid", "ver", "ufrag", "fpr", "type", "addr", "net", "eoc", "kind", "off", "codecs"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(["a", "b", "host"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(["f", "fOut", "delivered", "dropped", "turn", "expires", "code", "state", "ice", "dtls"]),
    VALUES,
    max_size=6,
)
KINDS = [
    *("offer", "answer", "candidate", "turn", "join", "leave", "hangup"),
    *("state", "gather-error", "client-error", "x"),
]
EVENTS = st.builds(
    Event, st.floats(0, 20_000), st.sampled_from(["a", "b"]), st.sampled_from(KINDS), FIELDS
)


@given(st.lists(EVENTS, max_size=12), st.floats(0, 60_000))
def test_whateverIsInAFileIsJudged(events: list[Event], now: float) -> None:
    verdict = judge(events, now)
    assert verdict.verdict in VERDICTS
    assert verdict.side in (None, "a", "b")


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", '{"t":0,"who":"a","ev":"offer"}', '{"v":2}', '{"v":true}', '{"v":1}\n7', '{"v":1}\n{"t":0}',
     '{"v":1}\n{"t":"0","who":"a","ev":"x"}', '{"v":1}\n{"t":0,"who":"c","ev":"x"}', "[" * 100_000],
)  # fmt: skip
def test_whatIsNoCaptureIsSaid(text: str) -> None:
    with pytest.raises(NoCapture):
        list(readCaptures(text.splitlines()))


def test_aFileMayHaveSeveral() -> None:
    text = FILES[0].read_text() + "\n" + FILES[1].read_text()
    assert [each.text("verdict") for each in readCaptures(text.splitlines())] == [
        json.loads(path.read_text().splitlines()[0])["verdict"] for path in FILES[:2]
    ]


@pytest.mark.parametrize(
    ("at", "seconds"),
    [(1.5, 1.5), (1_700_000_000_000, 1_700_000_000.0), ("1970-01-01T00:01:00Z", 60.0), ("1970-01-01T00:01:00", 60.0),
     ("x", None), (True, None), (None, None)],
)  # fmt: skip
def test_theBeginningIsReadInAnyForm(at: object, seconds: float | None) -> None:
    assert Capture({"at": at}).at == seconds


def test_withoutATimeItIsJudgedAtItsLastEvent() -> None:
    assert Capture({"now": None}, [Event(7.0, "a", "join")]).now == 7.0
    assert Capture({}).now == 0.0
