"""The HTTP client of plugins. The only module that needs treq, which is installed by ``rtcsignal[http]``."""

from __future__ import annotations

from typing import Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.web.client import Agent, HTTPConnectionPool

__all__ = ["HttpClient"]

_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
_CONNECTIONS_PER_HOST = 8


class _Pool(HTTPConnectionPool):
    """A pool of connections that does not write a line for the beginning and the end of each."""

    class _factory(HTTPConnectionPool._factory):  # type: ignore[misc, valid-type]
        noisy = False


class HttpClient:
    """HTTP requests as treq makes them, on a pool of connections of its own.

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
        self._pool = _Pool(reactor)
        self._pool.maxPersistentPerHost = _CONNECTIONS_PER_HOST
        self._client = HTTPClient(Agent(reactor, connectTimeout=_CONNECT_SECONDS, pool=self._pool))

    def request(self, method: str, url: str, *, timeout: float = _SECONDS, **more: Any) -> Deferred[Any]:
        """Make a request.

        Args:
            method: ``GET``, ``POST``...
            url: Where to.
            timeout: Seconds until it is given up.
            more: As ``treq.request`` takes them: ``params``, ``headers``, ``data``, ``json``, ``auth``...

        Returns:
            The response: ``code``, ``headers``, and ``json()``, ``text()``, ``content()``, which give Deferreds.
            Fails with `TimeoutError` when it was given up.
        """
        response: Deferred[Any] = self._client.request(method, url, reactor=self._reactor, **more)
        return response.addTimeout(timeout, self._reactor, _tooLate)

    def get(self, url: str, **more: Any) -> Deferred[Any]:
        """Make a GET request; see `request`."""
        return self.request("GET", url, **more)

    def post(self, url: str, data: Any = None, **more: Any) -> Deferred[Any]:
        """Make a POST request; see `request`."""
        return self.request("POST", url, data=data, **more)

    def put(self, url: str, data: Any = None, **more: Any) -> Deferred[Any]:
        """Make a PUT request; see `request`."""
        return self.request("PUT", url, data=data, **more)

    def patch(self, url: str, data: Any = None, **more: Any) -> Deferred[Any]:
        """Make a PATCH request; see `request`."""
        return self.request("PATCH", url, data=data, **more)

    def delete(self, url: str, **more: Any) -> Deferred[Any]:
        """Make a DELETE request; see `request`."""
        return self.request("DELETE", url, **more)

    def head(self, url: str, **more: Any) -> Deferred[Any]:
        """Make a HEAD request; see `request`."""
        return self.request("HEAD", url, **more)

    def close(self) -> None:
        """Close the idle connections. Requests under way end by themselves."""
        self._pool.closeCachedConnections()


def _tooLate(result: Any, seconds: float) -> NoReturn:
    raise TimeoutError(f"no response within {seconds:g} s")
