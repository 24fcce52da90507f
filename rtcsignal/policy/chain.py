"""The chain: every plugin in use, asked in the order of the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred

from rtcsignal.errors import Refused
from rtcsignal.interfaces import (
    IAuthenticator,
    IDoorObserver,
    IEventHandler,
    IIceServers,
    IMessageFilter,
    IRoomObserver,
    IRoomPolicy,
)
from rtcsignal.policy.answers import (
    AUTHENTICATE,
    ENTERING,
    FILTER_MESSAGE,
    HANDLE_EVENT,
    ICE_SERVERS,
    JOINED,
    LEFT,
    MAY_JOIN,
    SKIPPED,
    WITHDREW,
    AnswerRules,
)
from rtcsignal.policy.filters import Filters
from rtcsignal.policy.gate import Gate
from rtcsignal.policy.guard import Guard
from rtcsignal.policy.iceproviders import IceProviders
from rtcsignal.values import Handshake, Identity

__all__ = ["ActivePlugin", "Chain"]

_ANYBODY = Identity()


@dataclass(frozen=True)
class ActivePlugin:
    """A plugin in use.

    Attributes:
        plugin: It provides one or more of the interfaces of plugins.
        guard: What the server knows of it.
    """

    plugin: Any
    guard: Guard


class Chain:
    """Answers what the signalling asks (see `rtcsignal.signaling.gates.Gates`). It never changes.

    Args:
        plugins: The plugins in use, in their order.

    Attributes:
        judgesJoins: There are room policies.
        judgesMessages: There are message filters.
        watchesDoors: There are observers of doors.
        filterMessage: Hands a message from filter to filter; see `Filters.ask`.
        events: The events that the plugins take from members.
        giveIce: There are providers of ICE servers.
        iceServers: Asks them; see `IceProviders.ask`.
    """

    def __init__(self, plugins: Iterable[ActivePlugin] = ()) -> None:
        plugins = tuple(plugins)
        self._authenticators = _gates(plugins, IAuthenticator, "authenticate", AUTHENTICATE)
        self._policies = _gates(plugins, IRoomPolicy, "mayJoin", MAY_JOIN)
        filters = Filters(_gates(plugins, IMessageFilter, "filterMessage", FILTER_MESSAGE))
        self.filterMessage = filters.ask
        self._filters = filters
        self._entering = _gates(plugins, IDoorObserver, "entering", ENTERING, enforced=False)
        self._withdrew = _gates(plugins, IDoorObserver, "withdrew", WITHDREW, enforced=False)
        self._joined = _gates(plugins, IRoomObserver, "joined", JOINED, enforced=False)
        self._left = _gates(plugins, IRoomObserver, "left", LEFT, enforced=False)
        self._handlers = _handlers(plugins)
        providers = IceProviders(_gates(plugins, IIceServers, "iceServers", ICE_SERVERS))
        self.giveIce = bool(providers)
        self.iceServers = providers.ask
        self.judgesJoins = bool(self._policies)
        self.judgesMessages = bool(filters)
        self.watchesDoors = bool(self._entering)
        self.events = frozenset(self._handlers)

    @property
    def culprit(self) -> str:
        """The filter that has dropped or refused a message last."""
        return self._filters.culprit

    # Each of the loops goes on where it stopped when an answer that takes time has come.

    def authenticate(self, handshake: Handshake, start: int = 0, asked: bool = False) -> Any:
        """Ask the authenticators, until one knows who it is.

        Args:
            handshake: What the client presents.
            start: Those before this one have been asked.
            asked: Some of those before have said that they do not know.

        Returns:
            An `Identity`, or a Deferred of it.

        Raises:
            Refused: One of them says no; or ``unauthorized``: none of them knows.
        """
        gates = self._authenticators
        for index in range(start, len(gates)):
            answer = gates[index].ask(SKIPPED, handshake)
            if answer.__class__ is Deferred:
                return answer.addCallback(self._authenticated, handshake, index + 1, asked)
            if answer is SKIPPED:
                continue
            if answer is not None:
                return answer
            asked = True
        if asked:
            raise Refused("unauthorized", "Sign in first.")
        return _ANYBODY

    def mayJoin(self, peer: Any, room: Any, start: int = 0) -> Any:
        """Ask the room policies, all of them.

        Args:
            peer: Who.
            room: Where.
            start: Those before this one have been asked.

        Returns:
            None, or a Deferred of it.

        Raises:
            Refused: One of them says no.
        """
        gates = self._policies
        for index in range(start, len(gates)):
            answer = gates[index].ask(None, peer, room)
            if answer is not None:
                return answer.addCallback(self._allowed, peer, room, index + 1)
        return None

    def handleEvent(
        self, peer: Any, room: Any, event: str, body: Mapping[str, Any]
    ) -> Deferred[Mapping[str, Any] | None] | Mapping[str, Any] | None:
        """Hand an event to the plugin that takes it.

        Raises:
            Refused: The plugin says no; or ``unavailable``: there is no such plugin any more.
        """
        gate = self._handlers.get(event)
        if gate is None:
            raise Refused("unavailable", "The plugin for this is not used any more.")
        return gate.ask(None, peer, room, event, body)  # type: ignore[no-any-return]

    def entering(self, peer: Any, room: Any) -> None:
        """Tell the observers."""
        for gate in self._entering:
            gate.ask(None, peer, room)

    def withdrew(self, peer: Any, room: Any, reason: str) -> None:
        """Tell the observers."""
        for gate in self._withdrew:
            gate.ask(None, peer, room, reason)

    def joined(self, peer: Any, room: Any) -> None:
        """Tell the observers."""
        for gate in self._joined:
            gate.ask(None, peer, room)

    def left(self, peer: Any, room: Any, reason: str) -> None:
        """Tell the observers."""
        for gate in self._left:
            gate.ask(None, peer, room, reason)

    def _authenticated(self, answer: Any, handshake: Handshake, start: int, asked: bool) -> Any:
        if answer is None or answer is SKIPPED:
            return self.authenticate(handshake, start, asked or answer is None)
        return answer

    def _allowed(self, answer: None, peer: Any, room: Any, start: int) -> Any:
        return self.mayJoin(peer, room, start)


def _gates(
    plugins: tuple[ActivePlugin, ...], interface: Any, method: str, answers: AnswerRules, enforced: bool = True
) -> tuple[Gate, ...]:
    return tuple(
        Gate(active.guard, getattr(active.plugin, method), answers, enforced)
        for active in plugins
        if interface.providedBy(active.plugin)
    )


def _handlers(plugins: tuple[ActivePlugin, ...]) -> dict[str, Gate]:
    handlers: dict[str, Gate] = {}
    for active in plugins:
        if IEventHandler.providedBy(active.plugin):
            gate = Gate(active.guard, active.plugin.handleEvent, HANDLE_EVENT)
            handlers.update(dict.fromkeys(active.plugin.events, gate))
    return handlers
