"""What connections that are over have left of their allowances, so that a reconnect does not refill a bucket.

A new connection gets what one before it has left, from the same address. The end of a connection that is not read for
the moment is noticed only later, so a client that comes while another of the same address is in debt has nothing left,
either. What it owes is bounded: it may be someone else, who must not be disconnected, nor wait long, for what others
did.
"""

from __future__ import annotations

from itertools import islice

from twisted.internet.interfaces import IReactorTime

from rtcsignal.addresses import networkOf
from rtcsignal.rates import TokenBucket

__all__ = ["Leftovers"]

_MOST_LISTS = 20_000
_MOST_BUCKETS = 250


class Leftovers:
    """Buckets that are not full, by kind and address. A full one is forgotten, as a new one is the same.

    Clients without an address, on a UNIX socket, have nothing in common, and nothing of theirs is kept.

    Args:
        clock: The time.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._lists: dict[tuple[str, str], list[TokenBucket]] = {}
        self._debtors: dict[tuple[str, str], TokenBucket] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lists.values())) + len(self._debtors)

    def giveBack(self, kind: str, address: str, bucket: TokenBucket | None) -> None:
        """A connection is over.

        Args:
            kind: What the bucket is for.
            address: Where the client comes from.
            bucket: What is left of its allowance; None if it has used nothing.
        """
        now, lists = self._clock.seconds(), self._lists
        if bucket is not None and address and not bucket.isFull(now):
            key = kind, networkOf(address)
            if self._debtors.get(key) is bucket:
                del self._debtors[key]
            left = lists.pop(key, [])
            left.append(bucket)
            lists[key] = left[-_MOST_BUCKETS:]  # as the last: the first is the one that was added to longest ago
        for old in list(islice(lists, 2)):
            self._forgetFull(old, now)
        while len(lists) > _MOST_LISTS:
            del lists[next(iter(lists))]

    def take(self, kind: str, address: str, seconds: float = 0) -> TokenBucket | None:
        """What a new connection begins with; None if that is a full bucket.

        Of several it is the one with the least: the server may notice ends in another order than they had.

        Args:
            kind: What the bucket is for.
            address: Where the client comes from.
            seconds: There is at least as much as these bring; below 0, a debt is paid within as many.
        """
        bucket = self._found(kind, address)
        if bucket is not None:
            bucket.forgive(self._clock.seconds(), seconds)
        return bucket

    def _found(self, kind: str, address: str) -> TokenBucket | None:
        if not self._lists and not self._debtors:
            return None
        key, now = (kind, networkOf(address)), self._clock.seconds()
        left, debtor = self._lists.get(key, []), self._debtors.get(key)
        found = min([*left, *([] if debtor is None else [debtor])], key=lambda bucket: bucket.left(now), default=None)
        if found is None or found.isFull(now):
            return None
        if found is debtor:
            return found.copy()
        left.remove(found)
        if not left:
            del self._lists[key]
        return found

    def owes(self, kind: str, address: str, bucket: TokenBucket) -> None:
        """A connection has overdrawn its bucket and is not read for a while.

        Args:
            kind: What the bucket is for.
            address: Where the client comes from.
            bucket: The bucket.
        """
        if not address:
            return
        now, debtors, key = self._clock.seconds(), self._debtors, (kind, networkOf(address))
        debtors.pop(key, None)
        debtors[key] = bucket  # as the last: the first is the one that was in debt longest ago
        for old in [name for name in islice(debtors, 2) if debtors[name].isFull(now)]:
            del debtors[old]
        while len(debtors) > _MOST_LISTS:
            del debtors[next(iter(debtors))]

    def _forgetFull(self, key: tuple[str, str], now: float) -> None:
        left = self._lists[key]
        while left and left[0].isFull(now):
            del left[0]
        if not left:
            del self._lists[key]
