"""The HTTP client of plugins. The only module that needs treq, which is installed by ``rtcsignal[http]``."""

from __future__ import annotations

from http.cookiejar import CookieJar
from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.web.client import Agent

from rtcsignal.policy.httpbounds import BoundedAgent, BoundedPool
from rtcsignal.policy.httpmethods import HttpMethods
from rtcsignal.policy.names import Names, NamingReactor

__all__ = ["MOST_BYTES", "HttpClient"]

MOST_BYTES = 1_000_000
"""Bytes of an answer, unless the plugin wants another limit."""

_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_CONNECTIONS_PER_HOST = 8


class _NoJar(CookieJar):
    """Takes no cookies from answers: the next request may be about someone else. It has those of one request."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """Nothing is taken."""


class HttpClient(HttpMethods):
    """HTTP requests as treq makes them, on a pool of connections and with lookups of names of its own.

    No cookie is kept, answers are bounded in bytes and time, and a name that resolves slowly delays no one else.

    Args:
        reactor: The network and the time.

    Raises:
        ImportError: treq is not installed.
    """

    def __init__(self, reactor: Any) -> None:
        try:
            from treq.client import HTTPClient
        except ImportError:
            raise ImportError("services.http needs treq: pip install 'rtcsignal[http]'") from None
        self._reactor = reactor
        self._makeClient = HTTPClient
        self._pool = BoundedPool(reactor)
        self._pool.maxPersistentPerHost = _CONNECTIONS_PER_HOST
        naming: Any = NamingReactor(reactor, Names(reactor))
        self._agent = Agent(naming, connectTimeout=_CONNECT_SECONDS, pool=self._pool)

    def request(
        self, method: str, url: str, *, timeout: float = _SECONDS, mostBytes: int = MOST_BYTES, **more: Any
    ) -> Deferred[Any]:
        """Make a request.

        Args:
            method: ``GET``, ``POST``...
            url: Where to.
            timeout: Seconds until it is given up; the body of the answer may take as long again.
            mostBytes: Most bytes of the body.
            more: As ``treq.request`` takes them: ``params``, ``headers``, ``data``, ``json``, ``auth``...

        Returns:
            The response: ``code``, ``headers``, and ``json()``, ``text()``, ``content()``, which give Deferreds.
            Fails with `TimeoutError` when it was given up. They do so as well, and with `ResponseTooLong` if the body
            is too long.
        """
        agent = BoundedAgent(self._agent, self._reactor, mostBytes, timeout)
        jar: Any = _NoJar()
        client = self._makeClient(agent, cookiejar=jar)
        response: Deferred[Any] = client.request(method, url, reactor=self._reactor, **more)
        return response.addTimeout(timeout, self._reactor, _tooLate)

    def close(self) -> None:
        """Close the idle connections. Requests under way end by themselves."""
        self._pool.closeCachedConnections()


def _tooLate(result: Any, seconds: float) -> NoReturn:
    raise TimeoutError(f"no response within {seconds:g} s")
