"""``python -m rtcsignal``: what authors of plugins need besides the server, which ``twistd rtcsignal`` runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rtcsignal.policy.scaffold import newPlugin

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m rtcsignal", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("new-plugin", help="write a plugin and its test, both working, to begin with")
    command.add_argument("name", metavar="NAME", help="words in lower case, joined by hyphens: quiet-hours")
    command.add_argument("--folder", type=Path, help="where to; by default plugins/ if there is one, else here")
    command.set_defaults(run=_newPlugin)
    parsed = parser.parse_args(arguments)
    return int(parsed.run(parsed))


def _newPlugin(parsed: argparse.Namespace) -> int:
    folder: Path = parsed.folder or Path("plugins" if Path("plugins").is_dir() else ".")
    try:
        plugin, test = newPlugin(parsed.name, folder)
    except (ValueError, OSError) as error:
        print(f"python -m rtcsignal new-plugin: {error}", file=sys.stderr)
        return 1
    print(f"{plugin}: the plugin. The configuration uses it with plugins.folders and plugins.use: [{parsed.name}]")
    print(f"{test}: its test. Run it with: python -m pytest {test}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
