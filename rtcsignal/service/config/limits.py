"""``limits``: what one client may cost. The reasons are told in docs/security.md as well."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from rtcsignal.service.config.keys import Amount, Key, Seconds, Section

__all__ = ["Limits"]


class Limits(Section, frozen=True, kw_only=True):
    """``limits``: what one client may cost."""

    messageBytes: Annotated[
        Amount,
        Key(
            "Largest message, and largest body of a POST. 0 = no limit.",
            "The default of other Socket.IO servers; a large offer takes 10 to 70 KB.",
            unit="bytes",
        ),
    ] = 1_000_000
    connectionsPerAddress: Annotated[
        Amount,
        Key(
            "Most clients of one IP address (with IPv6, of one /64 network); as many WebSockets that do not carry "
            "a client yet or any more; and four times as many TCP connections without a WebSocket. 0 = no limit, "
            "which is required behind a proxy that is not listed in proxies.",
            "Enough for an office behind one address, too few to fill the server.",
            unit="connections",
        ),
    ] = 200
    roomsPerPeer: Annotated[
        Amount,
        Key("Most rooms that one client may be in. 0 = no limit.", "Clients are in one or two.", unit="rooms"),
    ] = 32
    namespacesPerConnection: Annotated[
        Amount,
        Key(
            "Most namespaces that one connection uses at a time. 0 = no limit.",
            "Clients use one or two.",
            unit="namespaces",
        ),
    ] = 5
    nameCharacters: Annotated[
        Amount,
        Key(
            "Longest user id and longest name of a room. 0 = no limit.",
            "Long enough for identifiers of any scheme; names are stored and sent often.",
            unit="characters",
        ),
    ] = 256
    sendQueueBytes: Annotated[
        Amount,
        Key(
            "Most bytes that wait for a client that does not read; a client with more is disconnected. 0 = no limit.",
            "One message of the largest size fits, and a thousand such clients fit into a gigabyte.",
            unit="bytes",
        ),
    ] = 1_048_576
    sendQueuePackets: Annotated[
        Amount,
        Key(
            "Most packets that wait for a client on polling that does not poll; a client with more is disconnected. "
            "0 = no limit.",
            "What others say in a room of fifty until the next poll; small packets cost more than their bytes.",
            unit="packets",
        ),
    ] = 1_000
    sendQueueSeconds: Annotated[
        float,
        Meta(ge=0, le=86400),
        Key(
            "How long more than 64 KiB may wait for a client before it is disconnected. 0 = no limit.",
            "A call cannot be set up with someone who hears everything ten seconds late.",
            unit="seconds",
        ),
    ] = 10
    bytesPerSecond: Annotated[
        Amount,
        Key(
            "Most bytes per second of one client, on average; a client that sends more is read more slowly. "
            "0 = no limit.",
            "A hundred times what a call needs, and a small part of what one processor handles.",
            unit="bytes per second",
        ),
    ] = 262_144
    bytesBurst: Annotated[
        Amount,
        Key("Most bytes of one client at once.", "Four messages of the largest size.", unit="bytes"),
    ] = 4_194_304
    eventsPerSecond: Annotated[
        Amount,
        Key(
            "Most events per second of one client, on average; a client that sends more is read more slowly. Pings, "
            "pongs and fragments are counted separately, with the same limit. 0 = no limit, and none of "
            "bytes_per_second, deliveries_per_second, address_deliveries_per_second and joins_per_second either.",
            "Setting up a call takes dozens of candidates; no one needs hundreds for long.",
            unit="events per second",
        ),
    ] = 100
    eventsBurst: Annotated[
        Amount,
        Key(
            "Most events of one client at once; a client that sends as many again is disconnected. "
            "0 = no limit at all.",
            "Joining a room of fifty sends an offer and candidates to each.",
            unit="events",
        ),
    ] = 500
    deliveriesPerSecond: Annotated[
        Amount,
        Key(
            "Most receivers per second, on average, of one client's messages, joins and leaves; a receiver of more "
            "than 4 KiB counts again for each 4 KiB. Beyond it, the client is read more slowly; what goes to 16 or "
            "fewer receivers is not counted. 0 = no limit.",
            "A hundred messages per second to a room of a hundred.",
            unit="receivers per second",
        ),
    ] = 10_000
    deliveriesBurst: Annotated[
        Amount,
        Key(
            "Most receivers of one client's messages at once.",
            "Setting up all calls in a room of fifty takes some thirty thousand, with clients that send to everyone.",
            unit="receivers",
        ),
    ] = 50_000
    addressDeliveriesPerSecond: Annotated[
        Amount,
        Key(
            "The same for all clients of an address together, as connections_per_address counts them; if that is "
            "0, there is no limit here either.",
            "A fifth of what one processor handles.",
            unit="receivers per second",
        ),
    ] = 200_000
    addressDeliveriesBurst: Annotated[
        Amount,
        Key(
            "Most receivers of the messages of all clients of an address at once.",
            "Fifty people behind one address who set up all their calls at once.",
            unit="receivers",
        ),
    ] = 2_000_000
    joinsPerSecond: Annotated[
        Amount,
        Key(
            "Most requests per second of one client to join a room, on average; further ones are refused. "
            "0 = no limit.",
            "Everyone in the room is told of each, and policies may have to work for it.",
            unit="joins per second",
        ),
    ] = 10
    joinsBurst: Annotated[
        Amount,
        Key("Most requests to join of one client at once.", "Three times the rooms that it may be in.", unit="joins"),
    ] = 100
    joinBytes: Annotated[
        Amount,
        Key(
            "Longest request to join a room or a namespace, with everything in it. 0 = no limit but message_bytes.",
            "Some of it is kept as long as the client is there; as much as a request's headers: any token fits.",
            unit="bytes",
        ),
    ] = 16_384
    waitingBytes: Annotated[
        Amount,
        Key(
            "Most bytes of one client's events that wait while a plugin takes its time for the one before them; "
            "beyond, it is disconnected. 0 = no limit.",
            "What a client says to a room of fifty when it joins.",
            unit="bytes",
        ),
    ] = 1_048_576
    logLinesPerSecond: Annotated[
        Amount,
        Key(
            "Most lines of one kind in the log per second, on average, and ten times as many at once; what is left out "
            "is counted in a line. Lines of level debug are not limited. 0 = no limit.",
            "No one reads more, and a flood of clients must not fill the disk.",
            unit="lines per second",
        ),
    ] = 10
    headerBytes: Annotated[
        int,
        Meta(ge=1024, le=2**20),
        Key("Largest header block of a request.", "Common proxies allow as much.", "bytes"),
    ] = 16_384
    headerCount: Annotated[
        int,
        Meta(ge=10, le=10_000),
        Key("Most header lines of a request.", "Browsers and proxies send about 30.", unit="lines"),
    ] = 100
    headerSeconds: Annotated[
        Seconds,
        Key(
            "How long the header block of a request may take, however steadily it comes.",
            "It fits into one packet; a client that takes longer only occupies a connection.",
            unit="seconds",
        ),
    ] = 10
    bodySeconds: Annotated[
        Seconds,
        Key(
            "How long the body of a request may take, however steadily it comes.",
            "The largest message at 400 kbit/s.",
            unit="seconds",
        ),
    ] = 20
    idleSeconds: Annotated[
        Seconds,
        Key(
            "How long a connection may stay open between two requests.",
            "Longer than common proxies keep theirs, 60 s, so that they never use one that is being closed.",
            unit="seconds",
        ),
    ] = 75
    packetsPerPayload: Annotated[
        Amount,
        Key(
            "Most packets in the body of one POST. 0 = no limit.",
            "Clients collect what they send within one round trip.",
            unit="packets",
        ),
    ] = 1_000
    attachments: Annotated[
        Amount,
        Key("Most binary attachments of one event. 0 = no limit.", "Signalling uses none.", "attachments"),
    ] = 10
    attachmentSeconds: Annotated[
        Seconds,
        Key(
            "How long the attachments of an event may take to come.",
            "As long as the body of a request.",
            unit="seconds",
        ),
    ] = 20
    jsonDepth: Annotated[
        Amount,
        Key(
            "Deepest nesting of arrays and objects in an event. 0 = no limit but that of the decoder.",
            "Signalling needs four; programs that walk deep structures fail on deep ones.",
            unit="levels",
        ),
    ] = 64
