"""The bodies of the signalling events: what clients send, read into values; what they are sent, written.

==================  =================================================================================
``join-room``       JSON text or object: ``userId``, ``roomName``, further keys for plugins; ``userId`` may be
                    left out if an authenticator has found it
``leave-room``      the same
``broadcast``       any value; of an object ``userId``, ``msgType``, ``targetUserId`` and ``roomName``
                    mean something
==================  =================================================================================

Pure: no clock, no log, no reactor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from rtcsignal.errors import Refused
from rtcsignal.socketio import jsontext
from rtcsignal.socketio.binary import decodeData, encodeData
from rtcsignal.socketio.jsontext import Unread
from rtcsignal.values import isName, wholeNumber

__all__ = [
    "BROADCAST",
    "CALL_STATE",
    "CALL_VERDICT",
    "ICE_SERVERS",
    "JOIN",
    "LEAVE",
    "OWN_EVENTS",
    "PLAIN",
    "REFUSED",
    "RESUMED",
    "USER_AWAY",
    "USER_BACK",
    "USER_JOINED",
    "USER_LEFT",
    "Envelope",
    "RoomRequest",
    "asShared",
    "checkedReason",
    "expulsion",
    "kindOf",
    "membersOf",
    "readEnvelope",
    "readNames",
    "readRoomRequest",
    "refusal",
    "secondsOf",
]

JOIN, LEAVE, BROADCAST = "join-room", "leave-room", "broadcast"
USER_JOINED, USER_LEFT, REFUSED = "user-joined", "user-left", "refused"
USER_AWAY, USER_BACK, RESUMED = "user-away", "user-back", "resumed"
ICE_SERVERS, CALL_STATE, CALL_VERDICT = "ice-servers", "call-state", "call-verdict"

OWN_EVENTS = frozenset(
    (
        *(JOIN, LEAVE, BROADCAST, ICE_SERVERS, CALL_STATE),
        *(USER_JOINED, USER_LEFT, REFUSED, USER_AWAY, USER_BACK, RESUMED, CALL_VERDICT),
    )
)
"""The names of the server's own events, from clients and to them. No plugin can have them."""

_USUAL_KEYS = 2
_KINDS = {1: "offer", 2: "answer", 3: "candidate", 4: "hangup"}


@dataclass(frozen=True, slots=True)
class RoomRequest:
    """A request to join or to leave a room. It may be kept for long, and so is small: text, not objects.

    Attributes:
        userId: As whom.
        roomName: Which room.
        text: Everything that was sent, as JSON; None if that are only these two.
        attachments: The binary parts of `text`.
    """

    userId: str
    roomName: str
    text: bytes | None = None
    attachments: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, userId: str, roomName: str, body: Mapping[str, Any]) -> RoomRequest:
        """The request that is made with `body`, in which these names are."""
        if len(body) <= _USUAL_KEYS:
            return cls(userId, roomName)
        text, attachments = encodeData((body,))
        return cls(userId, roomName, text.encode(), attachments)

    @property
    def body(self) -> Mapping[str, Any]:
        """Everything that was sent, read-only; read anew each time."""
        if self.text is None:
            return MappingProxyType({"userId": self.userId, "roomName": self.roomName})
        (body,) = decodeData(self.text.decode(), self.attachments)
        return MappingProxyType(body)


class _Members(msgspec.Struct, gc=False):
    """The members of an object that route it."""

    userId: msgspec.Raw = msgspec.Raw()
    msgType: msgspec.Raw = msgspec.Raw()
    targetUserId: msgspec.Raw = msgspec.Raw()
    roomName: msgspec.Raw = msgspec.Raw()


_membersDecoder = msgspec.json.Decoder(_Members)

Envelope: TypeAlias = tuple[str, str | None, str | None, str | None]
"""What the server must know of a broadcast to route it. It is read of every message, and so has no names:

1. the kind: ``offer``, ``answer``, ``candidate``, ``hangup`` or ``other``;
2. the user id: the user that the sender claims to be; None if it does not say;
3. the target: the only user it is for; None for everyone;
4. the room: the only room it is for; None for all rooms of the sender.
"""

PLAIN: Envelope = ("other", None, None, None)
"""Goes to everyone in all rooms of the sender."""


def readRoomRequest(arguments: Sequence[Any], mostCharacters: int, known: str | None = None) -> RoomRequest:
    """Read the arguments of ``join-room`` or ``leave-room``.

    Args:
        arguments: The event's arguments; only the first one counts.
        mostCharacters: Longest name of a user or a room; 0 for no limit.
        known: The user id that an authenticator has given; a client that has one need not send it.

    Raises:
        Refused: ``bad-arguments``.
    """
    return RoomRequest.of(*readNames(arguments, mostCharacters, known))


