"""``python -m rtcsignal calls``: the calls that a server has written down, as a list, or judged anew."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rtcsignal.calls.capture import Capture, NoCapture, readCaptures
from rtcsignal.logtext import safe

__all__ = ["addCalls"]

_DIFFERS, _NO_CAPTURE = 1, 2


def addCalls(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those that there are."""
    command = commands.add_parser("calls", help="read the file that calls.file of the configuration names")
    actions = command.add_subparsers(required=True, metavar="ACTION")
    lister = actions.add_parser("list", help="a line for each call, as it was judged last")
    lister.add_argument("files", metavar="FILE", nargs="+", type=Path)
    lister.add_argument("--room", metavar="ROOM", help="only the calls in this room")
    lister.add_argument("--user", metavar="ID", help="only the calls of this user")
    lister.add_argument("--verdict", metavar="VERDICT", help="only the calls with this verdict")
    since = "only the calls that began then or later: 2026-11-30, 2026-11-30T10:15, or seconds since the epoch"
    lister.add_argument("--since", metavar="TIME", type=_time, default=-math.inf, help=since)
    lister.set_defaults(run=_list)
    replay = "judge each call anew, and compare: exit code 1 if a verdict differs, 2 if something is no capture"
    replayer = actions.add_parser("replay", help=replay)
    replayer.add_argument("files", metavar="FILE", nargs="+", type=Path)
    replayer.set_defaults(run=_replay)


def _list(parsed: argparse.Namespace) -> int:
    captures, code = _read(parsed.files)
    latest: dict[object, Capture] = {}
    for _, capture in captures:
        # A call is written anew when its verdict changes.
        key = capture.text("call") or object()
        latest.pop(key, None)
        latest[key] = capture
    for capture in latest.values():
        if _isWanted(capture, parsed):
            print(_line(capture))
    return code


def _replay(parsed: argparse.Namespace) -> int:
    captures, code = _read(parsed.files)
    for path, capture in captures:
        verdict = capture.judge()
        line = f"{safe(str(path), 1000)}: {verdict.verdict} {verdict.side or '-'}: {verdict.why}"
        before = capture.text("verdict")
        if before and before != verdict.verdict:
            line += f" (the file says {safe(before)})"
            code = max(code, _DIFFERS)
        print(line)
    return code


def _read(paths: Sequence[Path]) -> tuple[list[tuple[Path, Capture]], int]:
    """Read files; what is wrong with them is printed.

    Returns:
        The captures, each with its file; and the exit code so far.
    """
    found: list[tuple[Path, Capture]] = []
    code = 0
    for path in paths:
        try:
            found += [(path, capture) for capture in _capturesIn(path)]
        except (NoCapture, OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else reason
            print(f"{safe(str(path), 1000)}: no capture: {reason}", file=sys.stderr)
            code = _NO_CAPTURE
    return found, code


def _capturesIn(path: Path) -> Iterator[Capture]:
    with path.open(encoding="utf-8") as lines:
        yield from readCaptures(lines)


def _isWanted(capture: Capture, parsed: argparse.Namespace) -> bool:
    if parsed.room is not None and capture.text("room") != parsed.room:
        return False
    if parsed.user is not None and parsed.user not in (capture.text("a"), capture.text("b")):
        return False
    if parsed.verdict is not None and capture.text("verdict") != parsed.verdict:
        return False
    return bool(parsed.since == -math.inf or (capture.at or -math.inf) >= parsed.since)


def _line(capture: Capture) -> str:
    at = capture.at
    when = "?" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    names = {side: safe(capture.text(side) or side) for side in ("a", "b")}
    side = names.get(capture.text("side"))
    who = f"{names['a']} and {names['b']} in {safe(capture.text('room') or '?')}"
    whose = "" if side is None else f" ({side})"
    return f"{when} {who}: {safe(capture.text('verdict') or '?')}{whose}: {safe(capture.judge().why, 1000)}"


def _time(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
        return (parsed if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)).timestamp()
