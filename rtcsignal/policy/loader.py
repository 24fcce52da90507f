"""The loader: from what the configuration says of plugins to objects that are ready to be used.

It reports everything that is wrong at once, and leaves nothing behind when something is. It looks for plugins by
itself, without ``twisted.plugin.getPlugins``, which hides broken files and may find what is not there any more.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rtcsignal.errors import ConfigError
from rtcsignal.interfaces import IConfigurable
from rtcsignal.kit.options import Configurable, Option, readOptions
from rtcsignal.logtext import safe
from rtcsignal.policy.folders import Generation
from rtcsignal.policy.guard import TIMEOUT_SECONDS, Treatment
from rtcsignal.policy.logs import describe, placeOf
from rtcsignal.policy.shape import eventsOf, interfacesOf, problemsOf, takenEvents
from rtcsignal.policy.sources import Catalogue, findAll
from rtcsignal.spelling import didYouMean, snakeCase

__all__ = ["Entry", "PluginSet", "Use", "Wanted", "loadPlugins", "optionsOf"]

_MOST_SECONDS = 3600
_OF_THE_SERVER: dict[str, Option[Any]] = {
    "fail": Option(str, "closed", "What happens when it fails.", choices=("open", "closed")),
    "shadow": Option(bool, False, "Its verdicts are logged, and not enforced."),
    "timeout": Option(
        float, TIMEOUT_SECONDS, "Seconds for an answer that takes time.", least=0.001, most=_MOST_SECONDS
    ),
}
_ABOUT_AN_OPTION = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_-]+)*: ")


class Use(Protocol):
    """One entry of ``plugins.use`` in the configuration."""

    @property
    def name(self) -> str:
        """The plugin's name."""

    @property
    def options(self) -> Mapping[str, Any] | None:
        """What is said of it; None if nothing is."""

    @property
    def where(self) -> str:
        """``file:line:column`` of the entry, or nothing."""


class Wanted(Protocol):
    """What the configuration says of plugins."""

    @property
    def folders(self) -> Sequence[str]:
        """Absolute paths of the folders of plugins."""

    @property
    def use(self) -> Sequence[Use]:
        """The plugins to use, in their order."""


@dataclass(frozen=True)
class Entry:
    """A plugin to be used.

    Attributes:
        plugin: The object, with its options.
        treatment: How it is treated.
        where: Where it was found.
        fresh: Its code was read for this load.
    """

    plugin: Any
    treatment: Treatment
    where: str = ""
    fresh: bool = True

    @property
    def name(self) -> str:
        """The plugin's name."""
        return str(self.plugin.name)


class PluginSet:
    """Plugins that were loaded together.

    Args:
        entries: In the order of the configuration.
        generation: The modules that were made for them.

    Attributes:
        entries: As above.
    """

    def __init__(self, entries: Sequence[Entry] = (), generation: Generation | None = None) -> None:
        self.entries = tuple(entries)
        self._generation = generation

    @property
    def slow(self) -> Sequence[tuple[str, float]]:
        """The files that took long to import, with the seconds they took."""
        return self._generation.slow if self._generation is not None else ()

    def following(self, entries: Iterable[Entry]) -> PluginSet:
        """The same plugins, with others in front; takes the place of this set."""
        return PluginSet([*entries, *self.entries], self._generation)

    def discard(self) -> None:
        """The plugins are not used any more, or will not be."""
        if self._generation is not None:
            self._generation.discard()


def loadPlugins(wanted: Wanted, base: str | None = None, taken: Collection[str] = ()) -> PluginSet:
    """Find, check and configure the plugins that a configuration asks for.

    Args:
        wanted: The configuration's section ``plugins``.
        base: The folder from which relative paths in options count; by default that of the configuration file.
        taken: Events that the server handles itself, which no plugin can have.

    Raises:
        ConfigError: With everything that is wrong, one line for each.
    """
    catalogue = findAll(wanted.folders, [use.name for use in wanted.use])
    problems = [str(problem) for problem in catalogue.problems]
    entries: list[Entry] = []
    for index, use in enumerate(wanted.use):
        path = f"{use.where}: " if use.where else ""
        folder = os.path.dirname(use.where.rsplit(":", 2)[0]) if base is None else base
        reader = _Reader(catalogue, use, f"{path}plugins.use.{index}", os.path.abspath(folder))
        entry = reader.entry()
        problems += reader.problems
        if entry is not None:
            entries.append(entry)
            problems += [str(problem) for problem in takenEvents(entry.plugin, entry.where, taken)]
    problems += _clashes(entries)
    if problems:
        catalogue.generation.discard()
        raise ConfigError(list(dict.fromkeys(problems)))
    return PluginSet(entries, catalogue.generation)


