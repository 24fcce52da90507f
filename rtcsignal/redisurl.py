"""Where a Redis is: the URL in the configuration, taken apart. What is secret in it is shown nowhere."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["RedisUrl", "UrlError"]

_PORT = 6379
_MOST_PORT = 65535
_DATABASE = re.compile(r"0|[1-9][0-9]{0,4}")
_SCHEMES = "redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH?db=DB"


class UrlError(ValueError):
    """What is wrong with a URL; the text quotes nothing of it."""


@dataclass(frozen=True)
class RedisUrl:
    """A Redis server, how to reach it, and as whom.

    Attributes:
        host: Its name or IP address; empty for a UNIX socket.
        port: Its TCP port; 0 for a UNIX socket.
        path: Its UNIX socket; empty for TCP.
        isTls: Whether TLS is spoken.
        user: As whom; empty for the default user.
        password: The password; empty for none.
        database: The number of the database.
    """

    host: str = ""
    port: int = 0
    path: str = ""
    isTls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)
    database: int = 0

    def __str__(self) -> str:
        """The address as it may be shown."""
        if self.path:
            return f"unix://{self.path}" + (f"?db={self.database}" if self.database else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        database = f"/{self.database}" if self.database else ""
        return f"{'rediss' if self.isTls else 'redis'}://{host}:{self.port}{database}"

    @classmethod
    def parse(cls, text: str) -> RedisUrl:
        """Take a URL apart: ``redis://[[user]:password@]host[:port][/db]``, ``rediss://...``,
        ``unix://[[user]:password@]/path[?db=0]``. What is special in a URL is written with percent signs.

        Raises:
            UrlError: It is not such a URL.
        """
        try:
            parts = urlsplit(text)
            port = parts.port
            host = parts.hostname or ""
        except ValueError:
            raise UrlError(f"must be a URL such as {_SCHEMES}") from None
        if not text.isprintable() or " " in text or parts.fragment or parts.scheme not in ("redis", "rediss", "unix"):
            raise UrlError(f"must be a URL such as {_SCHEMES}")
        if parts.username and parts.password is None:
            raise UrlError("has a user without a password; write user:password@, or :password@ for the default user")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        if parts.scheme == "unix":
            return cls._unix(host, parts.path, parts.query, user, password)
        if not host:
            raise UrlError("has no host")
        if parts.query:
            raise UrlError("has a query, which only unix:// URLs have")
        if port == 0:
            raise UrlError(f"requires a port number from 1 to {_MOST_PORT}")
        database = _database(parts.path.removeprefix("/"))
        return cls(unquote(host), port or _PORT, "", parts.scheme == "rediss", user, password, database)

    @classmethod
    def _unix(cls, host: str, path: str, query: str, user: str, password: str) -> RedisUrl:
        if host or len(path) < 2:
            raise UrlError("requires the absolute path of a socket, such as unix:///run/redis/redis.sock")
        options = dict(parse_qsl(query, keep_blank_values=True))
        database = _database(options.pop("db", ""))
        if options:
            raise UrlError("has a query with something else than db")
        return cls("", 0, unquote(path), False, user, password, database)


def _database(text: str) -> int:
    if text and not _DATABASE.fullmatch(text):
        raise UrlError("requires the number of a database where it names one")
    return int(text or 0)
