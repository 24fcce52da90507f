"""The configuration as one typed tree: every key with its type, default, unit, meaning and reason.

Everything else that knows the keys is made from this tree or compared with it: the reader in
`rtcsignal.service.config.convert`, ``etc/server.conf``, and the documentation. In the file a key is written in
snake_case, here its attribute is in camelCase.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from rtcsignal.service.config import checks
from rtcsignal.service.config.keys import Key, Seconds, Section
from rtcsignal.service.config.limits import Limits
from rtcsignal.service.config.origins import originProblem
from rtcsignal.service.config.recovery import Recovery

__all__ = [
    "Config",
    "Key",
    "Limits",
    "PluginUse",
    "Plugins",
    "Section",
    "Signaling",
    "Socketio",
    "Web",
]


class PluginUse(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of ``plugins.use``.

    Attributes:
        name: The plugin's name.
        options: Its options; None when the entry is only a name.
        where: ``file:line:column`` of the entry, for messages about it.
    """

    name: str
    options: Mapping[str, Any] | None = None
    where: str = ""


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
            "How long the answer to a heartbeat may take before the connection counts as lost.",
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


class Signaling(Section, frozen=True, kw_only=True):
    """``signaling``: the events of rooms."""

    namespaces: Annotated[
        tuple[str, ...],
        Meta(min_length=1),
        Key(
            "The namespaces that clients may use; they share the rooms.",
            'A page that calls io("http://host/socket.io") means the namespace /socket.io.',
            check=checks.namespace,
        ),
    ] = ("/", "/socket.io")
    compat: Annotated[
        Literal["seed", "exact"],
        Key(
            "seed: the events of RTCSignalServer with the additions of this server. exact: the behaviour of "
            "RTCSignalServer in everything: no targets, no user ids bound to a connection, no further arguments.",
            "Old clients ignore the additions, and without binding anyone can speak for anyone.",
        ),
    ] = "seed"
    echo: Annotated[
        bool,
        Key(
            "Whether a broadcast goes back to its sender as well.",
            "RTCSignalServer did it, and its pages drop their own messages.",
        ),
    ] = True


class Plugins(Section, frozen=True, kw_only=True):
    """``plugins``: policies, filters, authenticators and observers."""

    folders: Annotated[
        tuple[str, ...],
        Key(
            "Folders in which plugin files are looked for; relative paths count from the configuration file.",
            "The server loads nothing unless it is told to.",
            check=checks.folder,
        ),
    ] = ()
    use: Annotated[
        tuple[PluginUse, ...],
        Key(
            "The plugins to use, in the order in which they are asked: a name, or one name with its options.",
            "Without plugins everything is allowed.",
        ),
    ] = ()


class Web(Section, frozen=True, kw_only=True):
    """``web``: pages beside Socket.IO."""

    demo: Annotated[
        bool,
        Key(
            "Whether / shows a page for calls from browser to browser.",
            "Servers in production rarely need it.",
        ),
    ] = False


class Config(Section, frozen=True, kw_only=True):
    """The whole configuration."""

    listen: Annotated[
        tuple[str, ...],
        Meta(min_length=1),
        Key(
            'Where to listen: Twisted endpoint strings, such as "tcp:8080", "tcp:8080:interface=127.0.0.1", '
            '"tcp6:8080", "unix:/run/rtcsignal.sock", "ssl:8443:privateKey=key.pem:certKey=cert.pem", '
            '"haproxy:tcp:8080" or "systemd:domain=INET6:index=0". A UNIX socket has mode 0660 unless "mode=" says '
            "otherwise; relative paths count from this file.",
            "Any user may open this port, and RTCSignalServer used it.",
            check=checks.endpoint,
        ),
    ] = ("tcp:8080",)
    origins: Annotated[
        tuple[str, ...],
        Key(
            "Origins of pages that may connect, besides pages that come from the server's own host: "
            '"https://example.org", "https://*.example.org" for any one name before the dot, "null" and "file://" for '
            'pages from files, or "*" for any.',
            "Otherwise any page of the web could connect, with the cookies of the person in front of it.",
            check=originProblem,
        ),
    ] = ()
    proxies: Annotated[
        tuple[str, ...],
        Key(
            "Proxies that are trusted to say where a client is: addresses, networks, and \"unix\" for anyone who "
            "connects over a UNIX socket. From them X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host count, "
            'and the PROXY protocol of "haproxy:" endpoints.',
            "From anyone else these would be a way to pose as another client.",
            check=checks.network,
        ),
    ] = ()
    socketio: Socketio = Socketio()
    signaling: Signaling = Signaling()
    plugins: Plugins = Plugins()
    limits: Limits = Limits()
    web: Web = Web()
