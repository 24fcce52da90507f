"""Any interleaving of losses, returns and messages, against a simple model of what a client must have heard.

The model keeps what each peer was sent. Whatever was lost on the way, and whichever side noticed: a client that is
recovered has then heard all of that, in order, each once; one that is not begins with nothing.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from rtcsignal.engineio.frames import EncodedMessage
from rtcsignal.engineio.http.exchange import Request
from rtcsignal.engineio.liveness.probes import Probes
from rtcsignal.engineio.packet import MESSAGE, PING, Packet
from rtcsignal.engineio.phases import Phase
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.engineio.session import Session
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.peer import Peer
from rtcsignal.socketio.recovery import RecoveryOptions
from rtcsignal.socketio.server import SocketOptions, SocketServer
from tests.engineio.memory import SelectingClock
from tests.socketio.world import Lobby

WINDOW = 100.0
PACKETS = 6


class Silence(Probes):
    """A heartbeat that watches nobody: the machine says itself who is lost."""

    def start(self, session: Session) -> None:
        """There is nothing to watch."""

    def received(self, session: Session, kind: str, data: str | bytes) -> None:
        assert kind == PING

    def ponged(self, session: Session) -> None:
        """Nobody has asked."""


class Wire:
    """A connection whose client reads when the machine lets it, and perhaps never all."""

    transportName = "websocket"
    mark = None

    def __init__(self, sockets: SocketServer, number: int) -> None:
        self.unread: list[str] = []
        request = Request("GET", {}, {}, b"", "192.0.2.1", False)
        self.session = Session(f"s{number}", 4, request, Silence(sockets.deadlines), lambda session: None)
        self.session.carriedBy(self, Phase.WEBSOCKET)
        self.session.application = sockets.connect(self.session)

    def transmit(self, text: str) -> None:
        self.session.packetReceived(Packet(MESSAGE, text))

    def send(self, message: EncodedMessage) -> None:
        assert message.text is not None
        self.unread.append(message.text)

    def sendPacket(self, text: str) -> None:
        """Nothing but messages matters here."""

    def close(self, reason: CloseReason, words: str = "") -> None:
        """The client has given it up already, or finds out when it reads."""

    def clientClosed(self) -> None:
        """Clients of this machine never say so."""

    def pauseReading(self, seconds: float) -> None:
        """Nobody sends too much."""

    def ping(self) -> None:
        """Nobody is asked."""


class Client:
    """One client and what it knows."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.wire: Wire | None = None
        self.claim: dict[str, Any] = {}
        self.heard: list[int] = []
        self.sid: str | None = None
        self.recovered = False

    def readAll(self) -> None:
        assert self.wire is not None
        self.read(len(self.wire.unread))

    def read(self, count: int) -> None:
        assert self.wire is not None
        for text in [self.wire.unread.pop(0) for _ in range(min(count, len(self.wire.unread)))]:
            if text.startswith("0"):
                answer = json.loads(text[1:])
                self.recovered = answer["pid"] == self.claim.get("pid")
                if not self.recovered:
                    self.heard = []
                self.claim["pid"], self.sid = answer["pid"], answer["sid"]
            else:
                name, number, offset = json.loads(text[1:])
                assert name == "x"
                self.heard.append(number)
                self.claim["offset"] = offset


