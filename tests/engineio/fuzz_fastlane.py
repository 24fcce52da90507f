"""Differential fuzzing: our own way of receiving against Autobahn's, step by step.

    python -m tests.engineio.fuzz_fastlane --seconds 300 [--seed 1]

Each seed makes a stream of WebSocket frames, good and broken, cut into random pieces, with a server that sometimes
does something of its own in between; the first moments of the connection end anywhere, within a frame or a character
too. Both ways must give the same messages, the same bytes and the same ends after every single step. The first
difference is printed as the shortest list of steps that still shows it. So must a way on which the connection waits in
line for every few steps, once all is done.

`tests.engineio.fuzz_sockets` does the same over the network.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple, TypeAlias

from txaio import tx

from rtcsignal.engineio.frames import textFrame
from tests.engineio.echo import Visit
from tests.engineio.frames import framesOf
from tests.engineio.memory import SelectingClock
from tests.wire.rawws import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

__all__ = ["LARGE", "MOST", "Seen", "Step", "Stream", "delay", "difference", "make", "run", "shortest"]

MOST = 1_000
"""The largest message of most streams, so small that they cross it."""

LARGE = 200_000
"""That of the others, more than a read of a socket brings."""

SETTLE = "settle"

Step: TypeAlias = bytes | str
"""Bytes that the client writes, or one of `DEEDS` of the server."""

DEEDS: dict[str, Callable[[Visit], object]] = {
    SETTLE: lambda visit: visit.settle(),
    "pause": lambda visit: visit.echo.link.pauseReading(1),
    "send": lambda visit: visit.echo.link.writeFrame(textFrame(b"unasked")),
    "close": lambda visit: visit.echo.link.closeWith(1001),
    "drop": lambda visit: visit.echo.link.drop(),
    "wait": lambda visit: visit.clock.advance(1.5),
    "stall": lambda visit: setattr(visit.link, "stalled", True),
    "read": lambda visit: setattr(visit.link, "stalled", False),
}

_TEXTS = ("", "a", "x" * 124, "x" * 125, "x" * 126, "é€😀" * 14, "x" * MOST, "\x00\ufeff")
_ORDERS = ("close", "pause", "drop")
_CUT_TEXT = "aé€😀".encode()


class Stream(NamedTuple):
    """What happens to one connection.

    Attributes:
        most: The largest message that the server takes, in bytes.
        steps: What is done, in order.
    """

    most: int
    steps: list[Step]


class Seen(NamedTuple):
    """What had come of a stream after a step.

    Attributes:
        received: How many messages, and the last one.
        sent: What the client got in this step.
        connected: The connection goes on.
        lost: How often the end was told.
    """

    received: tuple[int, str | bytes | None]
    sent: bytes
    connected: bool
    lost: int


def _text(random: Random) -> bytes:
    return random.choice(_TEXTS if random.random() < 0.95 else _ORDERS).encode()


def _bad(random: Random) -> bytes:
    """Bytes that are hardly UTF-8, with the fault anywhere."""
    data = bytearray(_CUT_TEXT * random.randint(1, 4))
    data[random.randrange(len(data))] = random.choice((0xFF, 0xC0, 0x80, 0xED, 0xF4, 0xA0, 0x41))
    return bytes(data[: random.randint(1, len(data))])


def _message(random: Random) -> bytes:
    """A whole text message, as nearly all traffic is."""
    return frame(TEXT, _text(random), mask=random.randbytes(4))


def _fragmented(random: Random) -> bytes:
    data = random.choice((_text, _bad))(random)
    parts = [data[at : at + 7] for at in range(0, len(data), 7)][:12] or [b""]
    opcode = random.choice((TEXT, TEXT, BINARY))
    frames = []
    for at, part in enumerate(parts):
        frames.append(frame(CONTINUATION if at else opcode, part, fin=at == len(parts) - 1))
        if random.random() < 0.2:
            frames.append(frame(PING, b"between"))
    return b"".join(frames)


def _control(random: Random) -> bytes:
    return frame(random.choice((PING, PING, PONG)), random.randbytes(random.choice((0, 1, 125))))


def _binary(random: Random) -> bytes:
    return frame(BINARY, random.randbytes(random.choice((0, 1, 125, 126, MOST))))


def _closing(random: Random) -> bytes:
    code = random.choice((1000, 1001, 3000, 4999, 1005, 999, 5000)).to_bytes(2, "big")
    return frame(CLOSE, random.choice((b"", b"\x03", code, code + b"why", code + b"\xff", code + b"x" * 124)))


def _broken(random: Random) -> bytes:
    """A frame that may break any rule."""
    return frame(
        random.randrange(16),
        random.choice((b"", b"a", _text(random), _bad(random))),
        fin=random.random() < 0.8,
        rsv=random.choice((0, 0, 0, 1, 4)),
        mask=random.choice((None, random.randbytes(4), random.randbytes(4))),
        announced=random.choice((None, None, None, 0, 1, 126, 65_535, 65_536, 1 << 32, (1 << 63) + 1)),
    )


def _longForm(random: Random) -> bytes:
    """A text whose length takes two bytes, whether it needs them or not."""
    data = b"x" * random.choice((0, 5, 125, 126, 127, MOST, MOST + 1))
    return b"\x81\xfe" + len(data).to_bytes(2, "big") + bytes(4) + data


def _spoilt(random: Random) -> bytes:
    """A message in which a bit is wrong, or the end is missing."""
    data = bytearray(random.choice((_message, _fragmented, _control, _binary))(random))
    if random.random() < 0.5:
        data[random.randrange(len(data))] ^= 1 << random.randrange(8)
    else:
        del data[random.randrange(len(data)) :]
    return bytes(data)


def _badText(random: Random) -> bytes:
    return frame(TEXT, _bad(random))


_GOOD = (_message,) * 8 + (_fragmented, _control, _binary, _longForm)
_ANY = (*_GOOD, _closing, _broken, _spoilt, _badText)


def _largeText(random: Random) -> bytes:
    """A message of many reads: whole, or in fragments that end within characters."""
    data = (_CUT_TEXT * (LARGE // len(_CUT_TEXT) + 1))[: random.choice((70_000, LARGE - 5, LARGE, LARGE + 1))]
    data = data.decode("utf-8", "ignore").encode()
    if random.random() < 0.1:
        data = data[: random.randrange(len(data))] + b"\xff" + data[:9]
    if random.random() < 0.3:
        return frame(TEXT, data, mask=random.randbytes(4))
    frames, at = [], 0
    while at < len(data):
        end = at + random.choice((1, 1_000, 66_000, LARGE))
        frames.append(frame(CONTINUATION if at else TEXT, data[at:end], fin=end >= len(data)))
        at = end
    return b"".join(frames)


def make(seed: int) -> Stream:
    """What happens with a seed: the same at all times."""
    random = Random(seed)
    isLarge = random.random() < 0.1
    kinds = random.choice((_GOOD, _ANY))
    frames = [random.choice(kinds)(random) for _ in range(random.randint(1, 12))]
    if isLarge:
        frames.insert(random.randint(0, len(frames)), _largeText(random))
    deeds = random.choice(((), (), tuple(DEEDS)))
    steps: list[Step] = []
    for piece in _pieces(random, frames, isLarge):
        steps.append(piece)
        if deeds and random.random() < 0.15:
            steps.append(random.choice(deeds))
    return Stream(LARGE if isLarge else MOST, _settling(random, steps))


def _settling(random: Random, steps: list[Step]) -> list[Step]:
    """Let the first moments end somewhere: before everything, between two steps, or in the middle of a write."""
    at = random.choice((0, random.randint(0, len(steps)), random.randint(0, len(steps))))
    step = steps[at] if 0 < at < len(steps) else SETTLE
    if isinstance(step, str):
        return [*steps[:at], SETTLE, *steps[at:]]
    cut = random.randint(0, len(step))
    parts: list[Step] = [step[:cut], SETTLE, step[cut:]]
    return [*steps[:at], *(part for part in parts if part), *steps[at + 1 :]]


def _pieces(random: Random, frames: list[bytes], isLarge: bool) -> list[bytes]:
    """The frames cut: at their edges, into bytes, into small pieces, into large ones, or not at all."""
    ofSmall, ofLarge = ((), (1,), (1, 2, 3, 7), (40, 100, 400), None), ((3_000, 50_000, 70_001), None)
    sizes = random.choice(ofLarge if isLarge else ofSmall)
    if sizes is None:
        return frames
    stream, pieces = b"".join(frames), []
    if not sizes:
        return [stream]
    if len(sizes) == 1:
        stream = stream[:300]
    while stream:
        size = random.choice(sizes)
        pieces.append(stream[:size])
        stream = stream[size:]
    return pieces


def run(stream: Stream, fast: bool, real: bool = False, steps: int = 0) -> list[Seen]:
    """What happens on one way; the client hangs up at last.

    Args:
        stream: What is done.
        fast: Take the fast path.
        real: Use Twisted's own transport; then no step may stall the client.
        steps: How many steps of reading a turn has; 0 for as many as there are.
    """
    config: Any = tx.config
    clock = config.loop = SelectingClock()
    visit = Visit(clock, fast, real, stream.most, settled=False, steps=steps)
    seen = []
    for step in stream.steps:
        if isinstance(step, str):
            DEEDS[step](visit)
        elif visit.connected:
            visit.send(step)
        sent, received = visit.read(), visit.echo.received
        last = received[-1] if received else None
        seen.append(Seen((len(received), last), sent, visit.connected, visit.echo.lost))
    visit.end()
    seen.append(Seen((len(visit.echo.received), None), b"", False, visit.echo.lost))
    return seen


def difference(stream: Stream, real: bool = False) -> str:
    """What the two ways do not agree on; "" if they do."""
    ours, theirs = run(stream, True, real), run(stream, False, real)
    for at, (fast, plain) in enumerate(zip(ours, theirs, strict=True)):
        if fast != plain:
            return f"after step {at} of {stream}:\n  fast:  {fast}\n  plain: {plain}"
    return ""


def delay(stream: Stream) -> str:
    """What is different when the connection has to wait in line for every few steps; "" if nothing is.

    A pong may be nearer to its ping then: it is sent at once, and messages at the end of a turn. And if the
    connection is cut, what was sent in the turns before has left.
    """
    for fast in (True, False):
        for at, (free, scarce) in enumerate(zip(run(stream, fast), run(stream, fast, steps=4), strict=True)):
            if _sorted(free) != _sorted(scarce):
                return f"after step {at} of {stream}, fast {fast}:\n  free:   {free}\n  scarce: {scarce}"
    return ""


def _sorted(seen: Seen) -> tuple[object, ...]:
    frames = framesOf(seen.sent) if seen.received[1] != "drop" else []
    pongs = [each for each in frames if each.opcode == PONG]
    return pongs, [each for each in frames if each.opcode != PONG], *seen[:1], *seen[2:]


def shortest(stream: Stream, fails: Callable[[Stream], object]) -> Stream:
    """Leave out steps as long as it still fails."""
    at, steps = 0, stream.steps
    while at < len(steps):
        fewer = steps[:at] + steps[at + 1 :]
        if fails(stream._replace(steps=fewer)):
            steps = fewer
        else:
            at += 1
    return stream._replace(steps=steps)


def main() -> int:
    """Fuzz for a while, seed after seed."""
    parser = argparse.ArgumentParser(description="Compare the fast path of receiving with Autobahn's")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    end, seed = time.monotonic() + options.seconds, options.seed
    while time.monotonic() < end:
        stream = make(seed)
        for compare in (difference, delay):
            if compare(stream):
                print(f"seed {seed}: {compare(shortest(stream, compare))}")
                return 1
        seed += 1
    print(f"{seed - options.seed} streams, no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
