"""Invariants of an Engine.IO server: does all it keeps belong to a session, has every session what it requires?

To be called between two turns of the reactor, not from within the server's own calls. It changes nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rtcsignal.addresses import networkOf
from rtcsignal.deadlines import Deadline
from rtcsignal.engineio.handshake.introduction import Introduction
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.server import EngineServer
from rtcsignal.engineio.session import Session
from rtcsignal.engineio.upgrade import Upgrade
from rtcsignal.engineio.websocket.transport import WebSocketTransport

__all__ = ["checkEngine", "checkOwners"]


def checkEngine(engine: EngineServer) -> Iterator[str]:
    """What is wrong with the sessions, transports and deadlines of a server.

    Returns:
        A sentence for each thing.
    """
    sessions = engine.registry.sessions
    for sid, session in sessions.items():
        if session.sid != sid:
            yield "a session is registered under the sid of another one"
        yield from _checkSession(engine, session)
    counts = Counter(networkOf(session.request.address) for session in sessions.values())
    if counts != engine.registry.counts:
        yield f"sessions per address: {dict(counts)}, counted are {dict(engine.registry.counts)}"
    for sid in engine.pollings.keys() - sessions.keys():
        yield f"a polling transport of no session: {sid[:4]}..."
    yield from _checkLinks(engine)
    owned = [session.deadline for session in sessions.values()]
    owned.extend(session.inquiry.deadline for session in sessions.values() if session.inquiry is not None)
    for polling in engine.pollings.values():
        owned.extend(polling.deadlines())
    owned.extend(link.stall for link in engine.links)
    owned.extend(link.receiver.deadline for link in engine.links if isinstance(link.receiver, Introduction))
    yield from checkOwners("engine", owned, len(engine.deadlines))


def checkOwners(where: str, owned: list[Deadline | None], running: int) -> Iterator[str]:
    """Whether the deadlines that run are those that something owns.

    Args:
        where: Whose, for the message.
        owned: Those that are known.
        running: How many run.
    """
    known = sum(deadline is not None and deadline.isRunning for deadline in owned)
    if known != running:
        yield f"{where}: {running} deadlines run, {known} of them belong to something"


def _checkSession(engine: EngineServer, session: Session) -> Iterator[str]:
    phase = session.phase
    name = f"a session that is {phase.value}"
    if phase is Phase.CLOSED:
        yield f"{name} is still registered"
        return
    if session.isOpen != (session.deadline is not None and session.deadline.isRunning):
        yield f"{name} {'has no heartbeat' if session.isOpen else 'still has a heartbeat'}"
    polling = engine.pollings.get(session.sid)
    if (polling is None) != (phase is Phase.WEBSOCKET):
        yield f"{name} has {'no' if polling is None else 'still a'} polling transport"
    if polling is not None and (polling.probe is not None) != (phase in (Phase.PROBING, Phase.UPGRADING)):
        yield f"{name} has {'no' if polling.probe is None else 'an'} upgrade under way"


def _checkLinks(engine: EngineServer) -> Iterator[str]:
    transports = {session.transport for session in engine.registry.sessions.values() if session.isOpen}
    upgrades = {polling.probe for polling in engine.pollings.values()}
    carrying = set()
    for link in engine.links:
        receiver = link.receiver
        if receiver is None:
            if link.state == link.STATE_OPEN and not link.isDropped:
                yield "an open WebSocket that no one listens to"
        elif isinstance(receiver, WebSocketTransport):
            carrying.add(receiver)
            if receiver not in transports:
                yield "a WebSocket carries a session that is over"
        elif isinstance(receiver, Upgrade) and receiver not in upgrades:
            yield "a WebSocket waits for an upgrade that is over"
    idle = len(engine.links) - len(carrying)
    if engine.idleLinks != idle:
        yield f"{idle} WebSockets carry no session, counted are {engine.idleLinks}"
    for session in engine.registry.sessions.values():
        if session.phase is Phase.WEBSOCKET and session.transport not in carrying:
            yield "a session is carried by a WebSocket that is gone"
