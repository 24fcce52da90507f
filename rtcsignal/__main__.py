"""``python -m rtcsignal``: tools besides the server, which ``twistd rtcsignal`` runs."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rtcsignal.cli.calls import addCalls
from rtcsignal.cli.ice import addIce
from rtcsignal.clocks import wallClock
from rtcsignal.policy.builtin.shared_secret import SECRET_CHARACTERS, makeTicket
from rtcsignal.policy.scaffold import newPlugin
from rtcsignal.service.logfile import tolerateAscii

__all__ = ["main"]

_SECRET = "RTCSIGNAL_SECRET"
_SECONDS = 3600.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say.

    Returns:
        The exit code.
    """
    tolerateAscii()
    parser = argparse.ArgumentParser(prog="python -m rtcsignal", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("new-plugin", help="write a plugin and its test, both working, to start from")
    command.add_argument("name", metavar="NAME", help="words in lower case, joined by hyphens: quiet-hours")
    command.add_argument("--folder", type=Path, help="where to; by default plugins/ if there is one, else here")
    command.set_defaults(run=_newPlugin)
    _addTicket(commands)
    addIce(commands)
    addCalls(commands)
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


def _addTicket(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    command = commands.add_parser("ticket", help="make a ticket for the plugin shared-secret")
    where = f"a file that holds the secret; by default it is taken from the environment, {_SECRET}"
    command.add_argument("--secret-file", metavar="FILE", type=Path, help=where)
    command.add_argument("--user", metavar="ID", help="the only user id that its holder may use; by default any")
    roles = "a role that its holder has; may be given several times"
    command.add_argument("--role", metavar="ROLE", action="append", default=[], help=roles)
    rooms = "a room that its holder may enter, or a pattern; may be given several times; by default all rooms"
    command.add_argument("--room", metavar="ROOM", action="append", help=rooms)
    seconds = f"for how long it is good; by default {_SECONDS:g}"
    command.add_argument("--seconds", metavar="N", type=float, default=_SECONDS, help=seconds)
    command.set_defaults(run=_ticket)


def _ticket(parsed: argparse.Namespace) -> int:
    try:
        secret, seconds = _secretFrom(parsed.secret_file), parsed.seconds
        if not 0 < seconds < math.inf:
            raise ValueError("--seconds must be more than 0")
        print(makeTicket(secret, math.ceil(wallClock() + seconds), parsed.user, parsed.role, parsed.room))
    except (ValueError, OSError) as error:
        print(f"python -m rtcsignal ticket: {error}", file=sys.stderr)
        return 1
    return 0


def _secretFrom(path: Path | None) -> str:
    """The secret, from a file or from the environment.

    Raises:
        ValueError: There is none, or it is too short.
        OSError: The file cannot be read.
    """
    secret = os.environ.get(_SECRET, "") if path is None else path.read_text("utf-8").strip()
    if path is None and not secret:
        raise ValueError(f"a secret is required: --secret-file, or {_SECRET} in the environment")
    if len(secret) < SECRET_CHARACTERS:
        raise ValueError(f"the secret must have at least {SECRET_CHARACTERS} characters")
    return secret


if __name__ == "__main__":
    sys.exit(main())
