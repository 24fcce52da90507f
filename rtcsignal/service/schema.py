"""The configuration as one typed tree: every key with its type, default, unit, meaning and reason.

Everything else that knows the keys is made from this tree or compared with it: the reader in
`rtcsignal.service.convert`, ``etc/server.conf``, and the documentation. In the file a key is written in
snake_case, here its attribute is in camelCase.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from rtcsignal.service import checks
from rtcsignal.service.recovery import Recovery
from rtcsignal.service.sections import Amount as _Amount
from rtcsignal.service.sections import Key, Section
from rtcsignal.service.sections import Seconds as _Seconds

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
            "It is what every client asks for unless it is told another path.",
            check=checks.socketioPath,
        ),
    ] = "/socket.io/"
    transports: Annotated[
        tuple[Literal["polling", "websocket"], ...],
        Meta(min_length=1),
        Key(
            "The transports offered.",
            "Polling gets through where WebSocket does not; elsewhere clients upgrade by themselves.",
        ),
    ] = ("polling", "websocket")
    pingInterval: Annotated[
        _Seconds,
        Key(
            "Time between two heartbeats.",
            "It is below the idle limit of common proxies, 60 s, and what clients know from other servers.",
            unit="seconds",
        ),
    ] = 25
    pingTimeout: Annotated[
        _Seconds,
        Key(
            "How long the answer to a heartbeat may take before the connection counts as lost.",
            "A phone can change its network meanwhile; a silent client is gone after 45 s at most.",
            unit="seconds",
        ),
    ] = 20
    upgradeTimeout: Annotated[
        _Seconds,
        Key(
            "How long an upgrade from polling to WebSocket may take.",
            "It takes two round trips; polling goes on when it fails.",
            unit="seconds",
        ),
    ] = 10
    connectTimeout: Annotated[
        _Seconds,
        Key(
            "How long a connection may stay without joining a namespace.",
            "Clients do it at once; what does not is not a Socket.IO client.",
            unit="seconds",
        ),
    ] = 15
    cookie: Annotated[
        str | None,
        Key(
            "Name of a cookie with the session id, for load balancers that need one; null for none.",
            "The server itself has no use for it.",
            check=checks.cookieName,
        ),
    ] = None
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
            "RTCSignalServer in all: no targets, no user ids bound to a connection, no further arguments.",
            "Old clients ignore the additions, and without binding anybody can speak for anybody.",
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
            "Nothing is loaded that was not asked for.",
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


class Limits(Section, frozen=True, kw_only=True):
    """``limits``: what one client may cost."""

    messageBytes: Annotated[
        _Amount,
        Key(
            "Largest message, and largest body of a POST. 0 = no limit.",
            "The default of other Socket.IO servers; a large offer takes 10 to 70 KB.",
            unit="bytes",
        ),
    ] = 1_000_000
    connectionsPerAddress: Annotated[
        _Amount,
        Key(
            "Most connections of one IP address. 0 = no limit, as is needed behind a proxy.",
            "Enough for an office behind one address, too few to fill the server.",
            unit="connections",
        ),
    ] = 200
    roomsPerPeer: Annotated[
        _Amount,
        Key("Most rooms that one client is in. 0 = no limit.", "Clients are in one or two.", unit="rooms"),
    ] = 32
    namespacesPerConnection: Annotated[
        _Amount,
        Key(
            "Most namespaces that one connection uses at a time. 0 = no limit.",
            "Clients use one or two.",
            unit="namespaces",
        ),
    ] = 5
    nameCharacters: Annotated[
        _Amount,
        Key(
            "Longest user id and longest name of a room. 0 = no limit.",
            "Room for identifiers of any scheme; names are kept and sent often.",
            unit="characters",
        ),
    ] = 256
    sendQueueBytes: Annotated[
        _Amount,
        Key(
            "Most bytes that wait for a client that does not read; beyond, it is disconnected. 0 = no limit.",
            "One largest message fits, and a thousand such clients fit into a gigabyte.",
            unit="bytes",
        ),
    ] = 1_048_576
    sendQueuePackets: Annotated[
        _Amount,
        Key(
            "Most packets that wait for a client on polling that does not poll; beyond, it is disconnected. "
            "0 = no limit.",
            "What others say in a room of fifty until the next poll; small packets cost more than their bytes.",
            unit="packets",
        ),
    ] = 1_000
    sendQueueSeconds: Annotated[
        float,
        Meta(ge=0, le=86400),
        Key(
            "How long more than 64 KiB may wait for a client before it is disconnected. 0 = no limit.",
            "A call cannot be set up with somebody who hears everything ten seconds later.",
            unit="seconds",
        ),
    ] = 10
    bytesPerSecond: Annotated[
        _Amount,
        Key(
            "Most bytes of one client per second, on average; beyond, it is read more slowly. 0 = no limit.",
            "A hundred times what a call needs, and a small part of what one processor handles.",
            unit="bytes per second",
        ),
    ] = 262_144
    bytesBurst: Annotated[
        _Amount,
        Key("Most bytes of one client at once.", "Four largest messages.", unit="bytes"),
    ] = 4_194_304
    eventsPerSecond: Annotated[
        _Amount,
        Key(
            "Most events of one client per second, on average; beyond, it is read more slowly. Pings, pongs and "
            "fragments are counted apart, by the same number. 0 = no limit, on bytes_per_second and "
            "joins_per_second neither.",
            "A call sets up with some dozens of candidates; nobody needs hundreds for long.",
            unit="events per second",
        ),
    ] = 100
    eventsBurst: Annotated[
        _Amount,
        Key(
            "Most events of one client at once; who sends as many again is disconnected. 0 = no limit at all.",
            "Joining a room of fifty sends an offer and candidates to each.",
            unit="events",
        ),
    ] = 500
    headerBytes: Annotated[
        int,
        Meta(ge=1024, le=2**20),
        Key("Largest header block of a request.", "Common proxies allow as much.", "bytes"),
    ] = 16_384
    headerCount: Annotated[
        int,
        Meta(ge=10, le=10_000),
        Key("Most header lines of a request.", "Browsers and proxies send about 30.", unit="lines"),
    ] = 100
    headerSeconds: Annotated[
        _Seconds,
        Key(
            "How long the header block of a request may take, however steadily it comes.",
            "It fits into one packet; who takes longer holds a connection for nothing.",
            unit="seconds",
        ),
    ] = 10
    bodySeconds: Annotated[
        _Seconds,
        Key(
            "How long the body of a request may take, however steadily it comes.",
            "A largest message at 400 kbit/s.",
            unit="seconds",
        ),
    ] = 20
    idleSeconds: Annotated[
        _Seconds,
        Key(
            "How long a connection may stay open between two requests.",
            "Longer than common proxies keep theirs, 60 s, so that they never use one that is being closed.",
            unit="seconds",
        ),
    ] = 75
    packetsPerPayload: Annotated[
        _Amount,
        Key(
            "Most packets in the body of one POST. 0 = no limit.",
            "Clients collect what they send within one round trip.",
            unit="packets",
        ),
    ] = 1_000
    attachments: Annotated[
        _Amount,
        Key("Most binary attachments of one event. 0 = no limit.", "Signalling needs none.", "attachments"),
    ] = 10
    attachmentSeconds: Annotated[
        _Seconds,
        Key(
            "How long the attachments of an event may take to come.",
            "As long as the body of a request.",
            unit="seconds",
        ),
    ] = 20
    jsonDepth: Annotated[
        _Amount,
        Key(
            "Deepest nesting of arrays and objects in an event. 0 = no limit but that of the decoder.",
            "Signalling needs four; programs that walk deep structures fail on deep ones.",
            unit="levels",
        ),
    ] = 64


class Web(Section, frozen=True, kw_only=True):
    """``web``: pages beside Socket.IO."""

    demo: Annotated[
        bool,
        Key(
            "Whether / shows a page for calls from browser to browser.",
            "A server in production seldom wants to show one.",
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
            '"haproxy:tcp:8080" or "systemd:domain=INET6:index=0".',
            "Any user may open the port, and RTCSignalServer used it.",
            check=checks.endpoint,
        ),
    ] = ("tcp:8080",)
    origins: Annotated[
        tuple[str, ...],
        Key(
            "Origins of pages that may connect, besides pages that come from the server's own host: "
            '"https://example.org", or "*" for any.',
            "Otherwise any page of the web could connect, with the cookies of the person in front of it.",
            check=checks.origin,
        ),
    ] = ()
    socketio: Socketio = Socketio()
    signaling: Signaling = Signaling()
    plugins: Plugins = Plugins()
    limits: Limits = Limits()
    web: Web = Web()
