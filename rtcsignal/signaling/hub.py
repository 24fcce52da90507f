"""The hub: every room of this node. It holds the parts, each of which has rules of its own, and has none itself.

Nothing here knows packets or sockets; plugins are reached through `Gates`.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime

from rtcsignal.clocks import WallClock
from rtcsignal.lograte import LogRation
from rtcsignal.signaling.cluster import DISMISSED, Alone, Cluster, Ear
from rtcsignal.signaling.events import checkedReason
from rtcsignal.signaling.expiry import Expiries
from rtcsignal.signaling.gates import CurrentGates, Gates
from rtcsignal.signaling.joins.joining import Joining
from rtcsignal.signaling.joins.leaving import Leaving
from rtcsignal.signaling.joins.welcome import Welcome
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.signaling.participant import Participant
from rtcsignal.signaling.relay.broadcast import Broadcasts
from rtcsignal.signaling.relay.pluginevents import PluginEvents
from rtcsignal.signaling.resume.resuming import Resuming
from rtcsignal.signaling.resume.silence import Silence
from rtcsignal.signaling.rooms.elsewhere import FarView, memberOf
from rtcsignal.signaling.rooms.hearing import Hearing
from rtcsignal.signaling.rooms.presence import Presence
from rtcsignal.signaling.rooms.waiting import WaitingList
from rtcsignal.signaling.station import Station
from rtcsignal.signaling.views import PeerView, RoomView, participantOf, seatAmong
from rtcsignal.signaling.watch import Watch
from rtcsignal.socketio.peer import Return

__all__ = ["Hub"]


class Hub:
    """All rooms of this node.

    Args:
        options: Settings.
        gates: What the plugins say.
        clock: The time.
        wall: The time of day, by which identities expire.
        logRation: How much of all this may go to the log; by default as much as `LogRation` allows.
        cluster: The other nodes; by default there are none.

    Attributes:
        station: This node.
        ear: What the cluster tells of them.
        table: The rooms that this node knows.
        rooms: Those that have members on this node, by name. Not to be changed from outside.
        waiting: Who waits for which room; changed only by the hub, except that plugins may dismiss.
        expiries: When the participants have to go.
        presence: Begins and ends memberships.
        resuming: Gives clients their places back.
        joining: Handles ``join-room``.
        leaving: Handles ``leave-room``.
        broadcasts: Handles ``broadcast``.
        pluginEvents: Answers the events of plugins.
    """

    def __init__(
        self,
        options: SignalingOptions,
        gates: Gates,
        clock: IReactorTime,
        wall: WallClock,
        logRation: LogRation | None = None,
        cluster: Cluster | None = None,
    ) -> None:
        self.options = options
        self.clock = clock
        self.logRation = logRation or LogRation(clock.seconds)
        self.expiries = Expiries(clock, wall)
        self.waiting = WaitingList()
        self.station = station = Station(cluster or Alone())
        self._gates = CurrentGates(gates)
        self.presence = Presence(self._gates, self.waiting, clock, self.logRation, options.exact, station)
        self.table = self.presence.table
        self.rooms = self.table.rooms
        self.ear: Ear = Hearing(self._gates, self.presence, self.waiting)
        welcome = Welcome()
        self.resuming = Resuming(options, self.presence, welcome, self.expiries)
        reports = self.presence.reports
        self.joining = Joining(
            options, self._gates, self.presence, self.waiting, clock, welcome, self.resuming, reports
        )
        self.leaving = Leaving(options, self.presence, self.waiting)
        self.broadcasts = Broadcasts(options, self._gates, Silence(clock), station)
        self.pluginEvents = PluginEvents(self._gates)
        self.departures: list[Callable[[Participant], None]] = []

    @property
    def gates(self) -> Gates:
        """What the plugins say. May be replaced at any time; requests under way keep what they began with."""
        return self._gates.now

    @gates.setter
    def gates(self, gates: Gates) -> None:
        self._gates.now = gates

    def watch(self, watch: Watch) -> None:
        """Have somebody told how calls are set up in the rooms of this node."""
        self.broadcasts.watch = watch
        self.presence.watchedBy(watch)

    def gone(self, participant: Participant, reason: str) -> None:
        """A participant's connection is over: all its memberships end; see `Presence.gone`."""
        self.presence.gone(participant, reason)
        for departed in self.departures:
            departed(participant)

    def lost(self, participant: Participant, seconds: float) -> None:
        """A participant's connection was lost, and its client is waited for; see `Presence.lost`."""
        self.presence.lost(participant, seconds)

    def returned(self, participant: Participant, back: Return) -> None:
        """A client has its participant back; see `Resuming.returned`."""
        self.resuming.returned(participant, back)

    def room(self, name: str) -> RoomView | None:
        """A room that has members, as plugins see it; None if there is none, or if it concerns no one on this node."""
        room = self.table.find(name)
        return None if room is None or room.isEmpty else room.view

    def kick(self, peer: PeerView | FarView, reason: str) -> None:
        """End one membership. Its room is told, and so is the one who has to go; the connection stays.

        Args:
            peer: The membership, as plugins see it. Nothing happens if it has ended.
            reason: What is told.

        Raises:
            TypeError: The reason is not a string.
        """
        told = checkedReason(reason)
        if isinstance(peer, FarView):
            memberOf(peer).end(told)
            return
        seat = seatAmong(participantOf(peer).seats, peer)
        if seat is not None and not self.station.holdsBack(seat.room.name, peer, told, connection=False):
            self.presence.end(seat, told)

    def dismiss(self, peer: PeerView | FarView) -> None:
        """Forget that a client waits; see `IServices.dismiss`."""
        if isinstance(peer, PeerView):
            self.presence.dismiss(peer)
        elif memberOf(peer).facts.waits:
            memberOf(peer).end(DISMISSED)

    def probe(self, peer: PeerView | FarView, seconds: float) -> Deferred[bool]:
        """Find out whether a client is there; see `IServices.probe`. One of another node cannot be asked."""
        if isinstance(peer, FarView):
            return succeed(not peer.away)
        return participantOf(peer).peer.probe(seconds)

    def close(self) -> None:
        """The server stops; see `Presence.close`."""
        self.presence.close()
