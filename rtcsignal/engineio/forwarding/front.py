"""The node where a request comes in, and what it does if the session is on another one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITransport
from twisted.logger import Logger
from twisted.python.failure import Failure

from rtcsignal.engineio.forwarding.directory import NODE_CHARACTERS, Directory, NodeAddress
from rtcsignal.engineio.forwarding.link import Link, Unreachable
from rtcsignal.engineio.forwarding.splice import splice
from rtcsignal.engineio.http.addresses import Slot
from rtcsignal.engineio.http.crossorigin import withCors
from rtcsignal.engineio.http.exchange import Request, RequestError, Response, forbidden
from rtcsignal.engineio.http.origin import OriginRule
from rtcsignal.lograte import LogRation
from rtcsignal.logtext import safe

__all__ = ["Front"]

_log = Logger()

Refuse = Callable[[ITransport, Response, Slot | None], None]
"""Gives a connection its last answer; see `PortFactory.refuse`."""


class Front:
    """Brings requests to the nodes that have their sessions.

    Args:
        own: The id of this node.
        directory: The other nodes.
        reactor: Connects and waits.
        origins: Which pages may read an answer that comes from here, because there is none from there.
        refuse: Ends connections whose upgrade cannot be forwarded.
        logRation: How much may go to the log.

    Attributes:
        requests: How many requests were forwarded.
        upgrades: How many WebSockets.
        unanswered: How many of both could not be, or were not answered.
    """

    def __init__(
        self,
        own: str,
        directory: Directory,
        reactor: Any,
        origins: OriginRule,
        refuse: Refuse,
        logRation: LogRation,
    ) -> None:
        self.requests = self.upgrades = self.unanswered = 0
        self._own = own
        self._directory = directory
        self._reactor = reactor
        self._origins = origins
        self._refuse = refuse
        self._logRation = logRation
        self._links: dict[str, Link] = {}
        self._isClosing = False

    def handle(self, request: Request) -> Deferred[Response] | None:
        """See `rtcsignal.engineio.elsewhere.Elsewhere`."""
        node = self._nodeOf(request)
        address = None if node is None else self._directory.find(node)
        if node is None or address is None:
            return None
        self.requests += 1
        return self._linkTo(node, address).ask(request).addErrback(self._unavailable, request)

    def postStarted(self, request: Request) -> _Upload | None:
        """See `rtcsignal.engineio.elsewhere.Elsewhere`."""
        node = self._nodeOf(request)
        if node is None or self._directory.find(node) is None:
            return None
        return _Upload(partial(self._lost, request))

    def upgrade(
        self, request: Request, transport: ITransport, block: bytes, rest: bytes, slot: Slot | None
    ) -> bool:
        """See `rtcsignal.engineio.elsewhere.Elsewhere`."""
        node = self._nodeOf(request)
        address = None if node is None else self._directory.find(node)
        if node is None or address is None:
            return False
        self.upgrades += 1
        failed = partial(self._notSpliced, node, request)
        splice(self._reactor, address, transport, request, block, rest, slot, failed)
        return True

    def close(self) -> None:
        """End all links."""
        self._isClosing = True
        for link in list(self._links.values()):
            link.close()

    @property
    def links(self) -> int:
        """How many links there are."""
        return len(self._links)

    def _nodeOf(self, request: Request) -> str | None:
        """The node that a request names, if that is another one."""
        sid = request.query.get("sid")
        if not sid or len(sid) <= NODE_CHARACTERS:
            return None
        node = sid[:NODE_CHARACTERS]
        return None if node == self._own else node

    def _linkTo(self, node: str, address: NodeAddress) -> Link:
        link = self._links.get(node)
        if link is not None and link.address == address:
            return link
        if link is not None:
            link.close()  # to what the node was before
        link = self._links[node] = Link(self._reactor, address, partial(self._linkEnded, node))
        return link

    def _linkEnded(self, node: str, link: Link, reason: str) -> None:
        if self._links.get(node) is link:
            del self._links[node]
        self._note(node, reason)

    def _lost(self, request: Request) -> None:
        node = self._nodeOf(request)
        address = None if node is None else self._directory.find(node)
        if node is not None and address is not None:
            self._linkTo(node, address).lost(request)

    def _unavailable(self, failure: Failure, request: Request) -> Response:
        failure.trap(Unreachable)
        self.unanswered += 1
        return withCors(request, _unreachable().response(), self._origins)

    def _notSpliced(self, node: str, request: Request, transport: ITransport, slot: Slot | None, reason: str) -> None:
        self.unanswered += 1
        self._note(node, reason)
        self._refuse(transport, withCors(request, _unreachable().upgradeResponse(), self._origins), slot)

    def _note(self, node: str, reason: str) -> None:
        if not self._isClosing and self._logRation.allows("links"):
            _log.info("no link to node {node}: {reason}", node=safe(node), reason=safe(reason))


def _unreachable() -> RequestError:
    return forbidden("The node of this session cannot be reached", 503)


class _Upload:
    """A POST that is for another node, and whose body has not come yet.

    Args:
        lost: Called if it does not.
    """

    __slots__ = ("_lost",)

    def __init__(self, lost: Callable[[], None]) -> None:
        self._lost = lost

    def lost(self) -> None:
        self._lost()

    def refused(self) -> None:
        """The other node knows nothing of it."""
