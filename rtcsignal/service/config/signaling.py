"""The section ``signaling`` of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from rtcsignal.service.config import checks
from rtcsignal.service.config.keys import Key, Section

__all__ = ["Signaling"]


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
            "RTCSignalServer in everything: no targets, no user ids bound to a connection, no further arguments.",
            "Old clients ignore the additions, and without binding anyone can speak for anyone.",
        ),
    ] = "seed"
    echo: Annotated[
        bool,
        Key(
            "Whether a broadcast goes back to its sender as well.",
            "RTCSignalServer did it, and its pages drop their own messages.",
        ),
    ] = True
    leaveGrace: Annotated[
        float,
        Meta(ge=0, le=3600),
        Key(
            "How long a member whose connection was lost stays one, if its client has not asked to be waited for. "
            "0 = not at all.",
            "Older clients cannot take their places back; whoever joins as the same user meanwhile replaces them.",
            unit="seconds",
        ),
    ] = 0
