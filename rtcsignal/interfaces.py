"""What plugins provide, and what they are given. Version 1.

A plugin is an object at the top of a module that provides one or more of `IAuthenticator`, `IRoomPolicy`,
`IMessageFilter`, `IRoomObserver`, `IDoorObserver` and `IEventHandler`. Its `name` is what the configuration calls it.
Methods may be plain functions, coroutine functions, or return a Deferred; plain is the fast way.

To refuse, raise `Refused`. Any other exception is logged with the plugin's name and refuses with the code
``internal``; an answer that takes longer than the plugin's time limit refuses with ``timeout``: every gate fails
closed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import Attribute, Interface

from rtcsignal.values import Handshake, Identity, Message

__all__ = [
    "IAuthenticator",
    "ICheckable",
    "IConfigurable",
    "IDoorObserver",
    "IEventHandler",
    "ILifecycle",
    "IMessageFilter",
    "IPeer",
    "IRoom",
    "IRoomObserver",
    "IRoomPolicy",
    "IServices",
]


class IAuthenticator(Interface):
    """Finds out who a client is."""

    name: str = Attribute("The name by which the configuration calls the plugin.")

    def authenticate(handshake: Handshake) -> Awaitable[Identity | None] | Identity | None:
        """Judge a client that asks for a namespace. Called once for each, before the client gets any answer.

        Args:
            handshake: A `Handshake`: auth, query, headers, cookies, address, origin, namespace, revision, secure, conn.

        Returns:
            An `Identity`, or None: this kind of credential is not mine, ask the next authenticator. A client that
            none of them knows is refused (``unauthorized``). Without any authenticator everyone is admitted.

        Raises:
            Refused: The credential is mine, and it is not valid.
        """


class IRoomPolicy(Interface):
    """Decides who may join a room."""

    name: str = Attribute("The name by which the configuration calls the plugin.")

    def mayJoin(peer: IPeer, room: IRoom) -> Awaitable[None] | None:
        """Judge a join, before the member is added. One at a time for each room, so that counting is safe.

        Args:
            peer: An `IPeer`: the client that wants to join; `IPeer.joinRequest` is what it sent.
            room: An `IRoom`, without the peer; its size is 0 if this join would make it.

        Returns:
            None: it may join, if the other policies allow it too.

        Raises:
            Refused: It may not join; with `Waiting`, not yet.
        """


class IMessageFilter(Interface):
    """Sees every message before anyone gets it."""

    name: str = Attribute("The name by which the configuration calls the plugin.")

    def filterMessage(peer: IPeer, room: IRoom, message: Message) -> Awaitable[Message | None] | Message | None:
        """Judge or change one message. Called once for each message and room, not once for each receiver.

        Args:
            peer: An `IPeer`: the sender.
            room: An `IRoom` that the message is for.
            message: A `Message`: kind, userId, targetUserId, body, size. What is inside the body must not be
                changed; make a new body of it.

        Returns:
            `message` itself, ``message.replace(...)``, or None to drop it silently.

        Raises:
            Refused: It is not delivered to anyone, and the sender is told.
        """


class IRoomObserver(Interface):
    """Is told who joins and leaves. What it returns or raises changes nothing, and nothing waits for it."""

    name: str = Attribute("The name by which the configuration calls the plugin.")

    def joined(peer: IPeer, room: IRoom) -> Awaitable[None] | None:
        """A member has been added.

        Args:
            peer: An `IPeer`.
            room: An `IRoom`, the peer in it.
        """

    def left(peer: IPeer, room: IRoom, reason: str) -> Awaitable[None] | None:
        """A member is gone: exactly once for each `joined`, whatever ended it.

        Args:
            peer: An `IPeer`.
            room: An `IRoom`, without the peer; its size is 0 if it was the last member.
            reason: ``left``, ``disconnect``, ``timeout``, ``kicked``, ``shutdown``...
        """


class IDoorObserver(Interface):
    """Is told what happens at the door of rooms. What it returns or raises changes nothing; nothing waits for it."""

    name: str = Attribute("The name by which the configuration calls the plugin.")

    def entering(peer: IPeer, room: IRoom) -> Awaitable[None] | None:
        """All room policies have allowed a join, and the member is about to be added.

        Members that have to make room for it can be kicked now: the room is told of that before it is told of the new
        member. If the room is empty then, it is over, and the new member creates another one.

        Args:
            peer: An `IPeer`: the client that is about to join.
            room: An `IRoom`, without the peer; its size is 0 if this join creates it.
        """

    def withdrew(peer: IPeer, room: IRoom, reason: str) -> Awaitable[None] | None:
        """Someone who was told to wait (`Waiting`) no longer waits, and has not been admitted or dismissed.

        Args:
            peer: An `IPeer`: the client that waited.
            room: An `IRoom`: the room that it waited for; its size is 0 if there is no such room.
            reason: ``left`` if it sent ``leave-room``, otherwise why it is gone, as in `IRoomObserver.left`.
        """


class IEventHandler(Interface):
    """Handles events of its own from members of a room, besides those of the server."""

    name: str = Attribute("The name by which the configuration calls the plugin.")
    events: tuple[str, ...] = Attribute("The names of the events, as a tuple. No two plugins in use share one.")

    def handleEvent(
        peer: IPeer, room: IRoom, event: str, body: Mapping[str, Any]
    ) -> Awaitable[Mapping[str, Any] | None] | Mapping[str, Any] | None:
        """A member of a room has sent one of the events.

        Args:
            peer: An `IPeer`: the sender.
            room: An `IRoom`: the one that the body's ``roomName`` names, or the only one that the sender is in.
            event: Which event.
            body: The event's argument, a read-only mapping; empty if there was none.

        Returns:
            None, or a mapping: further members of the acknowledgement, which already has ``ok``.

        Raises:
            Refused: The sender is told.
        """


class IConfigurable(Interface):
    """A plugin that takes options. `rtcsignal.api.Configurable` is a base class that does all of it."""

    def configured(options: Mapping[str, Any]) -> Any:
        """Make the plugin that the configuration asks for. Called at load, if the entry has options.

        Args:
            options: A mapping, as it stands in the configuration, without ``fail``, ``shadow`` and ``timeout``,
                which are the server's.

        Returns:
            A new plugin with the same name; the one asked is never changed.

        Raises:
            ConfigError: The options are wrong; each problem may begin with the option's name and a colon.
        """


class ILifecycle(Interface):
    """A plugin that is told when it starts and stops being used. Either method may be missing.

    Declare the interface if you have both; a single method is found, checked and called all the same.
    """

    def start(services: IServices) -> Awaitable[None] | None:
        """Called before the plugin is asked anything, also at each reload that makes a new one.

        Args:
            services: An `IServices`, the plugin's own, of use until `stop`.

        Raises:
            Exception: The server does not start, or keeps the plugins that it has.
        """

    def stop() -> Awaitable[None] | None:
        """Called when the plugin is no longer used, once for each `start` that succeeded."""


class ICheckable(Interface):
    """A plugin that can say, before it is started, whether its start would work: ``--check`` asks it."""

    def check() -> None:
        """Try what `ILifecycle.start` requires, without leaving a trace or disturbing a running server.

        Called with ``--check``, when the plugin has its options; it is not started then.

        Raises:
            ConfigError: A start would fail; each problem may begin with an option's name and a colon.
        """


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
        """All rooms that have members, as `IRoom`."""

    def room(name: str) -> IRoom | None:
        """One room.

        Args:
            name: Its name.

        Returns:
            An `IRoom`, or None if it has no members.
        """

    def waiting(roomName: str) -> tuple[IPeer, ...]:
        """The clients that wait for a room, because a room policy has answered their join with `Waiting`.

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

    def emit(roomName: str, event: str, *arguments: Any) -> None:
        """Send an event to all members of a room. Does nothing if it has none.

        Args:
            roomName: The room.
            event: The event's name.
            arguments: JSON values and bytes.

        Raises:
            TypeError: An argument cannot be sent.
            ValueError: The event is one of Socket.IO itself, such as ``connect`` and ``disconnect``.
        """


class IPeer(Interface):
    """A member of a room, or a client that wants to be one: a read-only view, never the server's own object."""

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
    address: str = Attribute("Its IP address, or an empty string.")
    conn: str = Attribute("What the log calls its connection: a short id, no secret.")
    namespace: str = Attribute("The namespace it uses: a slash, or a slash and a name.")
    transport: str = Attribute("What carries it, or did at its end: polling or websocket.")
    rooms: frozenset[str] = Attribute("A frozenset of the names of the rooms it is in.")
    connectedAt: float = Attribute("When it connected, on the scale of `IServices.clock`.")
    data: dict[str, Any] = Attribute("A dict for plugins, kept as long as it is connected.")
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
    data: dict[str, Any] = Attribute("A dict for plugins, kept as long as the room has members.")

    def peers() -> tuple[IPeer, ...]:
        """Its members on this node, as a tuple of `IPeer`, in the order in which they joined."""

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
