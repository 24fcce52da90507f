"""The kinds of client that call each other in these tests: library, way of transport, namespace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

EVENTS = (
    *("user-joined", "user-left", "broadcast", "refused", "ice-servers", "call-verdict"),
    *("admitted", "denied", "knock", "knock-ended", "replaced"),  # those of plugins that clients are tried with
)

PYTHON = "python"
NPM_CLIENTS = ("2.2.0", "2.5.0", "3.1.3", "4.8")
WAYS = {"polling": ("polling",), "websocket": ("websocket",), "upgrade": ("polling", "websocket")}
NAMESPACES = ("/", "/socket.io")


@dataclass(frozen=True)
class Kind:
    """What sort of client it is.

    `library` is the version of the npm package socket.io-client or "python" for python-socketio, `way` a key
    of `WAYS`, `namespace` the one that the client connects to.
    """

    library: str
    way: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.library} {self.way} {self.namespace}"

    @property
    def transports(self) -> Sequence[str]:
        """What the library's option `transports` is set to."""
        return WAYS[self.way]

    @property
    def credentials(self) -> str:
        """The option with which the library presents something to an authenticator."""
        return "query" if self.library.startswith("2.") else "auth"

    @property
    def finalTransport(self) -> str:
        """The transport that the client is on once it has settled."""
        return self.transports[-1]

    @property
    def other(self) -> Kind:
        """A client as unlike this one as can be: of the other protocol, in the other namespace."""
        return replace(
            self,
            library="2.2.0" if self.library in ("3.1.3", "4.8", PYTHON) else "4.8",
            way="polling" if self.way == "websocket" else "websocket",
            namespace="/" if self.namespace == "/socket.io" else "/socket.io",
        )


EVERY_KIND = tuple(
    Kind(library, way, namespace) for library in (*NPM_CLIENTS, PYTHON) for way in WAYS for namespace in NAMESPACES
)
EVERY_NPM_KIND = tuple(kind for kind in EVERY_KIND if kind.library != PYTHON)
