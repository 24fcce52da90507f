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
            "How long a client that has asked for it, and whose connection was lost, may take to come back to its "
            "place. It must be more than ping_interval and 6 seconds, as the server may notice a loss so much earlier "
            "than the client. 0 = never: everyone starts over.",
            "A phone that changes its network is back within half a minute, and a member who is not is not missed.",
            unit="seconds",
        ),
    ] = 60
    everybody: Annotated[
        bool,
        Key(
            "Also wait for clients that have not asked. Those that can come back are socket.io-client 4.6 and later.",
            "Others are shown as members for the window although they will not come back; and each event has one more "
            "argument for newer clients, which some of their code may not expect.",
        ),
    ] = False
    packets: Annotated[
        int,
        Meta(ge=1, le=100_000),
        Key(
            "Most events that are kept for one client; a client that has missed more is told so.",
            "Five calls that are set up meanwhile, with all their candidates.",
            unit="events",
        ),
    ] = 256
    bytes: Annotated[
        Amount,
        Key(
            "Most memory for the events that are kept for one client; a client that has missed more is told so. "
            "0 = no limit.",
            "A hundred events of usual size, a large offer among them; each takes about twice its length.",
            unit="bytes",
        ),
    ] = 262_144
    totalBytes: Annotated[
        Amount,
        Key(
            "Most memory for the events that are kept for all clients together, where one that several are sent counts "
            "once. With more, the oldest are forgotten. 0 = no limit.",
            "As much as a few thousand clients use that set up calls at the same time.",
            unit="bytes",
        ),
    ] = 67_108_864
    clients: Annotated[
        Amount,
        Key(
            "Most clients that the server waits for; with more, those lost longest are given up. For one IP address "
            "as many as limits.connections_per_address. 0 = no limit.",
            "What is kept for them is bounded by total_bytes; each takes some two kilobytes besides.",
            unit="clients",
        ),
    ] = 2_000
