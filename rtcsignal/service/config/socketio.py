"""The section ``socketio`` of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from rtcsignal.service.config import checks
from rtcsignal.service.config.keys import Key, Seconds, Section
from rtcsignal.service.config.recovery import Recovery

__all__ = ["Socketio"]


class Socketio(Section, frozen=True, kw_only=True):
    """``socketio``: the transports that clients come over."""

    path: Annotated[
        str,
        Key(
            "Where Socket.IO is served.",
            "Every client asks for this path unless it is configured otherwise.",
            check=checks.socketioPath,
        ),
    ] = "/socket.io/"
    transports: Annotated[
        tuple[Literal["polling", "websocket"], ...],
        Meta(min_length=1),
        Key(
            "The transports that clients may use.",
            "Polling works where WebSocket is blocked; elsewhere clients upgrade by themselves.",
        ),
    ] = ("polling", "websocket")
    pingInterval: Annotated[
        Seconds,
        Key(
            "Time between two heartbeats.",
            "It is below the idle limit of common proxies, 60 s, and the usual value of other servers.",
            unit="seconds",
        ),
    ] = 25
    pingTimeout: Annotated[
        Seconds,
        Key(
            "How long the answer to a heartbeat may take before the connection counts as lost. Where the system has "
            "TCP_USER_TIMEOUT, also how long a client may not confirm that it got what it was sent.",
            "A phone can change its network meanwhile; a silent client is gone after 45 s at most.",
            unit="seconds",
        ),
    ] = 20
    upgradeTimeout: Annotated[
        Seconds,
        Key(
            "How long an upgrade from polling to WebSocket may take.",
            "It takes two round trips; polling goes on when it fails.",
            unit="seconds",
        ),
    ] = 10
    connectTimeout: Annotated[
        Seconds,
        Key(
            "How long a connection may stay without joining a namespace.",
            "Socket.IO clients join one at once.",
            unit="seconds",
        ),
    ] = 15
    jsonp: Annotated[
        bool,
        Key(
            "Whether JSONP (answers that are scripts) is served, to pages whose Origin or Referer is allowed or which "
            "the browser calls same-origin.",
            "Any page can load scripts, and no browser of this decade requires JSONP.",
        ),
    ] = False
    withoutEio: Annotated[
        Literal[3, "refuse"],
        Key(
            "How a client that names no revision of Engine.IO is treated: as revision 3, or refused.",
            "Clients in Swift before 16 name none, and speak revision 3.",
        ),
    ] = 3
    cookie: Annotated[
        str | None,
        Key(
            "Name of a cookie with the session id, for load balancers that require one; null for none.",
            "The server itself does not use it.",
            check=checks.cookieName,
        ),
    ] = None
    fast: Annotated[
        bool,
        Key(
            "Whether ordinary frames and polls take the fast path, which bypasses the libraries underneath.",
            "Both paths do the same. Use false to find out whether the fast path causes a problem; it is several "
            "times slower.",
        ),
    ] = True
    recovery: Recovery = Recovery()
