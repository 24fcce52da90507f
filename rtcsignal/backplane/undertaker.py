"""Tells Redis of nodes whose process has ended, from a process that is no node itself: a supervisor of workers."""

from __future__ import annotations

from typing import Any

from rtcsignal.backplane.line import Connect, Line
from rtcsignal.backplane.nodes import nodeOf
from rtcsignal.backplane.rosters import TIMEOUT
from rtcsignal.backplane.scripts import BURY

__all__ = ["Undertaker"]


class Undertaker:
    """Buries incarnations. The nodes that are left remove their members as soon as they hear of it.

    It is connected while there is something to do. What cannot be done is left to the ends of the leases.

    Args:
        name: The id that it goes by.
        connect: Connects to Redis.
    """

    def __init__(self, name: str, connect: Connect) -> None:
        self._name = name
        self._connect = connect
        self._nodes: dict[str, None] = {}
        self._line: Line | None = None
        self._isConnecting = False
        self._isClosed = False

    def bury(self, incarnation: str) -> None:
        """The process of an incarnation has ended."""
        if self._isClosed:
            return
        node = nodeOf(incarnation)
        self._nodes[node] = None
        if self._line is not None:
            self._say(self._line, node)
        elif not self._isConnecting:
            self._isConnecting = True
            self._connect(f"{self._name}.0", lambda frame: None, self._connected, self._lost)

    def close(self) -> None:
        """Bury no one any more."""
        self._isClosed = True
        if self._line is not None:
            self._line.abort("done")

    def _connected(self, line: Line) -> None:
        self._isConnecting = False
        if self._isClosed:
            line.abort("done")
            return
        self._line = line
        for node in tuple(self._nodes):
            self._say(line, node)

    def _say(self, line: Line, node: str) -> None:
        def said(answer: Any) -> None:
            self._nodes.pop(node, None)
            if not self._nodes:
                line.finish()

        line.run(BURY, (node, TIMEOUT), said)

    def _lost(self, why: str) -> None:
        self._line = None
        self._isConnecting = False
        self._nodes.clear()
