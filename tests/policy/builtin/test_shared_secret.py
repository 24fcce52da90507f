"""``shared-secret``: tickets, what they say, and who makes them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtcsignal.__main__ import main
from rtcsignal.api import ConfigError, Handshake, Identity, Refused
from rtcsignal.policy.builtin.shared_secret import makeTicket
from rtcsignal.policy.builtin.shared_secret import sharedSecret as plugin
from rtcsignal.testing import FakePeer, FakeRoom, FakeServices, InMemoryServer

SECRET, OTHER = "s" * 32, "t" * 40


def made(**options: Any) -> Any:
    """A plugin that has started, at the beginning of time."""
    made = plugin.configured({"secret": SECRET, **options})
    made.start(FakeServices())
    return made


def judged(ticket: str, **options: Any) -> Identity | None:
    identity = made(**options).authenticate(Handshake("/", auth={"token": ticket}))
    assert identity is None or isinstance(identity, Identity)
    return identity


def refusal(ticket: str, **options: Any) -> str:
    with pytest.raises(Refused) as raised:
        judged(ticket, **options)
    return raised.value.code


def signed(body: bytes, secret: str = SECRET, kind: str = "t1") -> str:
    """A ticket with any body, made as its documentation says."""

    def text(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    start = f"{kind}.{text(body)}"
    return f"{start}.{text(hmac.new(secret.encode(), start.encode(), hashlib.sha256).digest())}"


class TestTickets:
    def test_aTicketSaysWhoItIsAndHowLong(self) -> None:
        ticket = makeTicket(SECRET, 60, "ann", ["host", "member"], ["kitchen"], {"team": "blue"})
        identity = judged(ticket)
        assert identity is not None
        assert (identity.userId, identity.roles, identity.expiresAt) == ("ann", frozenset({"host", "member"}), 60)
        assert identity.claims["ticket"] == {
            "team": "blue",
            "expiresAt": 60,
            "userId": "ann",
            "roles": ["host", "member"],
            "rooms": ["kitchen"],
        }

    def test_allButTheEndMayBeLeftOut(self) -> None:
        assert judged(makeTicket(SECRET, 60)) == Identity(None, frozenset(), {"ticket": {"expiresAt": 60}}, 60)

    def test_othersCanMakeThemAsTheDocumentationSays(self) -> None:
        ticket = signed(b'{"expiresAt":60,"userId":"ann"}')
        assert ticket == makeTicket(SECRET, 60, "ann")
        identity = judged(ticket)
        assert identity is not None
        assert identity.userId == "ann"

    def test_whatIsNoTicketIsForTheNextPlugin(self) -> None:
        authenticate = made().authenticate
        for token in (None, "", "abc", "t2.a.b", "eyJhbGciOiJIUzI1NiJ9.e30.x", 7):
            assert authenticate(Handshake("/", auth={"token": token})) is None

    def test_itMayBeElsewhere(self) -> None:
        ticket = makeTicket(SECRET, 60, "ann")
        authenticate = made(token_key="ticket", cookie="pass").authenticate
        for handshake in (
            Handshake("/", auth={"ticket": ticket}),
            Handshake("/", query={"ticket": ticket}),
            Handshake("/", headers={"authorization": f"Bearer {ticket}"}),
            Handshake("/", headers={"cookie": f"pass={ticket}"}),
        ):
            assert authenticate(handshake).userId == "ann"
        assert authenticate(Handshake("/", auth={"token": ticket})) is None

    def test_theSecretBeforeIsStillGood(self) -> None:
        old, new = makeTicket(SECRET, 60), makeTicket(OTHER, 60)
        assert refusal(new) == "bad-token"
        for ticket in (old, new):
            assert judged(ticket, secret=OTHER, old_secret=SECRET) is not None
        assert refusal(old, secret=OTHER) == "bad-token"

    def test_oneThatHasEndedIsRefused(self) -> None:
        assert refusal(makeTicket(SECRET, 0)) == "expired"

    def test_theTimeOfDayIsThatOfTheSystem(self) -> None:
        services, started = FakeServices(), plugin.configured({"secret": SECRET})
        started.start(services)
        handshake = Handshake("/", auth={"token": makeTicket(SECRET, 60)})
        assert started.authenticate(handshake).expiresAt == 60
        services.clock.advance(60)
        with pytest.raises(Refused, match="expired"):
            started.authenticate(handshake)
        services.wallOffset = -10
        assert started.authenticate(handshake).expiresAt == 60

    @pytest.mark.parametrize(
        "body",
        [
            b"{}",
            b"[]",
            b"null",
            b"no json",
            b"\xff",
            b"[" * 5000,
            b'{"expiresAt":null}',
            b'{"expiresAt":"60"}',
            b'{"expiresAt":true}',
            b'{"expiresAt":-1}',
            b'{"expiresAt":1e999}',
            b'{"expiresAt":NaN}',
            b'{"expiresAt":1' + b"0" * 400 + b"}",
            b'{"expiresAt":60,"userId":7}',
            b'{"expiresAt":60,"userId":""}',
            b'{"expiresAt":60,"userId":"a\\nb"}',
            b'{"expiresAt":60,"roles":"host"}',
            b'{"expiresAt":60,"roles":[1]}',
            b'{"expiresAt":60,"rooms":"kitchen"}',
            b'{"expiresAt":60,"rooms":null}',
            b'{"expiresAt":60,"x":"' + b"a" * 9000 + b'"}',
        ],
        ids=lambda body: body[:40].decode("latin-1"),
    )
    def test_whatATicketCannotSayLetsNobodyIn(self, body: bytes) -> None:
        assert refusal(signed(body)) == "bad-token"

    @settings(deadline=None)
    @given(st.data())
    def test_aChangedTicketIsNone(self, data: st.DataObject) -> None:
        ticket = makeTicket(SECRET, 60, "ann", ["member"])
        at = data.draw(st.integers(3, len(ticket) - 1))
        other = data.draw(st.sampled_from("ABCxyz019-_.=").filter(lambda letter: letter != ticket[at]))
        assert refusal(ticket[:at] + other + ticket[at + 1 :]) == "bad-token"
        assert refusal(ticket[:at]) == "bad-token"

    @settings(deadline=None)
    @given(st.text())
    def test_whateverComesIsJudged(self, text: str) -> None:
        assert refusal(f"t1.{text}") == "bad-token"

    def test_oneKindOfSignatureIsNoOther(self) -> None:
        body = b'{"expiresAt":60}'
        other = signed(body, kind="t0")
        assert refusal("t1" + other[2:]) == "bad-token"

    @pytest.mark.parametrize(
        "what", [{"expiresAt": -1}, {"userId": "a\nb"}, {"userId": "a" * 9000}, {"rooms": [1]}, {"roles": [None]}]
    )
    def test_noneIsMadeThatWouldNotBeTaken(self, what: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="the ticket says what no ticket can say"):
            makeTicket(SECRET, **{"expiresAt": 60, **what})


class TestRooms:
    @pytest.mark.parametrize(
        ("rooms", "entered"),
        [
            (None, {"kitchen", "team-a", "team-b"}),
            (["kitchen"], {"kitchen"}),
            (["team-*"], {"team-a", "team-b"}),
            (["kitchen", "*-b"], {"kitchen", "team-b"}),
            ([], set()),
        ],
    )
    def test_aTicketMayBeForSomeRooms(self, rooms: list[str] | None, entered: set[str]) -> None:
        with InMemoryServer(plugin.configured({"secret": SECRET})) as server:
            client = server.connect(auth={"token": makeTicket(SECRET, 60, "ann", rooms=rooms)})
            answers = {name: client.join(name, "ann") for name in ("kitchen", "team-a", "team-b")}
        assert {name for name, answer in answers.items() if answer.ok} == entered
        assert {answer.code for answer in answers.values()} <= {None, "not-your-room"}

    def test_whatOthersClaimIsNoneOfItsBusiness(self) -> None:
        made().mayJoin(FakePeer(claims={"ticket": {"rooms": []}}), FakeRoom("kitchen"))
        made().mayJoin(FakePeer(claims={"ticket": "x"}), FakeRoom("kitchen"))


def test_inAServerATicketLetsInUntilItEnds() -> None:
    with InMemoryServer(use=[{"shared-secret": {"secret": SECRET}}]) as server:
        for revision in (3, 4):
            client = server.connect(query={"token": makeTicket(SECRET, 60, "ann")}, revision=revision)
            assert client.join("kitchen", "ann").ok
            assert client.join("garden", "bob").code == "not-your-user-id"
            client.lose()
        client = server.connect(auth={"token": makeTicket(SECRET, 60, "ann")})
        client.join("kitchen", "ann")
        server.advance(60.1)
        assert not client.connected
        assert client.take("refused")[0][1]["code"] == "expired"
        assert server.connect(auth={"token": makeTicket(SECRET, 60, "ann")}).refusal["data"]["code"] == "expired"
        assert server.connect().refusal["data"]["code"] == "unauthorized"


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({}, "secret: is required"),
            ({"secret": "short"}, "secret: must be a string of at least 32 characters, not what it is"),
            ({"secret": SECRET, "old_secret": "short"}, "old_secret: must be a string of at least 32 characters"),
            ({"secret": SECRET, "token_key": ""}, "token_key: must be a string of at least 1 character"),
            ({"secret_file": "/nowhere"}, "secret_file: /nowhere cannot be read: No such file or directory"),
        ],
    )
    def test_wrongOnesAreNamed(self, options: dict[str, Any], problem: str) -> None:
        with pytest.raises(ConfigError, match=problem):
            plugin.configured(options)

    def test_theSecretMayBeInAFile(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text(SECRET + "\n")
        assert plugin.configured({"secret_file": str(tmp_path / "secret")}).secret == SECRET


class TestTheCommand:
    @pytest.fixture
    def file(self, tmp_path: Path) -> str:
        (tmp_path / "secret").write_text(SECRET + "\n")
        return str(tmp_path / "secret")

    def test_itPrintsATicket(self, file: str, capsys: pytest.CaptureFixture[str]) -> None:
        before = time.time()
        arguments = ["--user", "ann", "--role", "host", "--role", "member", "--room", "team-*", "--seconds", "90"]
        assert main(["ticket", "--secret-file", file, *arguments]) == 0
        identity = judged(capsys.readouterr().out.strip())
        assert identity is not None
        assert (identity.userId, identity.roles) == ("ann", frozenset({"host", "member"}))
        assert identity.claims["ticket"]["rooms"] == ["team-*"]
        assert identity.expiresAt is not None
        assert before + 90 <= identity.expiresAt <= time.time() + 91

    def test_theSecretMayBeInTheEnvironment(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("RTCSIGNAL_SECRET", SECRET)
        assert main(["ticket"]) == 0
        ticket = capsys.readouterr().out.strip()
        identity = judged(ticket)
        assert identity is not None
        assert identity.claims["ticket"].keys() == {"expiresAt"}
        assert json.loads(base64.urlsafe_b64decode(ticket.split(".")[1] + "==")) == identity.claims["ticket"]

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            ([], "a secret is required: --secret-file, or RTCSIGNAL_SECRET in the environment"),
            (["--secret-file", "/nowhere"], "No such file or directory: '/nowhere'"),
            (["--secret-file", "/dev/null"], "the secret must have at least 32 characters"),
            (["--secret-file", "FILE", "--seconds", "0"], "--seconds must be more than 0"),
            (["--secret-file", "FILE", "--seconds", "inf"], "--seconds must be more than 0"),
            (["--secret-file", "FILE", "--seconds", "nan"], "--seconds must be more than 0"),
            (["--secret-file", "FILE", "--seconds", "1e13"], "the ticket says what no ticket can say"),
            (["--secret-file", "FILE", "--user", "a\nb"], "the ticket says what no ticket can say"),
        ],
    )
    def test_itSaysWhatIsWrong(
        self,
        file: str,
        arguments: list[str],
        problem: str,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.delenv("RTCSIGNAL_SECRET", raising=False)
        assert main(["ticket", *(file if each == "FILE" else each for each in arguments)]) == 1
        out, error = capsys.readouterr()
        assert out == ""
        assert error.startswith("python -m rtcsignal ticket: ")
        assert problem in error
        assert SECRET not in error
