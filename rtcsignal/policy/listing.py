"""A list of every plugin that there is, for people who choose among them."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtcsignal.interfaces import IConfigurable, ILifecycle
from rtcsignal.kit.options import REQUIRED, Option
from rtcsignal.policy.loader import Wanted, optionsOf
from rtcsignal.policy.shape import interfacesOf
from rtcsignal.policy.sources import BUILT_IN, Found, findAll
from rtcsignal.spelling import snakeCase

__all__ = ["Listing", "OptionInfo", "PluginInfo", "formatPlugins", "listPlugins"]


@dataclass(frozen=True)
class OptionInfo:
    """An option of a plugin, in words.

    Attributes:
        key: Its key in the configuration.
        kind: What it must be.
        default: Its default as it is written in the configuration, or ``required``.
        what: What it sets.
    """

    key: str
    kind: str
    default: str
    what: str


@dataclass(frozen=True)
class PluginInfo:
    """A plugin, in words.

    Attributes:
        name: Its name.
        what: The first line of its documentation.
        interfaces: The names of the interfaces that it provides.
        where: Where it was found.
        options: Its options.
        takesOptions: It takes options, declared or not.
        position: Its place in the order of those in use, from 1; 0 if it is not used.
    """

    name: str
    what: str
    interfaces: tuple[str, ...]
    where: str
    options: tuple[OptionInfo, ...]
    takesOptions: bool
    position: int


@dataclass(frozen=True)
class Listing:
    """All plugins.

    Attributes:
        plugins: Those in use first, in their order; then the others by name.
        problems: Files and packages that could not be read.
        absent: Built-in plugins that are not used and cannot be had here, by name: why.
    """

    plugins: tuple[PluginInfo, ...]
    problems: tuple[str, ...]
    absent: Mapping[str, str] = field(default_factory=dict)


def listPlugins(wanted: Wanted) -> Listing:
    """Every plugin that is built in, in the folders of the configuration, or installed.

    Args:
        wanted: The configuration's section ``plugins``.
    """
    used = {use.name: index for index, use in enumerate(wanted.use, 1)}
    catalogue = findAll(wanted.folders, used, everything=True)
    infos = [_info(found, used.get(name, 0)) for name, found in catalogue.plugins.items()]
    catalogue.generation.discard()
    infos.sort(key=lambda info: (not info.position, info.position, info.name))
    problems = [str(problem) for problem in catalogue.problems]
    problems += [f"there is no plugin {name}" for name in used if name not in catalogue.names]
    return Listing(tuple(infos), tuple(problems), catalogue.absent)


def formatPlugins(listing: Listing) -> Iterator[str]:
    """The lines that say it all."""
    for info in listing.plugins:
        use = f"used, number {info.position}" if info.position else "not used"
        yield f"{info.name} ({use})"
        if info.what:
            yield f"  {info.what}"
        where = BUILT_IN if info.where == BUILT_IN else f"from {info.where}"
        yield f"  {', '.join(info.interfaces)}; {where}"
        for option in info.options:
            yield f"  {option.key}: {option.default}  # {option.kind}. {option.what}"
        if info.takesOptions and not info.options:
            yield "  takes options, see its documentation"
    for name, why in listing.absent.items():
        yield f"{name} (not used)"
        yield f"  {BUILT_IN}, but not here: {why}"
    for problem in listing.problems:
        yield f"problem: {problem}"


def _info(found: Found, position: int) -> PluginInfo:
    plugin = found.plugin
    interfaces = (*interfacesOf(plugin), *(each for each in (ILifecycle,) if each.providedBy(plugin)))
    module = sys.modules.get(type(plugin).__module__)
    documentation = inspect.cleandoc(type(plugin).__doc__ or getattr(module, "__doc__", "") or "")
    return PluginInfo(
        name=found.name,
        what=documentation.partition("\n")[0],
        interfaces=tuple(interface.__name__ for interface in interfaces),
        where=found.where,
        options=tuple(_option(name, option) for name, option in optionsOf(plugin).items()),
        takesOptions=IConfigurable.providedBy(plugin),
        position=position,
    )


def _option(name: str, option: Option[Any]) -> OptionInfo:
    default = option.default
    if default is REQUIRED:
        written = "required"
    elif option.secret and default:
        written = "(not shown)"
    else:
        written = json.dumps(default, default=_inJson)
    return OptionInfo(snakeCase(name), option.inWords(), written, option.what)


def _inJson(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else list(value)
