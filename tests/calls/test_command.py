"""``python -m rtcsignal calls``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rtcsignal.__main__ import main
from rtcsignal.calls.capture import writeCapture
from rtcsignal.calls.timeline import Event
from tests.calls.test_captures import FILES

OFFER = Event(0, "a", "offer", {"delivered": 1, "f": {"sid": "1", "ver": "1"}})
NAMES = {"room": "kitchen", "a": "ann", "b": "bob"}
HEAD: dict[str, Any] = {"call": "c1", "verdict": "no-answer", "now": 6000, **NAMES, "at": 60, "side": "b"}


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["calls", *arguments])
    out, error = capsys.readouterr()
    return code, out, error


def test_samplesAreJudgedAsTheyWere(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = printed(capsys, "replay", *map(str, FILES))
    assert code == 0
    assert len(out.splitlines()) == len(FILES)
    assert f"{FILES[0]}: answer-not-delivered a: the answer of a was not delivered" in out


def test_whatDiffersIsSaid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "calls"
    path.write_text(writeCapture({**HEAD, "verdict": "glare"}, [OFFER]))
    code, out, _ = printed(capsys, "replay", str(path))
    assert (code, out) == (1, f"{path}: no-answer b: b has not answered the offer of a (the file says glare)\n")


@pytest.mark.parametrize("content", [b"", b"x", b"\xff", None])
def test_whatIsNoCaptureIsSaid(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None) -> None:
    path = tmp_path / "calls"
    if content is not None:
        path.write_bytes(content)
    code, out, error = printed(capsys, "replay", str(path), str(FILES[0]))
    assert code == 2
    assert error.startswith(f"{path}: no capture: ")
    assert len(out.splitlines()) == 1


def test_aListHasEachCallOnce(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "calls"
    second = {**HEAD, "call": "c2", "room": "h\u2028ll", "b": "carl", "at": 120, "side": None, "verdict": "glare"}
    heads = [{**HEAD, "verdict": "in-progress"}, second, HEAD]
    path.write_text("".join(writeCapture(head, [OFFER]) for head in heads))
    one = "1970-01-01T00:01:00Z ann and bob in kitchen: no-answer (bob): b has not answered the offer of a"
    two = "1970-01-01T00:02:00Z ann and carl in h\\u2028ll: glare: b has not answered the offer of a"
    for arguments, lines in [
        ((), [two, one]),
        (("--room", "kitchen"), [one]),
        (("--user", "carl"), [two]),
        (("--verdict", "glare"), [two]),
        (("--since", "61"), [two]),
        (("--since", "1970-01-01T00:01:00Z"), [two, one]),
        (("--since", "1970-01-01", "--user", "nobody"), []),
    ]:
        assert printed(capsys, "list", str(path), *arguments)[1].splitlines() == lines


def test_aTimeMustBeOne() -> None:
    with pytest.raises(SystemExit):
        main(["calls", "list", str(FILES[0]), "--since", "yesterday"])
