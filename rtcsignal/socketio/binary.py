"""Binary values in JSON: the array of an event or an acknowledgement as text, and what that cannot hold beside it.

In the place of each binary value stands ``{"_placeholder":true,"num":i}``, which counts from 0. Source: Socket.IO
protocol, revisions 4 and 5, "BINARY_EVENT".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rtcsignal.errors import ProtocolError
from rtcsignal.socketio import jsontext

__all__ = ["decodeData", "detachBinary", "encodeData"]

_NESTS = frozenset((list, dict))


def encodeData(data: Sequence[Any]) -> tuple[str, tuple[bytes, ...]]:
    """Write the array of an event or an acknowledgement.

    Returns:
        Its JSON text, and the attachments taken out of it.

    Raises:
        TypeError: A value of a type that neither JSON nor Socket.IO has.
    """
    attachments: list[bytes] = []
    return jsontext.encode(detachBinary(data, attachments)), tuple(attachments)


def decodeData(text: str, attachments: tuple[bytes, ...] = ()) -> list[Any]:
    """Read the array of an event or an acknowledgement again.

    Args:
        text: What `encodeData` wrote, or the text of a `Packet`.
        attachments: Its attachments.
    """
    data = jsontext.decode(text, 0)[0]
    return _attach(data, attachments) if attachments else data  # type: ignore[no-any-return]


def detachBinary(value: Any, attachments: list[bytes]) -> Any:
    """`value` with placeholders for the bytes in it, which are appended to `attachments`."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        attachments.append(bytes(value))
        return {"_placeholder": True, "num": len(attachments) - 1}
    if isinstance(value, (list, tuple)):
        return [detachBinary(item, attachments) for item in value]
    if isinstance(value, dict):
        return {key: detachBinary(item, attachments) for key, item in value.items()}
    return value


def _attach(value: list[Any] | dict[str, Any], attachments: tuple[bytes, ...]) -> Any:
    """An array or object with the attachments in the places of their placeholders; its depth has been checked."""
    if isinstance(value, list):
        return [_attach(item, attachments) if item.__class__ in _NESTS else item for item in value]
    if value.get("_placeholder") is True:
        number = value.get("num")
        if type(number) is not int or not 0 <= number < len(attachments):
            raise ProtocolError("bad placeholder")
        return attachments[number]
    return {key: _attach(item, attachments) if item.__class__ in _NESTS else item for key, item in value.items()}
