"""Which way the servers under test take: the fast path, or with ``RTCSIGNAL_LANE=plain`` the plain way without it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["FAST", "configText", "writeConfig"]

FAST: Final = os.environ.get("RTCSIGNAL_LANE", "fast") != "plain"


def configText(config: Mapping[str, Any], fast: bool = FAST) -> str:
    """A configuration file: these keys, and the way to take unless they say it themselves."""
    if fast:
        return json.dumps(config)
    return json.dumps({**config, "socketio": {"fast": False, **config.get("socketio", {})}})


def writeConfig(path: Path, config: Mapping[str, Any]) -> None:
    """Write a configuration file for a server under test."""
    path.write_text(configText(config), encoding="utf-8")
