"""The rules of the source tree, read from the sources: who may import whom, how large things may be, what is avoided.

Imports go down only, from floor to floor of `tests.support.layers`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import twisted
from tests.support.layerdrawing import PICTURE, drawing
from tests.support.layers import ROOMS, isIn, mayImport, roomOf
from tests.support.processes import ROOT

IMPURE = {"asyncio", "autobahn", "logging", "os", "random", "socket", "threading", "time", "twisted"}
"""What a codec has no use for: it knows neither time nor the network."""

ONLY_IN = {
    "yaml": {"rtcsignal.service.config.reader"},
    "twisted.internet.reactor": {"rtcsignal.service.tap", "rtcsignal.service.workers.running"},
    "hiredis": {"rtcsignal.backplane.redis"},
    "autobahn": {"rtcsignal.engineio.port.factory", "rtcsignal.engineio.websocket.slim"},
}

PRIVATE_NAMES_IN = {
    "rtcsignal.engineio.port",
    "rtcsignal.engineio.stream",
    "rtcsignal.engineio.websocket",
    "rtcsignal.policy.httpbounds",
    "rtcsignal.service.tuning",
}
"""Where private names of other packages are used: each with a test that fails when they change, and a way without."""

KNOTS = {
    frozenset({"rtcsignal.signaling.participant", "rtcsignal.signaling.rooms.room", "rtcsignal.signaling.views"}),
    frozenset({"rtcsignal.socketio.connection", "rtcsignal.socketio.server"}),
    frozenset(
        {"rtcsignal.engineio.port.channel", "rtcsignal.engineio.port.site", "rtcsignal.engineio.port.webrequest"}
    ),
}
"""Modules that import each other, some of them for types alone; the line of each such import says why it stays."""

STATES = {"phase": {"rtcsignal.engineio.session"}}
"""Attributes that are set only where their states are known; others call a method there."""

HIDDEN = {"rtcsignal.signaling": {"session"}}
"""Attributes that a package has nothing to do with: a peer answers for its session, and not every member has one."""

MOST_LINES = 400
MOST_LINES_OF = {"rtcsignal.signaling.hub": 200}
"""The hub holds parts and has no rules of its own: it is where everything would like to go."""
MOST_FUNCTION_LINES = 50
LOG_METHODS = {"debug", "info", "warn", "error", "critical", "failure"}


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every imported name, also those of names in modules, and its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


class _WithoutTypeImports(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | None:
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)


def layerBreaches(module: str, source: str) -> list[str]:
    """The imports of a module that go up, or to where they must not."""
    room = roomOf(module)
    if room is None:
        return [f"{module}: is in no room of tests.support.layers"]
    breaches = []
    for name, line in imports(ast.parse(source)):
        if name.startswith("."):
            breaches.append(f"{module}:{line}: imports relatively: {name}")
        elif isIn(name, "rtcsignal"):
            other = roomOf(name)
            if other is None or not mayImport(room, other):
                breaches.append(f"{module}:{line}: must not import {name}")
        elif room.name == "codecs" and name.split(".")[0] in IMPURE:
            breaches.append(f"{module}:{line}: a codec must not import {name}")
        elif _isPrivate(name) and not any(isIn(module, place) for place in PRIVATE_NAMES_IN):
            breaches.append(f"{module}:{line}: {name} is private")
        for thing, places in ONLY_IN.items():
            if isIn(name, thing) and module not in places:
                breaches.append(f"{module}:{line}: {thing} is imported only in {', '.join(sorted(places))}")
    return breaches


def _isPrivate(name: str) -> bool:
    """Whether a name of another package is none that it promises to keep."""
    return any(part.startswith("_") and not part.endswith("__") for part in name.split("."))


def styleBreaches(module: str, source: str) -> list[str]:
    """What is against the rules of the code in a module."""
    tree = ast.parse(source)
    breaches = []
    most = MOST_LINES_OF.get(module, MOST_LINES)
    if len(source.splitlines()) > most:
        breaches.append(f"{module}: more than {most} lines")
    if len(tree.body) > 1 and "from __future__ import annotations" not in source:
        breaches.append(f"{module}: does not import annotations from __future__")
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            breaches.append(f"{module}:{node.lineno}: asserts, which Python may leave out")
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MOST_FUNCTION_LINES:
                breaches.append(f"{module}:{node.lineno}: {node.name} has {lines} lines")
        if isinstance(node, ast.Attribute) and not _mayUse(module, node):
            breaches.append(f"{module}:{node.lineno}: {ast.unparse(node)} is for others to use, or to set")
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Name) and node.exc.id.isupper():
            breaches.append(f"{module}:{node.lineno}: raises an exception for more than the first time")
        if isinstance(node, ast.Call) and _isLogCall(node) and isinstance(node.args[0], ast.JoinedStr):
            breaches.append(f"{module}:{node.lineno}: logs an f-string instead of a format and fields")
    return breaches


def _mayUse(module: str, node: ast.Attribute) -> bool:
    if isinstance(node.ctx, ast.Store) and module not in STATES.get(node.attr, {module}):
        return False
    return not any(isIn(module, package) and node.attr in names for package, names in HIDDEN.items())


def _isLogCall(node: ast.Call) -> bool:
    return isinstance(node.func, ast.Attribute) and node.func.attr in LOG_METHODS and bool(node.args)


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Modules that import each other, as paths that end where they begin."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            for other in sorted(graph[module]):
                visit(other, [*path, module])
            done.add(module)

    for module in sorted(graph):
        visit(module, [])
    return found


def knots(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Modules each of which imports all the others of its knot, directly or by way of further modules."""
    reachable: dict[str, set[str]] = {}
    for module in graph:
        found: set[str] = set()
        todo = [module]
        while todo:
            new = graph[todo.pop()] - found
            found |= new
            todo.extend(new)
        reachable[module] = found
    return {
        frozenset(other for other in found if module in reachable[other])
        for module, found in reachable.items()
        if module in found
    }


