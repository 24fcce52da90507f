"""Descriptions and candidates that Chromium and aiortc have written, byte by byte, and messages with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rtcsignal.api import Message
from rtcsignal.testing import makeMessage

FOLDER = Path(__file__).parents[2] / "data" / "sdp"

DESCRIPTIONS = tuple(sorted(path.stem for path in FOLDER.glob("*-*.sdp") if not path.stem.startswith("expected")))
"""The names of all that were written by a browser or by aiortc."""

KINDS = {"offer": 1, "answer": 2, "candidate": 3, "hangup": 4}


def description(name: str) -> str:
    return (FOLDER / f"{name}.sdp").read_bytes().decode()


def candidates(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_bytes())


def offer(sdp: Any, kind: str = "offer") -> Message:
    return makeMessage({"userId": "ann", "msgType": KINDS[kind], "sdp": sdp, "pc": "p1"})


def candidate(value: Any) -> Message:
    return makeMessage({"userId": "ann", "msgType": 3, "id": "0", "label": 0, "candidate": value})
