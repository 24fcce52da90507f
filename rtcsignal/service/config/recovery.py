"""The section ``socketio.recovery`` of the configuration."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from rtcsignal.service.config.keys import Amount, Key, Section

__all__ = ["Recovery"]


class Recovery(Section, frozen=True, kw_only=True):
    """``socketio.recovery``: how far lost connections can be recovered."""

    window: Annotated[
        float,
        Meta(ge=0, le=3600),
        Key(
            "How long a client whose connection was lost may take to come back to its place. 120 is usual. "
            "0 = never: it starts over.",
            "With it each event has one more argument for newer clients, which some of their code may not expect.",
            unit="seconds",
        ),
    ] = 0
    packets: Annotated[
        int,
        Meta(ge=1, le=100_000),
        Key(
            "Most events that are kept for one client; a client that has missed more starts over.",
            "Two calls that are set up meanwhile, with all their candidates.",
            unit="events",
        ),
    ] = 100
    bytes: Annotated[
        Amount,
        Key(
            "Most memory for the events that are kept for one client; a client that has missed more starts over. "
            "0 = no limit.",
            "A hundred events of usual size, a large offer among them; each takes about twice its length.",
            unit="bytes",
        ),
    ] = 262_144
    clients: Annotated[
        Amount,
        Key(
            "Most clients that the server waits for; with more, those lost longest are given up. For one IP address "
            "as many as limits.connections_per_address. 0 = no limit.",
            "With the bytes of each they fit into half a gigabyte, whatever is sent to them.",
            unit="clients",
        ),
    ] = 2_000
