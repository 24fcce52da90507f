"""The backplane of a configuration: what shares the rooms of this process with others, if they are to be shared."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from rtcsignal.backplane.cluster import Backplane, BackplaneOptions
from rtcsignal.backplane.line import Connect
from rtcsignal.backplane.undertaker import Undertaker
from rtcsignal.clocks import wallClock
from rtcsignal.engineio.forwarding.directory import makeNodeId
from rtcsignal.engineio.stream.outbox import Flusher
from rtcsignal.redisurl import RedisUrl
from rtcsignal.service.config.backplane import Backplane as Section

__all__ = ["backplaneOf", "redisNotes", "undertakerOf"]


def backplaneOf(
    section: Section,
    machine: str,
    reactor: Any,
    announce: Callable[[str], object] | None = None,
    flusher: Flusher | None = None,
) -> Backplane | None:
    """The backplane of a server; None if it shares nothing.

    Args:
        section: The configuration.
        machine: What the nodes of this machine have in common.
        reactor: The network, and the time.
        announce: Called with each incarnation of this node as it begins.
        flusher: Sends what has come together in a turn, with the fast path.
    """
    if section.url is None:
        return None
    options = BackplaneOptions(
        node=section.node or socket.gethostname(),
        isLocal=section.whenDown == "local",
        outstanding=section.outstandingBytes,
    )
    connect = _connectorOf(section, section.url, reactor, flusher)
    return Backplane(makeNodeId(machine), options, connect, reactor, wallClock, announce or _toNoOne)


def undertakerOf(section: Section, reactor: Any) -> Undertaker | None:
    """What tells the other nodes of workers that have ended; None if there are none."""
    if section.url is None:
        return None
    return Undertaker(makeNodeId(), _connectorOf(section, section.url, reactor))


def redisNotes(section: Section) -> list[str]:
    """What ``--check`` says of the Redis; it is asked, and waited for. Empty if there is none."""
    if section.url is None:
        return []
    from rtcsignal.backplane.trial import tryRedis

    return tryRedis(RedisUrl.parse(section.url))


def _connectorOf(section: Section, url: str, reactor: Any, flusher: Flusher | None = None) -> Connect:
    # Not at the top: a server that is alone does without the library.
    from rtcsignal.backplane.connector import RedisConnector

    return RedisConnector(RedisUrl.parse(url), section.prefix, reactor, flusher)


def _toNoOne(incarnation: str) -> None:
    """Nobody wants to know."""
