"""Asks an HTTP service who a client is."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from rtcsignal.api import (
    REQUIRED,
    ConfigError,
    Configurable,
    Handshake,
    IAuthenticator,
    Identity,
    IServices,
    Option,
    Refused,
)

_MOST_CHARACTERS = 16384
_MOST_BYTES = 100_000
_QUIET_SECONDS = 60.0
_FOREVER = 1e12
_CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MOST_CODE = 64
_NAME = re.compile(r"[^\x00-\x1f\x7f-\x9f]+")

# Who it is; or that the service does not know the client; or that it refuses the client.
_Answer: TypeAlias = Identity | Refused | None


class _Down(Exception):
    """The service does not answer, or answers what cannot be understood; the text says what."""


@implementer(IAuthenticator)
class Http(Configurable):
    """Asks an HTTP service whose token it is, and keeps the answer for a while."""

    name = "http"
    url = Option(str, REQUIRED, "The service, http://... or https://...")
    secret = Option(str, None, "Sent as Authorization: Bearer, so that the service knows who asks.", secret=True)
    send = Option(list[str], [], "What is sent besides the token: address, namespace, origin.")
    seconds = Option(float, 1.5, "Seconds within which the service must answer.", least=0.1, most=60)
    cacheSeconds = Option(float, 60.0, "Seconds for which it is remembered who someone is.", least=0)
    refusalSeconds = Option(float, 5.0, "Seconds for which it is remembered that someone is refused.", least=0)
    cacheSize = Option(int, 10_000, "Most answers of each kind that are kept.", least=0)
    mostAtOnce = Option(int, 100, "Most questions under way; further clients are refused meanwhile.", least=1)
    whenDown = Option(
        str, "refuse", "What happens without an answer: skip asks the next plugin.", choices=("refuse", "skip")
    )
    tokenKey = Option(str, "token", "The key of the token in the client's auth object and in the query.", least=1)
    cookie = Option(str, "", "A cookie that may hold the token; empty for none.")

    def prepare(self) -> None:
        problems = [f"send: cannot be {each}" for each in self.send if each not in _SENT]
        try:
            parts = urlsplit(self.url)
            isUrl = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            isUrl = False
        if not isUrl:
            problems.append("url: must be a URL that begins with http:// or https://")
        if find_spec("treq") is None:
            problems.append("it needs treq: pip install 'rtcsignal[http]'")
        if problems:
            raise ConfigError(problems)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self.secret is not None:
            self._headers["Authorization"] = f"Bearer {self.secret}"
        self._good, self._refused = _Cache(self.cacheSize), _Cache(self.cacheSize)
        self._asking: dict[bytes, _Question] = {}
        self._quietUntil = 0.0

    def start(self, services: IServices) -> None:
        self._clock, self._wall, self._log, self._http = services.clock, services.now, services.log, services.http

    def stop(self) -> None:
        for question in list(self._asking.values()):
            question.call.cancel()

    def authenticate(self, handshake: Handshake) -> Identity | Deferred[Identity | None] | None:
        token = handshake.token(self.tokenKey, self.cookie)
        if token is None:
            return None
        if len(token) > _MOST_CHARACTERS:
            raise Refused("bad-token", "The token is too long.")
        question = {"token": token, **{each: _SENT[each](handshake) for each in self.send}}
        body = json.dumps(question, sort_keys=True).encode()
        key = hashlib.blake2b(body).digest()
        now = self._clock.seconds()
        for cache in (self._good, self._refused):
            if cache.has(key, now):
                return _given(cache.answer(key))
        if key not in self._asking and len(self._asking) >= self.mostAtOnce:
            return _given(self._withoutAnswer("too many questions are under way"))
        return self._ask(key, body)

    def _ask(self, key: bytes, body: bytes) -> Deferred[Identity | None]:
        """Ask, or wait with those who have asked the same."""
        asked = self._asking.get(key)
        if asked is not None:
            return asked.wait()
        question = self._asking[key] = _Question(Deferred.fromCoroutine(self._response(body)))
        waiter = question.wait()
        question.call.addTimeout(self.seconds, self._clock)
        question.call.addCallbacks(self._came, self._failed, callbackArgs=(key,), errbackArgs=(key,))
        return waiter

    async def _response(self, body: bytes) -> _Answer:
        response = await self._http.post(
            self.url,
            data=body,
            headers=self._headers,
            timeout=self.seconds,
            mostBytes=_MOST_BYTES,
            allow_redirects=False,
        )
        return _read(response.code, await response.content())

    def _came(self, answer: _Answer, key: bytes) -> None:
        now = self._clock.seconds()
        if isinstance(answer, Identity):
            left = math.inf if answer.expiresAt is None else answer.expiresAt - self._wall()
            self._good.keep(key, answer, now + min(self.cacheSeconds, left))
        else:
            self._refused.keep(key, answer, now + self.refusalSeconds)
        self._asking.pop(key).settle(answer)

    def _failed(self, failure: Failure, key: bytes) -> None:
        question = self._asking.pop(key)
        if failure.check(CancelledError):
            question.settle(_DOWN)  # the plugin is stopped
            return
        error = failure.value
        why = str(error) if isinstance(error, (_Down, TimeoutError)) else type(error).__name__
        question.settle(self._withoutAnswer(why))

    def _withoutAnswer(self, why: str) -> _Answer:
        now = self._clock.seconds()
        if now >= self._quietUntil:
            self._quietUntil = now + _QUIET_SECONDS
            self._log.error("clients cannot be identified: {why}", why=why)
        return _DOWN if self.whenDown == "refuse" else None


class _Question:
    """A question under way, and everyone who waits for the answer.

    Attributes:
        call: The question.
    """

    def __init__(self, call: Deferred[_Answer]) -> None:
        self.call = call
        self._waiting: list[Deferred[Identity | None]] = []

    def wait(self) -> Deferred[Identity | None]:
        """The answer; anyone who does not want it any more may cancel that."""
        waiter: Deferred[Identity | None] = Deferred(self._waiting.remove)
        self._waiting.append(waiter)
        return waiter

    def settle(self, answer: _Answer) -> None:
        """The answer has come."""
        while self._waiting:
            waiter = self._waiting.pop(0)
            if isinstance(answer, Refused):
                waiter.errback(Refused(answer.code, answer.message, answer.data))
            else:
                waiter.callback(answer)


class _Cache:
    """Answers that are good for a time; of too many the oldest go.

    Args:
        size: How many.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._answers: OrderedDict[bytes, tuple[float, _Answer]] = OrderedDict()

    def has(self, key: bytes, now: float) -> bool:
        """Whether there is an answer that is good now."""
        if key in self._answers and self._answers[key][0] <= now:
            del self._answers[key]
        return key in self._answers

    def answer(self, key: bytes) -> _Answer:
        """The answer, which is there."""
        return self._answers[key][1]

    def keep(self, key: bytes, answer: _Answer, until: float) -> None:
        """Keep an answer."""
        self._answers[key] = until, answer
        if len(self._answers) > self._size:
            self._answers.popitem(last=False)


