"""A module talks to its neighbours, and not through them to others: ``a.b.c.d``, as far as that can be seen.

What is reached along the way counts until it is a value, or something that is made to be shared.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.test_layers import SOURCES

MOST = 2
"""So many neighbours of neighbours: ``self.server.options``, but not ``self.server.session.transport``."""

VALUES = {"config", "decoder", "headers", "identity", "limits", "options", "request", "settings", "treatment"}
"""Names of values, which have no neighbours."""

SHARED = {
    "clock",
    "deadlines",
    "expiries",
    "gates",
    "leftovers",
    "log",
    "logRation",
    "numbers",
    "peer",
    "recovery",
    "refusals",
    "turns",
    "waiting",
    "work",
}
"""Names of what an object hands on as it is: many work with it, each of whom would have to keep it otherwise."""

CONTAINERS = {"append", "get", "items", "keys", "pop", "values"}
"""Methods of containers."""

ANYWHERE = (".invariants", "rtcsignal.testing.")
"""What looks at the inside of everything, because it is there for that."""


def reaches(source: str) -> Iterator[str]:
    """What a module reaches through its neighbours."""
    tree = ast.parse(source)
    modules = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    inner = {node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node not in inner:
            root, names = _chain(node)
            if root is not None and root not in modules and len(_counted(names)) > MOST:
                yield f"{node.lineno}: {ast.unparse(node)}"


def _chain(node: ast.Attribute) -> tuple[str | None, list[str]]:
    """The name at the beginning, if it is one, and the attributes behind it."""
    names: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute):
        names.insert(0, inner.attr)
        inner = inner.value
    return inner.id if isinstance(inner, ast.Name) else None, names


def _counted(names: list[str]) -> list[str]:
    """The attributes before the first from which on anything may be reached."""
    names = names[:-1] if names[-1] in CONTAINERS else names
    for number, name in enumerate(names):
        if name.strip("_") in VALUES | SHARED or name.startswith("tb_"):
            return names[:number]
    return names


@pytest.mark.parametrize(
    "module", [name for name in SOURCES if not name.endswith(ANYWHERE[0]) and not name.startswith(ANYWHERE[1])]
)
def test_aModuleTalksToItsNeighboursAlone(module: str) -> None:
    assert [f"{module}:{each}" for each in reaches(SOURCES[module])] == []


@pytest.mark.parametrize(
    "source",
    [
        "self.connection.session.transport",
        "seat.participant.room.hub",
        "self.connection.session.transport.pauseReading(1)",
        "self.server.options.most if self.server.hub.rooms else 0",
    ],
)
def test_whatIsReachedThroughAnotherIsFound(source: str) -> None:
    assert len(list(reaches(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "self.server.options.decoder.depth",
        "self.server.clock.seconds()",
        "self.hub.rooms.get(name)",
        "import twisted\ntwisted.internet.reactor.stop()",
        "self.make().session.transport.close()",
    ],
)
def test_valuesAndWhatIsSharedAreReachedByAnyone(source: str) -> None:
    assert list(reaches(source)) == []