class RecoveryMachine(RuleBasedStateMachine):
    """Two clients, one server."""

    @initialize()
    def begin(self) -> None:
        self.clock = SelectingClock()
        self.lobby = Lobby()
        recovery = RecoveryOptions(window=WINDOW, packets=PACKETS, size=0)
        options = SocketOptions(eventsPerSecond=0, connectTimeout=0, recovery=recovery)
        self.sockets = SocketServer({"/": self.lobby}, self.clock, options)
        self.sent: dict[str, list[int]] = {}
        self.said = self.wires = 0
        self.old: list[Wire] = []
        self.early: list[tuple[Wire, str]] = []
        self.clients = [Client(number) for number in range(2)]
        for client in self.clients:
            self.dial(client)
            client.read(1)

    def dial(self, client: Client) -> None:
        wire = client.wire = self.newWire()
        self.ask(wire, json.dumps(client.claim) if client.claim else "")

    def newWire(self) -> Wire:
        self.wires += 1
        return Wire(self.sockets, self.wires)

    def ask(self, wire: Wire, auth: str) -> None:
        wire.transmit("0" + auth)
        for peer in self.lobby.peers:
            self.sent.setdefault(peer.sid, [])

    def present(self) -> list[Peer]:
        return [peer for peer in self.lobby.peers if peer.connected]

    @rule(again=st.booleans())
    def say(self, again: bool) -> None:
        """An event for everybody; its object may be used twice."""
        self.said += 1
        event = OutgoingEvent.of("x", self.said)
        for _ in range(1 + again):
            deliver(event, self.present())
            for peer in self.present():
                self.sent[peer.sid].append(self.said)

    @rule(which=st.integers(0, 1))
    def sayToOne(self, which: int) -> None:
        peers = self.present()
        if len(peers) > which:
            self.said += 1
            peers[which].emit("x", self.said)
            self.sent[peers[which].sid].append(self.said)

    @rule(which=st.integers(0, 1), count=st.integers(1, 5))
    def read(self, which: int, count: int) -> None:
        client = self.clients[which]
        if client.wire is not None:
            client.read(count)

    @rule(which=st.integers(0, 1), noticed=st.booleans())
    def lose(self, which: int, noticed: bool) -> None:
        """What was not read is lost; the server may hear of it now, later or never."""
        client = self.clients[which]
        if client.wire is None:
            return
        wire, client.wire = client.wire, None
        if noticed:
            wire.session.lost(CloseReason.TRANSPORT_CLOSE)
        else:
            self.old.append(wire)

    @precondition(lambda self: self.old)
    @rule(data=st.data())
    def notice(self, data: st.DataObject) -> None:
        wire = self.old.pop(data.draw(st.integers(0, len(self.old) - 1)))
        wire.session.lost(CloseReason.TRANSPORT_CLOSE)

    @rule(which=st.integers(0, 1))
    def comeBack(self, which: int) -> None:
        client = self.clients[which]
        if client.wire is not None:
            return
        known = client.sid
        self.dial(client)
        client.readAll()
        if client.recovered:
            assert client.sid == known
        else:
            assert client.heard == []

    @rule(which=st.integers(0, 1))
    def tryInVain(self, which: int) -> None:
        """A connection that the client gives up before the server has got what it said there."""
        client = self.clients[which]
        if client.wire is None:
            self.early.append((self.newWire(), json.dumps(client.claim)))

    @precondition(lambda self: self.early)
    @rule(data=st.data())
    def arriveLate(self, data: st.DataObject) -> None:
        wire, auth = self.early.pop(data.draw(st.integers(0, len(self.early) - 1)))
        there = [client.wire for client in self.clients if client.wire is not None]
        self.ask(wire, auth)
        assert all(each.session.isOpen for each in there), "a client that is back keeps its peer"
        self.old.append(wire)

    @rule(seconds=st.sampled_from([1.0, 60.0, WINDOW + 1]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @invariant()
    def everybodyHasHeardABeginningOfWhatItWasSent(self) -> None:
        for client in self.clients:
            if client.sid is not None:
                sent = self.sent[client.sid]
                assert client.heard == sent[: len(client.heard)], "in order, each once, nothing left out"
                if client.wire is not None and client.wire.session.isOpen and not client.wire.unread:
                    assert client.heard == sent, "and all of it"

    @invariant()
    def nobodyGoesTwice(self) -> None:
        gone = [peer.sid for peer, _ in self.lobby.gone]
        assert len(gone) == len(set(gone))
        assert all(not peer.connected for peer, _ in self.lobby.gone)

    def teardown(self) -> None:
        """Everybody goes: nothing may be left of anybody."""
        self.sockets.close()
        early = [wire for wire, _ in self.early]
        for wire in [*self.old, *early, *(client.wire for client in self.clients)]:
            if wire is not None:
                wire.session.lost(CloseReason.TRANSPORT_CLOSE)
        recovery = self.sockets.recovery
        assert list(recovery.problems()) == []
        assert (recovery.live, recovery.away, len(self.sockets.deadlines)) == (0, 0, 0)
        assert len(self.lobby.gone) == len(self.lobby.peers)


TestRecovery = RecoveryMachine.TestCase
TestRecovery.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
