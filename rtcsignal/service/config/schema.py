"""The configuration as one typed tree: every key with its type, default, unit, meaning and reason.

Everything else that knows the keys is made from this tree or compared with it: the reader in
`rtcsignal.service.config.convert`, ``etc/server.conf``, and the documentation. In the file a key is written in
snake_case, here its attribute is in camelCase.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from rtcsignal.service.config import checks
from rtcsignal.service.config.backplane import Backplane
from rtcsignal.service.config.calls import Calls
from rtcsignal.service.config.ice import Ice
from rtcsignal.service.config.keys import Key, Section
from rtcsignal.service.config.limits import Limits
from rtcsignal.service.config.origins import originProblem
from rtcsignal.service.config.plugins import Plugins
from rtcsignal.service.config.signaling import Signaling
from rtcsignal.service.config.socketio import Socketio
from rtcsignal.service.config.web import Web

__all__ = ["MOST_WORKERS", "Config"]

MOST_WORKERS = 256


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
    workers: Annotated[
        int,
        Meta(ge=1, le=MOST_WORKERS),
        Key(
            "Processes that serve the ports, each on a core. More than one requires backplane.url, through which they "
            "share their rooms. The option --workers outranks it.",
            "One process serves thousands of clients.",
            unit="process",
        ),
    ] = 1
    socketio: Socketio = Socketio()
    signaling: Signaling = Signaling()
    ice: Ice = Ice()
    calls: Calls = Calls()
    plugins: Plugins = Plugins()
    backplane: Backplane = Backplane()
    limits: Limits = Limits()
    web: Web = Web()
