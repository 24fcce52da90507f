"""What tells the workers of one configuration apart."""

from __future__ import annotations

import re
import socket

import msgspec

from rtcsignal.service.config.schema import Config

__all__ = ["machineOf", "ofWorker"]

_NUMBER = re.compile(r"-[0-9]+$")
_PORT = re.compile(r"(?<=^tcp:)[0-9]+|(?<=^tcp6:)[0-9]+|(?<=:port=)[0-9]+")


def ofWorker(config: Config, number: int) -> Config:
    """The configuration of one worker: its node has a name, and a port for links, of its own.

    Args:
        config: The configuration of all.
        number: The number of the worker, from 1.
    """
    backplane = config.backplane
    address = backplane.address
    return msgspec.structs.replace(
        config,
        backplane=msgspec.structs.replace(
            backplane,
            node=f"{backplane.node or socket.gethostname()}-{number}",
            listen=_shifted(backplane.listen, number - 1),
            address=None if address is None else _shiftedAddress(address, number - 1),
        ),
    )


def machineOf(config: Config) -> str:
    """What the nodes of one machine have in common, whichever of its workers a configuration is for."""
    name = config.backplane.node
    if name is None:
        return socket.gethostname()
    return _NUMBER.sub("", name) if config.workers > 1 else name


def _shifted(endpoint: str, by: int) -> str:
    """An endpoint of the kind ``tcp:4000`` with a port that is higher, unless it is any free one."""
    return _PORT.sub(lambda found: str(int(found[0]) + by if int(found[0]) else 0), endpoint, count=1)


def _shiftedAddress(address: str, by: int) -> str:
    host, _, port = address.rpartition(":")
    return f"{host}:{int(port) + by}"
