"""The server as plugins see it: their services, and views of peers and rooms. Version 1."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import Attribute, Interface

__all__ = ["IPeer", "IRoom", "IServices"]


class IServices(Interface):
    """What the server does for a plugin. Each plugin has its own."""

    name: str = Attribute("The plugin's name.")
    clock: IReactorTime = Attribute(
        "Measures time: seconds() never goes back or jumps. For everything that waits, counts or lasts."
    )
    log: Logger = Attribute("A twisted.logger.Logger named after the plugin. Floods are cut short.")
    http: Any = Attribute("An HTTP client as treq has it: get(url, ...), post(url, ...), request(method, url, ...).")
    data: dict[str, Any] = Attribute("A dict for the plugin, kept as long as the server runs, also when it reloads.")

    def now() -> float:
        """The time of day by the system clock, which may be set at any time: for times that people and other systems
        read or have set, such as the end of a token; never for how long something takes.

        Returns:
            Seconds since the epoch.
        """

    def callLater(seconds: float, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> IDelayedCall:
        """Call a function after a time, unless the plugin is stopped before.

        Args:
            seconds: How long to wait; 0 or more.
            function: May be a coroutine function. What it raises is logged, and changes nothing.
            arguments: Handed to the function.
            keywords: Handed to the function.

        Returns:
            An `IDelayedCall`, to cancel or reset it.

        Raises:
            RuntimeError: The plugin has been stopped.
        """

    def rooms() -> tuple[IRoom, ...]:
        """All rooms that have members on this node, as `IRoom`."""

    def room(name: str) -> IRoom | None:
        """One room.

        Args:
            name: Its name.

        Returns:
            An `IRoom`, or None if it has no members. In a cluster also if no member, and no one who waits for it, is
            on this node.
        """

    def waiting(roomName: str) -> tuple[IPeer, ...]:
        """The clients that wait for a room, on any node, because a room policy has answered their join with `Waiting`.

        Args:
            roomName: The room; it need not be there.

        Returns:
            A tuple of `IPeer`, in the order in which they came.
        """

    def dismiss(peer: IPeer) -> None:
        """Forget that a client waits. The client is not told. Does nothing if it does not wait.

        Args:
            peer: An `IPeer`, as `waiting` has it.
        """

    def kick(peer: IPeer, reason: str = "kicked") -> None:
        """Kick a member from its room; its connection and its other rooms stay. Does nothing if it has left.

        To end the connection with all its rooms, use `IPeer.disconnect`.

        Args:
            peer: An `IPeer` of the room in question, as policies, filters, observers and `IRoom.peers` have it.
            reason: A kebab-case word; all members, including the kicked one, are told in ``user-left``.

        Raises:
            TypeError: The reason is not a string.
        """

    def probe(peer: IPeer, seconds: float = 3.0) -> Awaitable[bool]:
        """Find out whether a client is still there: on WebSocket it is sent a ping, which clients answer by themselves.

        One that does not answer has lost its connection: the rooms hear that it is away, if it is waited for, and
        otherwise of its end with the reason ``timeout``. Clients on polling, and those of other nodes, cannot be
        asked: the heartbeat decides.
        Meanwhile the plugin's own answers may take longer than its time limit.

        Args:
            peer: An `IPeer`.
            seconds: How long it has to answer.

        Returns:
            An awaitable of whether it has answered or cannot be asked; False if it is away, or has gone.

        Raises:
            ValueError: The seconds are not above 0.
        """

    def emit(roomName: str, event: str, *arguments: Any) -> None:
        """Send an event to all members of a room, on all nodes. Does nothing if `room` has none of this name.

        Args:
            roomName: The room.
            event: The event's name.
            arguments: JSON values and bytes.

        Raises:
            TypeError: An argument cannot be sent.
            ValueError: The event is one of Socket.IO itself, such as ``connect`` and ``disconnect``.
        """


class IPeer(Interface):
    """A member of a room, or a client that wants to be one: a read-only view, never the server's own object.

    In a cluster it may be on another node. What is secret stays there: its claims and its join request are empty here,
    and so is what only that node knows, its transport and what its log says.
    """

    sid: str = Attribute("Its id: unique, public, of no use to anyone else.")
    userId: str = Attribute("The user id with which it joined this room.")
    roles: frozenset[str] = Attribute("A frozenset of words, from its authenticator.")
    claims: Mapping[str, Any] = Attribute("A read-only mapping, from its authenticator.")
    signedIn: bool = Attribute(
        "Its authenticator has found its user id. Guests, who may take any name, and all clients of a server without "
        "authenticators have not signed in."
    )
    away: bool = Attribute(
        "Its connection was lost, and it is waited for: it is a member until it is given up."
    )
    awayUntil: float | None = Attribute(
        "When it is given up then, on the scale of `IServices.clock`; None while it is not away."
    )
    hasKey: bool = Attribute(
        "Its client has a key with which it takes its place back from anywhere. The key itself is shown to no one."
    )
    node: str = Attribute("The name of the node that it is on; empty if the server is alone.")
    address: str = Attribute("Its IP address, or an empty string.")
    origin: str | None = Attribute(
        "The Origin header of its connection: which page it is; None if it has sent none, and so is not a page, or "
        "if it is on another node."
    )
    conn: str = Attribute("What the log of its node calls its connection: a short id, no secret.")
    namespace: str = Attribute("The namespace it uses: a slash, or a slash and a name.")
    transport: str = Attribute("What carries it, or did at its end: polling or websocket.")
    rooms: frozenset[str] = Attribute("A frozenset of the names of the rooms it is in; this one if it is elsewhere.")
    connectedAt: float = Attribute("When it connected, on the scale of `IServices.clock`.")
    data: dict[str, Any] = Attribute("A dict for plugins, kept as long as it is connected. Each node has its own.")
    joinRequest: Mapping[str, Any] = Attribute(
        "A read-only mapping: what it sent to join this room, with all further keys. Empty without room policies."
    )

    def emit(event: str, *arguments: Any) -> None:
        """Send it an event. Does nothing if it has gone.

        Args:
            event: A string.
            arguments: JSON values and bytes.

        Raises:
            TypeError: An argument cannot be sent.
            ValueError: The event is one of Socket.IO itself, such as ``connect`` and ``disconnect``.
        """

    def disconnect(reason: str = "kicked") -> None:
        """Disconnect it from the server. Its client does not reconnect by itself.

        Args:
            reason: A kebab-case word. The rooms are told it in ``user-left``, and the client as the code of a
                ``refused``, whose event is ``connect``, before its connection ends.

        Raises:
            TypeError: The reason is not a string.
        """


class IRoom(Interface):
    """A room: a read-only view, never the server's own object."""

    name: str = Attribute("Its name.")
    size: int = Attribute("How many members it has.")
    userCount: int = Attribute("As how many different users they have joined.")
    createdAt: float = Attribute("When its first member joined, on the scale of `IServices.clock`.")
    data: dict[str, Any] = Attribute(
        "A dict for plugins, kept as long as the room has members. Each node has its own, for its own members."
    )
    shared: Mapping[str, Any] = Attribute(
        "A read-only mapping: what plugins have shared about the room, the same on all nodes. It ends with the room."
    )

    def share(key: str, value: Any) -> None:
        """Share something about the room with all nodes, and keep it as long as the room has members.

        Anyone who is judged from then on, on any node, is judged by it. What is shared in `IDoorObserver.entering`
        holds from the moment of that join. If two nodes share under one key at once, all have the later value.

        Args:
            key: Which; begin it with the plugin's name.
            value: A JSON value, to be replaced and never changed; None removes it.

        Raises:
            TypeError: The key is not a string, or the value is not one of JSON.
        """

    def peers() -> tuple[IPeer, ...]:
        """Its members, on all nodes, as a tuple of `IPeer`, in the order in which they joined."""

    def peersOf(userId: str) -> tuple[IPeer, ...]:
        """Those of its members who have joined as one user.

        Args:
            userId: The user.

        Returns:
            A tuple of `IPeer`, in the order in which they joined; empty if there is none.
        """

    def emit(event: str, *arguments: Any) -> None:
        """Send an event to all members.

        Args:
            event: A string.
            arguments: JSON values and bytes.

        Raises:
            TypeError: An argument cannot be sent.
            ValueError: The event is one of Socket.IO itself, such as ``connect`` and ``disconnect``.
        """
