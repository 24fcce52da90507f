"""Socket.IO packets, protocols 4 and 5: ``<type>[<n>-][<namespace>,][<ack id>][<JSON>]``, then n binary messages.

=====  ==============  ====================================================================================
type   name            payload
=====  ==============  ====================================================================================
``0``  CONNECT         from the client: nothing, or the auth object (protocol 5); from the server: nothing, or
                       ``{"sid"}`` (protocol 5), with ``pid`` where lost connections can be recovered
``1``  DISCONNECT      nothing
``2``  EVENT           array: the event's name, then its arguments; an ack id asks for an answer
``3``  ACK             array: the answer's arguments
``4``  CONNECT_ERROR   from the server: an object with ``message`` (protocol 5), any JSON (protocol 4: ERROR)
``5``  BINARY_EVENT    as EVENT; the places of the attachments are ``{"_placeholder":true,"num":i}``
``6``  BINARY_ACK      as ACK, likewise
=====  ==============  ====================================================================================

`Decoder` checks every rule and puts attachments in their places; each violation is a `ProtocolError`, which ends the
whole connection. Encoders write for both protocols: they differ only in the payloads of CONNECT and CONNECT_ERROR.
Source: Socket.IO protocol, revisions 4 and 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from rtcsignal.errors import ProtocolError
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.binary import decodeData
from rtcsignal.socketio.jsontext import Unread

__all__ = [
    "ACK",
    "BINARY_ACK",
    "BINARY_EVENT",
    "CONNECT",
    "CONNECT_ERROR",
    "DISCONNECT",
    "EVENT",
    "RESERVED_NAMES",
    "Decoder",
    "DecoderLimits",
    "OtherParser",
    "PackedPacket",
    "Packet",
    "encode",
    "prefix",
]

CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR, BINARY_EVENT, BINARY_ACK = "0123456"

RESERVED_NAMES = frozenset(("connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"))
"""Events that happen at one side only: none of them may be sent, and clients end the connection on which one comes."""

_KINDS = frozenset("0123456")
_DIGITS = re.compile("[0-9]+")
_COUNT = re.compile("([0-9]{1,4})-")
_MOST_ID_DIGITS = 1000
_PLAIN_EVENT = EVENT + "["
_MAPS = frozenset(bytes((0x80 + size,)) for size in range(16))
"""How a small map begins in MessagePack, and so every packet of the parser that uses it."""


class OtherParser(ProtocolError):
    """The client encodes its packets with a custom parser (``parser`` in the options of the libraries)."""


class Packet(NamedTuple):
    """One packet with its attachments in their places.

    Attributes:
        kind: CONNECT, DISCONNECT, EVENT, ACK or CONNECT_ERROR; binary kinds are told by `attachments`.
        namespace: ``/`` or as it came, a query included.
        ackId: Decimal digits, or None.
        data: The payload; None if there was none. Of an EVENT always a list, whose first item is the name. Items that
            would take long to build are `jsontext.Unread`, and then there may be more of them than are listed; the
            payload of an ACK or a CONNECT may be one.
        text: The payload's JSON text, fit to be relayed together with `attachments`.
        attachments: The binary messages, in the order of their numbers.
    """

    kind: str
    namespace: str
    ackId: str | None
    data: Any
    text: str
    attachments: tuple[bytes, ...] = ()

    @property
    def name(self) -> str | int | float:
        """Of an EVENT: its name; JavaScript clients may use a number."""
        return self.data[0]  # type: ignore[no-any-return]

    @property
    def arguments(self) -> list[Any]:
        """Of an EVENT: its arguments, binary ones as bytes, however long they take to build."""
        if isinstance(self.data[-1], Unread):
            return jsontext.decode(self.text, 0)[0][1:]  # type: ignore[no-any-return]
        return self.data[1:]  # type: ignore[no-any-return]


# What `Packet(...)` does, in half of the time.
_packet: Callable[[tuple[str, str, str | None, Any, str, tuple[bytes, ...]]], Packet] = partial(tuple.__new__, Packet)


_PACKED_BYTES = 250  # of memory, besides text and attachments


@dataclass(frozen=True, slots=True)
class PackedPacket:
    """An EVENT or ACK that waits for something: its text, as the values made of it may take forty times as much.

    Attributes:
        kind: As `Packet` has it; `namespace`, `ackId` and `attachments` likewise.
        text: The payload's JSON text as UTF-8.
    """

    kind: str
    namespace: str
    ackId: str | None
    text: bytes
    attachments: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, packet: Packet) -> PackedPacket:
        """A packet without its values."""
        kind, namespace, ackId, _, text, attachments = packet
        return cls(kind, namespace, ackId, text.encode(), attachments)

    @property
    def size(self) -> int:
        """Bytes of memory that it takes."""
        return _PACKED_BYTES + len(self.text) + sum(map(len, self.attachments))

    def unpacked(self, attachments: tuple[bytes, ...] = ()) -> Packet:
        """The packet again.

        Args:
            attachments: Those that have come meanwhile.

        Raises:
            ProtocolError: The text asks for an attachment that is not there.
        """
        attachments = attachments or self.attachments
        text = self.text.decode()
        if not attachments:
            data = _PAYLOAD_RULES[self.kind](jsontext.read(text, 0)[0], True)
            return _packet((self.kind, self.namespace, self.ackId, data, text, ()))
        try:
            data = decodeData(text, attachments)
        except RecursionError as error:  # only where the limit on depth is disabled
            raise ProtocolError("payload is nested too deeply") from error
        return _packet((self.kind, self.namespace, self.ackId, data, text, attachments))


@dataclass(frozen=True)
class DecoderLimits:
    """What one packet may cost. 0 disables a limit.

    Attributes:
        attachments: Binary messages of one packet. Clients of 2026 refuse more than 10 themselves.
        depth: Nesting of the JSON payload.
        attachmentBytes: Sum of the attachments' sizes in bytes.
        namespaceCharacters: Length of a namespace with its query.
        connectBytes: Length of what a CONNECT presents. More is refused by the connection, and not built here.
    """

    attachments: int = 10
    depth: int = jsontext.MOST_DEPTH
    attachmentBytes: int = 1_000_000
    namespaceCharacters: int = 2_048
    connectBytes: int = 16_384


class Decoder:
    """Turns the messages of one connection into packets. Attachments are waited for, so it has a state.

    Attributes:
        waiting: A header has come whose attachments are not complete.
    """

    __slots__ = ("_bytes", "_count", "_header", "_limits", "_received")

    _received: list[bytes]

    def __init__(self, limits: DecoderLimits) -> None:
        self._limits = limits
        self._header: PackedPacket | None = None
        self._count = 0
        self._bytes = 0

    @property
    def waiting(self) -> bool:
        return self._header is not None

    def text(self, message: str) -> Packet | None:
        """Decode a text message.

        Returns:
            The packet, or None if its attachments are still to come.

        Raises:
            ProtocolError: The message breaks a rule of the protocol.
        """
        if self._header is not None:
            raise ProtocolError("text message while attachments are missing")
        if message[:2] == _PLAIN_EVENT:  # nearly all that comes: an event in / that wants no acknowledgement
            data, text = jsontext.read(message[1:], self._limits.depth)
            return _packet((EVENT, "/", None, _eventIn(data, True), text, ()))
        kind = message[:1]
        if not kind or kind not in _KINDS:
            raise ProtocolError("unknown Socket.IO packet type")
        at, count = 1, 0
        if kind in (BINARY_EVENT, BINARY_ACK):
            at, count = self._attachmentCount(message)
            kind = EVENT if kind == BINARY_EVENT else ACK
        packet = self._rest(kind, message, at)
        if not count:
            return packet
        unread = _unreadIn(packet.data)
        if unread is not None and unread.isDense:
            raise ProtocolError("payload of a binary packet is too complex")
        self._header, self._count, self._bytes, self._received = PackedPacket.of(packet), count, 0, []
        return None

    def binary(self, message: bytes) -> Packet | None:
        """Decode a binary message: the next attachment.

        Returns:
            The packet that is now complete, or None.

        Raises:
            ProtocolError: No attachment is expected, the attachments are too large together, or a placeholder is wrong.
        """
        header = self._header
        if header is None:
            if message[:1] in _MAPS:
                raise OtherParser("MessagePack: this server supports only the default parser of Socket.IO")
            raise ProtocolError("unexpected binary message")
        self._received.append(message)
        self._bytes += len(message)
        if self._limits.attachmentBytes and self._bytes > self._limits.attachmentBytes:
            raise ProtocolError("attachments are too large", 1009)
        if len(self._received) < self._count:
            return None
        self._header = None
        attachments = tuple(self._received)
        del self._received
        return header.unpacked(attachments)

    def _attachmentCount(self, message: str) -> tuple[int, int]:
        match = _COUNT.match(message, 1)
        count = int(match[1]) if match else 0
        if match is None or not count or (self._limits.attachments and count > self._limits.attachments):
            raise ProtocolError("bad number of attachments")
        return match.end(), count

    def _rest(self, kind: str, message: str, at: int) -> Packet:
        namespace = "/"
        if message.startswith("/", at):
            comma = message.find(",", at)
            end = comma if comma >= 0 else len(message)
            namespace = message[at:end]
            at = end + 1
            if self._limits.namespaceCharacters and len(namespace) > self._limits.namespaceCharacters:
                raise ProtocolError("namespace is too long")
        ackId = None
        if not message.startswith("[", at):
            match = _DIGITS.match(message, at)
            if match is not None:
                ackId, at = match[0], match.end()
                if len(ackId) > _MOST_ID_DIGITS:
                    raise ProtocolError("ack id is too long")
        text = message[at:]
        data: Any = None
        if text:
            isTooLong = kind == CONNECT and 0 < self._limits.connectBytes < len(text)
            data, text = jsontext.leave(text) if isTooLong else jsontext.read(text, self._limits.depth)
        data = _PAYLOAD_RULES[kind](data, bool(text))
        return _packet((kind, namespace, ackId, data, text, ()))


def _connectIn(data: Any, present: bool) -> Any:
    if data.__class__ is Unread:
        if data.isDense:
            raise ProtocolError("payload of CONNECT is too complex")
        isObject = data.isObject
    else:
        isObject = isinstance(data, dict)
    if present and not isObject:
        raise ProtocolError("payload of CONNECT is not an object")
    return data


def _nothingIn(data: Any, present: bool) -> None:
    if present:
        raise ProtocolError("DISCONNECT with a payload")


def _eventIn(data: Any, present: bool) -> list[Any]:
    if data.__class__ is Unread and data.isArray:
        data = data.start()
    if data.__class__ is not list or not data:
        raise ProtocolError("payload of EVENT is not an array with a name")
    name = data[0]
    if name.__class__ is str:
        if name in RESERVED_NAMES:
            raise ProtocolError("reserved event name")
    elif isinstance(name, bool) or not isinstance(name, (int, float)):
        raise ProtocolError("event name is neither a string nor a number")
    return data


def _ackIn(data: Any, present: bool) -> Any:
    if not (data.isArray if data.__class__ is Unread else isinstance(data, list)):
        raise ProtocolError("payload of ACK is not an array")
    return data


def _errorIn(data: Any, present: bool) -> None:
    raise ProtocolError("CONNECT_ERROR from a client")


# What becomes of a payload, and whether it may be one; None and False where there is none.
_PAYLOAD_RULES: dict[str, Callable[[Any, bool], Any]] = {
    CONNECT: _connectIn,
    DISCONNECT: _nothingIn,
    EVENT: _eventIn,
    ACK: _ackIn,
    CONNECT_ERROR: _errorIn,
}


def _unreadIn(data: Any) -> Unread | None:
    last = data[-1] if data.__class__ is list and data else data
    return last if isinstance(last, Unread) else None


def prefix(namespace: str) -> str:
    """The namespace as it stands in a packet: nothing for ``/``, else the name and a comma."""
    return "" if namespace == "/" else namespace + ","


def encode(
    kind: str, namespace: str, text: str = "", ackId: str | int | None = None, attachments: int = 0
) -> str:
    """Write a packet's text.

    Args:
        kind: CONNECT, DISCONNECT, EVENT, ACK or CONNECT_ERROR; the binary kinds follow from `attachments`.
        namespace: The namespace's name.
        text: The payload as JSON text.
        ackId: Asks for an acknowledgement, or names the one that this is.
        attachments: How many binary messages will follow.
    """
    if attachments:
        kind = f"{BINARY_EVENT if kind == EVENT else BINARY_ACK}{attachments}-"
    head = kind + prefix(namespace)
    return head + text if ackId is None else f"{head}{ackId}{text}"