def optionsOf(plugin: Any) -> Mapping[str, Option[Any]]:
    """The options that a plugin declares, by attribute; empty if it declares none."""
    options = getattr(plugin, "options", None)
    if isinstance(options, Mapping) and all(isinstance(option, Option) for option in options.values()):
        return options
    return {}


class _Reader:
    """Reads one entry of the configuration.

    Args:
        catalogue: What there is.
        use: The entry.
        path: Its key path, with the file in front.
        base: The folder from which relative paths count.

    Attributes:
        problems: What is wrong with it.
    """

    def __init__(self, catalogue: Catalogue, use: Use, path: str, base: str) -> None:
        self.problems: list[str] = []
        self._catalogue = catalogue
        self._use = use
        self._path = path
        self._base = base

    def entry(self) -> Entry | None:
        """The plugin that the entry asks for; None if it cannot be had."""
        name = self._use.name
        found = self._catalogue.plugins.get(name)
        if found is None:
            if name not in self._catalogue.names:
                self.problems.append(f"{self._path}: {self._missing(name)}")
            return None
        self._path += f".{name}"
        given = dict(self._use.options or {})
        own = {key: value for key, value in given.items() if key not in _OF_THE_SERVER}
        treatment = self._treatment({key: value for key, value in given.items() if key not in own})
        plugin = self._configured(found.plugin, copy.deepcopy(own))
        if self.problems or treatment is None or plugin is None:
            return None
        return Entry(plugin, treatment, found.where, found.fresh)

    def _missing(self, name: str) -> str:
        hint = self._catalogue.hints.get(name)
        if hint:
            return f"there is no plugin {safe(name)}: {hint}"
        return f"there is no plugin {safe(name)}{didYouMean(name, self._catalogue.names)}"

    def _treatment(self, given: Mapping[str, Any]) -> Treatment | None:
        try:
            values = readOptions(_OF_THE_SERVER, given)
        except ConfigError as error:
            self._wrong(error.problems)
            return None
        return Treatment(
            timeout=values.get("timeout", TIMEOUT_SECONDS),
            failOpen=values.get("fail") == "open",
            shadow=values.get("shadow", False),
        )

    def _configured(self, plugin: Any, options: dict[str, Any]) -> Any:
        clash = _OF_THE_SERVER.keys() & {snakeCase(name) for name in optionsOf(plugin)}
        if clash:
            self._wrong([f"the options {', '.join(sorted(clash))} belong to the server; rename the plugin's own"])
            return None
        if not options and not isinstance(plugin, Configurable):
            return plugin
        if not IConfigurable.providedBy(plugin):
            self._wrong([f"{key}: the plugin takes no options" for key in options])
            return None
        self._resolve(plugin, options)
        try:
            made = plugin.configured(options)
        except ConfigError as error:
            self._wrong(error.problems)
            return None
        except BaseException as error:
            self._wrong([f"configured failed: {describe(error)} at {placeOf(error.__traceback__)}"])
            return None
        return self._checked(plugin, made)

    def _checked(self, plugin: Any, made: Any) -> Any:
        """What `configured` made, if it is what it may be."""
        if not interfacesOf(made) or getattr(made, "name", None) != plugin.name:
            self._wrong([f"configured returned {safe(repr(made), 80)}, which is not a plugin called {plugin.name}"])
        elif made is plugin:
            self._wrong(["configured returned the plugin itself; it must make a new one"])
        else:
            self.problems += [str(problem) for problem in problemsOf(made, self._path)]
            return made
        return None

    def _resolve(self, plugin: Any, options: dict[str, Any]) -> None:
        """Make relative paths among the options absolute."""
        for name, option in optionsOf(plugin).items():
            key = snakeCase(name) + ("_file" if option.secret else "")
            if isinstance(options.get(key), str) and (option.secret or option.kind is Path):
                options[key] = os.path.join(self._base, options[key])

    def _wrong(self, problems: Sequence[str]) -> None:
        for problem in problems:
            joint = "." if _ABOUT_AN_OPTION.match(problem) else ": "
            self.problems.append(f"{self._path}{joint}{safe(problem, 1000)}")


def _clashes(entries: Sequence[Entry]) -> list[str]:
    """Plugins that cannot be used together."""
    problems: list[str] = []
    names: set[str] = set()
    events: dict[str, str] = {}
    for entry in entries:
        if entry.name in names:
            problems.append(f"plugins.use: {entry.name} is used twice")
        names.add(entry.name)
        for event in eventsOf(entry.plugin):
            other = events.setdefault(event, entry.name)
            if other != entry.name:
                problems.append(f"plugins.use: {other} and {entry.name} both take the event {safe(event)}")
    return problems
