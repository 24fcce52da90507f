"""The plugins of a configuration, and what the rest of it asks of them."""

from __future__ import annotations

from collections.abc import Sequence

from rtcsignal.errors import ConfigError
from rtcsignal.interfaces import IIceServers
from rtcsignal.policy.loader import PluginSet, loadPlugins
from rtcsignal.service.config.schema import Config
from rtcsignal.service.handlers import HANDLERS

__all__ = ["pluginsOf"]


def pluginsOf(config: Config, problems: Sequence[str] = ()) -> PluginSet:
    """Load the plugins.

    Args:
        config: The configuration.
        problems: What else is wrong with it, to be reported with what is wrong here.

    Raises:
        ConfigError: Something is wrong.
    """
    try:
        plugins = loadPlugins(config.plugins, taken=HANDLERS)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from error
    problems = [*problems, *_relayProblems(config, plugins)]
    if problems:
        plugins.discard()
        raise ConfigError(problems)
    return plugins


def _relayProblems(config: Config, plugins: PluginSet) -> list[str]:
    """Whoever may use relays alone, and is given none, can call nobody."""
    ice = config.ice
    hasProvider = any(IIceServers.providedBy(entry.plugin) for entry in plugins.entries)
    if not ice.relayOnly or ice.hasRelay or hasProvider:
        return []
    where = f"{ice.where}: " if ice.where else ""
    text = "requires a TURN server in ice.servers, or a plugin that provides some: without any, no call comes about"
    return [f"{where}ice.relay_only: {text}"]
