"""The floors of the house: which modules there are, and who may import whom.

`tests.test_layers` holds the sources to this table, and `tests.support.layerdrawing` draws it for the documentation.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FLOORS", "GROUND", "ROOMS", "Room", "floorOf", "isIn", "mayImport", "roomOf"]


@dataclass(frozen=True)
class Room:
    """Modules that belong together.

    Attributes:
        name: What it is called.
        what: What it is about, in a few words.
        modules: Its modules and packages without ``rtcsignal.``; of several names that fit a module the longest counts.
        only: The rooms that it may import, if not all that are below.
    """

    name: str
    what: str
    modules: tuple[str, ...]
    only: frozenset[str] | None = None


GROUND = "ground"
_GROUND_ALONE = frozenset({GROUND})
_BELOW_SIGNALING = frozenset({GROUND, "codecs", "socketio"})

FLOORS: tuple[tuple[Room, ...], ...] = (
    (
        Room(
            GROUND,
            "interfaces, values, errors, and what all layers need",
            (
                "addresses",
                "clocks",
                "deadlines",
                "errors",
                "iceservers",
                "interfaces",
                "lograte",
                "logtext",
                "rates",
                "redisurl",
                "spelling",
                "values",
            ),
        ),
    ),
    (
        Room(
            "codecs",
            "text and bytes to values and back; pure",
            (
                "engineio.frames",
                "engineio.packet",
                "engineio.polling.payload",
                "signaling.events",
                "signaling.resume.wishes",
                "socketio.binary",
                "socketio.claims",
                "socketio.jsonscan",
                "socketio.jsontext",
                "socketio.packet",
            ),
        ),
    ),
    (Room("engineio.http", "HTTP as values: requests, responses, origins, limits", ("engineio.http",)),),
    (Room("engineio.stream", "byte streams, whether TCP, TLS or UNIX", ("engineio.stream",)),),
    (
        Room(
            "engineio",
            "sessions, heartbeats, allowances",
            ("engineio", "engineio.allowances", "engineio.liveness"),
        ),
    ),
    (
        Room("engineio.polling", "long-polling: GETs that wait, and POSTs", ("engineio.polling",)),
        Room("engineio.websocket", "WebSockets, on top of Autobahn", ("engineio.websocket",)),
    ),
    (
        Room(
            "engineio.server",
            "handshakes, upgrades, all sessions of a path",
            ("engineio.handshake", "engineio.invariants", "engineio.server", "engineio.upgrade"),
        ),
    ),
    (Room("engineio.port", "what becomes of a connection on the port", ("engineio.port",)),),
    (Room("engineio.forwarding", "requests for sessions on other nodes", ("engineio.forwarding",)),),
    (Room("socketio", "connections, namespaces, peers, fan-out, recovery", ("socketio",)),),
    (
        Room(
            "signaling",
            "rooms, members, joins, broadcasts",
            ("signaling", "signaling.joins", "signaling.relay", "signaling.resume", "signaling.rooms"),
            _BELOW_SIGNALING,
        ),
        Room("embedding", "what applications import", ("embedding",)),
        Room("kit", "what plugins are made with", ("kit",), _GROUND_ALONE),
    ),
    (
        Room(
            "backplane",
            "other nodes, by way of a Redis",
            ("backplane",),
            _BELOW_SIGNALING | {"signaling", "engineio.forwarding", "engineio.stream"},
        ),
    ),
    (Room("api", "what plugins import", ("api",), frozenset({GROUND, "kit"})),),
    (Room("policy.builtin", "the plugins that come with the server", ("policy.builtin",), frozenset({"api"})),),
    (
        Room("policy", "loading plugins, asking them in order", ("policy",)),
        Room("calls", "watching how calls are set up, and judging why one does not", ("calls",)),
        Room("ice", "which ICE servers a member is given, and when anew", ("ice",)),
    ),
    (
        Room("web", "pages beside Socket.IO", ("web",), _GROUND_ALONE),
        Room("service.config", "the configuration file", ("service.config",), _GROUND_ALONE),
    ),
    (
        Room(
            "service.handlers",
            "which event of clients is handled by whom",
            ("service.features", "service.handlers"),
        ),
    ),
    (
        Room("service", "the process: builds and wires all the rest", ("service", "service.workers")),
        Room("testing", "for tests of plugins", ("testing",)),
    ),
    (Room("cli", "commands for people, one by one", ("cli",)),),
    (Room("__main__", "commands for people", ("__main__",)),),
)
"""From the ground up. A room imports what is on the floors below it, and never a neighbour on its own floor."""

ROOMS = {room.name: room for floor in FLOORS for room in floor}
_NAMES = {f"rtcsignal.{module}": room for room in ROOMS.values() for module in room.modules}
_ROOT = "rtcsignal"


def isIn(name: str, module: str) -> bool:
    """Whether an imported name is a module or something of it."""
    return name == module or name.startswith(module + ".")


def roomOf(name: str) -> Room | None:
    """The room of a module, or of something in it; None if the table does not have it.

    Args:
        name: Its dotted name. That of the whole package stands for its version, which is ground.
    """
    if name == _ROOT or name == f"{_ROOT}.__version__":
        return ROOMS[GROUND]
    fitting = [each for each in _NAMES if isIn(name, each)]
    return _NAMES[max(fitting, key=len)] if fitting else None


def floorOf(room: Room) -> int:
    """On which floor a room is; the ground is 0."""
    return next(number for number, floor in enumerate(FLOORS) if room in floor)


def mayImport(room: Room, other: Room) -> bool:
    """Whether modules of a room may import those of another one."""
    if room is other:
        return True
    return floorOf(other) < floorOf(room) and (room.only is None or other.name in room.only)
