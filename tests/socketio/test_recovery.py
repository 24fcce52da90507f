"""Connection state recovery: a client whose connection was lost gets its peer back, and what it has missed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from rtcsignal.engineio.options import EngineOptions
from rtcsignal.engineio.reasons import CloseReason
from rtcsignal.errors import ConnectRefused
from rtcsignal.socketio.fanout import OutgoingEvent, deliver
from rtcsignal.socketio.peer import Gone, Peer
from rtcsignal.socketio.reasons import NOT_RECOVERED
from rtcsignal.socketio.recovery import RecoveryOptions
from tests.conftest import LoggedFailures
from tests.socketio.conftest import WorldFactory
from tests.socketio.world import Client, World, fired, sidOf
from tests.wire.rawws import CLOSE

WINDOW = 120.0


@pytest.fixture
def world(makeWorld: WorldFactory) -> World:
    """A server that lets clients recover."""
    return makeWorld(recovery=RecoveryOptions(window=WINDOW))


class Returner:
    """A client that does what those do that can recover: keeps the pid and the last offset, and names them.

    Attributes:
        client: Its connection.
        sid: The id that it was given last.
        pid: The key that it was given last.
        recovered: It was given the key that it had.
        heard: The events that it was sent, without their offsets.
    """

    def __init__(self, world: World, namespace: str = "/", on: Client | None = None, **auth: Any) -> None:
        self.world = world
        self.namespace = namespace
        self.prefix = "" if namespace == "/" else namespace + ","
        self.auth = auth
        self.heard: list[list[Any]] = []
        self.pid: str | None = None
        self.offset: Any = None
        self.connect(on or world.client(4))

    def connect(self, client: Client) -> None:
        """Asks for the namespace, on a connection that may be shared with others."""
        self.client = client
        claim = {} if self.pid is None else {"pid": self.pid, "offset": self.offset}
        self.client.send(f"0{self.prefix}" + json.dumps({**claim, **self.auth}))
        self.read()

    def returns(self) -> None:
        """Opens a new connection and asks there; whether it gave the old one up is up to the test."""
        self.connect(self.world.client(4))

    def read(self) -> None:
        """Takes what has come, which must be answers and events of its namespace."""
        for message in self.client.take():
            text = str(message)
            if text.startswith(f"0{self.prefix}{{"):
                answer = json.loads(text[len(self.prefix) + 1 :])
                assert answer.keys() == {"sid", "pid"}
                self.recovered, self.pid, self.sid = self.pid == answer["pid"], answer["pid"], answer["sid"]
            else:
                assert text.startswith(f"2{self.prefix}["), text
                *event, self.offset = json.loads(text[len(self.prefix) + 1 :])
                self.heard.append(event)

    def takes(self) -> list[list[Any]]:
        """The events since the last time."""
        self.read()
        heard, self.heard = self.heard, []
        return heard


def tell(world: World, *numbers: int) -> None:
    """Events for everybody in ``/``."""
    for number in numbers:
        deliver(OutgoingEvent.of("x", number), [peer for peer in world.root.peers if peer.connected])


def events(*numbers: int) -> list[list[Any]]:
    return [["x", number] for number in numbers]


class TestComingBack:
    def test_theSamePeerIsBackWithWhatItMissed(self, world: World) -> None:
        ann = Returner(world)
        peer, sid = world.root.peer, ann.sid
        tell(world, 1)
        assert ann.takes() == events(1)

        ann.client.hangUp()
        tell(world, 2, 3)
        assert (peer.connected, peer.away) == (True, True)
        ann.returns()

        assert (ann.recovered, ann.sid) == (True, sid)
        assert ann.takes() == events(2, 3)
        assert (peer.connected, peer.away) == (True, False)
        assert world.root.peers == [peer]
        assert world.root.gone == [], "the namespace hears nothing"
        tell(world, 4)
        assert ann.takes() == events(4)

    def test_theAnswerComesBeforeWhatWasMissed(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        tell(world, 1)
        again = world.client(4)
        again.send(f'0{{"pid":"{ann.pid}"}}')
        answer, event = map(str, again.take())
        assert answer == f'0{{"sid":"{ann.sid}","pid":"{ann.pid}"}}'
        assert event.startswith('2["x",1,"')

    def test_nothingSeenYetIsTheBeginning(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        tell(world, 1, 2)
        ann.returns()
        assert ann.recovered
        assert ann.takes() == events(1, 2)

    def test_whatWasWrittenToADyingConnectionIsSentAgain(self, world: World) -> None:
        """The server thought that it was sent."""
        ann = Returner(world)
        tell(world, 1)
        ann.takes()
        tell(world, 2, 3)
        ann.client.hangUp()
        ann.returns()
        assert ann.takes() == events(2, 3)

    def test_aLossThatTheServerHasNotNoticedIsOneToo(self, world: World) -> None:
        ann = Returner(world)
        dead = ann.client
        tell(world, 1)
        ann.takes()
        tell(world, 2)

        ann.returns()

        assert ann.recovered
        assert ann.takes() == events(2)
        assert not dead.alive, "the older connection is closed"
        assert world.root.gone == []
        tell(world, 3)
        assert ann.takes() == events(3)
        assert [text for text in dead.take() if str(text).startswith('2["x",3')] == []

    def test_aLossDuringTheReplayIsOneToo(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        tell(world, 1, 2)
        unread = world.client(4)
        unread.send(f'0{{"pid":"{ann.pid}"}}')
        unread.hangUp()
        ann.returns()
        assert ann.recovered
        assert ann.takes() == events(1, 2)

    def test_whatItSendsThenIsItsOwn(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        ann.returns()
        received: list[Peer] = []
        world.root.react = lambda peer, event: received.append(peer)
        ann.client.send('2["hello"]')
        assert received == world.root.peers

    def test_itCanBeDoneAgainAndAgain(self, world: World) -> None:
        ann = Returner(world)
        for number in range(5):
            ann.client.hangUp()
            tell(world, number)
            ann.returns()
            assert ann.recovered
            assert ann.takes() == events(number)

    def test_binaryEventsAreSentAgainWithTheirParts(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        world.root.peer.emit("x", b"\x01")
        again = world.client(4)
        again.send(f'0{{"pid":"{ann.pid}"}}')
        _, text, data = again.take()
        assert str(text).startswith('51-["x",{"_placeholder":true,"num":0},"')
        assert data == b"\x01"

    def test_namespacesOfOneConnectionComeBackEachByItself(self, world: World) -> None:
        ann = Returner(world)
        beside = Returner(world, "/a", on=ann.client)
        peers = [*world.root.peers, *world.lobbies["/a"].peers]

        again = world.client(4)
        ann.connect(again)
        assert [peer.away for peer in peers] == [False, True]
        peers[1].emit("x", 1)
        beside.connect(again)

        assert (ann.recovered, beside.recovered) == (True, True)
        assert beside.takes() == events(1)
        assert [peer.away for peer in peers] == [False, False]

    def test_aPollerComesBackAsWell(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        tell(world, 1)
        poller = world.poller(4)
        poller.post(f'40{{"pid":"{ann.pid}"}}')
        answer, event = poller.poll().packets
        assert answer == f'40{{"sid":"{ann.sid}","pid":"{ann.pid}"}}'
        assert str(event).startswith('42["x",1,"')


class TestNotComingBack:
    def test_afterTheWindowItIsGone(self, world: World) -> None:
        ann = Returner(world)
        peer, sid, pid = world.root.peer, ann.sid, ann.pid
        ann.client.hangUp()
        world.clock.advance(WINDOW - 1)
        assert world.root.gone == []
        world.clock.advance(1.5)
        assert world.root.gone == [(peer, NOT_RECOVERED)]
        assert not peer.connected

        ann.returns()
        assert not ann.recovered
        assert ann.sid != sid
        assert ann.pid != pid

    def test_theWindowOfAnEarlierLossDoesNotEndALaterOne(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        world.clock.advance(WINDOW - 10)
        ann.returns()
        ann.client.hangUp()
        world.clock.advance(20)
        ann.returns()
        assert ann.recovered
        assert world.root.gone == []

    def test_whatIsNotKeptAnyMoreCannotBeMadeUpFor(self, makeWorld: WorldFactory) -> None:
        """It begins anew at once, and the old peer is gone at once."""
        world = makeWorld(recovery=RecoveryOptions(window=WINDOW, packets=3))
        ann = Returner(world)
        tell(world, 1)
        ann.takes()
        ann.client.hangUp()
        tell(world, 2, 3, 4, 5)
        ann.returns()
        assert not ann.recovered
        assert ann.takes() == []
        assert world.root.reasons == [NOT_RECOVERED]
        assert len(world.root.peers) == 2

    def test_noMoreThanTheBytesAllowedAreKept(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(recovery=RecoveryOptions(window=WINDOW, size=1_000))
        ann = Returner(world)
        ann.client.hangUp()
        for _ in range(3):
            world.root.peer.emit("x", "." * 400)
        ann.returns()
        assert not ann.recovered

    def test_anEarlierSessionsOffsetIsNoOffset(self, world: World) -> None:
        """Clients keep their last offset when they begin anew, and name it when nothing came since."""
        ann = Returner(world)
        tell(world, 1)
        ann.takes()
        ann.client.hangUp()
        world.clock.advance(WINDOW + 1)
        tell(world, 2)
        ann.returns()
        assert not ann.recovered
        ann.client.hangUp()
        tell(world, 3)
        ann.returns()
        assert ann.recovered
        assert ann.takes() == events(3)

    @pytest.mark.parametrize("offset", ["ann", 7, "00000000.99999999999999999999"])
    def test_anOffsetThatIsNoneOfOursEndsThePeer(self, world: World, offset: Any) -> None:
        ann = Returner(world)
        ann.offset = offset
        ann.client.hangUp()
        ann.returns()
        assert not ann.recovered
        assert world.root.reasons == [NOT_RECOVERED]

    @pytest.mark.parametrize("pid", ["", "x", "A" * 22, "__proto__", 7, None, {}, ["A"], "A" * 3000])
    def test_anUnknownKeyIsNoKey(self, world: World, pid: Any) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        stranger = world.client(4)
        stranger.send("0" + json.dumps({"pid": pid, "offset": ann.offset}))
        (answer,) = stranger.take()
        assert f'"{ann.sid}"' not in str(answer)
        assert world.root.peers[0].away

    def test_aKeyOfAnotherNamespaceOpensNothing(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        stranger = Returner(world, "/a")
        stranger.client.hangUp()
        stranger.pid = ann.pid
        stranger.returns()
        assert not stranger.recovered
        assert world.root.peer.away

    @pytest.mark.parametrize("end", ["DISCONNECT", "server", "server and connection", "page closed", "bad packet"])
    def test_whatWasEndedOnPurposeIsOver(self, world: World, end: str) -> None:
        ann = Returner(world)
        peer = world.root.peer
        if end == "DISCONNECT":
            ann.client.send("1")
        elif end == "page closed":
            ann.client.socket.sendFrame(CLOSE, (1001).to_bytes(2, "big"))
        elif end == "bad packet":
            ann.client.send("9")
        else:
            peer.disconnect(close=end == "server and connection")
        assert not peer.connected
        assert len(world.root.gone) == 1
        again = world.client(4)
        again.send(f'0{{"pid":"{ann.pid}"}}')
        assert f'"{ann.sid}"' not in str(again.take())

    @pytest.mark.parametrize(
        ("reason", "kept"),
        [
            (CloseReason.TRANSPORT_CLOSE, True),
            (CloseReason.TRANSPORT_ERROR, True),
            (CloseReason.PING_TIMEOUT, True),
            (CloseReason.SLOW_CONSUMER, True),
            (CloseReason.GOING_AWAY, False),
            (CloseReason.PARSE_ERROR, False),
            (CloseReason.FLOOD, False),
            (CloseReason.FORCED, False),
            (CloseReason.FAILED, False),
            (CloseReason.SHUTDOWN, False),
        ],
    )
    def test_onlyALossIsWaitedFor(self, world: World, reason: CloseReason, kept: bool) -> None:
        ann = Returner(world)
        ann.client.session.abort(reason)
        assert world.root.peer.away is kept
        assert world.root.reasons == ([] if kept else [reason.value])

    def test_whoIsPutOutWhileAwayIsGoneAtOnce(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        world.root.peer.disconnect()
        assert world.root.reasons == ["server namespace disconnect"]
        ann.returns()
        assert not ann.recovered

    def test_whoIsGoneCannotBeHeld(self, world: World) -> None:
        client = Returner(world).client
        peer = world.root.peer
        peer.disconnect()
        assert world.sockets.recovery is not None
        peer.detach(world.sockets.recovery)
        assert not peer.connected
        assert client.alive

    def test_aFailingGoodbyeHarmsNobody(self, world: World, loggedFailures: LoggedFailures) -> None:
        def fail(peer: Peer) -> None:
            raise ValueError("no goodbye")

        world.root.mourn = fail
        ann, bob = Returner(world), Returner(world)
        for each in (ann, bob):
            each.client.hangUp()
        world.clock.advance(WINDOW + 1)
        assert len(world.root.gone) == 2
        assert len(loggedFailures.expect(ValueError)) == 2


class TestWhoseItIs:
    def test_ofTwoConnectionsWithOneKeyTheLaterOneHasIt(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        first, second = world.client(4), world.client(4)
        ann.connect(first)
        assert ann.recovered
        ann.connect(second)
        assert ann.recovered
        assert (first.alive, second.alive) == (False, True)
        assert world.root.gone == []

    def test_whatAnOlderConnectionSaysLateIsStale(self, world: World) -> None:
        """The client gave it up before it opened the other one."""
        ann = Returner(world)
        ann.client.hangUp()
        first, second = world.client(4), world.client(4)
        ann.connect(second)
        assert ann.recovered
        first.send(f'0{{"pid":"{ann.pid}"}}')
        (answer,) = first.take()
        assert f'"{ann.sid}"' not in str(answer)
        assert second.alive
        assert not world.root.peers[0].away

    def test_itIsStaleAlsoWhenTheOtherIsLost(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        first, second = world.client(4), world.client(4)
        ann.connect(second)
        second.hangUp()
        first.send(f'0{{"pid":"{ann.pid}"}}')
        assert f'"{ann.sid}"' not in str(first.take())
        assert world.root.peers[0].away

    def test_everybodyIsJudgedAgain(self, world: World) -> None:
        world.root.judge = lambda handshake: handshake.auth.get("token")
        ann = Returner(world, token="t")
        ann.client.hangUp()
        ann.returns()
        assert ann.recovered
        assert len(world.root.handshakes) == 2
        assert world.root.peer.identity == "t"

    def test_theKeyIsShownToNobody(self, world: World) -> None:
        ann = Returner(world, token="t")
        ann.client.hangUp()
        ann.returns()
        assert [dict(handshake.auth) for handshake in world.root.handshakes] == [{"token": "t"}] * 2

    def test_whatIsNoKeyOfOursBelongsToTheApplication(self, world: World) -> None:
        Returner(world, pid="17", offset=3)
        assert dict(world.root.handshakes[0].auth) == {"pid": "17", "offset": 3}

    def test_anotherIdentityOpensNothing(self, world: World) -> None:
        world.root.judge = lambda handshake: handshake.auth.get("token")
        ann = Returner(world, token="ann")
        ann.client.hangUp()
        thief = Returner(world, token="bob")
        thief.client.hangUp()
        thief.pid = ann.pid
        thief.returns()
        assert not thief.recovered
        assert world.root.peers[0].away
        ann.returns()
        assert ann.recovered

    def test_whoIsRefusedNowIsNotRecovered(self, world: World) -> None:
        ann = Returner(world)

        def refuse(handshake: Any) -> None:
            raise ConnectRefused("Not any more")

        ann.client.hangUp()
        world.root.judge = refuse
        again = world.client(4)
        again.send(f'0{{"pid":"{ann.pid}"}}')
        assert again.take() == ['4{"message":"Not any more"}']
        assert world.root.peer.away

    def test_theJudgementMayTakeItsTime(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        verdict: Deferred[None] = Deferred()
        world.root.judge = lambda handshake: verdict
        ann.returns()
        tell(world, 1)
        verdict.callback(None)
        assert ann.takes() == events(1)
        assert ann.recovered

    def test_theWindowMayPassMeanwhile(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        world.clock.advance(WINDOW - 1)
        verdict: Deferred[None] = Deferred()
        world.root.judge = lambda handshake: verdict
        ann.returns()
        world.clock.advance(2)
        verdict.callback(None)
        ann.read()
        assert not ann.recovered
        assert world.root.reasons == [NOT_RECOVERED]


class TestWhileAway:
    def test_questionsAreNotKept(self, world: World) -> None:
        ann = Returner(world)
        peer = world.root.peer
        before = fired(peer.request("asked before"))
        ann.client.hangUp()
        assert [type(each) for each in before + fired(peer.request("asked while away"))] == [Gone, Gone]
        ann.returns()
        assert ann.recovered
        assert ann.takes() == []

    def test_anAnswerToAnOldQuestionIsNoneToANewOne(self, world: World) -> None:
        ann = Returner(world)
        peer = world.root.peer
        fired(peer.request("old"))
        ann.client.take()
        ann.client.hangUp()
        ann.returns()
        answers = fired(peer.request("new"))
        assert ann.client.take() == ['21["new"]']
        ann.client.send('30["to the old one"]', '31["to the new one"]')
        assert answers == [["to the new one"]]

    def test_acknowledgementsAreLost(self, world: World) -> None:
        ann = Returner(world)
        ann.client.hangUp()
        world.root.peer.acknowledge("1", "late")
        ann.returns()
        assert ann.takes() == []

    def test_whoIsPutOutBecauseOfAnUnansweredQuestionIsGone(self, world: World) -> None:
        ann = Returner(world)
        peer = world.root.peer
        peer.request("anybody there?").addErrback(lambda failure: peer.disconnect())
        ann.client.take()
        ann.client.hangUp()
        assert world.root.reasons == ["server namespace disconnect"]

    def test_theSameOnATakeover(self, world: World) -> None:
        ann = Returner(world)
        peer = world.root.peer
        peer.request("anybody there?").addErrback(lambda failure: peer.disconnect())
        ann.client.take()
        ann.returns()
        assert not ann.recovered
        assert world.root.reasons == ["server namespace disconnect"]
        assert len(world.root.peers) == 2


class TestBounds:
    def test_whenTooManyWaitTheOldestIsGivenUp(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(recovery=RecoveryOptions(window=WINDOW, held=2, heldPerAddress=0))
        everybody = [Returner(world) for _ in range(4)]
        for each in everybody:
            each.client.hangUp()
        assert [peer for peer, _ in world.root.gone] == world.root.peers[:2]
        assert world.root.reasons == [NOT_RECOVERED] * 2

    def test_whenTooManyOfOneAddressWaitItsOldestIsGivenUp(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(recovery=RecoveryOptions(window=WINDOW, held=0, heldPerAddress=2))
        everybody = [Returner(world) for _ in range(4)]
        for each in everybody:
            each.client.hangUp()
        assert [peer for peer, _ in world.root.gone] == world.root.peers[:2]
        for each in everybody[2:]:
            each.returns()
            assert each.recovered

    def test_nobodyWaitsWhenTheServerStops(self, world: World) -> None:
        ann, bob = Returner(world), Returner(world)
        ann.client.hangUp()
        world.sockets.close()
        assert world.root.reasons == [CloseReason.SHUTDOWN.value]
        bob.client.hangUp()
        assert world.root.reasons == [CloseReason.SHUTDOWN.value, CloseReason.TRANSPORT_CLOSE.value]

    def test_aConnectionThatEndsMeanwhileDoesNotKeepIt(self, makeWorld: WorldFactory) -> None:
        """Somebody hears of the takeover and closes the connection that has just asked."""
        world = makeWorld(recovery=RecoveryOptions(window=WINDOW, held=1, heldPerAddress=0))
        waits, ann = Returner(world), Returner(world)
        Returner(world, "/a", on=ann.client)
        waits.client.hangUp()
        again = world.client(4)
        world.root.mourn = lambda peer: again.session.close(CloseReason.FORCED)

        again.send(f'0{{"pid":"{ann.pid}"}}')

        assert world.root.reasons == [NOT_RECOVERED]
        peer = world.root.peers[1]
        assert peer.away
        world.root.mourn = None
        ann.returns()
        assert ann.recovered

    def test_norDoesItGetANewPeer(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(recovery=RecoveryOptions(window=WINDOW))
        ann = Returner(world)
        ann.client.hangUp()
        again = world.client(4)
        world.root.mourn = lambda peer: again.session.close(CloseReason.FORCED)
        again.send(f'0{{"pid":"{ann.pid}","offset":"none of ours"}}')
        assert world.root.reasons == [NOT_RECOVERED]
        assert len(world.root.peers) == 1


class TestOthers:
    def test_olderClientsAreServedAsEver(self, world: World) -> None:
        old = world.member(3)
        peer = world.root.peer
        peer.emit("x", 1)
        deliver(OutgoingEvent.of("x", 2), [peer])
        assert old.take() == ['2["x",1]', '2["x",2]']
        old.hangUp()
        assert not peer.connected
        assert world.root.reasons == [CloseReason.TRANSPORT_CLOSE.value]

    def test_everybodyGetsHisForm(self, world: World) -> None:
        old, ann = world.member(3), Returner(world)
        tell(world, 1)
        assert old.take() == ['2["x",1]']
        assert ann.takes() == events(1)

    def test_withoutRecoveryNothingIsDifferent(self, makeWorld: WorldFactory) -> None:
        world = makeWorld()
        client = world.client(4)
        client.send('0{"pid":"AAAAAAAAAAAAAAAAAAAAAA","offset":"0123abcd.1"}')
        (answer,) = client.take()
        sidOf(answer)
        assert dict(world.root.handshakes[0].auth) == {"pid": "A" * 22, "offset": "0123abcd.1"}
        world.root.peer.emit("x", 1)
        assert client.take() == ['2["x",1]']
        client.hangUp()
        assert world.root.reasons == [CloseReason.TRANSPORT_CLOSE.value]

    def test_theHeartbeatFindsALossToo(self, makeWorld: WorldFactory) -> None:
        world = makeWorld(
            recovery=RecoveryOptions(window=WINDOW), engine=EngineOptions(pingInterval=5, pingTimeout=5)
        )
        ann = Returner(world)
        ann.client.take()
        world.clock.pump([1] * 11)
        assert world.root.peer.away
        tell(world, 1)
        ann.returns()
        assert ann.recovered
        assert ann.takes() == events(1)
