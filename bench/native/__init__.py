"""The loop in C: compiles `load.c` where there is a compiler, and drives it."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shutil
import subprocess
from collections.abc import Sequence
from ctypes import POINTER, Structure, c_char, c_double, c_int32, c_int64, c_ubyte, c_uint64, c_void_p
from pathlib import Path
from typing import Any, TypeVar

from bench.crowd import Crowd
from bench.errors import BenchError
from bench.histogram import BUCKETS, Histogram
from bench.script import Script
from bench.tally import Tally

__all__ = ["NativeLoop", "library"]

_Kept = TypeVar("_Kept", bound="ctypes.Array[Any]")

_HERE = Path(__file__).parent
_SOURCE = _HERE / "load.c"
_BUILD = _HERE.parent / "build"


class _Text(Structure):
    _fields_ = [("data", c_void_p), ("size", c_uint64)]


class _Numbers(Structure):
    _fields_ = [("items", POINTER(c_int32)), ("count", c_int64)]


class _Move(Structure):
    _fields_ = [
        ("kind", c_int32),
        ("sender", c_int32),
        ("listener", c_int32),
        ("unused", c_int32),
        ("head", _Text),
        ("body", _Text),
        ("rest", _Text),
        ("answers", _Numbers),
    ]


class _Step(Structure):
    _fields_ = [("moves", _Numbers), ("heard", c_uint64), ("completes", c_int64)]


class _Setup(Structure):
    _fields_ = [
        ("members", c_int32),
        ("hearers", c_int32),
        ("move_count", c_int32),
        ("step_count", c_int32),
        ("moves_on", c_int32),
        ("groups", c_int32),
        ("gap", c_int64),
        ("ping_gap", c_int64),
        ("moves", POINTER(_Move)),
        ("steps", POINTER(_Step)),
        ("files", POINTER(c_int32)),
        ("broadcasts", _Text),
        ("announcements", _Text),
        ("key", c_ubyte * 8),
    ]


_COUNTS = ("sent", "expected", "received", "late", "doubled", "damaged", "closed", "deliveries", "rounds", "heartbeats")


class _Tally(Structure):
    _fields_ = [
        *((name, c_uint64) for name in _COUNTS),
        ("latency", c_uint64 * BUCKETS),
        ("round_time", c_uint64 * BUCKETS),
        ("trouble", c_char * 256),
    ]


@functools.cache
def library() -> ctypes.CDLL:
    """The compiled loop.

    Raises:
        BenchError: It cannot be compiled here; the text says why.
    """
    compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise BenchError("there is no C compiler")
    source = b"".join(path.read_bytes() for path in sorted(_HERE.glob("*.[ch]")))
    name = hashlib.sha256(source).hexdigest()[:16]
    target = _BUILD / f"native-{name}.so"
    if not target.exists():
        _BUILD.mkdir(exist_ok=True)
        # Under a name of its own until it is whole: another process may be doing the same.
        partial = target.with_suffix(f".{os.getpid()}")
        command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(partial), str(_SOURCE)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise BenchError(f"{compiler} failed: {done.stderr.strip()[:500]}")
        partial.replace(target)
    loaded = ctypes.CDLL(str(target))
    loaded.load_open.restype = c_void_p
    loaded.load_open.argtypes = [POINTER(_Setup)]
    loaded.load_run.argtypes = [c_void_p, c_double, c_int32]
    loaded.load_drain.argtypes = [c_void_p, c_double]
    loaded.load_tally.restype = POINTER(_Tally)
    loaded.load_tally.argtypes = [c_void_p]
    loaded.load_close.argtypes = [c_void_p]
    return loaded


class NativeLoop:
    """Plays a script over plain connections.

    Args:
        crowd: All are in their rooms.
        script: What they do there.
        rate: Messages in a second, said by the rooms in turn; 0 if the script's steps say them.

    Raises:
        BenchError: It cannot be compiled here.
    """

    name = "C"

    def __init__(self, crowd: Crowd, script: Script, rate: float = 0.0) -> None:
        self._library = library()
        self._kept: list[object] = []
        """What the structures point to lives as long as they do."""
        pingGap = crowd.clients[0].pingInterval if crowd.dialect.revision == 3 else 0.0
        event = crowd.dialect.event.encode()
        setup = _Setup(
            members=script.members,
            hearers=script.hearers,
            move_count=len(script.moves),
            step_count=len(script.steps),
            moves_on=script.movesOn,
            groups=crowd.rooms,
            gap=int(1e9 / rate) if rate else 0,
            ping_gap=int(pingGap * 1e9),
            moves=self._movesOf(script),
            steps=self._stepsOf(script),
            files=self._integers([client.wire.fileno() for client in crowd.clients]),
            broadcasts=self._text(event + b'["broadcast",'),
            announcements=self._text(event + b'["user-'),
            key=(c_ubyte * 8)(*crowd.clients[0].key * 2),
        )
        self._load = self._library.load_open(ctypes.byref(setup))

    def run(self, seconds: float, counting: bool) -> None:
        """Go on for so long, and count what is measured, or not."""
        self._library.load_run(self._load, seconds, counting)

    def drain(self, most: float) -> None:
        """Begin nothing new, and wait for so many seconds at most until everything has arrived."""
        self._library.load_drain(self._load, most)

    def tally(self) -> Tally:
        """What came of it. The load is over then."""
        raw = self._library.load_tally(self._load).contents
        tally = Tally(**{name: getattr(raw, name) for name in _COUNTS})
        tally.latency = Histogram(raw.latency)
        tally.roundTime = Histogram(raw.round_time)
        tally.trouble = raw.trouble.decode(errors="replace")
        self._library.load_close(self._load)
        return tally

    def _movesOf(self, script: Script) -> ctypes.Array[_Move]:
        moves = (_Move * max(len(script.moves), 1))()
        for raw, move in zip(moves, script.moves, strict=False):
            raw.kind, raw.sender, raw.listener = move.kind, move.sender, move.listener
            raw.head, raw.body, raw.rest = map(self._text, (move.head, move.body, move.rest))
            raw.answers = self._numbers(move.answers)
        return self._keep(moves)

    def _stepsOf(self, script: Script) -> ctypes.Array[_Step]:
        steps = (_Step * len(script.steps))()
        for raw, step in zip(steps, script.steps, strict=True):
            raw.moves, raw.heard, raw.completes = self._numbers(step.moves), step.heard, step.completes
        return self._keep(steps)

    def _text(self, data: bytes) -> _Text:
        kept = self._keep((c_char * max(len(data), 1)).from_buffer_copy(data or b"\0"))
        return _Text(ctypes.cast(kept, c_void_p), len(data))

    def _numbers(self, numbers: Sequence[int]) -> _Numbers:
        return _Numbers(self._integers(numbers), len(numbers))

    def _integers(self, numbers: Sequence[int]) -> ctypes._Pointer[c_int32]:
        return ctypes.cast(self._keep((c_int32 * max(len(numbers), 1))(*numbers)), POINTER(c_int32))

    def _keep(self, kept: _Kept) -> _Kept:
        self._kept.append(kept)
        return kept
