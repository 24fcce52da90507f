"""The section ``backplane`` of the configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from rtcsignal.logtext import safe
from rtcsignal.redisurl import RedisUrl, UrlError
from rtcsignal.service.config.checks import hostAndPort, linkEndpoint
from rtcsignal.service.config.endpoints import isEverywhere, withAddresses
from rtcsignal.service.config.keys import Amount, Key, Section

__all__ = ["Backplane", "redisUrl", "withUrl"]

_MOST_URL = 4096
_MOST_NAME = 64
_PREFIX = re.compile(r"[A-Za-z0-9._:-]+")


def redisUrl(text: str) -> str | None:
    """Whether it is the URL of a Redis, and there is the library to talk to one."""
    try:
        RedisUrl.parse(text)
    except UrlError as error:
        return str(error)
    if find_spec("hiredis") is None:
        return "requires the package hiredis: pip install 'rtcsignal[redis]'"
    return None


def keyPrefix(text: str) -> str | None:
    """Whether it can begin the names of keys and channels, also where Redis reads patterns."""
    return None if _PREFIX.fullmatch(text) else "must be made of letters, digits and .:_-"


def nodeName(text: str) -> str | None:
    """Whether it can name a node."""
    fits = 0 < len(text) <= _MOST_NAME and text.isprintable() and " " not in text
    return None if fits else f"must be a word of {_MOST_NAME} characters at most"


class Backplane(Section, frozen=True, kw_only=True):
    """``backplane``: several processes and machines that share their rooms."""

    url: Annotated[
        str | None,
        Key(
            'The Redis (6.2 or newer) that the nodes share: "redis://[[user]:password@]host[:port][/db]", '
            '"rediss://..." for TLS, "unix:///run/redis/redis.sock[?db=0]". null = this process shares nothing.',
            "One process is enough for most.",
            check=redisUrl,
            isSecret=True,
        ),
    ] = None
    urlFile: Annotated[
        str | None,
        Key(
            "A file with this URL, instead of it: for URLs with a password. A relative path counts from this file.",
            "Without a password there is nothing to hide.",
        ),
    ] = None
    prefix: Annotated[
        str,
        Meta(max_length=64),
        Key(
            "How the names of all keys and channels in Redis begin.",
            "Two clusters that share a Redis need different ones.",
            check=keyPrefix,
        ),
    ] = "rtcsignal"
    node: Annotated[
        str | None,
        Key(
            "The name of this node in logs, and in what plugins see of members. null = the name of the machine, "
            "with the number of the worker where there are several.",
            "It tells people where somebody is.",
            check=nodeName,
        ),
    ] = None
    whenDown: Annotated[
        Literal["local", "refuse"],
        Key(
            "What happens to joins while Redis is away: local = rooms go on within each node, refuse = joins are "
            'refused with "unavailable".',
            "A room within one node loses nothing; limits of rooms hold for each node alone meanwhile.",
        ),
    ] = "local"
    listen: Annotated[
        str,
        Key(
            "Where other nodes bring polls, posts and upgrades of clients whose session is on this one: a Twisted "
            "endpoint string. Across machines it is an address of a private network. Each worker has a port of its "
            "own: if one is named, it is the first worker's, and those of the others follow it.",
            "Workers of one machine need no more; 0 is any free port.",
            check=linkEndpoint,
        ),
    ] = "tcp:0:interface=127.0.0.1"
    address: Annotated[
        str | None,
        Key(
            'How the other nodes reach that, "host:port"; the ports of further workers follow this one. null = what '
            "listen gives.",
            "It differs only where addresses are translated.",
            check=hostAndPort,
        ),
    ] = None
    outstandingBytes: Annotated[
        Amount,
        Key(
            "Most bytes of messages to other nodes that Redis has not confirmed. Beyond, messages to other nodes, "
            "never joins and leaves, are dropped and counted.",
            "Two seconds of a busy node; a Redis that hangs must not fill the memory.",
            unit="bytes",
        ),
    ] = 1_048_576

    def __repr__(self) -> str:
        """As of any section, without what is secret."""
        shown = None if self.url is None else "..."
        rest = f"prefix={self.prefix!r}, node={self.node!r}, whenDown={self.whenDown!r}"
        return f"Backplane(url={shown!r}, urlFile={self.urlFile!r}, {rest})"


def withUrl(section: Backplane, base: str, problem: Callable[[str, str], None]) -> Backplane:
    """The section with the URL that its file says, if it names one.

    Args:
        section: As it stands in the configuration.
        base: The folder from which paths count.
        problem: Called with a key and with what is wrong with its value.
    """
    section = msgspec.structs.replace(section, listen=withAddresses(section.listen))
    if section.address is None and isEverywhere(section.listen):
        problem("listen", "no other node could reach that: name an interface, or say in address how they reach it")
    if section.urlFile is None:
        return section
    if section.url is not None:
        problem("url_file", "means the same as url; give one of them")
        return section
    path = os.path.normpath(os.path.join(base, section.urlFile))
    try:
        with open(path, encoding="utf-8") as file:
            url = file.read(_MOST_URL).strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is not text"
        problem("url_file", f"{safe(path)} cannot be read: {reason}")
        return section
    wrong = redisUrl(url)
    if wrong is not None:
        problem("url_file", f"what {safe(path)} says {wrong}")
        return section
    return msgspec.structs.replace(section, url=url, urlFile=path)
