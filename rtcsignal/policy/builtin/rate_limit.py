"""Limits how often messages may be sent: token buckets for each connection and each address."""

from __future__ import annotations

from math import ceil
from typing import Literal

from zope.interface import implementer

from rtcsignal.api import (
    ConfigError,
    Configurable,
    IMessageFilter,
    IPeer,
    IRoom,
    IServices,
    Message,
    Option,
    Refused,
    networkOf,
)

_Kind = Literal["offer", "answer", "candidate", "hangup", "other"]
_FORGET_SECONDS = 10.0
_MOST_ADDRESSES = 100_000
_BURST_SECONDS = 5


@implementer(IMessageFilter)
class RateLimit(Configurable):
    """Limits how many messages a connection, and all connections of an address together, may send.

    Each limit is a token bucket. Anyone who exceeds one is refused, and told after how many seconds to try again.
    """

    name = "rate-limit"
    peerRate = Option(float, 50.0, "Messages per second of one connection, on average; 0 for no limit.", least=0)
    peerBurst = Option(int, 500, "Messages of one connection at once.", least=1)
    addressRate = Option(float, 500.0, "Messages per second of one address, on average; 0 for no limit.", least=0)
    addressBurst = Option(int, 5000, "Messages of one address at once.", least=1)
    kinds = Option(dict[_Kind, float], {}, "Messages of a kind per second of one connection, by kind.")
    kindBursts = Option(dict[_Kind, int], {}, "Messages of a kind at once, by kind; by default those of 5 seconds.")

    def prepare(self) -> None:
        self._checkKinds()
        self._peer = _Bucket(self.peerRate, self.peerBurst)
        self._address = _Bucket(self.addressRate, self.addressBurst)
        self._kinds: dict[str, _Bucket] = {
            kind: _Bucket(rate, self.kindBursts.get(kind, ceil(rate * _BURST_SECONDS)))
            for kind, rate in self.kinds.items()
        }
        self._keys: dict[str, str] = {kind: f"{self.name}-{kind}" for kind in self._kinds}
        self._addresses: dict[str, float] = {}

    def start(self, services: IServices) -> None:
        self._services = services
        self._seconds = services.clock.seconds
        services.callLater(_FORGET_SECONDS, self._forget)

    def filterMessage(self, peer: IPeer, room: IRoom, message: Message) -> Message:
        now = self._seconds()
        data, address, addresses = peer.data, peer.address, self._addresses
        if ":" in address:
            address = networkOf(address)
        own, bucket = data.get("rate-limit", now), self._peer
        if own < now:
            own = now
        elif own > now + bucket.ahead:
            own = bucket.exceeded(own, now, "connection")
        shared, common = addresses.get(address, now), self._address
        if shared < now:
            shared = now
        elif shared > now + common.ahead:
            shared = common.exceeded(shared, now, "address")
        if self._kinds and message.kind in self._kinds:
            self._take(data, message.kind, now)
        data["rate-limit"] = own + bucket.interval
        # Connections without an address come over a local socket: they are not one client.
        if address and (shared > now or len(addresses) < _MOST_ADDRESSES):
            addresses[address] = shared + common.interval
        return message

    def _take(self, data: dict[str, float], kind: str, now: float) -> None:
        bucket, key = self._kinds[kind], self._keys[kind]
        full = max(data.get(key, now), now)
        if full > now + bucket.ahead:
            full = bucket.exceeded(full, now, kind)
        data[key] = full + bucket.interval

    def _forget(self) -> None:
        """A bucket that is full again need not be remembered."""
        now = self._seconds()
        self._addresses = {address: full for address, full in self._addresses.items() if full > now}
        self._services.callLater(_FORGET_SECONDS, self._forget)

    def _checkKinds(self) -> None:
        problems = []
        for key, values in (("kinds", self.kinds), ("kind_bursts", self.kindBursts)):
            for kind, value in values.items():
                if not value > 0:
                    problems.append(f"{key}: {kind} must be more than 0, not {value:g}")
        problems += [f"kind_bursts: {kind} has no rate in kinds" for kind in self.kindBursts if kind not in self.kinds]
        if problems:
            raise ConfigError(problems)


class _Bucket:
    """The figures of a token bucket. Its state is one number: when it will be full again.

    Attributes:
        interval: Seconds that one token takes to come; 0 if there is no limit.
        ahead: It holds a token if it is full within so many seconds.
    """

    __slots__ = ("ahead", "interval", "whole")

    def __init__(self, rate: float, burst: int) -> None:
        self.interval = 1 / rate if rate else 0.0
        self.whole = self.interval * burst
        # Half a token, so that a sum of intervals that should be exact need not be.
        self.ahead = self.whole - self.interval / 2

    def exceeded(self, full: float, now: float, which: str) -> float:
        """It holds no token.

        Returns:
            When it is full, if the clock was put back: it cannot take longer to fill than from empty.

        Raises:
            Refused: In all other cases.
        """
        if full - now > self.whole + self.interval:
            return now
        wait = full - now - self.whole + self.interval
        # In whole milliseconds, but for what is lost in differences of two times.
        milliseconds = ceil(wait * 1000 - 0.01)
        raise Refused("rate-limited", "Too many messages.", {"retry_after": milliseconds / 1000, "limit": which})


rateLimit = RateLimit()