def _given(answer: _Answer) -> Identity | None:
    if isinstance(answer, Refused):
        raise Refused(answer.code, answer.message, answer.data)
    return answer


def _read(status: int, content: bytes) -> _Answer:
    """What a response says.

    Raises:
        _Down: Nothing that can be understood.
    """
    if status == 204:
        return None
    if status not in (200, 401, 403):
        raise _Down(f"the service answers with status {status}")
    try:
        body: Any = json.loads(content) if content or status == 200 else {}
    except (ValueError, RecursionError):
        body = None
    if status == 200:
        return _identityIn(body)
    return _refusalIn(body if isinstance(body, dict) else {})


def _refusalIn(body: Mapping[str, Any]) -> Refused:
    code, message = body.get("code"), body.get("message")
    if not isinstance(code, str) or len(code) > _MOST_CODE or not _CODE.fullmatch(code):
        code = "bad-token"
    more = {key: value for key, value in body.items() if key not in ("code", "message")}
    return Refused(code, message if isinstance(message, str) else "The token is not valid.", more)


def _identityIn(body: Any) -> Identity:
    if not isinstance(body, dict):
        raise _Down("the service's answer is not a JSON object")
    userId, roles = body.get("userId"), body.get("roles") or []
    claims, expiresAt = body.get("claims") or {}, body.get("expiresAt")
    good = {
        "userId": userId is None or (isinstance(userId, str) and _NAME.fullmatch(userId) is not None),
        "roles": isinstance(roles, list) and all(isinstance(role, str) for role in roles),
        "claims": isinstance(claims, dict),
        "expiresAt": expiresAt is None or (type(expiresAt) in (int, float) and 0 <= expiresAt < _FOREVER),
    }
    for name, isGood in good.items():
        if not isGood:
            raise _Down(f"the service's answer has {name} that cannot be understood")
    return Identity(userId, frozenset(roles), claims, expiresAt)


_DOWN = Refused("unavailable", "Signing in is not possible at the moment.")

_SENT: dict[str, Callable[[Handshake], str | None]] = {
    "address": lambda handshake: handshake.address,
    "namespace": lambda handshake: handshake.namespace,
    "origin": lambda handshake: handshake.origin,
}

http = Http()
