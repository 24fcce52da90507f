"""Recovery: peers that outlive their connections, for clients that can come back to them.

::

    LIVE ---- its connection is lost -----------> AWAY        what it is sent is kept in its trail
    AWAY ---- its client comes with a key ------> LIVE        what it has missed follows the answer
    LIVE ---- its client comes with a key ------> LIVE        on the newer connection; the older one is closed
    AWAY ---- the window passes, no room left --> GONE        only now is its namespace told that it has gone
    AWAY ---- nothing is left to wait for ------> GONE
    any ----- it leaves, or is kicked ----------> GONE

There are two keys to a peer, and both lead to the same `Pass`: the *pid*, which the server tells only its client, and
one that the client has chosen. A client that sends a key is judged again like any other, and its namespace says whether
it is the same. Source: Socket.IO, connection state recovery; the public server never recovers a peer whose loss it has
not noticed, nor one that has seen no event; this one does both.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from twisted.logger import Logger

from rtcsignal.deadlines import Deadline, Deadlines
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.socketio.absences import Absences
from rtcsignal.socketio.claims import Claim, digestOf
from rtcsignal.socketio.namespace import Namespace
from rtcsignal.socketio.peer import Peer
from rtcsignal.socketio.reasons import NOT_RECOVERED, REPLACED, SHUTDOWN
from rtcsignal.socketio.trail import Missed, Trail
from rtcsignal.socketio.trails import Trails
from rtcsignal.socketio.work import Work

__all__ = ["Pass", "Recovery", "RecoveryOptions"]

_log = Logger()
_PID_BYTES = 16

# A connection that was lost may be made again; one that was ended on purpose, by either side, is over.
_LOSSES = frozenset(
    (
        CloseReason.TRANSPORT_CLOSE,
        CloseReason.TRANSPORT_ERROR,
        CloseReason.PING_TIMEOUT,
        CloseReason.SLOW_CONSUMER,
    )
)


@dataclass(frozen=True)
class RecoveryOptions:
    """How far lost connections can be recovered. 0 disables a limit; a `window` of 0 disables recovery.

    Attributes:
        window: Seconds for which a peer waits for its client.
        everybody: Also clients that have not asked can come back, if they know how to (socket.io-client 4.6 and later).
        packets: Most events that are kept for one peer; at least 1.
        size: Most bytes of memory for them.
        total: Most bytes of memory for the events of all peers together.
        held: Most peers that wait. Beyond, the one that has waited longest is given up.
        heldPerAddress: Most of them that came from one IP address, likewise; of IPv6 from one network of 64 bits.
        node: The id of this node, with which its pids begin; empty if there are no others.
    """

    window: float = 0.0
    everybody: bool = True
    packets: int = 256
    size: int = 262_144
    total: int = 67_108_864
    held: int = 2_000
    heldPerAddress: int = 200
    node: str = ""


class Pass:
    """What a peer is recovered with.

    Attributes:
        peer: The peer.
        trail: What it was sent; None if its client cannot come back.
        opened: Number of the connection that it has, or had last.
        pid: The key that its client was given, if it knows what to do with it.
    """

    __slots__ = ("opened", "peer", "pid", "trail")

    def __init__(self, peer: Peer, trail: Trail | None = None, opened: int = 0, pid: str | None = None) -> None:
        self.peer = peer
        self.trail = trail
        self.opened = opened
        self.pid = pid

    def missed(self, offsets: Iterable[Any]) -> Missed:
        """What its client has not seen yet; see `Trail.missed`."""
        return _NOTHING if self.trail is None else self.trail.missed(offsets)


_NOTHING = Missed(0, 0, 0, None)


class _Keys(NamedTuple):
    byPid: dict[str, Pass]
    byDigest: dict[bytes, Pass]


class Recovery:
    """The peers of a server that can be recovered, live and away; and those that are away and cannot.

    Args:
        options: How far.
        namespaces: By name: these know whose a peer is, and what there is to wait for.
        deadlines: For the ends of absences.
        work: Where what is sent is counted.
        gone: Called with a peer that is given up or kicked while it is away, and the reason.

    Attributes:
        elsewhere: Called with the pid of a client that was on another node; None if there is none.
    """

    elsewhere: Callable[[str], object] | None = None

    def __init__(
        self,
        options: RecoveryOptions,
        namespaces: Mapping[str, Namespace],
        deadlines: Deadlines,
        work: Work,
        gone: Callable[[Peer, str], None],
    ) -> None:
        self._options = options
        self._gone = gone
        self._namespaces = namespaces
        self._passes: dict[Peer, Pass] = {}
        self._keys = _Keys({}, {})
        self._absences = Absences(options.held, options.heldPerAddress, deadlines, self._giveUp)
        self._trails = Trails(options.packets, options.size, options.total, work, self._everyTrail)
        self._closed = False

    @property
    def window(self) -> float:
        """Seconds for which a peer waits for its client; 0 if none does."""
        return self._options.window

    @property
    def isForAll(self) -> bool:
        """Every client that knows how to come back can do so, without having asked."""
        return self._options.everybody and self._options.window > 0

    @property
    def live(self) -> int:
        """How many peers can be recovered and have a connection."""
        return len(self._passes) - len(self._absences)

    @property
    def away(self) -> int:
        """How many peers wait for their clients."""
        return len(self._absences)

    @property
    def size(self) -> int:
        """Bytes of memory for what is kept."""
        return self._trails.size

    @property
    def waiting(self) -> Collection[Peer]:
        """The peers that wait for their clients."""
        return self._absences.peers

    @property
    def deadlines(self) -> list[Deadline]:
        """The ends of their windows."""
        return self._absences.deadlines

    @property
    def lastNumber(self) -> int:
        """The number of the last event that was kept for anyone."""
        return self._trails.numbers.last

    def isOffset(self, offset: Any) -> bool:
        """Whether it is an offset that was given, in this life of the server or another one; None is one as well."""
        return offset is None or self._trails.numbers.read(offset) is not None

    def problems(self) -> Iterator[str]:
        """What does not fit together: a sentence for each thing."""
        items = {id(item): item for trail in self._everyTrail() for item in trail.kept}
        if sum(item.size for item in items.values()) != self._trails.size:
            yield "the bytes that trails keep are not those that are counted"
        if self._trails.size > self._trails.total:
            yield "the trails keep more than they may"
        for found in [*self._keys.byPid.values(), *self._keys.byDigest.values()]:
            if self._passes.get(found.peer) is not found:
                yield "a key leads to a peer that has gone"
        for peer, found in self._passes.items():
            if found.trail is None and not peer.away:
                yield "a peer that cannot be recovered has a pass"

    def digest(self, namespace: str, identity: Any, key: str) -> bytes:
        """What a key of a client's choice is looked up by; see `digestOf`."""
        return digestOf(namespace, self._namespaces[namespace].ownerOf(identity), key)

    def find(self, claim: Claim, namespace: str, identity: Any) -> Pass | None:
        """The pass that a client may have.

        Args:
            claim: What it has sent.
            namespace: Where.
            identity: Who it is now.
        """
        found = None
        if claim.key is not None:
            found = self._keys.byDigest.get(self.digest(namespace, identity, claim.key))
        if found is None and claim.pid is not None:
            found = self._keys.byPid.get(claim.pid)
            if found is None and self.elsewhere is not None and not claim.pid.startswith(self._options.node):
                self.elsewhere(claim.pid)
        if found is None or found.peer.namespace != namespace:
            return None
        return found if self._namespaces[namespace].mayReturn(found.peer, identity) else None

    def giveUp(self, pid: str) -> None:
        """The client that was given a pid is on another node: no one is waited for here."""
        found = self._keys.byPid.get(pid)
        if found is None:
            return
        peer = found.peer
        if not peer.away:
            peer.detach(self)
            peer.session.abort(CloseReason.TRANSPORT_CLOSE)
        if peer.connected:
            self.left(peer, REPLACED)

    def passOf(self, peer: Peer) -> Pass | None:
        """The pass of a peer; None if it has none."""
        return self._passes.get(peer)

    def enrol(self, peer: Peer, opened: int, key: bytes | None = None, pid: bool = False) -> Pass | None:
        """From now on a peer can be recovered, or in one more way than before.

        Args:
            peer: The peer.
            opened: Number of its connection, in the order in which these were opened.
            key: The digest of a key that its client has chosen.
            pid: Its client knows what to do with a key of ours.

        Returns:
            Its pass; None if no one is ever waited for.
        """
        if key is not None:
            self._forgetKey(peer)  # one that comes by its pid may have chosen another
            peer.key = key
        if not self._options.window:
            return None
        found = self._passes.get(peer)
        if found is None:
            trail = Trail(peer.namespace, self._trails)
            peer.channel = trail
            found = self._passes[peer] = Pass(peer, trail, opened)
        if key is not None:
            self._keys.byDigest[key] = found
        if pid:
            self.renew(found, self._options.node + secrets.token_urlsafe(_PID_BYTES))
        return found

    def renew(self, found: Pass, pid: str | None) -> None:
        """A pass has another pid, or none any more."""
        if found.pid is not None:
            del self._keys.byPid[found.pid]
        found.pid = pid
        if pid is not None:
            self._keys.byPid[pid] = found

    def inherit(self, found: Pass, newcomer: Peer) -> None:
        """The client of a newcomer gets a peer of its own back: whatever key it was given leads there from now on."""
        given = self._passes.get(newcomer)
        if given is not None and given.pid is not None:
            pid = given.pid
            self.renew(given, None)
            self.renew(found, pid)

    def seize(self, found: Pass, opened: int) -> bool:
        """Take a peer from the connection that it has, if it has one, for its client on another one.

        A client gives up one connection before it opens the next, but what it sent on the first may arrive after
        that: the connection that was opened last is the client's.

        Args:
            found: Its pass.
            opened: Number of the connection; not lower than that of the pass.

        Returns:
            Whether the peer is there to be attached. A plugin may have kicked it when it was told of the loss.
        """
        found.opened = opened
        peer = found.peer
        peer.detach(self)
        peer.session.abort(CloseReason.TRANSPORT_CLOSE)
        return peer.connected

    def hold(self, peer: Peer, reason: CloseReason) -> bool:
        """Let a peer wait for its client, if its connection was lost.

        Returns:
            Whether it does.
        """
        if reason not in _LOSSES or self._closed:
            return False
        found = self._passes.get(peer)
        namespace = self._namespaces[peer.namespace]
        seconds = self._waitsFor(peer)
        if not seconds:
            return False
        if found is None:
            self._passes[peer] = Pass(peer)
        peer.detach(self)
        if not peer.connected:
            return True  # kicked because a request to it failed with its connection
        self._absences.begin(peer, seconds)
        if peer.connected:
            namespace.lost(peer, seconds)
        return True

    def holds(self, peer: Peer, key: str) -> bool:
        """Whether this is the key of a peer's client."""
        return peer.key == self.digest(peer.namespace, peer.identity, key)

    @property
    def desk(self) -> None:
        """A peer that waits asks for no other one."""
        return None

    heardAt = 0.0

    def surrender(self, peer: Peer) -> None:
        """A peer no longer waits."""
        self._absences.end(peer)

    def release(self, peer: Peer) -> None:
        """There may be nothing left to wait for."""
        if not self._waitsFor(peer):
            self.left(peer, NOT_RECOVERED)

    def forget(self, peer: Peer) -> None:
        """A peer is gone: its keys mean nothing any more."""
        self._forgetKey(peer)
        found = self._passes.pop(peer, None)
        if found is None:
            return
        self._absences.end(peer)
        self.renew(found, None)
        if found.trail is not None:
            found.trail.end()

    def left(self, peer: Peer, reason: str) -> None:
        """A peer without a connection is given up, or kicked."""
        try:
            self._gone(peer, reason)
        except Exception:
            _log.failure("the end of a peer could not be handled")

    def close(self) -> None:
        """The server stops: no peer waits any more."""
        self._closed = True
        for peer in self._absences.peers:
            self.left(peer, SHUTDOWN)

    def _forgetKey(self, peer: Peer) -> None:
        """Its key leads to it no longer. The same one of the same user, with other roles, may lead to another peer."""
        if peer.key is not None and self._keys.byDigest.get(peer.key) is self._passes.get(peer):
            self._keys.byDigest.pop(peer.key, None)

    def _waitsFor(self, peer: Peer) -> float:
        found = self._passes.get(peer)
        window = 0.0 if found is None or found.trail is None else self._options.window
        return self._namespaces[peer.namespace].waitsFor(peer, window)

    def _giveUp(self, peer: Peer) -> None:
        self.left(peer, NOT_RECOVERED)

    def _everyTrail(self) -> Iterator[Trail]:
        return (found.trail for found in self._passes.values() if found.trail is not None)
