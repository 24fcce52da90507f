"""The doctor at work: on real rooms in memory, what the two hear of their call, and what they do not."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, formatEvent

from rtcsignal.calls.call import Call
from rtcsignal.calls.capture import readCaptures
from rtcsignal.calls.digester import Digester
from rtcsignal.calls.notes import RoomNotes
from rtcsignal.calls.recorder import MOST_BYTES, Recorder
from rtcsignal.errors import Refused
from rtcsignal.iceservers import Secret
from rtcsignal.service.config.calls import Calls
from rtcsignal.service.config.ice import Ice
from rtcsignal.service.config.iceserver import IceServerUse
from rtcsignal.service.config.schema import Config
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.values import Message
from tests.calls.parties import Party, candidate, sdp
from tests.signaling.plugins import Plugins
from tests.signaling.world import World
from tests.support.logs import observed
from tests.support.processor import processorSeconds

TURN = Ice(servers=(IceServerUse(urls=("turn:t.example",), secret=Secret("north")),), ttl=600)


class Kitchen:
    """Ann and Bob in a kitchen."""

    def __init__(self, config: Config, **more: Any) -> None:
        self.world = World(config=config, **more)
        self.ann, self.bob = Party(self.world, "ann", "bob"), Party(self.world, "bob", "ann")

    @property
    def recorder(self) -> Recorder:
        recorder = self.world.features.recorder
        assert recorder is not None
        return recorder

    def wait(self, seconds: float) -> None:
        for _ in range(round(seconds * 5)):
            self.world.clock.advance(0.2)
            for party in (self.ann, self.bob):
                party.client.link.keepAlive()

    def exchange(self) -> None:
        """All that is needed for a call."""
        self.ann.offer("1")
        self.bob.answer("2")
        for party in (self.ann, self.bob):
            party.candidate()
            party.end()

    def heard(self) -> tuple[list[tuple[str, str | None]], list[tuple[str, str | None]]]:
        return self.ann.verdicts(), self.bob.verdicts()

    def bothHeard(self) -> list[tuple[str, str | None]]:
        one, two = self.heard()
        assert one == two
        return one


@pytest.fixture
def kitchens() -> Iterator[Callable[..., Kitchen]]:
    made: list[Kitchen] = []

    def make(config: Config = Config(), **more: Any) -> Kitchen:  # noqa: B008 - frozen
        made.append(Kitchen(config, **more))
        return made[-1]

    yield make
    for kitchen in made:
        for party in (kitchen.ann, kitchen.bob):
            party.client.link.lose()
        recorder = kitchen.world.features.recorder
        assert recorder is None or (recorder.size, len(recorder)) == (0, 0)
        assert kitchen.world.clock.getDelayedCalls() == []


@pytest.fixture
def kitchen(kitchens: Callable[..., Kitchen]) -> Kitchen:
    return kitchens()


@pytest.fixture
def lines() -> Iterator[list[str]]:
    """What the doctor has logged."""
    found: list[str] = []

    def observe(event: LogEvent) -> None:
        if event.get("log_namespace") == "rtcsignal.calls":
            found.append(formatEvent(event))

    with observed(observe):
        yield found


class TestWhatIsTold:
    def test_aCallThatWorksIsToldNothing(self, kitchen: Kitchen, lines: list[str]) -> None:
        kitchen.exchange()
        kitchen.ann.connected()
        kitchen.bob.connected()
        kitchen.wait(30)
        kitchen.bob.client.leave("kitchen", "bob")
        kitchen.wait(5)
        assert kitchen.heard() == ([], [])
        assert lines == []

    def test_neitherIsOneOfClientsThatReportNothing(self, kitchen: Kitchen) -> None:
        kitchen.exchange()
        kitchen.wait(30)
        assert kitchen.heard() == ([], [])
        assert kitchen.recorder.list()[0]["verdict"] == "probably-connected"
        kitchen.bob.client.leave("kitchen", "bob")
        kitchen.wait(5)
        assert kitchen.ann.verdicts() == []

    def test_norOneThatHealsWithinFiveSeconds(self, kitchen: Kitchen) -> None:
        kitchen.exchange()
        kitchen.ann.connected()
        kitchen.bob.connected()
        kitchen.wait(20)
        kitchen.ann.state("disconnected", "disconnected", "connected")
        kitchen.wait(4)
        kitchen.ann.connected()
        kitchen.wait(20)
        assert kitchen.heard() == ([], [])

    def test_nobodyAnswers(self, kitchen: Kitchen, lines: list[str]) -> None:
        kitchen.ann.offer("1")
        kitchen.wait(5.8)
        assert kitchen.heard() == ([], [])
        kitchen.wait(1)
        assert kitchen.bothHeard() == [("no-answer", "bob")]
        kitchen.ann.offer("1")
        kitchen.wait(20)
        assert kitchen.bothHeard() == []
        assert lines == ["call of ann and bob in kitchen: no-answer (bob): bob has not answered the offer of ann"]

    def test_connectedIsToldIfTroubleWas(self, kitchen: Kitchen) -> None:
        kitchen.ann.offer("1")
        kitchen.wait(8)
        kitchen.bob.answer("2")
        kitchen.ann.candidate()
        kitchen.bob.candidate()
        kitchen.ann.connected()
        kitchen.wait(3)
        assert kitchen.bothHeard() == [("no-answer", "bob"), ("connected", None)]
        kitchen.wait(30)
        assert kitchen.bothHeard() == []

    def test_aFailureIsToldAtOnce(self, kitchen: Kitchen) -> None:
        kitchen.exchange()
        kitchen.wait(1)
        kitchen.bob.state("failed", "failed")
        kitchen.wait(0.4)
        assert kitchen.bothHeard() == [("turn-never-issued", "bob")]

    def test_aLostConnectionThatNobodyRestarts(self, kitchen: Kitchen) -> None:
        kitchen.exchange()
        kitchen.ann.connected()
        kitchen.wait(20)
        kitchen.ann.state("disconnected", "disconnected", "connected")
        kitchen.wait(8)
        assert kitchen.bothHeard() == [("ice-restart-needed", None)]

    def test_whoIsNotThere(self, kitchen: Kitchen) -> None:
        kitchen.bob.client.leave("kitchen", "bob")
        assert kitchen.ann.offer("1")["delivered"] == 0
        kitchen.wait(7)
        assert kitchen.ann.verdicts() == [("peer-absent", "bob")]

    def test_whoLeavesBeforeTheAnswer(self, kitchen: Kitchen) -> None:
        kitchen.ann.offer("1")
        kitchen.wait(1)
        kitchen.bob.client.link.lose()
        kitchen.wait(7)
        assert kitchen.ann.verdicts() == [("peer-left", "bob")]

    def test_aLaterJoinTakesALeaveBack(self, kitchen: Kitchen) -> None:
        kitchen.ann.offer("1")
        kitchen.bob.client.link.lose()
        kitchen.wait(2)
        kitchen.bob = Party(kitchen.world, "bob", "ann")
        kitchen.ann.offer("1")
        kitchen.bob.answer("2")
        kitchen.wait(6)
        assert kitchen.ann.verdicts() == []

    def test_noPicture(self, kitchen: Kitchen) -> None:
        kitchen.ann.offer("1")
        kitchen.bob.answer("2", codecs="H264/90000")
        kitchen.ann.connected()
        kitchen.bob.connected()
        kitchen.wait(7)
        assert kitchen.bothHeard() == [("codec-mismatch", None)]

    def test_aCallThatIsHungUpAtOnceIsNotLookedAt(self, kitchen: Kitchen) -> None:
        kitchen.ann.offer("1")
        kitchen.ann.hangUp()
        kitchen.wait(10)
        assert kitchen.bothHeard() == []
        assert kitchen.recorder.list() == []

    def test_storms(self, kitchen: Kitchen) -> None:
        for version in range(14):
            kitchen.ann.offer("1", version)
            kitchen.bob.answer("2", version)
            kitchen.wait(0.4)
        kitchen.ann.candidate()
        kitchen.bob.candidate()
        kitchen.ann.connected()
        kitchen.wait(4)
        assert kitchen.bothHeard() == [("renegotiation-storm", "ann")]
        kitchen.wait(40)
        assert kitchen.bothHeard() == [("connected", None)]

    def test_whatIsSentToTheWholeRoomCountsForEach(self, kitchens: Callable[..., Kitchen]) -> None:
        kitchen = kitchens()
        carl = Party(kitchen.world, "carl", "ann")
        kitchen.ann.send(1, target=False, sdp=sdp("1"))
        kitchen.bob.send(2, target=False, sdp=sdp("2"))
        for party in (kitchen.ann, kitchen.bob):
            party.send(3, target=False, candidate="candidate:1 1 udp 1 192.0.2.1 1 typ host", id="0", label=0)
        kitchen.wait(7)
        assert carl.verdicts() == [("no-answer", "carl")]
        assert kitchen.bob.verdicts() == []
        carl.client.link.lose()

    def test_inExactModeNobodyIsWatched(self, kitchens: Callable[..., Kitchen]) -> None:
        kitchen = kitchens(options=SignalingOptions(exact=True))
        assert kitchen.world.features.recorder is None
        kitchen.ann.offer("1")
        kitchen.wait(10)
        assert kitchen.bothHeard() == []

    def test_itCanBeDisabled(self, kitchens: Callable[..., Kitchen]) -> None:
        kitchen = kitchens(Config(calls=Calls(doctor=False)))
        kitchen.ann.offer("1")
        kitchen.wait(10)
        assert kitchen.bothHeard() == []

    def test_namesCannotBreakTheLog(self, kitchens: Callable[..., Kitchen], lines: list[str]) -> None:
        world = kitchens().world
        ann = Party(world, "a\u202en\\n", "b b", room="k\u2028t")
        bob = Party(world, "b b", "a\u202en\\n", room="k\u2028t")
        ann.offer("1")
        for _ in range(40):
            world.clock.advance(0.2)
        assert lines[0].startswith("call of a\\u202en\\\\n and b b in k\\u2028t: no-answer (b b): b b has not")
        ann.client.link.lose()
        bob.client.link.lose()


class TestRelays:
    @pytest.mark.parametrize(("before", "verdict"), [(True, "turn-expired"), (False, "turn-refused")])
    def test_theCredentialThatWasUsedCounts(self, kitchens: Callable[..., Kitchen], before: bool, verdict: str) -> None:
        kitchen = kitchens(Config(ice=TURN))
        kitchen.world.wallOffset = 1_700_000_000
        kitchen.wait(10)
        kitchen.ann.offer("1")
        kitchen.bob.answer("2")
        expires = kitchen.world.clock.seconds() + kitchen.world.wallOffset + (-3 if before else 30)
        kitchen.ann.report("gather-error", code=401, scheme="turn", proto="udp", expires=expires)
        kitchen.ann.end()
        kitchen.wait(7)
        assert kitchen.bothHeard() == [(verdict, "ann")]

    def test_aSilentRelay(self, kitchens: Callable[..., Kitchen]) -> None:
        kitchen = kitchens(Config(ice=TURN))
        kitchen.ann.offer("1")
        kitchen.bob.answer("2")
        kitchen.wait(5)
        kitchen.ann.offer("1", 3)
        kitchen.bob.answer("2", 3)
        kitchen.wait(6)
        assert kitchen.bothHeard()[-1] == ("turn-unreachable", None)


class TestFilters:
    @staticmethod
    def kitchenWith(kitchens: Callable[..., Kitchen], filterMessage: Callable[..., Any]) -> Kitchen:
        gates = Plugins(filterMessage=filterMessage)
        gates.culprit = "sieve"
        return kitchens(gates=gates)

    def test_aDroppedOffer(self, kitchens: Callable[..., Kitchen], lines: list[str]) -> None:
        kitchen = self.kitchenWith(kitchens, lambda peer, room, message: None)
        kitchen.ann.offer("1")
        kitchen.wait(7)
        assert kitchen.bothHeard() == [("refused-by-filter", "ann")]
        assert lines[0].endswith("the offer of ann was dropped or refused by sieve")

    @pytest.mark.parametrize("isLate", [False, True])
    def test_aRefusedOffer(self, kitchens: Callable[..., Kitchen], isLate: bool) -> None:
        waiting: list[Deferred[Any]] = []

        def refuse(peer: Any, room: Any, message: Message) -> Any:
            if not isLate:
                raise Refused("no", "No.")
            waiting.append(Deferred())
            return waiting[-1]

        kitchen = self.kitchenWith(kitchens, refuse)
        kitchen.ann.offer("1") if not isLate else kitchen.ann.client.emit(
            "broadcast", {"msgType": 1, "targetUserId": "bob", "sdp": sdp("1")}
        )
        for each in waiting:
            each.errback(Refused("no", "No."))
        kitchen.wait(7)
        assert kitchen.bothHeard() == [("refused-by-filter", "ann")]

    def test_aDroppedAnswer(self, kitchens: Callable[..., Kitchen]) -> None:
        kitchen = self.kitchenWith(kitchens, lambda peer, room, message: None if message.kind == "answer" else message)
        kitchen.exchange()
        kitchen.wait(7)
        assert kitchen.bothHeard() == [("answer-not-delivered", "bob")]

    def test_droppedCandidates(self, kitchens: Callable[..., Kitchen], lines: list[str]) -> None:
        kitchen = self.kitchenWith(kitchens, lambda _, __, message: None if message.kind == "candidate" else message)
        kitchen.exchange()
        kitchen.ann.state("connecting")
        kitchen.wait(7)
        assert kitchen.bothHeard() == [("candidates-not-delivered", None)]
        assert lines[0].endswith("they were dropped by sieve")

    def test_aChangedFingerprint(self, kitchens: Callable[..., Kitchen]) -> None:
        def change(peer: Any, room: Any, message: Message) -> Message:
            if message.kind != "answer":
                return message
            return message.replace(body={**message.body, "sdp": message.body["sdp"].replace("AA:BB", "CC:DD")})

        kitchen = self.kitchenWith(kitchens, change)
        kitchen.exchange()
        kitchen.wait(7)
        assert kitchen.bothHeard() == [("fingerprint-changed", "bob")]


class TestReports:
    @pytest.mark.parametrize(
        ("ev", "more"),
        [
            ("state", {"state": "up"}),
            ("state", {}),
            ("state", {"state": "new", "ice": "x"}),
            ("state", {"state": "new", "sel": 7}),
            ("state", {"state": "new", "sel": {"local": "x"}}),
            ("state", {"state": "new", "rtt": "1"}),
            ("state", {"state": "new", "rtt": True}),
            ("state", {"state": "new", "loss": 2}),
            ("gather-error", {}),
            ("gather-error", {"code": 401.5}),
            ("gather-error", {"code": 9}),
            ("gather-error", {"code": 401, "scheme": "http"}),
            ("gather-error", {"code": 401, "expires": "soon"}),
            ("client-error", {"op": "offer"}),
            ("client-error", {"op": "offer", "name": "My password is"}),
            ("client-error", {"op": "rm", "name": "TypeError"}),
            ("rumour", {}),
            ("state", {"state": "new", "peer": "ann"}),
            ("state", {"state": "new", "peer": 7}),
            ("state", {"state": "new", "roomName": 7}),
            ("state", {"state": "new", "note": "x" * 1024}),
        ],
    )
    def test_whatIsNotKnownIsRefused(self, kitchen: Kitchen, ev: str, more: dict[str, Any]) -> None:
        assert kitchen.ann.report(ev, **more)["error"]["code"] == "bad-arguments"

    @pytest.mark.parametrize("argument", [None, [], "x", 7, True])
    def test_itMustBeAnObject(self, kitchen: Kitchen, argument: Any) -> None:
        assert kitchen.ann.client.ask("call-state", argument).value["error"]["code"] == "bad-arguments"

    def test_furtherKeysAreDropped(self, kitchen: Kitchen) -> None:
        kitchen.ann.offer("1")
        selected = {"local": "relay", "remote": "host", "protocol": "udp", "relayProtocol": "tcp", "ip": "192.0.2.7"}
        body: dict[str, Any] = {"state": "connected", "sel": selected, "rtt": 0.04, "loss": 0}
        body |= {"ice": None, "more": {"x": 1}}
        assert kitchen.ann.report(**body) == {"ok": True}
        (call,) = kitchen.recorder.list()
        found = kitchen.recorder.find(call["id"])
        assert found is not None
        (event,) = [each for each in found["events"] if each["ev"] == "state"]
        del selected["ip"]
        known = {"state": "connected", "sel": selected, "rtt": 0.04, "loss": 0}
        assert event == {"t": 0, "who": "a", "ev": "state", **known}

    def test_onlyMembersReport(self, kitchen: Kitchen) -> None:
        stranger = Party(kitchen.world, "carl", "ann", joins=False)
        assert stranger.connected()["error"]["code"] == "not-in-room"
        assert kitchen.ann.report(state="new", peer="carl")["error"]["code"] == "not-in-room"
        assert kitchen.ann.report(state="new", roomName="hall")["error"]["code"] == "not-in-room"
        stranger.client.link.lose()

    def test_theyHaveAPace(self, kitchen: Kitchen) -> None:
        codes = [kitchen.ann.state("new").get("error", {}).get("code") for _ in range(21)]
        assert codes == [None] * 20 + ["rate-limited"]
        kitchen.wait(1)
        assert [kitchen.ann.state("new").get("ok", False) for _ in range(3)] == [True, True, False]

    def test_reportsAloneAreNoCall(self, kitchen: Kitchen) -> None:
        kitchen.ann.state("failed")
        kitchen.wait(10)
        assert kitchen.recorder.list() == []


class TestBounds:
    def test_messagesAreKeptForAShortWhile(self, kitchens: Callable[..., Kitchen]) -> None:
        kitchen = kitchens()
        big = "x" * 500_000
        for _ in range(3 * MOST_BYTES // len(big)):
            kitchen.ann.send(1, sdp=big)
            assert kitchen.recorder.size <= MOST_BYTES
        kitchen.wait(40)
        assert kitchen.recorder.size == 0

    def test_aRoomKeepsSoMany(self, kitchen: Kitchen) -> None:
        for _ in range(5000):
            kitchen.ann.client.emit("broadcast", {"msgType": 3, "candidate": "x", "targetUserId": "bob"})
        assert kitchen.recorder.size < 100_000

    def test_aCallKeepsSoManyEvents(self, kitchen: Kitchen) -> None:
        for version in range(60):
            kitchen.ann.offer("1", version)
            kitchen.bob.answer("2", version)
            kitchen.ann.candidate("host", f"192.0.{version}.1")
            kitchen.wait(1)
        (call,) = kitchen.recorder.list()
        found = kitchen.recorder.find(call["id"])
        assert found is not None
        assert len(found["events"]) <= 64
        assert found["missing"] > 100

    def test_aRoomHasSoManyCalls(self, kitchen: Kitchen) -> None:
        for number in range(300):
            kitchen.ann.send(1, sdp=sdp("1"), targetUserId=f"nobody {number}")
        kitchen.wait(30)
        assert 0 < len(kitchen.recorder) <= 100

    def test_callsAreKnownForAnHour(self, kitchen: Kitchen) -> None:
        kitchen.exchange()
        kitchen.ann.connected()
        kitchen.wait(8)
        kitchen.ann.hangUp()
        kitchen.wait(70)
        assert len(kitchen.recorder) == 0
        (call,) = kitchen.recorder.list(room="kitchen", user="ann", verdict="connected")
        assert call["endedAt"] is not None
        assert kitchen.recorder.list(user="carl") == kitchen.recorder.list(since=1e12) == []
        assert kitchen.recorder.find("nothing") is None


def test_whoIsOnAnotherNodeIsNotJudged() -> None:
    """What they send passes there: from here it looks as if they never answered."""
    room = SimpleNamespace(name="kitchen", users={"ann": []}, others=[SimpleNamespace(userId="bob")])
    notes = RoomNotes(room, {"ann"})
    assert [notes.isElsewhere(each) for each in ("ann", "bob", "carl")] == [False, True, False]
    digester = Digester(lambda name, pair, t: Call(name, pair, t, t), 0.0, 100, everything=True)
    notes.notes.append((0.0, "offer", "ann", "bob", 1, '["broadcast",{"sdp":"v=0"}]'))
    assert digester.digest(notes, 0.0)
    assert notes.calls == {}


class TestTheFile:
    def test_callsThatGoWrongAreInIt(self, kitchens: Callable[..., Kitchen], tmp_path: Path) -> None:
        path = tmp_path / "calls.jsonl"
        kitchen = kitchens(Config(calls=Calls(file=str(path)), ice=TURN))
        kitchen.ann.offer("1")
        kitchen.wait(7)
        assert path.stat().st_mode & 0o777 == 0o600
        (capture,) = readCaptures(path.read_text().splitlines())
        head = {name: capture.text(name) for name in ("verdict", "room", "a", "b", "side")}
        assert head == {"verdict": "no-answer", "room": "kitchen", "a": "ann", "b": "bob", "side": "b"}
        assert capture.judge().verdict == "no-answer"
        assert [each.data["turn"] for each in capture.events if each.ev == "turn"] == [1, 1]

    def test_soAreThoseThatEnd(self, kitchens: Callable[..., Kitchen], tmp_path: Path) -> None:
        path = tmp_path / "calls.jsonl"
        kitchen = kitchens(Config(calls=Calls(file=str(path))))
        kitchen.exchange()
        kitchen.ann.hangUp()
        kitchen.ann.client.leave("kitchen", "ann")
        kitchen.bob.client.leave("kitchen", "bob")
        (capture,) = readCaptures(path.read_text().splitlines())
        assert (capture.text("verdict"), capture.judge().verdict) == ("hung-up", "hung-up")

    def test_itMayBeRotated(self, kitchens: Callable[..., Kitchen], tmp_path: Path) -> None:
        path = tmp_path / "calls.jsonl"
        kitchen = kitchens(Config(calls=Calls(file=str(path))))
        kitchen.ann.offer("1")
        kitchen.wait(7)
        path.rename(tmp_path / "old.jsonl")
        kitchen.bob.answer("2")
        kitchen.ann.connected()
        kitchen.wait(3)
        assert [each.text("verdict") for each in readCaptures(path.read_text().splitlines())] == ["connected"]

    def test_whatCannotBeWrittenIsSaidOnce(
        self, kitchens: Callable[..., Kitchen], tmp_path: Path, lines: list[str]
    ) -> None:
        kitchen = kitchens(Config(calls=Calls(file=str(tmp_path / "missing" / "calls.jsonl"))))
        kitchen.ann.offer("1")
        kitchen.wait(7)
        (tmp_path / "missing").mkdir()
        kitchen.bob.answer("2")
        kitchen.ann.connected()
        kitchen.wait(3)
        said = [line for line in lines if "written" in line]
        assert [re.sub(r"^\S+", "", line) for line in said] == [
            " cannot be written: No such file or directory",
            " is written again",
        ]


SECRETS = ["192.0.2.77", "10.9.8.7", "1f0a.local", "uf12", "pw-1-secret", "AA:BB", "aa:bb", "north", "turn:t.example"]


def test_nothingSecretIsKeptOrToldOrWritten(kitchens: Callable[..., Kitchen], tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "calls.jsonl"
    kitchen = kitchens(Config(calls=Calls(file=str(path)), ice=TURN))
    kitchen.ann.offer("1")
    kitchen.ann.candidate("relay", "192.0.2.77", "uf12")
    kitchen.ann.candidate("host", "1f0a.local", "uf12")
    kitchen.ann.report("gather-error", code=701, scheme="turn", url="turn:t.example", text="192.0.2.77")
    kitchen.wait(8)
    (call,) = kitchen.recorder.list()
    kept = repr(kitchen.recorder.find(call["id"]))
    told = repr([heard for heard in kitchen.bob.client.take() if heard[0] == "call-verdict"])
    assert "no-answer" in told
    for secret in SECRETS:
        assert secret not in kept + told + path.read_text() + "\n".join(lines), secret


class TestTheEnd:
    def test_whatIsUnderWayIsWrittenDown(self, kitchens: Callable[..., Kitchen], tmp_path: Path) -> None:
        path = tmp_path / "calls.jsonl"
        kitchen = kitchens(Config(calls=Calls(file=str(path))))
        kitchen.exchange()
        kitchen.ann.connected()
        kitchen.wait(8)
        kitchen.world.features.stop()
        (capture,) = readCaptures(path.read_text().splitlines())
        assert capture.text("verdict") in ("connected", "peer-left")
        assert kitchen.world.clock.getDelayedCalls() == [] or len(kitchen.recorder) == 0

    def test_theFileMustBeOne(self, kitchens: Callable[..., Kitchen], tmp_path: Path, lines: list[str]) -> None:
        (tmp_path / "folder").mkdir()
        kitchen = kitchens(Config(calls=Calls(file="/dev/null")))
        kitchen.ann.offer("1")
        kitchen.wait(7)
        assert any("/dev/null cannot be written: it is not a regular file" in line for line in lines)

    def test_manyCallsAreForgotten(self, kitchens: Callable[..., Kitchen], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("rtcsignal.calls.recorder.MOST_CALLS", 1)
        kitchen = kitchens()
        for _ in range(2):
            kitchen.exchange()
            kitchen.ann.connected()
            kitchen.wait(8)
            kitchen.ann.hangUp()
            kitchen.wait(70)
        assert len(kitchen.recorder.list()) == 1

    def test_whoSendsNoSenseIsNotLookedAt(self, kitchen: Kitchen) -> None:
        long = "x" * 300_000
        for body in (
            '{"msgType": 1}',
            '{"msgType": 1, "sdp": 7}',
            '{"msgType":1,"x":"\\ud800"}',
            f'{{"msgType":1,"x":"{long}"}}',
        ):
            kitchen.ann.client.transmit(f'["broadcast",{body}]')
        kitchen.ann.client.transmit('["broadcast",{"msgType":1,"targetUserId":"bob","sdp":{"sdp":"v=0\\r\\n"}}]')
        kitchen.wait(7)
        assert kitchen.bothHeard() == [("no-answer", "bob")]

    def test_candidatesThatAreAlikeAreCounted(self, kitchen: Kitchen) -> None:
        kitchen.exchange()
        for _ in range(9):
            kitchen.ann.candidate()
        kitchen.wait(7)
        (call,) = kitchen.recorder.list()
        found = kitchen.recorder.find(call["id"])
        assert found is not None
        counts = [each["n"] for each in found["events"] if each["ev"] == "candidate" and "n" in each]
        assert counts == [10]

    def test_hostileMessagesStayInBounds(self, kitchen: Kitchen) -> None:
        """A line of a megabyte, ten thousand sections, thousands of candidates: nobody waits for long."""
        hostile = ["a=" + "x" * 900_000, "\r\nm=audio 9 X 0" * 10_000, "\r\na=" + candidate() * 5_000, "\0" * 1_000]
        for each in hostile:
            kitchen.ann.send(1, sdp="v=0\r\n" + each)
        began = processorSeconds(os.getpid())
        kitchen.wait(7)
        assert processorSeconds(os.getpid()) - began < 1.0
        assert kitchen.bothHeard() == [("no-answer", "bob")]
        assert len(repr(list(kitchen.recorder.list()))) < 5_000
