"""The providers of ICE servers: all are asked, and what one of them does wrong costs nobody more than its servers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

from rtcsignal.iceservers import IceServer, IceServers, serverProblem
from rtcsignal.policy.answers import WrongAnswer
from rtcsignal.policy.gate import Gate

__all__ = ["IceProviders"]


class IceProviders:
    """Asks providers.

    Args:
        gates: The providers, in their order.
    """

    __slots__ = ("_gates",)

    def __init__(self, gates: Sequence[Gate]) -> None:
        self._gates = gates

    def __bool__(self) -> bool:
        """There are some."""
        return bool(self._gates)

    def ask(self, peer: Any, room: Any) -> tuple[IceServers, ...] | Deferred[tuple[IceServers, ...]]:
        """Ask all of them at once, so that a slow one delays no one more than its time limit.

        Args:
            peer: Who is to be given servers.
            room: Where.

        Returns:
            What they give, in their order, or a Deferred of it that never fails.
        """
        answers = [gate.ask(None, peer, room) for gate in self._gates]
        late = [answer for answer in answers if isinstance(answer, Deferred)]
        if not late:
            return self._sound(answers, peer)
        return Deferred.fromCoroutine(self._all(answers, peer))

    async def _all(self, answers: list[Any], peer: Any) -> tuple[IceServers, ...]:
        come = [await answer if isinstance(answer, Deferred) else answer for answer in answers]
        return self._sound(come, peer)

    def _sound(self, answers: Sequence[IceServers | None], peer: Any) -> tuple[IceServers, ...]:
        """What browsers would take of it. The rest is left out, and the log names the provider."""
        found: list[IceServers] = []
        for gate, answer in zip(self._gates, answers, strict=True):
            if answer is None:
                continue
            servers: list[IceServer] = []
            for server in answer.servers:
                problem = serverProblem(server)
                if problem is None:
                    servers.append(IceServer(tuple(server.urls), server.username, server.credential))
                else:
                    error = WrongAnswer(f"a server that browsers refuse, and that is left out: {problem}")
                    gate.guard.failed("iceServers", error, None, peer)
            if servers:
                found.append(IceServers(tuple(servers), answer.ttl))
        return tuple(found)
