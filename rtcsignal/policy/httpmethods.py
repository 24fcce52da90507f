"""The methods of HTTP, each a method of a client."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

__all__ = ["HttpMethods"]


class HttpMethods:
    """What is made of `request`, which a client has of its own: one method for each of HTTP's."""

    def request(self, method: str, url: str, **more: Any) -> Deferred[Any]:
        """Make a request."""
        raise NotImplementedError

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
