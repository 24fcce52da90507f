"""What the methods of plugins may answer, and what is made of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from rtcsignal.errors import Refused
from rtcsignal.iceservers import IceServers
from rtcsignal.logtext import safe
from rtcsignal.socketio.binary import encodeData
from rtcsignal.values import Identity, Message, isName

__all__ = [
    "AUTHENTICATE",
    "CHANGE",
    "DROP",
    "ENTERING",
    "FILTER_MESSAGE",
    "HANDLE_EVENT",
    "ICE_SERVERS",
    "JOINED",
    "LEFT",
    "MAY_JOIN",
    "SKIPPED",
    "USED",
    "WITHDREW",
    "AnswerRules",
    "WrongAnswer",
    "checkRefusal",
]

DROP, CHANGE = "drop", "change"

_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST_CODE = 64
_MOST_SHOWN = 80


class WrongAnswer(Exception):
    """A plugin has answered what it must not; the text says what."""


class _Special:
    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


SKIPPED: Any = _Special("skipped")
"""In the place of an authenticator's answer: it counts as if it were not there."""

USED: Any = _Special("a Deferred that it had returned before")
"""The result of a Deferred whose failure has been dealt with. A plugin that answers two requests with one such
Deferred must not have the second one allowed."""


@dataclass(frozen=True)
class AnswerRules:
    """The answers of one method.

    Attributes:
        method: Its name.
        plain: The classes of plain answers; those of other classes are looked at more closely.
        check: Called with the answer and what would stand in its place; gives the answer to be used, or raises
            `WrongAnswer`.
        verdict: Called with the same; says what the answer changes, or nothing.
        mayRefuse: It may raise `Refused`.
        soft: When it fails it counts as if it were not there, whatever the configuration says.
    """

    method: str
    plain: frozenset[type]
    check: Callable[[Any, Any], Any]
    verdict: Callable[[Any, Any], str] = lambda answer, instead: ""
    mayRefuse: bool = True
    soft: bool = False


def checkRefusal(refused: Refused) -> WrongAnswer | None:
    """What is wrong with a refusal; None if it can be told to a client."""
    try:
        return _wrongIn(refused)
    except Exception:  # a class of its own may lack everything, or do anything when it is looked at
        name = type(refused).__name__
        return WrongAnswer(f"a {name} whose code, message or data cannot be read; does it call Refused.__init__?")


def _wrongIn(refused: Refused) -> WrongAnswer | None:
    code: Any = refused.code
    message: Any = refused.message
    if not isinstance(code, str) or len(code) > _MOST_CODE or not _CODE.fullmatch(code):
        return WrongAnswer(f"Refused with the code {_shown(code)}, which is not a kebab-case word")
    if not isinstance(message, str):
        return WrongAnswer(f"Refused with the message {_shown(message)}, which is not a string")
    if refused.data:
        try:
            encodeData((refused.data,))
        except (TypeError, ValueError, RecursionError):
            return WrongAnswer("Refused with data that cannot be sent as JSON")
    return None


def _identity(answer: Any, instead: Any) -> Any:
    if answer is None:
        return None
    if not isinstance(answer, Identity):
        raise WrongAnswer(f"{_shown(answer)} instead of an Identity or None")
    userId: Any = answer.userId
    if userId is not None and not (isinstance(userId, str) and isName(userId, 0)):
        raise WrongAnswer(f"an Identity with the userId {_shown(userId)}")
    roles: Any = answer.roles
    if not isinstance(roles, (set, frozenset, list, tuple)) or not all(isinstance(role, str) for role in roles):
        raise WrongAnswer("an Identity whose roles are not a set of strings")
    if not isinstance(answer.claims, Mapping):
        raise WrongAnswer("an Identity whose claims are not a mapping")
    if answer.expiresAt is not None and not _isTime(answer.expiresAt):
        raise WrongAnswer(f"an Identity with expiresAt {_shown(answer.expiresAt)}")
    if not isinstance(answer.signedIn, bool):
        raise WrongAnswer(f"an Identity with signedIn {_shown(answer.signedIn)}")
    # Other plugins rely on these being read-only.
    return replace(answer, roles=frozenset(roles), claims=MappingProxyType(dict(answer.claims)))