def readNames(
    arguments: Sequence[Any], mostCharacters: int, known: str | None = None
) -> tuple[str, str, Mapping[str, Any]]:
    """The user id and the room's name of a request, and everything that was sent; as `readRoomRequest`."""
    body = arguments[0] if arguments else None
    if isinstance(body, str):
        try:
            body, _ = jsontext.decode(body)
        except jsontext.JsonError:
            raise _bad("The argument is not JSON.") from None
    if not isinstance(body, dict):
        raise _bad("The argument must be an object with userId and roomName.")
    if known is not None and body.get("userId") is None:
        body = {**body, "userId": known}
    userId, roomName = body.get("userId"), body.get("roomName")
    if not isinstance(userId, str) or not isName(userId, mostCharacters):
        raise _bad(_nameRule("userId", mostCharacters))
    if not isinstance(roomName, str) or not isName(roomName, mostCharacters):
        raise _bad(_nameRule("roomName", mostCharacters))
    return userId, roomName, body


def readEnvelope(body: Any, routed: bool = True) -> Envelope:
    """Read what routes a broadcast. Values that are not objects go to everyone in all rooms of the sender.

    Args:
        body: What was sent, built or not.
        routed: The routing keys route. If not, kind and target are read for the filters, and nothing is refused.

    Raises:
        Refused: ``bad-arguments``: a routing key that is not a string could send it to the wrong people.
    """
    if not isinstance(body, dict):
        if not isinstance(body, Unread):
            return PLAIN
        body = membersOf(body)
    get = body.get
    number, target = get("msgType"), get("targetUserId")
    # Most are written as 1 to 4; the class is looked at because True is 1 to a dict.
    kind = _KINDS.get(number, "other") if number.__class__ is int else kindOf(number)
    if not routed:
        return kind, None, target if target.__class__ is str else None, None
    userId, room = get("userId"), get("roomName")
    if (
        (userId is not None and (userId.__class__ is not str or not userId))
        or (target is not None and (target.__class__ is not str or not target))
        or (room is not None and (room.__class__ is not str or not room))
    ):
        raise _bad(_routingProblem(body))
    return kind, userId, target, room


def kindOf(msgType: Any) -> str:
    """The kind of a message: what any usual client takes it for, so that no filter can be passed by spelling.

    ``3.0`` is 3 to every client in JavaScript, and ``"3"`` to those that compare with ``==`` and to those in Java that
    convert with ``getInt``.

    Args:
        msgType: The value of the message's ``msgType``; None if it has none.
    """
    number = _numberIn(msgType) if msgType.__class__ is str else wholeNumber(msgType)
    return "other" if number is None else _KINDS.get(number, "other")


def _numberIn(text: str) -> int | None:
    """The whole number that a string spells, as JavaScript converts it or more freely; None if it spells none."""
    try:
        return int(text, 0)  # also with 0x, 0o and 0b before it
    except ValueError:
        pass
    try:
        return wholeNumber(float(text))
    except ValueError:
        return None


def _routingProblem(body: Mapping[str, Any]) -> str:
    """What is wrong with the first of the three keys that route which is neither missing nor a string with content."""
    values = {name: body.get(name) for name in ("userId", "targetUserId", "roomName")}
    name = next(name for name, value in values.items() if value is not None and not (isinstance(value, str) and value))
    return f"{name} is empty." if values[name] == "" else f"{name} is not a string."


def membersOf(body: Unread) -> dict[str, Any]:
    """Of an object that is not built the members that the server reads itself; nothing of other values.

    An array or object among them, which cannot be right, is not built either: an empty array stands for it.
    """
    if body.isArray:
        return {}
    try:
        known = _membersDecoder.decode(body.text)
    except msgspec.ValidationError:
        return {}  # a string or a number
    texts = {name: bytes(text).decode() for name, text in msgspec.structs.asdict(known).items() if text}
    return {name: [] if text[0] in "[{" else jsontext.decode(text)[0] for name, text in texts.items()}


def refusal(event: str, roomName: str | None, refused: Refused) -> dict[str, Any]:
    """The argument of ``refused``, for a client that has not asked for an acknowledgement."""
    return {**refused.reply(), "event": event, "roomName": roomName}


def expulsion(reason: str, message: str = "") -> dict[str, Any]:
    """The argument of ``refused``, for a client that is kicked from the server.

    Args:
        reason: Why, as the rooms are told.
        message: The same for people; there is one for all reasons.

    Raises:
        TypeError: The reason is not a string.
    """
    return refusal("connect", None, Refused(checkedReason(reason), message or "You have been disconnected."))


def secondsOf(seconds: float) -> float:
    """Seconds as clients are told: a whole number if it is one."""
    return int(seconds) if seconds == int(seconds) else seconds


def checkedReason(reason: str) -> str:
    """The same reason, if it can be told. One that cannot would end a membership by halves.

    Raises:
        TypeError: It is not a string.
    """
    if not isinstance(reason, str):
        raise TypeError(f"a reason must be a string, not {type(reason).__name__}")
    return reason


def asShared(key: str, value: Any) -> Any:
    """A value that plugins share about a room, as it arrives at other nodes.

    Raises:
        TypeError: The key is not a string, or the value is not one of JSON.
    """
    if not isinstance(key, str):
        raise TypeError(f"a key must be a string, not {type(key).__name__}")
    return jsontext.decode(jsontext.encode(value))[0]


def _bad(message: str) -> Refused:
    return Refused("bad-arguments", message)


def _nameRule(name: str, most: int) -> str:
    length = f"1 to {most} characters" if most else "at least one character"
    return f"{name} must be a string of {length} without control characters."


