"""``python -m rtcsignal ice``: whether the ICE servers of a configuration work, found out by using them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from rtcsignal.clocks import wallClock
from rtcsignal.errors import ConfigError
from rtcsignal.ice.servers import IceOptions, issueFor
from rtcsignal.ice.trial import tryUrl
from rtcsignal.iceservers import isTurn
from rtcsignal.logtext import safe
from rtcsignal.service.config.reader import loadConfig
from rtcsignal.service.features import iceOptionsOf

__all__ = ["addIce"]

_USER = "rtcsignal ice"


def addIce(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those that there are."""
    what = "try every ICE server of a configuration: STUN is asked for an address, TURN for a relay"
    command = commands.add_parser("ice", help=what)
    command.add_argument("--config", metavar="FILE", required=True, help="the configuration file of the server")
    shape = "print the servers with credentials, as a member gets them, to try them elsewhere; nothing is asked"
    command.add_argument("--json", action="store_true", help=shape)
    command.set_defaults(run=_run)


def _run(parsed: argparse.Namespace) -> int:
    try:
        config = loadConfig(parsed.config)
    except ConfigError as error:
        print("\n".join(error.problems), file=sys.stderr)
        return 1
    options = iceOptionsOf(config.ice)
    if parsed.json:
        print(json.dumps(issueFor(options, _USER, True, (), wallClock()).shape, indent=2))
        return 0
    if not options.sources:
        print(f"{safe(parsed.config, 1000)}: there are no servers in ice.servers", file=sys.stderr)
        return 1
    return 0 if all([*_tried(options)]) else 1


def _tried(options: IceOptions) -> Iterator[bool]:
    """Try each URL, and print a line for it.

    Yields:
        Whether it works.
    """
    for source in options.sources:
        server = source.serverFor(_USER, wallClock(), options.ttl)
        for url in source.urls:
            isShared = source.secret is not None
            username, credential = (server.username, server.credential) if isTurn(url) else (None, None)
            outcome = tryUrl(url, username, credential, isShared)
            print(f"{safe(url, 1000)}: {outcome.text}", flush=True)
            yield outcome.isGood
