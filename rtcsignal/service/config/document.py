"""The plain values of a configuration file, where each of them stands, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rtcsignal.logtext import safe

__all__ = ["BROKEN", "Document", "Path", "Position"]

Path = tuple[str | int, ...]
"""The keys and indices that lead to a value."""


class _Broken:
    """A value that was reported already, so that nothing more is said about it."""


BROKEN: Final = _Broken()


@dataclass(frozen=True, order=True)
class Position:
    """A position in a file, both numbers counted from 1."""

    line: int = 1
    column: int = 1


@dataclass
class Document:
    """What a file says.

    Attributes:
        name: The file's name as it was given.
        value: Dicts, lists, strings, numbers, booleans, None, and ``BROKEN``.
        values: Where each value begins.
        keys: Where the key of each value begins.
        problems: What was found, with its position.
    """

    name: str
    value: Any = None
    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)
    problems: list[tuple[Position, Path, str]] = field(default_factory=list)

    def problem(self, path: Path, text: str, key: bool = False, position: Position | None = None) -> None:
        """Note what is wrong with a value.

        Args:
            path: The value.
            text: What is wrong with it.
            key: Whether it is the key that is wrong.
            position: Where it is, when the document does not know.
        """
        self.problems.append((position or self._position(path, self.keys if key else self.values), path, text))

    def where(self, path: Path) -> str:
        """``file:line:column`` of a value."""
        return self._located(self._position(path, self.values))

    def lines(self) -> list[str]:
        """All problems in the order of the file: ``file:line:column: key.path: what is wrong``."""
        return [
            f"{self._located(position)}: {f'{_dotted(path)}: ' if path else ''}{text}"
            for position, path, text in sorted(self.problems, key=lambda problem: problem[0])
        ]

    def _position(self, path: Path, positions: Mapping[Path, Position]) -> Position:
        for length in range(len(path), -1, -1):
            for known in (positions, self.values):
                if path[:length] in known:
                    return known[path[:length]]
        return Position()

    def _located(self, position: Position) -> str:
        return f"{safe(self.name)}:{position.line}:{position.column}"


def _dotted(path: Sequence[str | int]) -> str:
    return ".".join(safe(str(part), 80) for part in path)
