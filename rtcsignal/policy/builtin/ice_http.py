"""Gets ICE servers from a web service: managed TURN, or one's own that hands out credentials."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from zope.interface import implementer

from rtcsignal.api import (
    REQUIRED,
    ConfigError,
    Configurable,
    IceServer,
    IceServers,
    IIceServers,
    IPeer,
    IRoom,
    IServices,
    Option,
)

_MOST_BYTES = 100_000
_REQUEST_SECONDS = 10.0
_FIRST_RETRY, _LONGEST_RETRY = 2.0, 60.0
_LISTS = ("iceServers", "ice_servers", "servers")


class _NotUnderstood(Exception):
    """The service has answered something else; the text says what, and quotes nothing of it."""


@implementer(IIceServers)
class IceHttp(Configurable):
    """Asks a web service for ICE servers in the background, and gives everyone the same until they run out."""

    name = "ice-http"
    url = Option(str, REQUIRED, "The service: an http or https URL.")
    method = Option(str, "POST", "How it is asked.", choices=("GET", "POST"))
    secret = Option(str, None, "Sent as Authorization: Bearer.", secret=True)
    body = Option(dict[str, Any], {}, "What it is sent as JSON, if it is asked with POST.")
    ttl = Option(float, 3600.0, "Seconds for which an answer is good that does not say it.", least=5, most=604_800)

    def prepare(self) -> None:
        problems = []
        try:
            parts = urlsplit(self.url)
            isUrl = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            isUrl = False
        if not isUrl:
            problems.append("url: must be a URL that begins with http:// or https://")
        if find_spec("treq") is None:
            problems.append("it needs treq: pip install 'rtcsignal[http]'")
        if problems:
            raise ConfigError(problems)
        self._key = json.dumps([self.url, self.method, self.secret, self.body], sort_keys=True, default=str)
        self._services: IServices | None = None
        self._servers: tuple[IceServer, ...] = ()
        self._until = -math.inf
        self._failures = 0

    def start(self, services: IServices) -> None:
        self._services = services
        kept = services.data.get("answer")
        wait = 0.0
        if kept is not None and kept[0] == self._key:
            # A reload has made a new plugin: what the one before has got is as good as it was.
            _, self._servers, self._until, due = kept
            wait = max(due - services.clock.seconds(), 0.0)
        services.callLater(wait, self._ask)

    def stop(self) -> None:
        self._services = None

    def iceServers(self, peer: IPeer, room: IRoom) -> IceServers | None:
        if self._services is None:
            return None
        left = self._until - self._services.clock.seconds()
        return IceServers(self._servers, left) if self._servers and left >= 1 else None

    async def _ask(self) -> None:
        services = self._services
        if services is None:
            return
        try:
            servers, ttl = await self._answer(services)
        except Exception as error:
            self._failures += 1
            if self._failures == 1:
                services.log.error("{service} gives no ICE servers: {reason}", service=self._host, reason=_why(error))
            services.callLater(min(_FIRST_RETRY * 2 ** min(self._failures - 1, 9), _LONGEST_RETRY), self._ask)
            return
        if self._failures:
            services.log.info("{service} gives ICE servers", service=self._host)
        self._failures = 0
        now = services.clock.seconds()
        self._servers, self._until = servers, now + ttl
        services.data["answer"] = (self._key, servers, self._until, now + ttl / 2)
        services.callLater(ttl / 2, self._ask)

    async def _answer(self, services: IServices) -> tuple[tuple[IceServer, ...], float]:
        headers = {"Accept": "application/json"}
        if self.secret is not None:
            headers["Authorization"] = f"Bearer {self.secret}"
        more: dict[str, Any] = {"headers": headers, "timeout": _REQUEST_SECONDS, "mostBytes": _MOST_BYTES}
        if self.method == "POST":
            headers["Content-Type"] = "application/json"
            more["data"] = json.dumps(self.body).encode()
        response = await services.http.request(self.method, self.url, **more)
        if not 200 <= response.code < 300:
            await response.content()
            raise _NotUnderstood(f"status {response.code}")
        try:
            answer = json.loads(await response.content())
        except ValueError:
            raise _NotUnderstood("the answer is not JSON") from None
        servers = tuple(_serversIn(answer))
        if not servers:
            raise _NotUnderstood("there is no server in the answer")
        return servers, _ttlIn(answer, self.ttl)

    @property
    def _host(self) -> str:
        """The service; for the log, as there may be secrets in the rest of its URL."""
        return urlsplit(self.url).hostname or ""


def _why(error: Exception) -> str:
    """What went wrong, without what an exception may quote of the request."""
    text = str(error) if isinstance(error, (_NotUnderstood, TimeoutError)) else ""
    return text or type(error).__name__


def _serversIn(answer: Any) -> Iterator[IceServer]:
    """The servers of an answer, in any of the forms that services use."""
    entries = answer
    if isinstance(answer, Mapping):
        entries = next((answer[name] for name in _LISTS if name in answer), answer)
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, Mapping):
            urls = tuple(url for url in _urlsIn(entry) if not _isPort53(url))
            username, credential = entry.get("username"), entry.get("credential", entry.get("password"))
            if urls:
                yield IceServer(
                    urls,
                    username if isinstance(username, str) else None,
                    credential if isinstance(credential, str) else None,
                )


def _urlsIn(entry: Mapping[str, Any]) -> list[str]:
    urls = entry.get("urls", entry.get("uris", entry.get("url")))
    return [url for url in (urls if isinstance(urls, list) else [urls]) if isinstance(url, str)]


def _isPort53(url: str) -> bool:
    """Browsers connect to no port of the DNS."""
    return url.partition("?")[0].endswith(":53")


def _ttlIn(answer: Any, otherwise: float) -> float:
    """For how many seconds an answer is good, if it says so: Twilio writes the number as a string."""
    value = answer.get("ttl") if isinstance(answer, Mapping) else None
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except ValueError:
        seconds = math.nan
    return seconds if 1 <= seconds < math.inf else otherwise


iceHttp = IceHttp()
