"""Connection state recovery: peers that outlive their connections, for clients that can come back to them.

::

    LIVE ---- its connection is lost -----------> AWAY        what it is sent is kept in its trail
    AWAY ---- a CONNECT names its pid ----------> LIVE        missed events follow the answer
    LIVE ---- a CONNECT names its pid ----------> LIVE        on the newer connection; the older one is closed
    AWAY ---- the window passes, no room left --> GONE        only now is its namespace told that it has gone
    any ----- it leaves, or is kicked ----------> GONE

The key to a peer is its *pid*, which the server tells only its client. A client that sends a pid is judged again
like any other, and its namespace says whether it is the same. Source: Socket.IO, connection state recovery; the
public server never recovers a peer whose loss it has not noticed, nor one that has seen no event; this one does both.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from twisted.logger import Logger

from rtcsignal.addresses import networkOf
from rtcsignal.deadlines import Deadline, DeadlineQueue
from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.socketio.offsets import Numbers
from rtcsignal.socketio.peer import Peer
from rtcsignal.socketio.reasons import NOT_RECOVERED, SHUTDOWN
from rtcsignal.socketio.trail import Trail
from rtcsignal.socketio.work import Work

__all__ = ["Claim", "Recovery", "RecoveryOptions"]

_log = Logger()
_PID_BYTES = 16
_PID = re.compile("[A-Za-z0-9_-]{22}")
_OURS = frozenset(("pid", "offset"))

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
        packets: Most events that are kept for one peer; at least 1.
        size: Most bytes of memory for them.
        held: Most peers that wait. Beyond, the one that has waited longest is given up.
        heldPerAddress: Most of them that came from one IP address, likewise; of IPv6 from one network of 64 bits.
    """

    window: float = 0.0
    packets: int = 100
    size: int = 262_144
    held: int = 2_000
    heldPerAddress: int = 200


class Claim(NamedTuple):
    """What a client sends to be recovered.

    Attributes:
        pid: The key of its peer.
        offset: The last offset that it saw, as it came; None if it saw none.
    """

    pid: str
    offset: Any


class _Pass:
    """What a peer is recovered with.

    Attributes:
        peer: The peer.
        trail: What it was sent.
        opened: Number of the connection that it has, or had last.
        deadline: The end of its window, if it is away.
    """

    __slots__ = ("deadline", "opened", "peer", "trail")

    def __init__(self, peer: Peer, trail: Trail, opened: int) -> None:
        self.peer = peer
        self.trail = trail
        self.opened = opened
        self.deadline: Deadline | None = None


