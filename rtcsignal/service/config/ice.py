"""The section ``ice`` of the configuration."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from rtcsignal.service.config.iceserver import IceServerUse
from rtcsignal.service.config.keys import Key, Section
from rtcsignal.service.config.origins import originProblem

__all__ = ["Ice"]


class Ice(Section, frozen=True, kw_only=True):
    """``ice``: the servers that help browsers to reach each other."""

    servers: Annotated[
        tuple[IceServerUse, ...],
        Key(
            'STUN and TURN servers, which clients get in this order: {urls: ["stun:stun.example.org:3478"]}, or '
            '{urls: ["turn:turn.example.org:3478?transport=udp", "turns:turn.example.org:443?transport=tcp"], '
            "secret_file: turn.secret}, or with username and credential_file in the place of the secret. The secret "
            "is what coturn calls static-auth-secret; relative paths count from this file.",
            "No server in the world may be used by everyone, and without any, browsers in the same network reach each "
            "other.",
        ),
    ] = ()
    ttl: Annotated[
        int,
        Meta(ge=5, le=86_400),
        Key(
            "How long a credential that is made of a secret is good. Everyone gets new ones at three quarters of it.",
            "Someone who has copied one cannot use it for long, and the clocks of two machines may differ by minutes.",
            unit="seconds",
        ),
    ] = 3600
    roles: Annotated[
        tuple[str, ...],
        Key(
            "Only members with one of these roles, which an authenticator gives, are given TURN servers; empty for "
            "every member.",
            "Without an authenticator nobody has a role.",
        ),
    ] = ()
    origins: Annotated[
        tuple[str, ...],
        Key(
            "Only pages of these origins are given TURN servers, written as in origins above; empty for every page "
            "that may connect. Clients that send no Origin are not asked for one.",
            "A page that may connect may make calls.",
            check=originProblem,
        ),
    ] = ()
    relayOnly: Annotated[
        bool,
        Key(
            "Whether clients are asked to use relays alone, so that the others do not learn their addresses.",
            "Everything that is sent passes through TURN then, and somebody pays for that.",
        ),
    ] = False
    where: str = ""
    """``file:line:column`` of `relayOnly`, for a message about it."""

    @property
    def openFiles(self) -> tuple[str, ...]:
        """The files of secrets that others than their owner and group may read."""
        return tuple(dict.fromkeys(path for server in self.servers for path in server.openFiles))

    @property
    def hasRelay(self) -> bool:
        """Whether there is a TURN server."""
        return any(server.hasRelay for server in self.servers)
