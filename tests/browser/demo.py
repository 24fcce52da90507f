"""A server with the demo page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.processes import Process, startProcess, twistdCommand

__all__ = ["servedDemo"]


@contextmanager
def servedDemo(folder: Path, **config: Any) -> Iterator[Process]:
    """Run it. At its end it must not have logged a traceback.

    Args:
        folder: For its configuration.
        config: What else is in that.
    """
    path = folder / "server.conf"
    path.write_text(json.dumps({"web": {"demo": True}, **config}), encoding="utf-8")
    command = twistdCommand("--config", str(path), "--listen", "tcp:0:interface=127.0.0.1")
    with startProcess(command, cwd=str(folder)) as process:
        yield process
    assert "Traceback" not in process.output(), process.output()