def importGraph(typesToo: bool) -> dict[str, set[str]]:
    """Which of our modules each one imports; those that it imports for types alone only if asked for."""
    graph: dict[str, set[str]] = {}
    for module, source in SOURCES.items():
        tree = ast.parse(source)
        names = [name for name, _ in imports(tree if typesToo else _WithoutTypeImports().visit(tree))]
        graph[module] = {other for other in SOURCES if other != module and any(_means(n, other) for n in names)}
    return graph


def moduleName(path: Path) -> str:
    """The dotted name of a file of the checkout."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {moduleName(path): path.read_text(encoding="utf-8") for path in sorted((ROOT / "rtcsignal").rglob("*.py"))}


class TestTheSources:
    @pytest.mark.parametrize("module", SOURCES)
    def test_importOnlyWhatIsBelow(self, module: str) -> None:
        assert layerBreaches(module, SOURCES[module]) == []

    @pytest.mark.parametrize("module", SOURCES)
    def test_keepToTheRulesOfTheCode(self, module: str) -> None:
        assert styleBreaches(module, SOURCES[module]) == []

    def test_haveNoModulesThatImportEachOtherButForTypes(self) -> None:
        assert cycles(importGraph(typesToo=False)) == []

    def test_haveNoKnotsOfTypesButThoseThatAreKnown(self) -> None:
        assert knots(importGraph(typesToo=True)) == KNOTS

    def test_areAllInARoom(self) -> None:
        packages = {moduleName(path) for path in (ROOT / "rtcsignal").rglob("__init__.py")} - {"rtcsignal"}
        named = {f"rtcsignal.{module}" for room in ROOMS.values() for module in room.modules}
        assert packages - named == set(), "a package has a room of its own"
        assert named - set(SOURCES) == set(), "there are no such modules"

    def test_areDrawnAsTheyAre(self) -> None:
        assert PICTURE.read_text(encoding="utf-8") == drawing(), "run python -m tests.support.layerdrawing"

    def test_bringPluginsThatSeeOnlyTheApi(self) -> None:
        files = [*(ROOT / "plugins").glob("*.py"), *(ROOT / "rtcsignal" / "policy").glob("builtin/*.py")]
        ours = {name for path in files for name, _ in imports(ast.parse(path.read_text())) if isIn(name, "rtcsignal")}
        assert {name for name in ours if not isIn(name, "rtcsignal.api")} == set()

    def test_keepEmbeddingForOthers(self) -> None:
        users = [module for module, source in SOURCES.items() if _uses(source, "rtcsignal.embedding")]
        assert users == []

    def test_doNotHideTwisted(self) -> None:
        assert not (ROOT / "twisted" / "__init__.py").exists()
        assert not (ROOT / "twisted" / "plugins" / "__init__.py").exists()
        assert not Path(twisted.__file__).is_relative_to(ROOT / "twisted")


class TestTheRules:
    """Each rule finds what it is there for."""

    @pytest.mark.parametrize(
        ("module", "source"),
        [
            ("rtcsignal.engineio.session", "from rtcsignal.socketio.peer import Peer"),
            ("rtcsignal.socketio.peer", "import rtcsignal.signaling.hub"),
            ("rtcsignal.values", "from rtcsignal.engineio import session"),
            ("rtcsignal.policy.loader", "from rtcsignal.unknown.local import Local"),
            ("rtcsignal.unknown", "import json"),
            ("rtcsignal.engineio.session", "from rtcsignal.engineio.websocket.link import WebSocketLink"),
            ("rtcsignal.engineio.websocket.link", "from rtcsignal.engineio.server import EngineServer"),
            ("rtcsignal.engineio.http.head", "from rtcsignal.engineio.session import Session"),
            ("rtcsignal.kit.options", "from rtcsignal.socketio.peer import Peer"),
            ("rtcsignal.signaling.hub", "from rtcsignal.kit.patterns import fitsAny"),
            ("rtcsignal.policy.builtin.jwt", "from rtcsignal.policy.guard import Guard"),
            ("rtcsignal.web.site", "from rtcsignal.signaling.hub import Hub"),
            ("rtcsignal.web.site", "from rtcsignal.service.config.reader import loadConfig"),
            ("rtcsignal.engineio.packet", "import time"),
            ("rtcsignal.engineio.packet", "from twisted.internet import defer"),
            ("rtcsignal.socketio.packet", "from rtcsignal.engineio.session import Session"),
            ("rtcsignal.socketio.peer", "from ..engineio import session"),
            ("rtcsignal.web.site", "import yaml"),
            ("rtcsignal.service.app", "from twisted.internet import reactor"),
            ("rtcsignal.service.app", "from twisted.internet.base import _ThreePhaseEvent"),
            ("rtcsignal.socketio.peer", "from twisted.protocols.haproxy._wrapper import HAProxyProtocolWrapper"),
            ("rtcsignal.engineio.server", "from autobahn.twisted import websocket"),
            ("rtcsignal.service.app", "def f():\n    import twisted.internet.reactor"),
        ],
    )
    def test_anImportThatGoesUpIsFound(self, module: str, source: str) -> None:
        assert len(layerBreaches(module, source)) == 1

    @pytest.mark.parametrize(
        ("module", "source"),
        [
            ("rtcsignal.service.wiring", "from rtcsignal.web.site import makeRoot"),
            ("rtcsignal.signaling.events", "from rtcsignal.socketio import jsontext"),
            ("rtcsignal.socketio.packet", "from rtcsignal.errors import ProtocolError"),
            ("rtcsignal.service.tap", "from twisted.internet import reactor"),
            ("rtcsignal.service.tap", "from rtcsignal import __version__"),
            ("rtcsignal.engineio.server", "from rtcsignal.engineio.websocket.link import WebSocketLink"),
            ("rtcsignal.engineio.port.factory", "from twisted.protocols.haproxy import _wrapper"),
            ("rtcsignal.service.config.reader", "import yaml"),
        ],
    )
    def test_anImportThatGoesDownIsFine(self, module: str, source: str) -> None:
        assert layerBreaches(module, source) == []

    @pytest.mark.parametrize(
        "source",
        [
            "x = 1\ny = 2\n",
            "from __future__ import annotations\n" + "\n" * 400,
            "from __future__ import annotations\ndef f():\n" + "    x = 1\n" * 50,
            "from __future__ import annotations\ndef f(x):\n    assert x\n",
            'from __future__ import annotations\nlog.info(f"{x}")\n',
            "from __future__ import annotations\nraise BAD_REQUEST\n",
        ],
    )
    def test_aBreachOfTheStyleIsFound(self, source: str) -> None:
        assert len(styleBreaches("rtcsignal.some", source)) == 1

    def test_aStateThatIsSetElsewhereIsFound(self) -> None:
        source = "from __future__ import annotations\nsession.phase = phase\n"
        assert len(styleBreaches("rtcsignal.engineio.upgrade", source)) == 1
        assert styleBreaches("rtcsignal.engineio.session", source) == []

    def test_aSessionThatSignalingSeesIsFound(self) -> None:
        source = "from __future__ import annotations\nclose(participant.peer.session)\n"
        assert len(styleBreaches("rtcsignal.signaling.participant", source)) == 1
        assert styleBreaches("rtcsignal.socketio.peer", source) == []
        for name in ("rtcsignal.engineio.reasons.CloseReason", "rtcsignal.engineio.http.exchange.Request"):
            module, _, what = name.rpartition(".")
            assert len(layerBreaches("rtcsignal.signaling.participant", f"from {module} import {what}")) == 1

    def test_aHubThatGrowsIsFound(self) -> None:
        source = "from __future__ import annotations\n" + "\n" * 200
        assert len(styleBreaches("rtcsignal.signaling.hub", source)) == 1
        assert styleBreaches("rtcsignal.signaling.rooms.presence", source) == []

    def test_aCycleIsFound(self) -> None:
        assert cycles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c", "b"]]
        assert cycles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []

    def test_aKnotIsFound(self) -> None:
        assert knots({"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": set()}) == {frozenset("bc")}
        assert knots({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == set()


def _means(name: str, module: str) -> bool:
    """Whether an imported name is this module, or something in it that is no module of its own."""
    return name == module or (name.rpartition(".")[0] == module and name not in SOURCES)


def _uses(source: str, package: str) -> bool:
    return any(isIn(name, package) for name, _ in imports(ast.parse(source)))
