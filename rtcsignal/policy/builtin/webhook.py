"""Tells a web service who joins and leaves, and when rooms begin and end: signed, in order, until it has listened."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import random
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

from rtcsignal.api import REQUIRED, ConfigError, Configurable, IPeer, IRoom, IRoomObserver, IServices, Option

_Event = Literal["joined", "left", "room-started", "room-ended"]
_ALL: list[_Event] = ["joined", "left", "room-started", "room-ended"]
_STARTED = "webhook started"
_LONGEST_WAIT = 60.0
_LONGEST_WISH = 300.0
# Statuses that say "not now" (RFC 9110 section 15.5, RFC 8470 section 5.2, RFC 6585 section 4).
_NOT_NOW = (408, 409, 425, 429)


@implementer(IRoomObserver)
class Webhook(Configurable):
    """Posts joins, leaves, and the beginnings and ends of rooms to a web service, signed as Standard Webhooks are.

    The events of a room arrive in their order. What fails is tried again, later and later; no one waits for it.
    """

    name = "webhook"
    url = Option(str, REQUIRED, "The service: an http or https URL.")
    secret = Option(str, REQUIRED, "Signs the events; whsec_ in front of base64 means bytes.", least=16, secret=True)
    oldSecret = Option(str, None, "Signs them too, while receivers change to a new one.", least=16, secret=True)
    events = Option(list[_Event], _ALL, "Which events are sent.", least=1)
    addresses = Option(bool, False, "Send IP addresses.")
    queue = Option(int, 10_000, "Most events that may wait; when there are more, new ones are dropped.", least=1)
    connections = Option(int, 4, "Most requests at a time; one at a time for each room.", least=1, most=8)
    requestSeconds = Option(float, 10.0, "Seconds for a request.", least=0.1)
    giveUpSeconds = Option(float, 3600.0, "Seconds after which an event is not tried again.", least=0)
    flushSeconds = Option(float, 2.0, "Seconds for what is left when the server stops.", least=0, most=2.5)

    def prepare(self) -> None:
        if find_spec("treq") is None:
            raise ConfigError(["it needs treq: pip install 'rtcsignal[http]'"])
        self.service = _serviceOf(self.url)
        secrets = (("secret", self.secret), ("old_secret", self.oldSecret))
        self._keys = [_keyOf(option, secret) for option, secret in secrets if secret is not None]
        self._sender: _Sender | None = None

    def start(self, services: IServices) -> None:
        self.http, self.log = services.http, services.log
        self._clock, self._wall = services.clock, services.now
        self._sender = _senders.setdefault(services.clock, _Sender(services.clock))
        self._sender.begin(self)

    async def stop(self) -> None:
        if self._sender is not None:
            await self._sender.end(self)

    def joined(self, peer: IPeer, room: IRoom) -> None:
        if room.size == 1:
            self._tell("room-started", room, peer, {})
        self._tell("joined", room, peer, self._who(peer))

    def left(self, peer: IPeer, room: IRoom, reason: str) -> None:
        self._tell("left", room, peer, {**self._who(peer), "reason": reason})
        if room.size == 0:
            self._tell("room-ended", room, peer, {})

    def signed(self, delivery: str, body: bytes) -> dict[str, str]:
        """The headers of a request that is made now."""
        timestamp = str(int(self._wall()))
        content = b".".join((delivery.encode(), timestamp.encode(), body))
        digests = [hmac.new(key, content, hashlib.sha256).digest() for key in self._keys]
        return {
            "Content-Type": "application/json",
            "User-Agent": "rtcsignal",
            "Webhook-Id": delivery,
            "Webhook-Timestamp": timestamp,
            "Webhook-Signature": " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests),
        }

    def _who(self, peer: IPeer) -> dict[str, Any]:
        who = {"user": peer.userId, "sid": peer.sid}
        return {**who, "address": peer.address} if self.addresses else who

    def _tell(self, event: _Event, room: IRoom, peer: IPeer, more: dict[str, Any]) -> None:
        if self._sender is None or event not in self.events:
            return
        # With the room, so that it goes on after a reload, and begins anew with another room of the same name.
        sequence = room.data[self.name] = room.data.get(self.name, 0) + 1
        now, delivery = self._clock.seconds(), str(uuid.uuid4())
        startedAt = room.data.setdefault(_STARTED, self._wall() - (now - room.createdAt))
        place: dict[str, Any] = {"room": room.name, "startedAt": startedAt, "sequence": sequence, "size": room.size}
        if peer.node:
            place["node"] = peer.node
        body = {"id": delivery, "event": event, "time": self._wall(), **place, **more}
        self._sender.add(room.name, _Delivery(delivery, json.dumps(body).encode(), now))


@dataclass
class _Delivery:
    """An event that waits to be delivered.

    Attributes:
        id: The same at every attempt, so that the receiver can tell a repetition.
        body: The event as JSON.
        since: Since when, on the server's clock.
        attempts: How often it was tried in vain.
    """

    id: str
    body: bytes
    since: float
    attempts: int = 0


@dataclass(frozen=True)
class _Failure:
    """An attempt was in vain.

    Attributes:
        reason: Why.
        final: Another one would be, too.
        wish: Seconds that the service wants to be left alone.
    """

    reason: str
    final: bool = False
    wish: float = 0.0


class _Sender:
    """Delivers the events of one server. It goes on over reloads: what waits is not lost, and stays in order.

    A room with events is in one of three states: ready, sending its oldest event, or waiting to try that again.

    Args:
        clock: The time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        # After a reload there are two for a moment; the first one counts until it has ended.
        self._owners: list[Webhook] = []
        self._rooms: dict[str, deque[_Delivery]] = {}
        self._ready: deque[str] = deque()
        self._sending: dict[str, Deferred[Any] | None] = {}
        self._waiting: dict[str, IDelayedCall] = {}
        self._pending = 0
        self._dropped = 0
        self._failing = False
        self._emptied: Deferred[None] | None = None

    def begin(self, owner: Webhook) -> None:
        """A plugin has started."""
        self._owners.append(owner)

    async def end(self, owner: Webhook) -> None:
        """A plugin is being stopped. If it is the last one, what is left is delivered now or never."""
        if self._owners == [owner]:
            await self._flush(owner.flushSeconds)
            if self._owners == [owner]:
                self._abandon()
        self._owners.remove(owner)
        if not self._owners:
            del _senders[self._clock]

    def add(self, room: str, delivery: _Delivery) -> None:
        """Deliver an event, behind those of the same room."""
        log = self._owners[0].log
        if self._pending >= self._owners[0].queue:
            if not self._dropped:
                log.error("too many events wait for {service}: new ones are dropped", service=self._service)
            self._dropped += 1
            return
        if self._dropped and self._pending <= self._owners[0].queue // 2:
            self._tellDropped()
        self._pending += 1
        if room in self._rooms:
            self._rooms[room].append(delivery)
        else:
            self._rooms[room] = deque((delivery,))
            self._ready.append(room)
        self._work()

    @property
    def _service(self) -> str:
        return self._owners[0].service

    def _work(self) -> None:
        while self._ready and len(self._sending) < self._owners[0].connections:
            room = self._ready.popleft()
            self._sending[room] = None
            request = Deferred.fromCoroutine(self._request(self._rooms[room][0]))
            request.addCallback(self._tried, room)
            if not request.called:
                self._sending[room] = request

    async def _request(self, delivery: _Delivery) -> _Failure | None:
        owner = self._owners[0]
        try:
            response = await owner.http.request(
                "POST",
                owner.url,
                data=delivery.body,
                headers=owner.signed(delivery.id, delivery.body),
                allow_redirects=False,
                timeout=owner.requestSeconds,
            )
        except Exception as error:
            return _Failure(f"{type(error).__name__}: {error}")
        # A connection is used again only once its answer has been read; what the body says does not matter.
        with suppress(Exception):
            await response.content().addTimeout(owner.requestSeconds, self._clock)
        code = response.code
        if 200 <= code < 300:
            return None
        wish = (response.headers.getRawHeaders("retry-after") or [""])[0]
        seconds = min(float(wish), _LONGEST_WISH) if wish.isdecimal() else 0.0
        return _Failure(f"status {code}", code < 500 and code not in _NOT_NOW, seconds)

    def _tried(self, failure: _Failure | None, room: str) -> None:
        if room not in self._sending:
            return  # it was abandoned
        del self._sending[room]
        delivery, owner = self._rooms[room][0], self._owners[0]
        if failure is None:
            if self._failing:
                owner.log.info("{service} takes events again", service=self._service)
            self._failing = False
            self._done(room)
        elif failure.final or self._clock.seconds() - delivery.since >= owner.giveUpSeconds:
            text = "an event for {service} is given up: {reason}"
            owner.log.error(text, service=self._service, reason=failure.reason)
            self._done(room)
        else:
            if not self._failing:
                text = "{service} does not take events: {reason}; they are kept and tried again"
                owner.log.error(text, service=self._service, reason=failure.reason)
            self._failing = True
            delivery.attempts += 1
            delay = max(_delay(delivery.attempts), failure.wish)
            self._waiting[room] = self._clock.callLater(delay, self._again, room)
        self._work()

    def _again(self, room: str) -> None:
        del self._waiting[room]
        self._ready.append(room)
        self._work()

    def _done(self, room: str) -> None:
        """The oldest event of a room is dealt with."""
        deliveries = self._rooms[room]
        deliveries.popleft()
        self._pending -= 1
        if deliveries:
            self._ready.append(room)
        else:
            del self._rooms[room]
        if not self._pending and self._emptied is not None:
            self._emptied.callback(None)

    async def _flush(self, seconds: float) -> None:
        """Wait until everything is delivered, but no longer than so many seconds."""
        for room, call in tuple(self._waiting.items()):
            call.cancel()
            self._again(room)
        if self._pending:
            self._emptied = Deferred()
            timeout = self._clock.callLater(seconds, self._emptied.callback, None)
            await self._emptied
            self._emptied = None
            if timeout.active():
                timeout.cancel()

    def _tellDropped(self) -> None:
        self._owners[0].log.error("{count} events were dropped", count=self._dropped)
        self._dropped = 0

    def _abandon(self) -> None:
        if self._dropped:
            self._tellDropped()
        if self._pending:
            log = self._owners[0].log
            log.error("{count} events for {service} are lost", count=self._pending, service=self._service)
        for call in self._waiting.values():
            call.cancel()
        requests = [request for request in self._sending.values() if request is not None]
        for kept in (self._rooms, self._ready, self._sending, self._waiting):
            kept.clear()
        self._pending = 0
        for request in requests:
            request.cancel()


_senders: dict[IReactorTime, _Sender] = {}
"""Those that are in use, by the clock of their server."""


def _delay(attempts: int) -> float:
    """Seconds until the next attempt: doubled each time, and not the same for all rooms."""
    longest = min(2.0 ** min(attempts - 1, 10), _LONGEST_WAIT)
    return longest * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def _serviceOf(url: str) -> str:
    """Host and port of the service; for the log, as there may be secrets in the rest.

    Raises:
        ConfigError: It is not a URL of a web service.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https"):
        raise ConfigError("url: must be an http or https URL")
    return f"{host}:{port}" if port else host


def _keyOf(option: str, secret: str) -> bytes:
    """The key that a secret stands for.

    Raises:
        ConfigError: It should be base64, and is not.
    """
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ConfigError(f"{option}: what follows whsec_ must be base64") from None


webhook = Webhook()
