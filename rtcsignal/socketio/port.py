"""A Socket.IO server on a port of its own, in one call."""

from __future__ import annotations

from typing import Any

from twisted.web.resource import Resource

from rtcsignal.clocks import measureSteadily
from rtcsignal.engineio.http.limits import HttpLimits
from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.port.factory import PortFactory
from rtcsignal.engineio.port.resource import EngineResource
from rtcsignal.engineio.server import EngineServer
from rtcsignal.socketio.namespace import Namespace
from rtcsignal.socketio.server import SocketOptions, SocketServer

__all__ = ["mount", "portFor"]


def portFor(
    namespaces: dict[str, Namespace],
    clock: Any,
    root: Resource | None = None,
    engine: EngineOptions = EngineOptions(),  # noqa: B008 - frozen
    sockets: SocketOptions = SocketOptions(),  # noqa: B008 - frozen
    http: HttpLimits = HttpLimits(),  # noqa: B008 - frozen
) -> PortFactory:
    """What listens for a Socket.IO server: hand it to any stream endpoint.

    Args:
        namespaces: The application, by namespace.
        clock: The reactor. From now on it measures time with a clock that no one can set, see
            `rtcsignal.clocks.measureSteadily`.
        root: What else is served on the port; the Socket.IO path is added to it.
        engine: Settings of Engine.IO.
        sockets: Settings of Socket.IO.
        http: What one HTTP connection may cost.

    Returns:
        The factory; ``factory.engines[engine.path].close()`` ends all its sessions in order.
    """
    measureSteadily(clock)
    application = SocketServer(namespaces, clock, sockets)
    server = EngineServer(engine, clock, application.connect, stopping=application.close)
    root = Resource() if root is None else root
    mount(root, engine.path, EngineResource(server))
    return PortFactory([server], root, http, clock)


def mount(root: Resource, path: str, resource: Resource) -> None:
    """Put a resource where `path` says, which begins and ends with a slash."""
    *folders, name = path.strip("/").encode().split(b"/")
    for folder in folders:
        child = Resource()
        root.putChild(folder, child)
        root = child
    root.putChild(name, resource)
