"""Differential fuzzing: our own way of receiving against Autobahn's, step by step.

    python -m tests.engineio.fuzz_fastlane --seconds 300 [--seed 1]

Each seed makes a stream of WebSocket frames, good and broken, cut into random pieces, with a server that sometimes
does something of its own in between. Both ways must give the same messages, the same bytes and the same ends after
every single step. The first difference is printed as the shortest list of steps that still shows it.
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
from tests.engineio.memory import SelectingClock
from tests.wire.rawws import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

__all__ = ["MOST", "Seen", "Step", "difference", "make", "run", "shortest"]

MOST = 1_000
"""The largest message, so small that streams cross it."""

Step: TypeAlias = bytes | str
"""Bytes that the client writes, or one of `DEEDS` of the server."""

DEEDS: dict[str, Callable[[Visit], object]] = {
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


def make(seed: int) -> list[Step]:
    """The steps of a seed: the same at all times."""
    random = Random(seed)
    kinds = random.choice((_GOOD, _ANY))
    frames = [random.choice(kinds)(random) for _ in range(random.randint(1, 12))]
    deeds = random.choice(((), (), tuple(DEEDS)))
    steps: list[Step] = []
    for piece in _pieces(random, frames):
        steps.append(piece)
        if deeds and random.random() < 0.15:
            steps.append(random.choice(deeds))
    return steps


def _pieces(random: Random, frames: list[bytes]) -> list[bytes]:
    """The frames cut: at their edges, into bytes, into small pieces, into large ones, or not at all."""
    sizes = random.choice(((), (1,), (1, 2, 3, 7), (40, 100, 400), None))
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


def run(steps: list[Step], fast: bool, real: bool = False) -> list[Seen]:
    """What happens on one way; the client hangs up at last.

    Args:
        steps: What is done.
        fast: Take the fast path.
        real: Use Twisted's own transport; then no step may stall the client.
    """
    config: Any = tx.config
    clock = config.loop = SelectingClock()
    visit = Visit(clock, fast, real, MOST)
    seen = []
    for step in steps:
        if isinstance(step, str):
            DEEDS[step](visit)
        elif visit.connected:
            visit.send(step)
        received = visit.echo.received
        last = received[-1] if received else None
        seen.append(Seen((len(received), last), visit.read(), visit.connected, visit.echo.lost))
    visit.end()
    seen.append(Seen((len(visit.echo.received), None), b"", False, visit.echo.lost))
    return seen


def difference(steps: list[Step], real: bool = False) -> str:
    """What the two ways do not agree on; "" if they do."""
    ours, theirs = run(steps, True, real), run(steps, False, real)
    for at, (fast, plain) in enumerate(zip(ours, theirs, strict=True)):
        if fast != plain:
            return f"after step {at} of {steps!r}:\n  fast:  {fast}\n  plain: {plain}"
    return ""


def shortest(steps: list[Step], fails: Callable[[list[Step]], object]) -> list[Step]:
    """Leave out steps as long as it still fails."""
    at = 0
    while at < len(steps):
        fewer = steps[:at] + steps[at + 1 :]
        if fails(fewer):
            steps = fewer
        else:
            at += 1
    return steps


def main() -> int:
    """Fuzz for a while, seed after seed."""
    parser = argparse.ArgumentParser(description="Compare the fast path of receiving with Autobahn's")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    end, seed = time.monotonic() + options.seconds, options.seed
    while time.monotonic() < end:
        steps = make(seed)
        if difference(steps):
            print(f"seed {seed}: {difference(shortest(steps, difference))}")
            return 1
        seed += 1
    print(f"{seed - options.seed} streams, no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
