"""Checks the form of messages: offers, answers, candidates and hang-ups, as clients send them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from zope.interface import implementer

from rtcsignal.api import Configurable, IMessageFilter, IPeer, IRoom, Message, Option, Refused, wholeNumber

# Json.NET takes keys that differ from these in case only for these.
_KEYS = ("msgType", "userId", "targetUserId", "roomName", "sdp", "candidate", "id", "label")
_SPELLINGS = {key.lower(): key for key in _KEYS}
_TYPES = {"offer": ("offer",), "answer": ("answer", "pranswer")}
_WORDS = {str: "a string", int: "a whole number of at least 0"}
# The place of a candidate, as browsers call it, and beside a string also as older clients do.
_PLACE = (("sdpMid", str), ("sdpMLineIndex", int), ("usernameFragment", str))
_INSIDE = (("candidate", str), *_PLACE)
_BESIDE = (("id", str), ("label", int), *_PLACE)


@implementer(IMessageFilter)
class Schema(Configurable):
    """Refuses messages that the client of the receiver could not read."""

    name = "schema"
    others = Option(str, "pass", "Whether messages of unknown kinds may pass.", choices=("pass", "refuse"))

    def prepare(self) -> None:
        self._checks: dict[str, Callable[[str, Any], None]] = {
            "offer": _checkDescription,
            "answer": _checkDescription,
            "candidate": _checkCandidate,
        }
        self._isStrict = self.others == "refuse"
        if self._isStrict:
            self._checks["other"] = _refuseOther

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Message:
        kind, body = message.kind, message.body
        if kind != "other" and body.get("msgType").__class__ is str:
            kind = "other"  # to most clients
        if self._isStrict:
            _checkKeys(body)
        check = self._checks.get(kind)
        if check is not None:
            check(kind, body)
        return message


def _checkKeys(body: Any) -> None:
    for key in body if isinstance(body, Mapping) else ():
        known = _SPELLINGS.get(key.lower(), key)
        if known != key:
            _refuse(key, f"must be written {known}")


def _checkDescription(kind: str, body: Mapping[str, Any]) -> None:
    value = body.get("sdp")
    if value.__class__ is str and value:
        return
    if not isinstance(value, dict):
        _refuse("sdp", "must be a string that is not empty, or an object with type and sdp")
    if value.get("type", kind) not in _TYPES[kind]:
        _refuse("sdp.type", f"must be {' or '.join(_TYPES[kind])}")
    if not (isinstance(value.get("sdp"), str) and value["sdp"]):
        _refuse("sdp.sdp", "must be a string that is not empty")


def _checkCandidate(kind: str, body: Mapping[str, Any]) -> None:
    """The candidate is a string, with its place beside it, or an object that holds both. Its end is empty or null."""
    try:
        # Most candidates have this form, and there are many of them: it is quick to tell.
        if (
            body["candidate"].__class__ is str
            and body["id"].__class__ is str
            and body["label"].__class__ is int
            and body["label"] >= 0
            and "sdpMid" not in body
            and "sdpMLineIndex" not in body
            and "usernameFragment" not in body
        ):
            return
    except KeyError:
        pass
    value = body.get("candidate", 0)
    if value.__class__ is dict:
        _checkFields(value, _INSIDE, "candidate.")
    elif value.__class__ is not str and value is not None:
        _refuse("candidate", "must be a string, an object, or null at the end")
    _checkFields(body, _BESIDE, "")


def _checkFields(fields: Mapping[str, Any], kinds: tuple[tuple[str, Any], ...], path: str) -> None:
    for key, kind in kinds:
        value = fields.get(key)
        if value is not None and not (_isIndex(value) if kind is int else isinstance(value, str)):
            _refuse(path + key, f"must be {_WORDS[kind]}, or null")


def _isIndex(value: Any) -> bool:
    number = wholeNumber(value)
    return number is not None and number >= 0


def _refuseOther(kind: str, body: Any) -> NoReturn:
    if not isinstance(body, Mapping):
        raise Refused("bad-message", "The message must be an object.", {"field": ""})
    _refuse("msgType", "must be 1, 2, 3 or 4")


def _refuse(field: str, rule: str) -> NoReturn:
    raise Refused("bad-message", f"{field} {rule}.", {"field": field})


schema = Schema()
