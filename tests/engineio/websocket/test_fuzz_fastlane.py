"""Our own way of receiving against Autobahn's: random streams, good and broken, step by step.

The same for longer, by hand: ``python -m tests.engineio.fuzz_fastlane --seconds 300``.
"""

from __future__ import annotations

import pytest
from txaio import tx

from rtcsignal.engineio.websocket.fastlane import FastLane
from tests.engineio import fuzz_fastlane
from tests.engineio.fuzz_fastlane import MOST, SETTLE, Step, Stream, delay, difference, make, run, shortest
from tests.wire.rawws import CLOSE, CONTINUATION, PING, TEXT, frame, textFrame

_BATCHES, _EACH = 6, 100


@pytest.fixture(autouse=True)
def autobahnsClock(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the runs set is undone."""
    monkeypatch.setattr(tx.config, "loop", None)


@pytest.mark.parametrize("batch", range(_BATCHES))
def test_bothWaysDoTheSameAtEveryStep(batch: int) -> None:
    for seed in range(batch * _EACH, (batch + 1) * _EACH):
        assert difference(make(seed)) == "", f"seed {seed}"


@pytest.mark.parametrize("batch", range(_BATCHES))
def test_waitingInLineChangesNothing(batch: int) -> None:
    for seed in range(batch * _EACH // 4, (batch + 1) * _EACH // 4):
        assert delay(make(seed)) == "", f"seed {seed}"


def test_theyDoOnRealSocketsToo() -> None:
    """Where the fast path sends past the transport's buffer: what it sends, not even an abort takes back."""
    for seed in range(100):
        stream = make(seed)
        stream = stream._replace(steps=[step for step in stream.steps if step not in ("stall", "read", "drop")])
        if any(seen.received[1] == "drop" for seen in run(stream, True)):
            continue
        assert difference(stream, real=True) == "", f"seed {seed}"


_HALF = frame(TEXT, "aé€".encode()[:5], fin=False)

KNOWN: dict[str, list[Step]] = {
    "the first moments end within a character": [_HALF, SETTLE, frame(CONTINUATION, b"\xac"), textFrame("b")],
    "they end there, and the character does not": [_HALF, SETTLE, frame(CONTINUATION, b"b"), textFrame("c")],
    "they end within a character and a frame": [frame(TEXT, b"\xe2\x82\xac" * 50, fin=False)[:20], SETTLE, b"\0" * 5],
    "they end within a header of Autobahn's": [frame(PING, b"a")[:3], SETTLE, frame(PING, b"a")[3:], textFrame("b")],
    "they end while the server closes": [_HALF, "close", SETTLE, frame(CONTINUATION, b"\xac"), frame(CLOSE)],
    "they end when it has dropped the client": [_HALF, "drop", SETTLE],
    "they end while it does not read": [_HALF, "pause", SETTLE, frame(CONTINUATION, b"\xac"), "wait", textFrame("b")],
    "bad UTF-8 in half a frame": [frame(TEXT, b"a\xff" + b"a" * 50)[:20]],
    "half a character in half a frame": [frame(TEXT, b"a\xe2\x82" + b"a" * 50)[:9], b"x"],
    "the server closes within a frame": [textFrame("hello")[:6], "close", textFrame("hello")[6:], frame(CLOSE)],
    "it closes within a length": [textFrame("x" * 200)[:3], "close", textFrame("x" * 200)[3:], frame(CLOSE)],
    "it closes in the middle of a write": [textFrame("close") + textFrame("behind")[:4], frame(CLOSE)],
}


@pytest.mark.parametrize("steps", KNOWN.values(), ids=KNOWN)
def test_whatOnceWasDifferentIsTheSame(steps: list[Step]) -> None:
    assert difference(Stream(MOST, steps)) == ""


def test_aDifferenceIsFoundAndMadeSmall(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the fast path took reserved bits for granted."""
    honest = FastLane.dataReceived

    def careless(self: FastLane, data: bytes) -> None:
        honest(self, bytes([data[0] & 0x8F]) + data[1:] if self.takesFrames else data)

    monkeypatch.setattr(FastLane, "dataReceived", careless)
    stream = Stream(MOST, [textFrame("one"), "send", frame(TEXT, b"two", rsv=4), textFrame("three")])
    assert difference(stream)
    assert shortest(stream, difference).steps == [textFrame("one"), frame(TEXT, b"two", rsv=4)]


def test_theStreamsAreOfManyKinds() -> None:
    """What the seeds make reaches what they are there for."""
    ends = [run(make(seed), True) for seed in range(100)]
    assert sum(seen[-2].connected for seen in ends) > 20
    assert sum(not seen[-2].connected for seen in ends) > 20
    assert sum(seen[-1].received[0] > 3 for seen in ends) > 10
    large = [run(make(seed), True) for seed in range(200) if make(seed).most > MOST]
    assert sum(any(len(step.received[1] or "") > 20_000 for step in seen) for seen in large) > 5
    steps = [step for seed in range(100) for step in make(seed).steps]
    assert set(fuzz_fastlane.DEEDS) <= {step for step in steps if isinstance(step, str)}
