"""What ``--check`` says of a Redis: it is asked as a node would ask it, without a reactor."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

from rtcsignal.backplane.connector import NO_EVICTION, OLDEST, greeting, infoOf, numbersOf
from rtcsignal.backplane.redis import RedisConnection, errorIn
from rtcsignal.logtext import safe
from rtcsignal.redisurl import RedisUrl

__all__ = ["tryRedis"]

_SECONDS = 3.0
_PIECE = 65536


class _Transport:
    """What a connection writes goes to a socket at once."""

    def __init__(self, made: socket.socket) -> None:
        self.write = made.sendall
        self.abortConnection = made.close
        self.loseConnection = made.close


def tryRedis(url: RedisUrl) -> list[str]:
    """What a Redis is like, in lines for people. A server starts without it, and joins it later, so nothing is wrong if
    it cannot be reached.

    Args:
        url: Where it is.
    """
    try:
        with _connect(url) as made:
            return list(_described(url, made))
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        return [f"Redis at {url} cannot be reached now, and the server would start without it: {safe(reason)}"]


def _connect(url: RedisUrl) -> socket.socket:
    if url.path:
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(_SECONDS)
        made.connect(url.path)
        return made
    made = socket.create_connection((url.host, url.port), _SECONDS)
    return ssl.create_default_context().wrap_socket(made, server_hostname=url.host) if url.isTls else made


def _described(url: RedisUrl, made: socket.socket) -> Iterator[str]:
    answers: list[Any] = []
    connection = RedisConnection(lambda channel, message: None, lambda why: None)
    transport: Any = _Transport(made)
    connection.makeConnection(transport)
    commands = [*greeting(url, "rtcsignal:check"), ("INFO", "server"), ("INFO", "memory")]
    for command in commands:
        connection.send(command, answers.append)
    while len(answers) < len(commands):
        data = made.recv(_PIECE)
        if not data:
            raise OSError("it closes the connection")
        connection.dataReceived(data)
    problems = [problem for problem in map(errorIn, answers) if problem]
    if problems:
        yield f"Redis at {url} refuses: {safe(problems[0])}"
        return
    version = infoOf(answers[-2]).get("redis_version", "")
    policy = infoOf(answers[-1]).get("maxmemory_policy", "")
    yield f"Redis at {url}: version {version or 'unknown'}, maxmemory-policy {policy or 'unknown'}"
    if numbersOf(version) < OLDEST:
        yield "Redis has to be version 6.2 or newer"
    if policy and policy != NO_EVICTION:
        yield "Redis may forget members when its memory is full; set maxmemory-policy to noeviction"
