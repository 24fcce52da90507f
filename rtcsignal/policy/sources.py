"""Where plugins come from: those built in, the folders of the configuration, and installed packages."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from types import ModuleType
from typing import Any

from rtcsignal.logtext import safe
from rtcsignal.policy import builtin
from rtcsignal.policy.folders import Generation, whyNotImported
from rtcsignal.policy.shape import INTERFACES, Problem, interfacesOf, isName, lineOf, problemsOf, unreadable

__all__ = ["BUILT_IN", "GROUP", "Catalogue", "Found", "findAll", "pluginsOf"]

GROUP = "rtcsignal.plugins"
"""The entry point group of installed packages. An entry point's name is its plugin's name."""

BUILT_IN = "built in"
"""Where a plugin comes from that comes with the server."""


@dataclass(frozen=True)
class Found:
    """A plugin that was found.

    Attributes:
        plugin: The object.
        where: `BUILT_IN`, a file, or a package with its version.
        place: File and line of its class, or `where`.
        fresh: It was made by this load; the others are the same objects at every load.
    """

    plugin: Any
    where: str
    place: str
    fresh: bool

    @property
    def name(self) -> str:
        """The plugin's name."""
        return str(self.plugin.name)


@dataclass
class Catalogue:
    """What was found.

    Attributes:
        plugins: By name.
        names: All names that could be used, also of plugins that were not loaded because nothing needs them.
        problems: What is wrong.
        hints: By the name of what looks like a plugin and is none: why.
        absent: By the name of a built-in plugin that is not in use and cannot be loaded here: why.
        generation: The modules that were made.
    """

    plugins: dict[str, Found] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)
    hints: dict[str, str] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)
    generation: Generation = field(default_factory=Generation)

    def add(self, found: Found) -> None:
        """Take a plugin in, if it is one and its name is free."""
        name = _nameOf(found.plugin)
        problems = unreadable(found.plugin, found.where)
        if problems:
            self.problems += problems
            self.names.update([name] if name else [])
            return
        problems = problemsOf(found.plugin, found.where)
        if name is not None:
            other = self.plugins.setdefault(found.name, found)
            self.names.add(found.name)
            if other is not found and other.plugin is not found.plugin:
                text = f"there are two plugins called {found.name}; the other one is in {other.place}"
                problems.append(Problem(found.place, 0, text))
        self.problems += problems


def findAll(folders: Iterable[str], wanted: Iterable[str], everything: bool = False) -> Catalogue:
    """Look for plugins.

    Files in the folders are all loaded. Of the built-in and the installed ones only those wanted are.

    Args:
        folders: Absolute paths.
        wanted: The names of the plugins that will be used.
        everything: Load all there are.
    """
    catalogue = Catalogue()
    names = set(wanted)
    for name in _builtinNames():
        catalogue.names.add(name)
        if everything or name in names:
            _addBuiltin(catalogue, name, name in names)
    for folder in folders:
        for module in catalogue.generation.load(folder):
            if isinstance(module, Problem):
                catalogue.problems.append(module)
            else:
                _addModule(catalogue, module)
    for entry in metadata.entry_points(group=GROUP):
        catalogue.names.add(entry.name)
        if everything or entry.name in names:
            _addEntry(catalogue, entry)
    return catalogue


def _builtinNames() -> Iterator[str]:
    """Each built-in plugin has a module of its own, whose name is the plugin's with underscores for hyphens."""
    for module in pkgutil.iter_modules(builtin.__path__):
        if not module.name.startswith("_"):
            yield module.name.replace("_", "-")


def _addBuiltin(catalogue: Catalogue, name: str, isWanted: bool) -> None:
    module = f"{builtin.__name__}.{name.replace('-', '_')}"
    try:
        plugins = pluginsOf(importlib.import_module(module))
    except ImportError as error:  # it needs a package that is not installed
        if isWanted:
            catalogue.problems.append(Problem(BUILT_IN, 0, f"{name} cannot be loaded: {safe(str(error))}"))
        else:
            catalogue.absent[name] = safe(str(error))
        return
    for plugin in plugins:
        catalogue.add(Found(plugin, BUILT_IN, "rtcsignal itself", fresh=False))


def _addModule(catalogue: Catalogue, module: ModuleType) -> None:
    file = str(module.__file__)
    for plugin in pluginsOf(module):
        catalogue.add(Found(plugin, file, _placeOf(plugin, file), fresh=True))
    catalogue.hints.update(_hints(module, file))


def _addEntry(catalogue: Catalogue, entry: metadata.EntryPoint) -> None:
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist is not None else "an installed package"
    where = f"entry point {entry.name} = {entry.value} of {package}"
    try:
        thing = entry.load()
    except BaseException as error:
        why = whyNotImported(error, "")
        catalogue.problems.append(Problem(where, 0, str(why) if why.file else why.text))
        return
    plugins = pluginsOf(thing) if isinstance(thing, ModuleType) else [thing] if interfacesOf(thing) else []
    called = [plugin for plugin in plugins if _nameOf(plugin) == entry.name]
    for plugin in called:
        catalogue.add(Found(plugin, package, f"{package} ({entry.value})", fresh=False))
    if not called:
        catalogue.problems.append(Problem(where, 0, f"there is no plugin called {entry.name}"))


def pluginsOf(module: ModuleType) -> list[Any]:
    """The plugins at the top of a module, each once, in the order of the module."""
    plugins: dict[int, Any] = {id(value): value for value in vars(module).values() if interfacesOf(value)}
    return list(plugins.values())


def _hints(module: ModuleType, file: str) -> Iterator[tuple[str, str]]:
    """What looks like a plugin and is none: a class of which there is no object, an object without interface."""
    for variable, value in vars(module).items():
        name = _nameOf(value)
        if name is None or interfacesOf(value):
            continue
        if isinstance(value, type) and any(interface.implementedBy(value) for interface in INTERFACES):
            line = lineOf(value)
            place = f"{file}:{line[1]}" if line else file
            hint = f"{place} has a class {variable} of this name, but no object of it at the top of the file"
            yield name, hint
        elif not isinstance(value, (type, ModuleType)) and type(value).__module__ == module.__name__:
            yield name, f"{variable} in {file} has this name, but provides no interface of plugins"


def _nameOf(value: Any) -> str | None:
    try:
        name = getattr(value, "name", None)
    except Exception:  # objects may do anything when they are looked at
        return None
    return name if isName(name) else None


def _placeOf(plugin: Any, file: str) -> str:
    line = lineOf(plugin)
    return f"{line[0]}:{line[1]}" if line else file