class Recovery:
    """The peers of a server that can be recovered, live and away.

    Args:
        options: How far.
        windows: For deadlines of the window.
        gone: Called with a peer that is given up or kicked while it is away, and the reason.
        mayReturn: Called with a peer and the identity of a client that presents its key: whether it may have it.
    """

    def __init__(
        self,
        options: RecoveryOptions,
        windows: DeadlineQueue,
        gone: Callable[[Peer, str], None],
        mayReturn: Callable[[Peer, Any], bool],
    ) -> None:
        self._options = options
        self._windows = windows
        self._gone = gone
        self._mayReturn = mayReturn
        self._numbers = Numbers()
        self._byPid: dict[str, _Pass] = {}
        self._byPeer: dict[Peer, _Pass] = {}
        self._away: dict[Peer, None] = {}
        self._awayFrom: dict[str, dict[Peer, None]] = {}
        self._closed = False

    @property
    def live(self) -> int:
        """How many peers can be recovered and have a connection."""
        return len(self._byPid) - len(self._away)

    @property
    def away(self) -> int:
        """How many peers wait for their clients."""
        return len(self._away)

    @property
    def waiting(self) -> Collection[Peer]:
        """The peers that wait for their clients."""
        return tuple(self._away)

    @property
    def deadlines(self) -> list[Deadline | None]:
        """The ends of their windows."""
        return [found.deadline for found in self._byPid.values()]

    @staticmethod
    def claimIn(auth: Mapping[str, Any]) -> tuple[Claim | None, Mapping[str, Any]]:
        """Find a claim in the auth object of a CONNECT.

        Returns:
            The claim, and the object without it: no one else may see the key.
        """
        pid = auth.get("pid")
        if not isinstance(pid, str) or _PID.fullmatch(pid) is None:
            return None, auth
        rest = {key: value for key, value in auth.items() if key not in _OURS}
        return Claim(pid, auth.get("offset")), rest

    def newTrail(self, namespace: str, work: Work) -> Trail:
        """The channel of a new peer, with a pid; what it is sent is counted as `work`."""
        pid = secrets.token_urlsafe(_PID_BYTES)
        return Trail(pid, namespace, self._numbers, self._options.packets, self._options.size, work)

    def enrol(self, peer: Peer, trail: Trail, opened: int) -> None:
        """From now on a peer can be recovered.

        Args:
            peer: The peer.
            trail: Its channel.
            opened: Number of its connection, in the order in which these were opened.
        """
        self._byPid[trail.pid] = self._byPeer[peer] = _Pass(peer, trail, opened)

    def recover(
        self, claim: Claim, namespace: str, identity: Any, opened: int
    ) -> tuple[Peer, list[EncodedMessage]] | None:
        """Take a peer from the connection that it had, for its client on a newer one.

        A client gives up one connection before it opens the next, but what it sent on the first may arrive after
        that: the connection that was opened last is the client's.

        Args:
            claim: What the client sent.
            namespace: The namespace that it sent it to.
            identity: Its identity now.
            opened: Number of its connection.

        Returns:
            The peer and the messages that it has missed; None if the client must begin anew.
        """
        found = self._byPid.get(claim.pid)
        if found is None or found.opened > opened:
            return None
        peer = found.peer
        if peer.namespace != namespace or not self._mayReturn(peer, identity):
            return None
        found.opened = opened
        peer.detach(self)
        peer.session.abort(CloseReason.TRANSPORT_CLOSE)
        if not peer.connected:
            return None  # kicked by a plugin that has just been told of the loss
        missed = found.trail.missed(claim.offset)
        if missed is None:
            self.left(peer, NOT_RECOVERED)
            return None
        return peer, missed

    def hold(self, peer: Peer, reason: CloseReason) -> bool:
        """Let a peer wait for its client, if its connection was lost.

        Returns:
            Whether it does.
        """
        found = self._byPeer.get(peer)
        if found is None or reason not in _LOSSES or self._closed:
            return False
        peer.detach(self)
        if not peer.connected:
            return True  # kicked because a request to it failed with its connection
        found.deadline = self._windows.start(self._giveUp, peer)
        self._away[peer] = None
        address = networkOf(peer.address)
        neighbours = self._awayFrom.setdefault(address, {})
        neighbours[peer] = None
        options = self._options
        if address and options.heldPerAddress and len(neighbours) > options.heldPerAddress:
            self._giveUp(next(iter(neighbours)))
        if options.held and len(self._away) > options.held:
            self._giveUp(next(iter(self._away)))
        return True

    def surrender(self, peer: Peer) -> None:
        """A peer no longer waits."""
        found = self._byPeer[peer]
        if found.deadline is not None:
            found.deadline.cancel()
            found.deadline = None
            del self._away[peer]
            address = networkOf(peer.address)
            neighbours = self._awayFrom[address]
            del neighbours[peer]
            if not neighbours:
                del self._awayFrom[address]

    def forget(self, peer: Peer) -> None:
        """A peer is gone: its pid means nothing any more."""
        if peer in self._byPeer:
            self.surrender(peer)
            del self._byPid[self._byPeer.pop(peer).trail.pid]

    def left(self, peer: Peer, reason: str) -> None:
        """A peer without a connection is given up, or kicked."""
        try:
            self._gone(peer, reason)
        except Exception:
            _log.failure("the end of a peer could not be handled")

    def close(self) -> None:
        """The server stops: no peer waits any more."""
        self._closed = True
        for peer in list(self._away):
            self.left(peer, SHUTDOWN)

    def _giveUp(self, peer: Peer) -> None:
        self.left(peer, NOT_RECOVERED)