def _isTime(value: Any) -> bool:
    """Whether it is a number that can be compared with others."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value


def _nothing(answer: Any, instead: Any) -> Any:
    if answer is not None:
        raise WrongAnswer(f"{_shown(answer)} instead of None; to say no, raise Refused")
    return None


def _message(answer: Any, before: Any) -> Any:
    if answer is None or answer is before:
        return answer
    if not isinstance(answer, Message):
        raise WrongAnswer(f"{_shown(answer)} instead of a Message or None")
    if answer.targetUserId is not None and not isinstance(answer.targetUserId, str):
        raise WrongAnswer("a Message whose targetUserId is not a string")
    if answer.body is not before.body:
        body = dict(answer.body) if isinstance(answer.body, MappingProxyType) else answer.body
        try:
            encodeData((body,))
        except (TypeError, ValueError, RecursionError):
            raise WrongAnswer("a Message whose body cannot be sent") from None
    return answer


def _messageVerdict(answer: Any, before: Any) -> str:
    return DROP if answer is None else "" if answer is before else CHANGE


def _acknowledgement(answer: Any, instead: Any) -> Any:
    if answer is None:
        return None
    if not isinstance(answer, Mapping):
        raise WrongAnswer(f"{_shown(answer)} instead of a mapping or None")
    if "ok" in answer:
        raise WrongAnswer("a mapping with the key ok, which is the server's; to say no, raise Refused")
    try:
        encodeData((dict(answer),))
    except (TypeError, ValueError, RecursionError):
        raise WrongAnswer("a mapping that cannot be sent as JSON") from None
    return dict(answer)


def _iceServers(answer: Any, instead: Any) -> Any:
    if answer is None:
        return None
    if not isinstance(answer, IceServers):
        raise WrongAnswer(f"a {type(answer).__name__} instead of IceServers or None")
    if not isinstance(answer.servers, (tuple, list)):
        raise WrongAnswer("IceServers whose servers are not a tuple")
    ttl: Any = answer.ttl
    if ttl is not None and not (_isTime(ttl) and 1 <= ttl < math.inf):
        raise WrongAnswer("IceServers whose ttl is not a number of seconds above 1")
    return answer


def _anything(answer: Any, instead: Any) -> Any:
    return None


def _shown(value: Any) -> str:
    try:
        return safe(repr(value), _MOST_SHOWN)
    except Exception:
        return f"a {type(value).__name__}"


_NONE = type(None)

AUTHENTICATE = AnswerRules(
    "authenticate",
    frozenset({Identity, _NONE}),
    _identity,
    lambda answer, instead: "" if answer is None else "identity",
)
MAY_JOIN = AnswerRules("mayJoin", frozenset({_NONE}), _nothing)
FILTER_MESSAGE = AnswerRules("filterMessage", frozenset({Message, _NONE}), _message, _messageVerdict)
HANDLE_EVENT = AnswerRules("handleEvent", frozenset({dict, _NONE}), _acknowledgement)
ICE_SERVERS = AnswerRules("iceServers", frozenset({IceServers, _NONE}), _iceServers, mayRefuse=False, soft=True)
ENTERING = AnswerRules("entering", frozenset({_NONE}), _anything, mayRefuse=False)
WITHDREW = AnswerRules("withdrew", frozenset({_NONE}), _anything, mayRefuse=False)
JOINED = AnswerRules("joined", frozenset({_NONE}), _anything, mayRefuse=False)
LEFT = AnswerRules("left", frozenset({_NONE}), _anything, mayRefuse=False)
