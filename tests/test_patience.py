"""No test depends on how busy the machine is: none takes the time of its own clock, none gives up after few seconds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tests.support.processes import ROOT

FOLDER = ROOT / "tests"
CLOCKS = {"monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns"}
WAITING = {
    *("HTTPConnection", "HTTPSConnection", "create_connection", "run", "settimeout", "startProcess", "urlopen"),
    *("waitEnd", "waitExit", "waitLog", "waitOutput"),
}


def faults(source: str) -> Iterator[str]:
    """Where a test measures seconds, or waits for less than `PATIENCE`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and _called(node.left) in CLOCKS:
            yield f"{node.lineno}: how long something takes tells of the machine: {ast.unparse(node)}"
        if isinstance(node, ast.Call) and _called(node) in WAITING:
            limits = [word.value for word in node.keywords if word.arg == "timeout"]
            limits += node.args[:1] if _called(node) in {"settimeout", "waitEnd", "waitExit"} else []
            for limit in limits:
                if isinstance(limit, ast.Constant) and isinstance(limit.value, (int, float)) and limit.value < PATIENCE:
                    yield f"{node.lineno}: give it PATIENCE: {ast.unparse(node)}"


def _called(node: ast.AST) -> str:
    """The name of the function that an expression calls, without its module or object."""
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


@pytest.mark.parametrize(
    "path", sorted(FOLDER.rglob("test_*.py")), ids=lambda path: str(path.relative_to(FOLDER))
)
def test_nothingIsJudgedByTheClockOfATest(path: Path) -> None:
    if "node_modules" not in path.parts:
        assert list(faults(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("assert time.monotonic() - started < 2", 1),
        ("inTime(perf_counter() - began)", 1),
        ("left = deadline - time.monotonic()", 0),
        ("assert time.monotonic() < deadline", 0),
        ("process.waitExit(10)", 1),
        ("process.waitExit()", 0),
        ("subprocess.run(command, timeout=5, check=True)", 1),
        ("subprocess.run(command, timeout=300, check=True)", 0),
        ("subprocess.run(command, timeout=START_PATIENCE, check=True)", 0),
        ("Treatment(timeout=0.5)", 0),
    ],
)
def test_whatItFinds(source: str, count: int) -> None:
    assert len(list(faults(source))) == count
