"""How refusals reach the client: in the acknowledgement if it asked for one, else as the event ``refused``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rtcsignal.engineio.packet import Revision
from rtcsignal.errors import Refused
from rtcsignal.rates import Rate
from rtcsignal.signaling.options import SignalingOptions
from rtcsignal.values import Handshake, Identity
from tests.signaling.conftest import Log, WorldFactory
from tests.signaling.plugins import Plugins
from tests.signaling.words import room
from tests.signaling.world import Client, World


def refusedTo(client: Client) -> dict[str, Any]:
    """The one thing that a client heard: that it was refused, and why."""
    ((event, refusal),) = client.take()
    assert event == "refused"
    assert refusal.keys() == {"event", "roomName", "code", "message"}
    assert isinstance(refusal.pop("message"), str)
    assert isinstance(refusal, dict)
    return refusal


@pytest.mark.parametrize("namespace", ["/", "/socket.io"])
def test_aRefusalInAnAcknowledgementSaysWhy(world: World, namespace: str, revision: Revision) -> None:
    client = world.client(namespace, revision)
    answer = client.ask("broadcast", {"msgType": 1})
    assert answer.value.keys() == {"ok", "error"}
    assert answer.value["ok"] is False
    assert answer.value["error"].keys() == {"code", "message"}
    assert answer.value["error"]["code"] == "not-in-room"
    assert answer.value["error"]["message"]


def test_whoAskedForAnAcknowledgementHearsOfItOnlyThere(world: World) -> None:
    client = world.client()
    client.ask("broadcast", {"msgType": 1})
    assert [heard[0] for heard in client.take()] == ["<ack>"]


@pytest.mark.parametrize("namespace", ["/", "/socket.io"])
def test_withoutAnAcknowledgementTheEventRefusedSaysWhy(world: World, namespace: str, revision: Revision) -> None:
    client = world.client(namespace, revision)
    client.emit("leave-room", room("ann", "kitchen"))
    assert refusedTo(client) == {"event": "leave-room", "roomName": "kitchen", "code": "not-in-room"}


def test_nobodyElseHearsOfARefusal(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.emit("broadcast", {"userId": "ben"})
    ann.emit("join-room", room("", "kitchen"))
    assert ben.take() == []


def test_whatSucceedsWithoutAnAcknowledgementIsNotAnswered(world: World) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.emit("join-room", room("ann", "kitchen"))
    ann.emit("broadcast", {"targetUserId": "ben"})
    assert ann.take() == []
    assert [heard[0] for heard in ben.take()] == ["broadcast"]


@pytest.mark.parametrize(
    ("event", "argument", "roomName", "code"),
    [
        ("join-room", room("", "kitchen"), "kitchen", "bad-arguments"),
        ("join-room", json.dumps(room("", "kitchen")), None, "bad-arguments"),
        ("join-room", room("ann", ""), "", "bad-arguments"),
        ("join-room", {"userId": "ann", "roomName": 7}, None, "bad-arguments"),
        ("join-room", "kitchen", None, "bad-arguments"),
        ("join-room", [], None, "bad-arguments"),
        ("leave-room", json.dumps(room("ann", "kitchen")), "kitchen", "not-in-room"),
        ("broadcast", {"msgType": 1}, None, "not-in-room"),
        ("broadcast", {"msgType": 1, "roomName": "kitchen"}, "kitchen", "not-in-room"),
        ("broadcast", "text", None, "not-in-room"),
        ("broadcast", {"targetUserId": 7}, None, "bad-arguments"),
    ],
)
def test_theEventNamesTheRoomIfTheRequestDid(
    world: World, event: str, argument: Any, roomName: str | None, code: str
) -> None:
    client = world.client()
    client.emit(event, argument)
    assert refusedTo(client) == {"event": event, "roomName": roomName, "code": code}


@pytest.mark.parametrize("event", ["join-room", "leave-room", "broadcast"])
def test_aRequestWithoutAnyArgumentNamesNoRoom(world: World, event: str) -> None:
    client = world.client()
    client.emit(event)
    assert refusedTo(client) == {"event": event, "roomName": None, "code": "bad-arguments"}


class TestWithData:
    """Further members of a refusal, as a plugin may give them."""

    @staticmethod
    def _refuse(*_: Any) -> None:
        raise Refused("slow-down", "Not so fast.", {"retryAfter": 1.5})

    def test_theyStandInTheErrorOfTheAcknowledgement(self, makeWorld: WorldFactory) -> None:
        client = makeWorld(gates=Plugins(mayJoin=self._refuse)).client()
        answer = client.ask("join-room", room("ann", "kitchen"))
        error = {"code": "slow-down", "message": "Not so fast.", "retryAfter": 1.5}
        assert answer.value == {"ok": False, "error": error}

    def test_theyStandInTheEvent(self, makeWorld: WorldFactory) -> None:
        client = makeWorld(gates=Plugins(mayJoin=self._refuse)).client()
        client.emit("join-room", room("ann", "kitchen"))
        refusal = {"code": "slow-down", "message": "Not so fast.", "retryAfter": 1.5}
        assert client.take() == [("refused", {"event": "join-room", "roomName": "kitchen", **refusal})]

    def test_theyCannotTakeThePlaceOfWhatIsPromised(self, makeWorld: WorldFactory) -> None:
        def refuse(*_: Any) -> None:
            raise Refused("no", "No.", {"code": "yes", "message": "?", "event": "?", "roomName": "?"})

        client = makeWorld(gates=Plugins(mayJoin=refuse)).client()
        client.emit("join-room", room("ann", "kitchen"))
        refusal = {"code": "no", "message": "No."}
        assert client.take() == [("refused", {"event": "join-room", "roomName": "kitchen", **refusal})]


@pytest.mark.parametrize(
    "name",
    ["offer", "message", "error", "", "JOIN-ROOM", "join-room ", "user-joined", "__init__", "_join", "refused"],
)
def test_eventsOfUnknownNamesAreIgnored(world: World, name: str) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    answer = ann.ask(name, room("ann", "garden"))
    assert not answer.given
    assert ann.take() == ben.take() == []
    assert world.rosters() == {"kitchen": ["ann", "ben"]}
    ann.leave("kitchen", "ann")


@pytest.mark.parametrize("name", ["0", "1", "1.5", "-1e3"])
def test_eventsNamedByNumbersAreIgnored(world: World, name: str) -> None:
    ann, ben = world.members("kitchen", "ann", "ben")
    ann.transmit(f'[{name},{{"userId":"ann"}}]')
    assert ann.take() == ben.take() == []
    assert ann.ask("broadcast", {}).ok


class TestLog:
    """What the log says of all this: one line each, names escaped, never what was said."""

    def test_joinsLeavesAndRefusalsAreLogged(self, world: World, log: Log) -> None:
        ann = world.member("kitchen", "ann")
        ann.leave("kitchen", "ann")
        ann.emit("leave-room", room("ann", "kitchen"))
        ann.emit("broadcast", {})
        conn = f"conn {ann.link.session.conn}"
        assert log.lines == [
            f"ann joined kitchen (a UNIX socket, {conn})",
            f"ann left kitchen: left ({conn})",
            f"refused leave-room in kitchen: not-in-room (user ann, a UNIX socket, {conn})",
            f"refused broadcast in ?: not-in-room (user ?, a UNIX socket, {conn})",
        ]

    def test_refusalsSayWhoIsThereAndNotWhomSomebodyClaimsToBe(self, world: World, log: Log) -> None:
        ann = world.link(address="192.0.2.7").client()
        ann.join("kitchen", "ann")
        log.lines.clear()
        ann.emit("broadcast", {"userId": "eve"})
        ann.emit("leave-room", room("eve", "kitchen"))
        where = f"(user ann, 192.0.2.7, conn {ann.link.session.conn})"
        assert log.lines == [
            f"refused broadcast in ?: not-your-user-id {where}",
            f"refused leave-room in kitchen: not-your-user-id {where}",
        ]

    def test_namesCannotForgeLines(self, world: World, log: Log) -> None:
        name = "a\N{LINE SEPARATOR}b\\\N{RIGHT-TO-LEFT OVERRIDE}"
        member, other = world.member(name, name), world.client()
        member.lose()
        other.emit("leave-room", {"userId": "ann\n2000", "roomName": "x\n2000-01-01 all is well"})
        shown = "a\\u2028b\\\\\\u202e"
        first, second = f"conn {member.link.session.conn}", f"conn {other.link.session.conn}"
        who = f"(user ann\\x0a2000, a UNIX socket, {second})"
        assert log.lines == [
            f"{shown} joined {shown} (a UNIX socket, {first})",
            f"{shown} left {shown}: disconnect ({first})",
            f"refused leave-room in x\\x0a2000-01-01 all is well: bad-arguments {who}",
        ]

    def test_longNamesDoNotFillIt(self, world: World, log: Log) -> None:
        world.client().emit("leave-room", room("ann", "x" * 100_000))
        assert [len(line) < 500 for line in log.lines] == [True]

    def test_messagesAreNotLogged(self, world: World, log: Log) -> None:
        ann, _ = world.members("kitchen", "ann", "ben")
        log.lines.clear()
        for more in ({}, {"targetUserId": "ben"}):
            ann.emit("broadcast", {"msgType": 1, "sdp": "v=0 secret", **more})
        assert log.lines == []

    def test_refusedMessagesAreNotQuoted(self, world: World, log: Log) -> None:
        world.client().emit("broadcast", {"msgType": 1, "sdp": "v=0 secret"})
        assert "secret" not in "".join(log.lines)

    def test_aFloodDoesNotFillIt(self, makeWorld: WorldFactory, log: Log) -> None:
        options = SignalingOptions(joinsRate=Rate(0, 0))
        world = makeWorld(gates=Plugins(authenticate=self._onlyTheMainNamespace), options=options)
        ann = world.client()
        count = 1_000
        for _ in range(count):
            ann.join("kitchen", "ann")
            ann.emit("leave-room", room("ben", "kitchen"))
            ann.leave("kitchen", "ann")
            ann.link.client("/socket.io")
        kinds = ("ann joined", "ann left", "refused leave-room", "refused a connection")
        for kind in kinds:
            assert 0 < sum(line.startswith(kind) for line in log.lines) < count / 2, kind

    @staticmethod
    def _onlyTheMainNamespace(handshake: Handshake) -> Identity:
        if handshake.namespace != "/":
            raise Refused("not-here", "Only there.")
        return Identity()
