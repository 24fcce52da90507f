"""What plugins provide. Version 1.

A plugin is an object at the top of a module that provides one or more of `IAuthenticator`, `IRoomPolicy`,
`IMessageFilter`, `IRoomObserver`, `IDoorObserver`, `IEventHandler` and `IIceServers`. Its `name` is what the
configuration calls it. Methods may be plain functions, coroutine functions, or return a Deferred; plain is the fast
way.

To refuse, raise `Refused`. Any other exception is logged with the plugin's name and refuses with the code
``internal``; an answer that takes longer than the plugin's time limit refuses with ``timeout``: every gate fails
closed. `IIceServers` is no gate, and fails soft: what goes wrong there is logged, and left out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from zope.interface import Attribute, Interface

from rtcsignal.iceservers import IceServers
from rtcsignal.interfaces.server import IPeer, IRoom, IServices
from rtcsignal.values import Handshake, Identity, Message

__all__ = [
    "IAuthenticator",
    "ICheckable",
    "IConfigurable",
    "IDoorObserver",
    "IEventHandler",
    "IIceServers",
    "ILifecycle",
    "IMessageFilter",
    "IRoomObserver",
    "IRoomPolicy",
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


class IIceServers(Interface):
    """Gives members ICE servers, besides those of the configuration."""

    name: str = Attribute("The name by which the configuration calls the plugin.")

    def iceServers(peer: IPeer, room: IRoom) -> Awaitable[IceServers | None] | IceServers | None:
        """Somebody is about to be given servers: they join, ask, or get new ones before those that they have run out.

        All providers are asked at once, and a join waits for them, at most for the time limit of each. Whether a member
        is given relays at all is for ``ice.roles`` and ``ice.origins`` of the configuration.

        Args:
            peer: An `IPeer`. Of a join it has not been judged by the room policies yet.
            room: An `IRoom`.

        Returns:
            `IceServers`, or None: nothing to add. A server that a browser would refuse is left out.
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
